"""The demo's stream: the same each time, signed as providers sign, and folded to the counts that it promises."""

import uuid
from collections import Counter, defaultdict
from collections.abc import Sequence
from urllib.parse import urlencode

import orjson
import pytest

from deploy.local.demo.stream import DAY, Post, Stream, build
from processors.tracking import Tracker
from schemas.envelope import Envelope
from schemas.status import COUNTS

ACCOUNT = "AC" + "7" * 32
UNTIL = 20_414 * DAY


@pytest.fixture(scope="module")
def stream() -> Stream:
    return build(0, UNTIL, ACCOUNT)


def test_the_same_seed_and_day_give_the_same_stream(stream: Stream) -> None:
    assert build(0, UNTIL, ACCOUNT) == stream


def test_another_seed_gives_other_messages_and_other_mailings(stream: Stream) -> None:
    other = build(1, UNTIL, ACCOUNT)
    assert not set(other.expected) & set(stream.expected)
    assert not message_ids(other) & message_ids(stream)


def test_nothing_in_it_lies_in_the_future_and_all_within_ten_days(stream: Stream) -> None:
    assert all(UNTIL - 10 * DAY < post.callback.at <= UNTIL for post in stream.posts)


def test_some_callbacks_come_twice_and_some_of_them_as_another_sns_message(stream: Stream) -> None:
    by_id = Counter(post.id for post in stream.posts)
    assert max(by_id.values()) > 1
    payloads = {post.id: post.callback.payload for post in stream.posts}
    by_payload = Counter(orjson.dumps(payload) for payload in payloads.values())
    assert max(by_payload.values()) > 1


def test_it_does_not_come_in_order(stream: Stream) -> None:
    times = [post.callback.at for post in stream.posts]
    assert times != sorted(times)


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_folding_it_gives_the_counts_that_it_promises(seed: int) -> None:
    stream = build(seed, UNTIL, ACCOUNT)
    folded = counts_by_campaign(stream.posts)
    for campaign, expected in stream.expected.items():
        # Who is suppressed or refused is told by `truth` alone; every other count must agree as well.
        told = {name: folded[campaign][name] for name in COUNTS if not name.startswith("human_")}
        assert told == {name: expected[name] for name in told}, campaign


def test_the_document_and_the_person_that_it_points_at_are_in_it(stream: Stream) -> None:
    text = b"".join(orjson.dumps(post.callback.payload) for post in stream.posts)
    assert stream.document.encode() in text
    assert stream.recipient.encode() in text


def message_ids(stream: Stream) -> set[str]:
    return {
        payload["mail"]["messageId"] if "mail" in payload else payload["MessageSid"]
        for payload in (post.callback.payload for post in stream.posts)
    }


def counts_by_campaign(posts: Sequence[Post]) -> dict[str, Counter[str]]:
    """What the real adapters and the real fold make of it, without any server."""
    facts: dict[bytes, bytes] = {}
    statuses: dict[bytes, bytes] = {}
    tracker = Tracker(epoch=1, state_days=60, partitions=4)

    def read(keys: Sequence[bytes]) -> list[bytes | None]:
        return [facts.get(key) for key in keys]

    for offset, post in enumerate(posts):
        line = envelope(post).to_line()
        written = tracker.track(line, topic="t", partition=0, offset=offset, now=UNTIL, read=read)
        assert not written.dead_letters
        facts |= written.facts
        statuses |= dict(written.statuses)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for value in statuses.values():
        status = orjson.loads(value)
        if status["recipient"]:
            counts[status["campaign"]].update(status["reached"])
    return counts


def envelope(post: Post) -> Envelope:
    payload = post.callback.payload
    if post.callback.provider == "ses":
        outer = {"Type": "Notification", "MessageId": post.id, "Message": orjson.dumps(payload).decode()}
        body, kind, message_id = (
            orjson.dumps(outer),
            "text/plain; charset=UTF-8",
            payload["mail"]["messageId"],
        )
    else:
        body, kind = urlencode(payload).encode(), "application/x-www-form-urlencoded"
        message_id = payload["MessageSid"]
    return Envelope(
        receipt_id=uuid.uuid4().hex,
        received_at=UNTIL,
        provider=post.callback.provider,
        tenant="demo",
        message_id=message_id,
        verified={},
        content_type=kind,
        query=post.callback.query,
        body=body,
    )
