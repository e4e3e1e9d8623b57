"""One message and its trail, statuses, dead letters, and the server's own state."""

import base64
import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest
import pytest_asyncio

from deploy.local.clickhouse import EmbeddedClickHouse
from deploy.migrations import migrate, read_migrations
from deploy.topics import create_topics
from schemas.events import event_identity
from schemas.status import Status
from schemas.topics import DEAD_LETTERS, EVENTS
from tests.integration.query_stage import OPERATOR, QueryServer, key_of, write_tenants
from tests.integration.sink_stage import publish, status_value
from tests.patience import eventually

SQL_DOCS = (Path(__file__).parents[2] / "docs" / "sql.md").read_text()
IDS = ("h-1", "a/b", "a%2Fb", "with space", "ünï", "quo'te\"", "%", "..", "H-1", "x?y#z", "\U0001f600", "a+b")


def _event(number: int, message_id: str, at: str, **fields: Any) -> dict[str, Any]:
    return {
        "schema": "event/1",
        "event_id": f"{number:032x}",
        "tenant": "acme",
        "provider": "ses",
        "channel": "email",
        "message_id": message_id,
        "recipient": "ann@example.org",
        "outcome": "delivered",
        "at": at,
        "timed": True,
        "received_at": "2026-11-22T10:00:09.000Z",
        "receipt_id": f"r-{number}",
        "subject": "Class list",
        "detail": {"smtp": "250 ok"},
        "machine": None,
        "machine_reason": None,
        "late": False,
    } | fields


_IDENTITIES = {
    name: event_identity(name)
    for name in ("early", "named", "first link", "second link", "person", "nobody's")
}
_SCANNED_STATUSES = [
    status_value(
        54,
        message_id="scanned",
        opens=3,
        human_opens=1,
        clicks=2,
        human_clicks=0,
        unmasked={
            "at_delivery": [_IDENTITIES["early"][:16]],
            "many_links": sorted(_IDENTITIES[name][:16] for name in ("first link", "second link")),
        },
    ),
    status_value(
        55,
        message_id="scanned",
        recipient=None,
        clicks=1,
        human_clicks=0,
        unmasked={"many_links": [_IDENTITIES["nobody's"][:16]]},
    ),
]
_SCANNED_EVENTS = [
    _event(
        60 + number,
        "scanned",
        f"2026-11-22T10:00:{number:02d}.000Z",
        event_id=_IDENTITIES[name],
        outcome=outcome,
        machine=reason is not None,
        machine_reason=reason,
        recipient=None if name == "nobody's" else "user54@example.org",
    )
    for number, (name, outcome, reason) in enumerate(
        [
            ("early", "opened", None),
            ("named", "opened", "security_scanner"),
            ("first link", "clicked", None),
            ("second link", "clicked", None),
            ("person", "opened", None),
            ("nobody's", "clicked", None),
        ]
    )
]
"""A message that a scanner looked over at its delivery and whose links it followed, and that a person opened."""


def _receipt(receipt_id: str, tenant: str | None = "acme", **fields: Any) -> dict[str, Any]:
    return {
        "receipt_id": receipt_id,
        "received_at": 1795176000000,
        "provider": "ses",
        "tenant": tenant,
        "message_id": "h-1",
        "verified": {"by": "sns", "version": "2", "topic": "arn:t", "certificate": "c.pem"},
        "content_type": "text/plain; charset=UTF-8",
        "query": "",
        "body": '{"Message":"{}"}',
        "body_encoding": "utf-8",
    } | fields


