"""POST /v1/sendability over a real Kafka and a real engine: fresh, in order, bounded, and silent where it cannot know."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

import query.limits
from deploy.local.kafka import EmbeddedKafka
from deploy.topics import create_topics
from schemas.consent import EVERY_CATEGORY, IN, MARKETING, NOTIFICATION, OUT, TRANSACTIONAL
from schemas.standing import Reason
from schemas.times import format_time, parse_time
from tests.integration.query_stage import OPERATOR, QueryServer, key_of
from tests.integration.sending_stage import (
    ask,
    consent,
    decision,
    publish_consents,
    publish_standings,
    sending_of,
    sent,
    standing,
    store,
    until_able,
    write_tenants,
)
from tests.integration.worker_stage import PARTITIONS
from tests.patience import eventually

NUMBER, SENDER, OTHER = "+15005550123", "+15005550006", "+15005550007"
HOUR_MS = 3_600_000


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def kafka_here(broker: EmbeddedKafka) -> str:
    await create_topics(broker.bootstrap, partitions=PARTITIONS)
    return broker.bootstrap


@pytest.fixture(scope="module")
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tenants(tmp_path_factory.mktemp("sendability") / "tenants.toml")


@pytest.fixture(scope="module")
def limits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in limits with small ones for Google and for domains of nobody's group."""
    text = (Path(query.limits.__file__).parent / "limits.toml").read_text()
    text = text.replace("recipients_per_hour = 40_000", "recipients_per_hour = 1_000_000")
    google, rest = text.split('name = "google"', 1)
    text = (
        google
        + 'name = "google"'
        + rest.replace("recipients_per_hour = 10_000", "recipients_per_hour = 8", 1)
    )
    path = tmp_path_factory.mktemp("limits") / "limits.toml"
    path.write_text(text)
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(clickhouse: str, kafka_here: str, tenants: Path, limits: Path) -> AsyncIterator[QueryServer]:
    async with QueryServer(clickhouse, kafka_here, tenants, limits=limits) as server:
        await until_able(server)
        yield server


async def until_decided(server: QueryServer, address: str, expected: str, *more: Any, **named: Any) -> None:
    """Waits for that decision."""

    async def decided() -> bool:
        return await decision(server, address, *more, **named) == expected

    await eventually(decided, 10, f"{expected} for {address}")


async def test_a_suppression_and_its_reset_count_when_they_have_been_written(
    server: QueryServer, kafka_here: str
) -> None:
    assert await decision(server, "fresh@example.org") == "allow None"
    await publish_standings(kafka_here, standing("fresh@example.org", Reason.HARD_BOUNCE))
    await until_decided(server, "fresh@example.org", "invalid hard_bounce")
    await publish_standings(kafka_here, standing("fresh@example.org", None, revision=2))
    await until_decided(server, "fresh@example.org", "allow None")


async def test_answers_come_in_the_order_asked_with_the_addresses_as_they_were_asked(
    server: QueryServer, kafka_here: str
) -> None:
    await publish_standings(
        kafka_here,
        standing("bounced@example.org", Reason.HARD_BOUNCE),
        standing("complained@example.org", Reason.COMPLAINT),
    )
    await until_decided(server, "complained@example.org", "allow complaint")
    await until_decided(server, "bounced@example.org", "invalid hard_bounce")
    asked = [
        " Bounced@Example.org ",
        "fine@example.org",
        "not an address",
        "",
        "Ann <complained@example.org>",
        "fine@example.org",
    ]
    items = await ask(server, asked)
    assert [item["address"] for item in items] == asked
    assert [(item["decision"], item["reason"]) for item in items] == [
        ("invalid", "hard_bounce"),
        ("allow", None),
        ("invalid", "not_an_address"),
        ("invalid", "not_an_address"),
        ("allow", "complaint"),
        ("allow", None),
    ]
    assert {item["until"] for item in items} == {None}
    marketing = await ask(server, ["complained@example.org"], MARKETING)
    assert marketing[0]["decision"] == "invalid"


