"""Tenants as senders, over a real Kafka and a real engine: warned, blocked and released once, whoever looks, on record."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio

from deploy.local.kafka import EmbeddedKafka
from deploy.topics import create_topics
from query.limits import History
from schemas.tenant_log import parse_note
from schemas.topics import TENANT_LOG
from tests.contract import faults
from tests.integration.query_stage import OPERATOR, QueryServer, key_of
from tests.integration.sending_stage import (
    OPERATOR_READER,
    decision,
    sending_of,
    sent,
    store,
    until_able,
    write_tenants,
)
from tests.integration.sink_stage import everything_in
from tests.integration.worker_stage import PARTITIONS
from tests.patience import eventually

NEWS, OTHER = "news@ses.example.com", "other@ses.example.com"
BOUNCED = ("sent", "bounced")
COMPLAINED = ("sent", "delivered", "complained")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def kafka_here(broker: EmbeddedKafka) -> str:
    await create_topics(broker.bootstrap, partitions=PARTITIONS)
    return broker.bootstrap


@pytest.fixture(scope="module")
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tenants(tmp_path_factory.mktemp("tenants") / "tenants.toml")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def servers(
    clickhouse: str, kafka_here: str, tenants: Path
) -> AsyncIterator[tuple[QueryServer, QueryServer]]:
    """Two query servers on the same Kafka and store."""
    async with (
        QueryServer(clickhouse, kafka_here, tenants) as one,
        QueryServer(clickhouse, kafka_here, tenants) as other,
    ):
        for server in (one, other):
            await until_able(server)
        yield one, other


async def health(server: QueryServer, tenant: str) -> dict[str, Any]:
    (item,) = await server.items("/v1/tenants", ("tenant", tenant), key=OPERATOR)
    return item


async def look(*servers: QueryServer) -> None:
    """All of them look at once."""
    await asyncio.gather(*(sending_of(server).health.look() for server in servers))


async def until_on_record(
    server: QueryServer, tenant: str, kind: str, sender: str | None = None
) -> dict[str, Any]:
    """Waits until the server has read such an entry. The servers also look by themselves: a warning may not last."""

    async def recorded() -> bool:
        history = (await health(server, tenant))["history"]
        return any((entry["kind"], entry["sender"]) == (kind, sender) for entry in history)

    await eventually(recorded, 10, f"{tenant} {kind}")
    return await health(server, tenant)


async def release(
    server: QueryServer, tenant: str, key: str = OPERATOR, /, **changed: Any
) -> tuple[int, Any]:
    body = {"actor": "Olga Ops", "reason": "The bought list is gone"} | changed
    return await server.post(f"/v1/tenants/{tenant}/release", body, key=key)


async def test_a_tenant_beyond_the_accepted_rate_is_warned_then_blocked_then_released_all_on_record(
    servers: tuple[QueryServer, QueryServer], kafka_here: str
) -> None:
    one, other = servers
    await store(
        one.store,
        sent("acme", "good", 200, minutes_ago=30, sender=OTHER),
        sent("acme", "bad", 100, minutes_ago=20, sender=NEWS, reached=BOUNCED),
    )
    await look(one, other)
    for server in servers:
        warned = await until_on_record(server, "acme", "warned")
        assert (warned["reason"], warned["counts"]["bounced"]) == ("bounce_rate", 100)
        assert warned["rates"]["bounce"] == pytest.approx(1 / 3)
    await look(one, other)
    for server in servers:
        assert (await until_on_record(server, "acme", "blocked"))["standing"] == "blocked"
        assert await decision(server, "a@example.org") == "block tenant_blocked"
        assert await decision(server, "a@example.org", tenant="lenient") == "allow None"
    await look(one, other)
    blocked = await health(one, "acme")
    assert [(entry["kind"], entry["sender"]) for entry in blocked["history"] if not entry["sender"]] == [
        ("blocked", None),
        ("warned", None),
    ], "two servers that look at once are not two steps"
    senders = {each["sender"]: each["standing"] for each in blocked["senders"]}
    assert senders == {NEWS: "blocked", OTHER: "ok"}

    assert await release(other, "acme") == (202, {"accepted": 1})
    for server in servers:
        released = await until_on_record(server, "acme", "released")
        assert released["standing"] == "ok"
        assert released["history"][0] | {"at": None} == {
            "at": None,
            "kind": "released",
            "sender": None,
            "actor": "Olga Ops",
            "reason": "The bought list is gone",
            "figures": None,
            "recorded_by": OPERATOR,
        }
        assert {each["standing"] for each in released["senders"]} <= {"ok"}
    await look(one, other)
    assert (await health(one, "acme"))["standing"] == "ok", (
        "what was sent before the release no longer counts"
    )
    assert (await health(one, "acme"))["counts"]["sent"] == 0

    await store(one.store, sent("acme", "again", 100, minutes_ago=-0.1, sender=NEWS, reached=BOUNCED))
    await look(one)

    async def warned_again() -> bool:
        history = (await health(one, "acme"))["history"]
        return [(entry["kind"], entry["sender"]) for entry in history].count(("warned", None)) == 2

    await eventually(warned_again, 10, "a second warning")
    written = [note for note in await everything_in(kafka_here, TENANT_LOG.name) if note["tenant"] == "acme"]
    assert all(faults(TENANT_LOG.name, orjson.dumps(note)) == [] for note in written)
    assert {parse_note(orjson.dumps(note)).kind for note in written} == {"warned", "blocked", "released"}


async def test_a_sender_with_complaints_is_stopped_and_the_tenants_others_are_not(
    servers: tuple[QueryServer, QueryServer], clickhouse: str, kafka_here: str, tenants: Path
) -> None:
    one, _ = servers
    await store(
        one.store,
        sent("lenient", "fine", 5000, minutes_ago=30, sender=OTHER),
        sent("lenient", "read", 300, minutes_ago=30, sender=NEWS),
        sent("lenient", "spam", 4, minutes_ago=30, sender=NEWS, reached=COMPLAINED),
    )
    for kind in ("warned", "blocked"):
        await look(one)
        item = await until_on_record(one, "lenient", kind, NEWS)
    assert item["standing"] == "ok"
    assert item["senders"][0]["sender"] == NEWS, "the blocked ones come first"
    assert item["senders"][0]["reason"] == "complaint_rate"
    assert item["sending_history"] == History.FAIR
    asked: dict[str, Any] = {"tenant": "lenient"}
    assert await decision(one, "a@example.org", sender=f"News <{NEWS}>", **asked) == "block sender_blocked"
    assert await decision(one, "a@example.org", sender=OTHER, **asked) == "allow None"
    assert await decision(one, "a@example.org", **asked) == "allow None"
    async with QueryServer(clickhouse, kafka_here, tenants) as restarted:
        await until_able(restarted)
        assert await decision(restarted, "a@example.org", sender=NEWS, **asked) == "block sender_blocked"
        assert (await health(restarted, "lenient"))["history"] == item["history"]


async def test_the_list_has_all_tenants_of_the_file_page_by_page(
    servers: tuple[QueryServer, QueryServer],
) -> None:
    one, _ = servers
    items = await one.items("/v1/tenants", ("limit", "1"), key=OPERATOR_READER)
    assert [(item["tenant"], item["name"]) for item in items] == [
        ("acme", "Acme Gymnastics"),
        ("lenient", "Lenient"),
        ("small", "Small"),
    ]
    assert items[-1] | {"counted_from": None} == {
        "tenant": "small",
        "name": "Small",
        "standing": "ok",
        "reason": None,
        "since": None,
        "counts": {"sent": 0, "delivered": 0, "bounced": 0, "complained": 0},
        "rates": {"bounce": None, "complaint": None},
        "counted_from": None,
        "sending_history": "none",
        "senders": [],
        "history": [],
    }
    ok = await one.items("/v1/tenants", ("standing", "ok"), key=OPERATOR)
    assert "small" in {item["tenant"] for item in ok}
    assert {item["standing"] for item in ok} == {"ok"}
    blocked = await one.items("/v1/tenants", ("standing", "blocked"), key=OPERATOR)
    assert {item["standing"] for item in blocked} <= {"blocked"}


async def test_only_the_operator_sees_tenants_and_only_with_the_scope_admin_releases_them(
    servers: tuple[QueryServer, QueryServer],
) -> None:
    one, _ = servers
    assert (await one.get("/v1/tenants"))[0] == 403
    assert (await one.get("/v1/tenants", key=None))[0] == 401
    for tenant, key, expected, code in (
        ("acme", key_of("acme"), 403, "forbidden"),
        ("acme", OPERATOR_READER, 403, "forbidden"),
        ("nobody", OPERATOR, 404, "unknown_tenant"),
    ):
        status, document = await release(one, tenant, key)
        assert (status, document["code"]) == (expected, code)


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"actor": " "}, "actor"), ({"reason": None}, "reason"), ({"tenant": "acme"}, "tenant")],
)
async def test_a_release_says_who_and_why(
    servers: tuple[QueryServer, QueryServer], changed: dict[str, Any], field: str
) -> None:
    status, document = await release(servers[0], "small", **changed)
    assert (status, [error["field"] for error in document["errors"]]) == (422, [field])


async def test_the_address_of_a_release_names_its_tenant_alone(
    servers: tuple[QueryServer, QueryServer],
) -> None:
    body = {"actor": "Olga", "reason": "r"}
    status, document = await servers[0].post(
        "/v1/tenants/small/release", body, ("tenant", "acme"), key=OPERATOR
    )
    assert (status, document["code"]) == (400, "bad_parameter")
