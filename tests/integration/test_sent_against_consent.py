"""The report on what was sent against consent agrees with what `May we send?` would have decided when it was sent."""

import random
from collections.abc import AsyncIterator, Iterable
from typing import Any

import orjson
import pytest_asyncio

from query.sendability import Decision, Rules, before_limits
from query.standing_cache import StandingCache
from schemas.consent import CATEGORIES, EVERY_CATEGORY, IN, MARKETING, NOTIFICATION, OUT
from schemas.times import format_time, parse_time
from schemas.topics import CONSENTS, consent_key
from tests.integration.address_model import as_consent, consents_as_of
from tests.integration.query_stage import OPERATOR, QueryServer
from tests.integration.report_stage import Row, change, insert, message
from tests.integration.sending_stage import write_tenants

BEGIN = parse_time("2026-11-01T00:00:00.000Z")
SENDERS = ("+15005550006", "+15005550007", None)
ADDRESSES = [
    ("email", "ann@example.org"),
    ("email", "ben@example.org"),
    ("sms", "+15005550123"),
    ("sms", "+15005550124"),
]
TENANTS = {"acme": True, "lenient": False}
"""Whether they need an opt-in, for marketing and for notifications alike."""

COUNT = 600


def _at(choose: random.Random) -> str:
    """One of few moments, so that many fall together."""
    return format_time(BEGIN + choose.randrange(40))


def _changes(choose: random.Random) -> Iterable[Row]:
    for number in range(COUNT // 6):
        channel, address = choose.choice(ADDRESSES)
        sender = choose.choice(SENDERS) if channel == "sms" else None
        category = EVERY_CATEGORY if sender and choose.random() < 0.5 else choose.choice(CATEGORIES)
        yield change(
            f"{number:032x}", address, choose.choice((IN, OUT)), _at(choose), category,
            channel=channel, sender=sender, tenant=choose.choice(list(TENANTS)),
        )  # fmt: skip


def _messages(choose: random.Random) -> Iterable[Row]:
    for number in range(COUNT):
        channel, address = choose.choice(ADDRESSES)
        yield message(
            f"m-{number}", address, _at(choose), channel=channel, category=choose.choice((*CATEGORIES, "other", None)),
            sender=choose.choice(SENDERS) if channel == "sms" else "news@ses.example.com",
            tenant=choose.choice(list(TENANTS)),
        )  # fmt: skip


def _decided_then(row: Row, changes: list[Row]) -> str | None:
    """The reason for which the recipient would have been skipped at the very moment of sending."""
    cache = StandingCache()
    apply = cache.appliers[CONSENTS.name]
    for number, entry in enumerate(consents_as_of(changes, parse_time(row["sent_at"])).values()):
        consent = as_consent(entry, number)
        key = consent_key(*(consent[name] for name in ("tenant", "channel", "address", "category", "sender")))
        apply(key.encode(), orjson.dumps(consent))
    known = cache.consent_of(row["tenant"], row["channel"], row["category"], row["sender"])
    answer = before_limits(
        Rules(row["category"], TENANTS[row["tenant"]]), True, None, known(row["recipient"])
    )
    return answer.reason if answer.decision is Decision.SKIP else None


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(clickhouse: str, tmp_path_factory: Any) -> AsyncIterator[QueryServer]:
    tenants = write_tenants(tmp_path_factory.mktemp("against") / "tenants.toml")
    async with QueryServer(clickhouse, "127.0.0.1:1", tenants) as server:
        yield server


async def test_the_report_is_what_would_have_been_skipped_when_it_was_sent(server: QueryServer) -> None:
    choose = random.Random(11)
    changes, messages = list(_changes(choose)), list(_messages(choose))
    await insert(server, "consent_log", *changes)
    await insert(server, "message_status", *messages)
    expected = {
        (row["tenant"], row["message_id"]): why
        for row in messages
        if row["category"] in (MARKETING, NOTIFICATION) and (why := _decided_then(row, changes))
    }
    assert {"opted_out", "opted_out_of_sender", "no_opt_in"} == set(expected.values())
    items = await server.items("/v1/reports/sent-against-consent", ("limit", "500"), key=OPERATOR)
    assert {(item["tenant"], item["message_id"]): item["why"] for item in items} == expected
    page = await server.page("/v1/reports/sent-against-consent", key=OPERATOR)
    unjudged = [row for row in messages if row["category"] not in CATEGORIES]
    assert page["notes"][0].startswith(f"Recipients that were not judged: {len(unjudged)}.")