async def test_consent_is_asked_for_by_category_and_tenants_settings(
    server: QueryServer, kafka_here: str
) -> None:
    await publish_consents(
        kafka_here,
        consent("in@example.org", MARKETING, IN),
        consent("out@example.org", MARKETING, OUT),
        consent("out@example.org", MARKETING, OUT, tenant="lenient"),
    )
    await until_decided(server, "in@example.org", "allow None", MARKETING)
    await until_decided(server, "out@example.org", "skip opted_out", MARKETING)
    assert await decision(server, "out@example.org", NOTIFICATION) == "skip no_opt_in"
    assert await decision(server, "out@example.org", TRANSACTIONAL) == "allow None"
    assert await decision(server, "new@example.org", MARKETING) == "skip no_opt_in"
    assert await decision(server, "new@example.org", MARKETING, tenant="lenient") == "allow None"
    assert await decision(server, "new@example.org", NOTIFICATION, tenant="lenient") == "allow None"
    await until_decided(server, "out@example.org", "skip opted_out", MARKETING, tenant="lenient")


async def test_a_stop_is_of_its_sender(server: QueryServer, kafka_here: str) -> None:
    await publish_consents(
        kafka_here,
        consent(NUMBER, MARKETING, IN, channel="sms"),
        consent(NUMBER, EVERY_CATEGORY, OUT, sender=SENDER, channel="sms"),
    )
    sms = {"channel": "sms", "sender": SENDER}
    await until_decided(server, NUMBER, "skip opted_out_of_sender", MARKETING, **sms)
    assert await decision(server, "+1 (500) 555-0123", TRANSACTIONAL, **sms) == "allow opted_out_of_sender"
    await until_decided(server, NUMBER, "allow None", MARKETING, channel="sms", sender=OTHER)
    assert await decision(server, NUMBER, MARKETING, channel="sms") == "skip opted_out_of_sender"


async def test_tenants_are_apart_and_the_operator_names_one(server: QueryServer, kafka_here: str) -> None:
    await publish_standings(kafka_here, standing("mine@example.org", Reason.HARD_BOUNCE))
    await until_decided(server, "mine@example.org", "invalid hard_bounce")
    assert await decision(server, "mine@example.org", tenant="lenient") == "allow None"
    question = {"channel": "email", "category": "transactional", "addresses": ["mine@example.org"]}
    status, document = await server.post("/v1/sendability", question, ("tenant", "acme"), key=OPERATOR)
    assert (status, document["items"][0]["decision"]) == (200, "invalid")
    for parameters, key, expected, code in (
        ([], OPERATOR, 400, "bad_parameter"),
        ([("tenant", "nobody")], OPERATOR, 404, "unknown_tenant"),
        ([("tenant", "acme")], key_of("acme"), 400, "bad_parameter"),
        ([("x", "y")], key_of("acme"), 400, "bad_parameter"),
        ([], "writer-acme", 403, "forbidden"),
        ([], None, 401, "unauthenticated"),
    ):
        status, document = await server.post("/v1/sendability", question, *parameters, key=key)
        assert (status, document["code"]) == (expected, code), (parameters, key)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"channel": "fax"}, "channel"),
        ({"category": "newsletter"}, "category"),
        ({"category": None}, "category"),
        ({"addresses": "ann@example.org"}, "addresses"),
        ({"addresses": ["ann@example.org", 5]}, "addresses.1"),
        ({"addresses": ["a@example.org"] * 10_001}, "addresses"),
        ({"sender": ""}, "sender"),
        ({"adresses": []}, "adresses"),
    ],
)
async def test_a_question_that_is_none_is_refused_with_the_field(
    server: QueryServer, changed: dict[str, Any], field: str
) -> None:
    question = {"channel": "email", "category": "marketing", "addresses": []} | changed
    status, document = await server.post("/v1/sendability", question)
    assert (status, document["code"]) == (422, "invalid_fields")
    assert [error["field"] for error in document["errors"]] == [field]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff"])
