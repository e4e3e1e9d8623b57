"""GET /v1/documents/{document}: the trail of an invoice, a receipt or a statement."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import orjson
import pytest
import pytest_asyncio

from query.routes import documents
from schemas.machine_reasons import SHORT_IDENTITY
from tests.integration.log_model import Row, make_rows
from tests.integration.query_stage import OPERATOR, QueryServer, key_of, write_tenants

NAMES = ("INV-7", "invoices/2026/7", "Rechnung ü 100%", "a%2Fb")
BASE = make_rows(1, ("acme",))[0]


def _row(number: int, document: str, recipient: str | None, tenant: str = "acme", **fields: Any) -> Row:
    return BASE | {
        "tenant": tenant,
        "message_id": f"d/{number}",
        "document": document,
        "recipient": recipient,
        "filed_at": f"2026-11-20T10:0{number}:00.000Z",
        **fields,
    }


def _event(number: int, message: int, outcome: str, at: str, **fields: Any) -> dict[str, Any]:
    return {
        "event_id": f"{number:032x}",
        "tenant": "acme",
        "message_id": f"d/{message}",
        "recipient": "ann@example.org",
        "outcome": outcome,
        "at": at,
        "received_at": "2026-11-21T00:00:00.000Z",
        "detail": {"smtp": "250 ok"},
        "machine": None,
        "machine_reason": None,
    } | fields


ROWS = [
    _row(2, "INV-7", "ann@example.org"),
    _row(1, "INV-7", "ann@work.example"),
    _row(3, "INV-7", "ann@example.org", opens=2),
    _row(3, "INV-7", "ben@example.org"),
    _row(3, "INV-7", None, opens=5, clicks=1),
    _row(4, "INV-8", "ann@example.org"),
    *(_row(5 + n, name, "ann@example.org") for n, name in enumerate(NAMES[1:])),
    _row(8, "scanned", "ann@example.org", unmasked={"at_delivery": ["a" * SHORT_IDENTITY]}),
    _row(8, "scanned", None, unmasked={"many_links": ["b" * SHORT_IDENTITY]}),
    _row(1, "theirs", "ann@example.org", "other"),
    _row(9, "both", "ann@example.org"),
    _row(9, "both", "ann@example.org", "other"),
]
EVENTS = [
    _event(1, 2, "sent", "2026-11-20T10:02:00.000Z"),
    _event(2, 1, "bounced", "2026-11-20T10:01:05.000Z", recipient="ann@work.example"),
    _event(
        3, 3, "opened", "2026-11-20T10:30:00.000Z", recipient=None, machine=True, machine_reason="scanner"
    ),
    _event(4, 2, "delivered", "2026-11-20T10:02:03.000Z"),
    _event(4, 2, "delivered", "2026-11-20T10:02:03.000Z"),
    _event(5, 4, "delivered", "2026-11-20T10:04:03.000Z"),
    _event(6, 1, "delivered", "2026-11-20T10:01:03.000Z", tenant="other"),
    _event(7, 8, "opened", "2026-11-20T10:08:01.000Z", event_id="a" * 32),
    _event(8, 8, "clicked", "2026-11-20T10:08:02.000Z", event_id="b" * 32, recipient=None),
    _event(9, 8, "opened", "2026-11-20T11:08:00.000Z", event_id="c" * 32, machine=False),
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(clickhouse: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[QueryServer]:
    tenants = write_tenants(tmp_path_factory.mktemp("documents") / "tenants.toml")
    async with QueryServer(clickhouse, "127.0.0.1:1", tenants) as server:
        stale = [row | {"revision": 1, "document": "stale"} for row in ROWS]
        for table, values in (("message_status", [*ROWS, *stale]), ("events", EVENTS)):
            await server.store.insert_lines(table, b"\n".join(map(orjson.dumps, values)))
        yield server


def _path(document: str) -> str:
    return f"/v1/documents/{quote(document, safe='')}"


async def test_a_documents_messages_and_their_events_come_in_time_order(server: QueryServer) -> None:
    document = await server.page(_path("INV-7"))
    assert (document["document"], document["cut"]) == ("INV-7", False)
    assert [(item["message_id"], item["recipient"]) for item in document["messages"]] == [
        ("d/1", "ann@work.example"),
        ("d/2", "ann@example.org"),
        ("d/3", "ann@example.org"),
        ("d/3", "ben@example.org"),
    ]
    assert document["unattributed"] == {"opens": 5, "clicks": 1}
    assert [(event["message_id"], event["outcome"], event["recipient"]) for event in document["events"]] == [
        ("d/1", "bounced", "ann@work.example"),
        ("d/2", "sent", "ann@example.org"),
        ("d/2", "delivered", "ann@example.org"),
        ("d/3", "opened", None),
    ]
    last = document["events"][-1]
    assert (last["machine"], last["machine_reason"], last["detail"]) == (True, "scanner", {"smtp": "250 ok"})


async def test_events_have_the_verdict_that_only_the_messages_other_facts_give(server: QueryServer) -> None:
    document = await server.page(_path("scanned"))
    assert [(event["machine"], event["machine_reason"]) for event in document["events"]] == [
        (True, "at_delivery"),
        (True, "many_links"),
        (False, None),
    ]
    trail = await server.page("/v1/messages/d%2F8")
    assert [event["machine_reason"] for event in trail["events"]] == ["at_delivery", "many_links", None]


async def test_its_messages_are_the_items_of_the_log(server: QueryServer) -> None:
    for key in (key_of("acme"), OPERATOR):
        more = (("tenant", "acme"),) if key == OPERATOR else ()
        document = await server.page(_path("INV-7"), *more, key=key)
        listed = await server.items("/v1/messages", ("document", "INV-7"), ("sort", "at"), *more, key=key)
        assert document["messages"] == listed
        assert document.get("tenant") == ("acme" if key == OPERATOR else None)


@pytest.mark.parametrize("name", NAMES)
async def test_a_document_is_found_by_its_exact_name_whatever_signs_it_has(
    server: QueryServer, name: str
) -> None:
    document = await server.page(_path(name))
    assert {item["document"] for item in document["messages"]} == {name}


async def test_there_is_no_document_that_another_tenant_or_nobody_has(server: QueryServer) -> None:
    status, _, unknown = await server.raw(_path("no such"))
    assert (status, orjson.loads(unknown)["code"]) == (404, "not_found")
    for name in ("theirs", "stale", "inv-7", "INV"):
        status, _, body = await server.raw(_path(name))
        assert (status, body) == (404, unknown), name
    assert (await server.get(_path("theirs"), key=key_of("other")))[0] == 200


async def test_the_operator_names_the_tenant_where_several_have_one(server: QueryServer) -> None:
    status, problem = await server.get(_path("both"), key=OPERATOR)
    assert (status, problem["parameter"]) == (400, "tenant")
    document = await server.page(_path("both"), ("tenant", "other"), key=OPERATOR)
    assert document["tenant"] == "other"


async def test_what_is_too_long_is_cut_and_says_so(
    server: QueryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "MOST_MESSAGES", 2)
    document = await server.page(_path("INV-7"))
    assert (len(document["messages"]), document["cut"]) == (2, True)
    monkeypatch.setattr(documents, "MOST_MESSAGES", 1000)
    monkeypatch.setattr(documents, "MOST_EVENTS", 3)
    document = await server.page(_path("INV-7"))
    assert (len(document["events"]), document["cut"]) == (3, True)


async def test_a_document_takes_no_parameters(server: QueryServer) -> None:
    status, problem = await server.get(_path("INV-7"), ("limit", "5"))
    assert (status, problem["parameter"]) == (400, "limit")