def _letter(number: int, tenant: str | None, **fields: Any) -> dict[str, Any]:
    return {
        "schema": "dead-letter/1",
        "tenant": tenant,
        "receipt": None,
        "raw": base64.b64encode(b"{").decode(),
        "reason": "malformed_line",
        "detail": "expected JSON",
        "stage": "track",
        # Pairs share an instant, so that pages must break ties.
        "failed_at": f"2026-11-22T10:{number // 2:02d}:00.000Z",
        "source": {"topic": "waybill-receipts", "partition": number % 4, "offset": number, "index": 0},
    } | fields


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(
    clickhouse: str, kafka: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[QueryServer]:
    await create_topics(kafka, partitions=4)
    tenants = write_tenants(tmp_path_factory.mktemp("trail") / "tenants.toml")
    async with QueryServer(clickhouse, kafka, tenants) as server:

        async def insert(table: str, values: list[dict[str, Any]]) -> None:
            await server.store.insert_lines(table, b"\n".join(map(orjson.dumps, values)))

        statuses = [
            status_value(number, message_id=message_id, subject=message_id)
            for number, message_id in enumerate(IDS)
        ]
        statuses += [
            status_value(50, message_id="h-1", recipient="zoe@example.org", subject=None),
            status_value(51, message_id="h-1", recipient=None, opens=3, clicks=2),
            status_value(52, message_id="h-1", tenant="other", status=Status.COMPLAINED, rank=12),
            status_value(53, message_id="theirs", tenant="other"),
            *_SCANNED_STATUSES,
        ]
        await insert("message_status", statuses)
        events = [
            _event(
                1,
                "h-1",
                "2026-11-22T10:00:03.000Z",
                outcome="opened",
                machine=True,
                machine_reason="apple_prefetch",
            ),
            _event(2, "h-1", "2026-11-22T10:00:01.000Z"),
            _event(3, "h-1", "2026-11-22T10:00:02.000Z", recipient=None, outcome="opened"),
            _event(2, "h-1", "2026-11-22T10:00:01.000Z", received_at="2026-11-22T11:00:00.000Z"),
            _event(4, "h-1", "2026-11-22T10:00:01.000Z", tenant="other"),
            _event(5, "only-events", "2026-11-22T10:00:01.000Z", late=True),
            *_SCANNED_EVENTS,
        ]
        await insert("events", events)
        await insert("events", events[:3])
        receipts = [
            _receipt("r-1"),
            _receipt("r-1"),
            _receipt("r/2 ü", body="//4=", body_encoding="base64"),
            _receipt("r-theirs", "other"),
            _receipt("r-nobodys", None),
            _receipt("r-old", received_at=1500000000000),
        ]
        await insert("receipts", receipts)
        letters = [_letter(number, "acme" if number % 3 else None) for number in range(30)] + [
            _letter(90, "other")
        ]
        letters.append(
            _letter(
                91,
                "acme",
                stage="sink",
                reason="not_storable",
                receipt={
                    "receipt_id": "r",
                    "received_at": 1_795_176_000_123,
                    "provider": "ses",
                    "body": '"received_at":7' + "x" * 100_000,
                },
                raw=None,
            )
        )
        await insert("dead_letters", letters)
        await insert(
            "dead_letters", [letter | {"failed_at": "2026-11-23T00:00:00.000Z"} for letter in letters[:10]]
        )
        yield server


@pytest.mark.parametrize("message_id", IDS)
async def test_a_message_is_found_by_its_exact_id_whatever_signs_it_has(
    server: QueryServer, message_id: str
) -> None:
    status, document = await server.get("/v1/messages/" + quote(message_id, safe="").replace("..", "%2E%2E"))
    assert status == 200, document
    assert {item["message_id"] for item in document["recipients"]} == {message_id}
    assert document["message"]["message_id"] == message_id


async def test_a_message_has_its_recipients_its_unattributed_facts_and_its_events_in_time_order(
    server: QueryServer,
) -> None:
    document = await server.page("/v1/messages/h-1")
    assert [item["recipient"] for item in document["recipients"]] == ["user0@example.org", "zoe@example.org"]
    assert document["unattributed"] == {"opens": 3, "clicks": 2}
    assert (
        document["message"] | {"subject": "h-1", "channel": "email", "provider": "ses", "tenant": "acme"}
        == document["message"]
    )
    assert [(event["at"], event["outcome"], event["recipient"]) for event in document["events"]] == [
        ("2026-11-22T10:00:01.000Z", "delivered", "ann@example.org"),
        ("2026-11-22T10:00:02.000Z", "opened", None),
        ("2026-11-22T10:00:03.000Z", "opened", "ann@example.org"),
    ]
    first, _, last = document["events"]
    assert first["received_at"] == "2026-11-22T10:00:09.000Z", "the first hearing of a repeated event stays"
    assert (first["detail"], first["machine"], first["machine_reason"]) == ({"smtp": "250 ok"}, None, None)
    assert (last["machine"], last["machine_reason"]) == (True, "apple_prefetch")


async def test_an_event_names_its_receipt_which_is_answered_as_it_arrived(server: QueryServer) -> None:
    document = await server.page("/v1/messages/h-1")
    event = next(event for event in document["events"] if event["receipt_id"] == "r-1")
    assert (event["timed"], event["late"], event["reported_recipient"]) == (True, False, None)
    (late,) = (await server.page("/v1/messages/only-events"))["events"]
    assert late["late"] is True
    arrived = _receipt("r-1", received_at="2026-11-20T12:00:00.000Z")
    del arrived["tenant"]
    assert await server.page("/v1/receipts/r-1") == arrived
    binary = await server.page("/v1/receipts/" + quote("r/2 ü", safe=""))
    assert (binary["body"], binary["body_encoding"]) == ("//4=", "base64")


async def test_a_receipt_of_another_tenant_or_of_nobody_or_an_expired_one_is_404(server: QueryServer) -> None:
    told = set()
    for receipt_id in ("r-theirs", "r-nobodys", "r-old", "none"):
        status, problem = await server.get(f"/v1/receipts/{receipt_id}")
        assert status == 404, receipt_id
        told.add(orjson.dumps(problem))
    assert len(told) == 1, "nothing tells one from another"
    assert (await server.page("/v1/receipts/r-theirs", key=OPERATOR))["tenant"] == "other"
    assert (await server.page("/v1/receipts/r-nobodys", key=OPERATOR))["tenant"] is None
    status, _ = await server.get("/v1/receipts/r-theirs", ("tenant", "acme"), key=OPERATOR)
    assert status == 404


async def test_the_trail_tells_machines_by_their_agents_and_by_what_stands_around_them_as_the_counts_have_it(
    server: QueryServer,
) -> None:
    document = await server.page("/v1/messages/scanned")
    assert [
        (event["outcome"], event["machine"], event["machine_reason"]) for event in document["events"]
    ] == [
        ("opened", True, "at_delivery"),
        ("opened", True, "security_scanner"),
        ("clicked", True, "many_links"),
        ("clicked", True, "many_links"),
        ("opened", False, None),
        ("clicked", True, "many_links"),
    ]
    (item,) = document["recipients"]
    of_people = [event for event in document["events"] if not event["machine"]]
    assert item["human_opens"] == len(of_people) == 1


async def test_in_sql_the_verdicts_by_context_stand_apart_and_leave_the_opens_of_people(
    server: QueryServer,
) -> None:
    verdicts = await server.store.rows(
        "SELECT recipient, event, reason FROM v_machine_verdicts WHERE tenant = 'acme' ORDER BY reason, recipient, event"
    )
    assert [(row["recipient"], row["reason"]) for row in verdicts] == [
        ("user54@example.org", "at_delivery"),
        ("user54@example.org", "many_links"),
        ("user54@example.org", "many_links"),
        (None, "many_links"),
    ]
    example = SQL_DOCS.split("## `v_machine_verdicts`")[1].split("```sql\n")[1].split("```")[0]
    (left,) = await server.store.rows(example.replace("'h-1'", "'scanned'"))
    assert left["event_id"] == _IDENTITIES["person"]


async def test_a_message_known_by_its_events_alone_is_there(server: QueryServer) -> None:
    document = await server.page("/v1/messages/only-events")
    assert document["recipients"] == [] and document["unattributed"] == {"opens": 0, "clicks": 0}
    assert (document["message"]["subject"], len(document["events"])) == ("Class list", 1)


async def test_another_tenants_message_is_404_and_a_shared_id_shows_ones_own(server: QueryServer) -> None:
    for message_id in ("theirs", "nobodys", "H-2", "%00", "%ff", "a" * 3000):
        status, problem = await server.get(f"/v1/messages/{message_id}")
        assert (status, problem["code"]) == (404, "not_found"), message_id
    document = await server.page("/v1/messages/h-1", key=key_of("other"))
    assert [item["status"] for item in document["recipients"]] == ["complained"]
    assert len(document["events"]) == 1


async def test_the_operator_names_the_tenant_where_several_have_the_id(server: QueryServer) -> None:
    status, problem = await server.get("/v1/messages/h-1", key=OPERATOR)
    assert (status, problem["parameter"]) == (400, "tenant")
    document = await server.page("/v1/messages/h-1", ("tenant", "other"), key=OPERATOR)
    assert [(item["tenant"], item["status"]) for item in document["recipients"]] == [("other", "complained")]
    assert (await server.page("/v1/messages/theirs", key=OPERATOR))["message"]["tenant"] == "other"


async def test_a_message_takes_no_parameters(server: QueryServer) -> None:
    status, problem = await server.get("/v1/messages/h-1", ("limit", "1"))
    assert (status, problem["parameter"]) == (400, "limit")
    assert problem["detail"] == "limit: unknown; no parameters are taken here"


async def test_statuses_come_in_the_tenants_words_highest_rank_first(server: QueryServer) -> None:
    for tenant, channel, status, label in (
        ("acme", "email", "bounced", "Bounced"),
        ("other", "email", "bounced", "Bounce"),
        ("other", "sms", "queued", "Delivery"),
        ("third", "email", "invalid", "Dropped"),
    ):
        page = await server.page("/v1/statuses", ("channel", channel), key=key_of(tenant))
        assert [item["status"] for item in page["items"]] == list(reversed(Status))
        assert {item["status"]: item["label"] for item in page["items"]}[status] == label
        assert all(item["label"] and item["meaning"] and item["next_step"] for item in page["items"])
        assert [item["rank"] for item in page["items"]] == list(range(12, -1, -1))


async def test_dead_letters_come_newest_first_each_once_and_only_ones_own(server: QueryServer) -> None:
    items = await server.items("/v1/dead-letters", ("limit", "4"))
    places = [item["source"]["offset"] for item in items]
    assert sorted(places) == sorted([number for number in range(30) if number % 3] + [91])
    assert [item["at"] for item in items] == sorted((item["at"] for item in items), reverse=True)
    assert all(item["at"] < "2026-11-23" for item in items), "the first writing stays"
    assert [
        item["source"]["offset"] for item in await server.items("/v1/dead-letters", key=key_of("other"))
    ] == [90]
    everything = await server.items("/v1/dead-letters", ("limit", "7"), key=OPERATOR)
    assert len(everything) == 32
    assert {item["tenant"] for item in everything} == {"acme", "other", None}


async def test_dead_letters_are_filtered_by_time_reason_and_stage(server: QueryServer) -> None:
    window = (("from", "2026-11-22T10:05:00Z"), ("to", "2026-11-22T10:10:00Z"))
    items = await server.items("/v1/dead-letters", *window)
    assert sorted(item["source"]["offset"] for item in items) == [n for n in range(10, 20) if n % 3]
    (item,) = await server.items("/v1/dead-letters", ("stage", "sink"), ("reason", "not_storable"))
    assert (item["cut"], len(item["receipt"]["body"]), item["raw"]) == (True, 64 * 1024, None)
    assert await server.items("/v1/dead-letters", ("reason", "malformed_line"), ("stage", "sink")) == []
    assert await server.items("/v1/dead-letters", ("channel", "email")) == [item]
    assert await server.items("/v1/dead-letters", ("channel", "sms")) == []
    everything = await server.items("/v1/dead-letters")
    for name in ("campaign", "customer", "category", "document", "method", "sender", "domain"):
        assert await server.items("/v1/dead-letters", (name, "x")) == []
        assert await server.items("/v1/dead-letters", (name, "")) == everything
    for name, value in (("stage", "x"), ("limit", "0"), ("sort", "reason"), ("cursor", "x"), ("from", "x")):
        status, problem = await server.get("/v1/dead-letters", (name, value))
        assert (status, problem["parameter"]) == (400, name)


async def test_streams_of_dead_letters_have_bodies_whole(server: QueryServer) -> None:
    listed = await server.items("/v1/dead-letters", ("limit", "500"), key=OPERATOR)
    _, _, body = await server.raw("/v1/dead-letters", [("format", "ndjson")], OPERATOR)
    streamed = [orjson.loads(line) for line in body.splitlines()]
    assert [item["source"] for item in streamed] == [item["source"] for item in listed]
    (cut,) = [item for item in listed if item["cut"]]
    (whole,) = [item for item in streamed if item["source"] == cut["source"]]
    assert not whole["cut"] and len(whole["receipt"]["body"]) > len(cut["receipt"]["body"])

    _, _, body = await server.raw("/v1/dead-letters", [("format", "csv"), ("sort", "at")])
    lines = list(csv.DictReader(io.StringIO(body.decode(), newline="")))
    ours = [item for item in listed if item["tenant"] == "acme"]
    assert [line["at"] for line in lines] == sorted(item["at"] for item in ours)
    assert cut["receipt"]["received_at"] == "2026-11-20T12:00:00.123Z", "a time as all others are told"
    (as_text,) = [line["receipt"] for line in lines if line["receipt"]]
    assert orjson.loads(as_text) == whole["receipt"]
    assert list(lines[0]) == ["at", "stage", "reason", "detail", "source", "receipt", "raw"]
    status, problem = await server.get("/v1/dead-letters", ("format", "csv"), ("cursor", "x"))
    assert (status, problem["parameter"]) == (400, "cursor")


async def test_readiness_tells_how_far_behind_kafka_the_store_is(server: QueryServer, kafka: str) -> None:
    told: dict[str, Any] = {}

    async def tells() -> bool:
        told.update((await server.get("/readyz"))[1])
        return told["behind_records"] is not None

    # A broker that never had a consumer group needs a moment for its first.
    await eventually(tells, 20, "an answer from Kafka")
    assert told["status"] == "ready" and told["clickhouse"] is True
    before = dict(told)
    await publish(kafka, EVENTS.name, [(b"acme/x", b"{}"), (b"acme/y", b"{}")])
    await publish(kafka, DEAD_LETTERS.name, [(b"acme/x", b"{}")])

    async def counted() -> bool:
        return await tells() and bool(told["behind_records"] == before["behind_records"] + 3)

    await eventually(counted, 10, "three more records")
    assert told["behind"][DEAD_LETTERS.name] == before["behind"][DEAD_LETTERS.name] + 1


async def test_unknown_addresses_are_404_and_wrong_methods_405(server: QueryServer) -> None:
    for path in ("/v1", "/v1/", "/v1/nonsense", "/v2/messages"):
        status, problem = await server.get(path)
        assert (status, problem["code"]) == (404, "not_found"), path
    status, _, body = await server.raw("/v1/messages", method="POST")
    assert (status, orjson.loads(body)["code"]) == (405, "method_not_allowed")


async def test_while_clickhouse_is_away_answers_are_503_and_come_back_with_it(
    tmp_path: Any, kafka: str
) -> None:
    with EmbeddedClickHouse(tmp_path / "clickhouse") as engine:
        url = f"{engine.url}/away"
        await migrate(url, read_migrations())
        async with QueryServer(url, kafka, write_tenants(tmp_path / "tenants.toml")) as server:
            assert await server.items("/v1/messages") == []
            engine.kill()
            for path in ("/v1/messages", "/v1/messages/x", "/v1/rates", "/v1/dead-letters"):
                status, headers, body = await server.raw(path)
                assert (status, orjson.loads(body)["code"]) == (503, "unavailable"), path
                assert int(headers["Retry-After"]) > 0
            assert (await server.get("/readyz"))[0] == 503
            assert (await server.get("/healthz"))[0] == 200
            assert (await server.get("/v1/statuses"))[0] == 200
            engine.start()
            assert await server.items("/v1/messages") == []
            assert (await server.get("/readyz"))[0] == 200


async def test_without_tables_the_server_is_not_ready(
    clickhouse_server: EmbeddedClickHouse, kafka: str, tmp_path: Any
) -> None:
    async with QueryServer(
        f"{clickhouse_server.url}/no_such_database", kafka, write_tenants(tmp_path / "tenants.toml")
    ) as server:
        assert (await server.get("/readyz"))[0] == 503
        status, problem = await server.get("/v1/messages")
        assert (status, problem["code"]) == (503, "unavailable")