async def test_a_body_that_is_no_json_is_a_bad_request(server: QueryServer, body: bytes) -> None:
    status, _, _ = await server.raw("/v1/sendability", [], method="POST", body=body)
    assert status == 400


async def test_of_nobody_is_asked_and_nobody_is_answered(server: QueryServer) -> None:
    assert await ask(server, []) == []


async def test_ten_thousand_addresses_are_decided_in_one_answer(server: QueryServer, kafka_here: str) -> None:
    addresses = [f"First.Last{number}@Sub{number % 300}.Example.com" for number in range(10_000)]
    await publish_standings(
        kafka_here, *[standing(each.lower(), Reason.HARD_BOUNCE) for each in addresses[::3]]
    )
    await until_decided(server, addresses[-1], "invalid hard_bounce")
    items = await ask(server, addresses)
    assert [item["decision"] == "invalid" for item in items] == [n % 3 == 0 for n in range(10_000)]


async def test_a_limit_that_is_used_up_holds_until_what_was_sent_leaves_the_hour_restarts_or_not(
    server: QueryServer, clickhouse: str, kafka_here: str, tenants: Path
) -> None:
    await store(
        server.store,
        sent("small", "early", 2, minutes_ago=50.5),
        sent("small", "late", 1, minutes_ago=10.5, channel="sms"),
        sent("small", "old", 9, minutes_ago=90),
        sent("small", "never", 9, reached=["queued"]),
        sent("small", "failed", 9, reached=["sent", "failed"], provider="app"),
    )
    await sending_of(server).sent.ask()
    asked = [f"a{number}@example.org" for number in range(6)]
    before = int(time.time() * 1000)
    items = await ask(server, asked, tenant="small")
    assert [item["decision"] for item in items] == ["allow", "allow", "hold", "hold", "hold", "hold"]
    assert {item["reason"] for item in items[2:]} == {"tenant_limit"}
    waits = [(parse_time(item["until"]) - before) / 60_000 for item in items[2:]]
    assert waits[0] == waits[1] == pytest.approx(9.5, abs=1.1)
    assert waits[2] == pytest.approx(49.5, abs=1.1)
    assert waits[3] == pytest.approx(60, abs=0.1)
    again = await ask(server, asked, tenant="small")
    assert [item["decision"] for item in again] == [item["decision"] for item in items], (
        "hold reserves nothing"
    )
    question = {"channel": "email", "category": "transactional", "addresses": []}
    _, document = await server.post("/v1/sendability", question, key=key_of("small"))
    assert document["limits"] == {"recipients_per_message": 50, "recipients_per_hour": 5, "sent_last_hour": 3}
    async with QueryServer(clickhouse, kafka_here, tenants) as restarted:
        await until_able(restarted)
        after = await ask(restarted, asked, tenant="small")
    assert [item["decision"] for item in after] == [item["decision"] for item in items]


async def test_domains_of_one_mailbox_provider_share_a_limit_that_is_smaller_without_a_history(
    server: QueryServer,
) -> None:
    await store(
        server.store,
        sent("acme", "gmail", 1, domain="gmail.com"),
        sent("acme", "googlemail", 1, domain="googlemail.com"),
    )
    await sending_of(server).sent.ask()
    asked = ["a@gmail.com", "b@googlemail.com", "c@gmail.com", "d@example.org"]
    items = await ask(server, asked)
    assert [(item["decision"], item["reason"]) for item in items] == [
        ("allow", None),
        ("allow", None),
        ("hold", "domain_limit"),
        ("allow", None),
    ]


