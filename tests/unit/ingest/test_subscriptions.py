"""Subscriptions are confirmed at SNS's own host, with tries, and nowhere else."""

import asyncio

import pytest
from prometheus_client import REGISTRY

from ingest import subscriptions
from ingest.https import FetchFailed
from ingest.subscriptions import Subscriptions

TOPIC = "arn:aws:sns:eu-west-1:123456789012:ses-events"
URL = f"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t"


class Visitor:
    """Fails so many times, then succeeds."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.visited: list[str] = []
        self.succeeded = asyncio.Event()

    async def visit(self, url: str) -> bytes:
        self.visited.append(url)
        await asyncio.sleep(0)
        if len(self.visited) <= self.failures:
            raise FetchFailed("expected 200, got 500")
        self.succeeded.set()
        return b"<ConfirmSubscriptionResponse/>"


def _count(result: str) -> float:
    return REGISTRY.get_sample_value("waybill_ingest_subscriptions_total", {"result": result}) or 0


async def test_a_subscription_is_confirmed_by_visiting_its_url() -> None:
    visitor, before = Visitor(), _count("confirmed")
    one = Subscriptions(visitor.visit)
    one.confirm(URL, TOPIC)
    await asyncio.wait_for(visitor.succeeded.wait(), 2)
    await one.close()
    assert visitor.visited == [URL]
    assert _count("confirmed") == before + 1


async def test_a_failed_visit_is_tried_again() -> None:
    visitor = Visitor(failures=2)
    one = Subscriptions(visitor.visit, delays_s=(0, 0, 0, 0))
    one.confirm(URL, TOPIC)
    await asyncio.wait_for(visitor.succeeded.wait(), 2)
    await one.close()
    assert visitor.visited == [URL] * 3


async def test_it_is_given_up_after_the_last_try() -> None:
    visitor, before = Visitor(failures=9), _count("failed")
    one = Subscriptions(visitor.visit, delays_s=(0, 0))
    one.confirm(URL, TOPIC)
    async with asyncio.timeout(2):
        while _count("failed") == before:  # noqa: ASYNC110 - a counter is all there is to see
            await asyncio.sleep(0)
    assert visitor.visited == [URL] * 2


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/?Action=ConfirmSubscription",
        "http://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription",
        "https://sns.s3.amazonaws.com/?Action=ConfirmSubscription",
        "https://sns.eu-west-1.amazonaws.com@evil.example/",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "",
    ],
)
async def test_a_subscribe_url_of_a_foreign_host_is_never_fetched(url: str) -> None:
    visitor, before = Visitor(), _count("refused")
    one = Subscriptions(visitor.visit)
    one.confirm(url, TOPIC)
    await asyncio.sleep(0)
    await one.close()
    assert visitor.visited == []
    assert _count("refused") == before + 1


async def test_the_same_confirmation_twice_is_one_visit() -> None:
    visitor = Visitor()
    one = Subscriptions(visitor.visit)
    for _ in range(5):
        one.confirm(URL, TOPIC)
    await asyncio.wait_for(visitor.succeeded.wait(), 2)
    await one.close()
    assert visitor.visited == [URL]


async def test_confirmations_under_way_are_bounded() -> None:
    visitor = Visitor()
    one = Subscriptions(visitor.visit, delays_s=(60,))
    for n in range(subscriptions.MAX_UNDER_WAY + 5):
        one.confirm(f"{URL}{n}", TOPIC)
    assert _count("dropped") >= 5
    await one.close()
    assert visitor.visited == []