async def test_until_it_has_read_everything_it_answers_nothing_but_everything_else(
    clickhouse: str, tenants: Path
) -> None:
    async with QueryServer(clickhouse, "127.0.0.1:1", tenants) as server:
        question = {"channel": "email", "category": "transactional", "addresses": ["a@example.org"]}
        status, headers, body = await server.raw(
            "/v1/sendability",
            method="POST",
            body=b'{"channel": "email", "category": "transactional", "addresses": ["a@example.org"]}',
        )
        assert status == 503
        assert headers["Retry-After"] == "2"
        assert b"unavailable" in body
        assert (await server.post("/v1/sendability", question | {"channel": "fax"}))[0] == 422
        status, document = await server.get("/readyz", key=None)
        assert status == 200
        assert document["sendability"]["able"] is False
        assert document["sendability"]["caught_up"] is False
        assert (await server.get("/v1/messages"))[0] == 200


async def test_it_decides_nothing_from_counts_that_are_not_known(kafka_here: str, tenants: Path) -> None:
    async with QueryServer("http://127.0.0.1:1", kafka_here, tenants) as server:
        sending = sending_of(server)

        async def reached() -> bool:
            return sending.is_fresh

        await eventually(reached, 20, "caught up")
        question = {"channel": "email", "category": "transactional", "addresses": ["a@example.org"]}
        status, document = await server.post("/v1/sendability", question)
        assert (status, document["code"]) == (503, "unavailable")
        assert "counted" in document["detail"]


async def test_the_first_answer_after_a_start_knows_the_tenants_history(
    server: QueryServer, clickhouse: str, kafka_here: str, tenants: Path, tmp_path: Path
) -> None:
    """Whose limit a good history raised is not held after a restart until the history is counted."""
    await store(server.store, sent("lenient", "history", 20, minutes_ago=3 * 24 * 60))
    text = (Path(query.limits.__file__).parent / "limits.toml").read_text()
    for name, most in (("least_delivered", "1_000"), ("good_delivered", "10_000")):
        assert f"{name} = {most}" in text
        text = text.replace(f"{name} = {most}", f"{name} = 10")
    limits = tmp_path / "limits.toml"
    limits.write_text(text)
    question = {"channel": "email", "category": "transactional", "addresses": []}
    document: Any = None
    async with QueryServer(clickhouse, kafka_here, tenants, limits=limits) as restarted:

        async def answered() -> bool:
            nonlocal document
            status, document = await restarted.post("/v1/sendability", question, key=key_of("lenient"))
            assert status in (200, 503), document
            return status == 200

        await eventually(answered, 20, "an answer")
        assert document["limits"]["recipients_per_hour"] == 2 * 50_000


async def test_after_kafka_was_away_for_longer_than_the_bound_it_refuses_and_then_comes_back(
    clickhouse: str, kafka_here: str, broker: EmbeddedKafka, tenants: Path
) -> None:
    async with QueryServer(clickhouse, kafka_here, tenants, sendability_stale_s=2.0) as server:
        await until_able(server)
        await asyncio.to_thread(broker.kill)
        question = {"channel": "email", "category": "transactional", "addresses": ["a@example.org"]}
        try:

            async def refused() -> bool:
                status, document = await server.post("/v1/sendability", question)
                return status == 503 and "Kafka is away" in document["detail"]

            await eventually(refused, 10, "a refusal")
            document = (await server.get("/readyz", key=None))[1]
            assert document["sendability"]["able"] is False
            assert document["sendability"]["age_s"] >= 2
        finally:
            await asyncio.to_thread(broker.start)
        await until_able(server, 40)
        assert (await server.post("/v1/sendability", question))[0] == 200


async def test_until_is_told_in_whole_times_of_utc(server: QueryServer) -> None:
    await until_able(server)
    items = await ask(server, [f"u{number}@example.org" for number in range(20)], tenant="small")
    for item in items:
        if item["decision"] == "hold":
            assert format_time(parse_time(item["until"])) == item["until"]
