"""GET /v1/messages against a plain-Python model of the same rows: filters, searches, orders, pages, tenants, streams."""

import csv
import io
import itertools
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet
import pytest
import pytest_asyncio

from query.sql.messages import head_of
from schemas.status import COUNTS, Status, label
from schemas.times import format_time, parse_time
from tests.integration.log_model import HOSTILE, Row, in_order, make_rows, matching
from tests.integration.query_stage import OPERATOR, TENANTS, VOCABULARIES, QueryServer, key_of, write_tenants

ROWS = make_rows(900, TENANTS)
SORTS = [f"{minus}{name}" for name in ("at", "recipient", "status", "updated_at") for minus in ("", "-")]
FIELDS = (
    "message_id channel recipient recipient_as_given sender subject text campaign customer category document method link "
    "status label reason at sent_at updated_at delivered_at first_opened_at first_clicked_at opens human_opens clicks "
    "soft_bounces gave_up soft_bounce delay bounce error_code error"
).split()


def _stale(row: Row) -> Row:
    """An earlier revision of a row, which must never show."""
    return row | {
        "revision": row["revision"] - 2**40,
        "status": "queued",
        "rank": 0,
        "campaign": "stale",
        "subject": "stale",
        "reached": ["queued"],
        "gave_up": True,
        "bounce": None,
    }


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(clickhouse: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[QueryServer]:
    tenants = write_tenants(tmp_path_factory.mktemp("query") / "tenants.toml")
    async with QueryServer(clickhouse, "127.0.0.1:1", tenants) as server:
        unattributed = [row | {"recipient": None, "opens": 7} for row in ROWS[::30]]
        for part in (
            ROWS[:500],
            [_stale(row) for row in ROWS[::3]],
            ROWS[500:],
            [_stale(row) for row in ROWS[1::3]],
            unattributed,
            ROWS[::7],
        ):
            await server.store.insert_lines("message_status", b"\n".join(map(orjson.dumps, part)))
        yield server


def _ours(tenant: str = "acme") -> list[Row]:
    return [row for row in ROWS if row["tenant"] == tenant]


def _keys(items: list[dict[str, Any]], tenant: str = "acme") -> list[tuple[str, str, str]]:
    return [(item.get("tenant", tenant), item["message_id"], item["recipient"]) for item in items]


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("limit", ["1", "7", "500"])
async def test_pages_in_every_order_neither_skip_nor_double_a_row(
    server: QueryServer, sort: str, limit: str
) -> None:
    narrowed = [("recipient", "user1")] if limit == "1" else []
    items = await server.items("/v1/messages", ("sort", sort), ("limit", limit), *narrowed)
    assert _keys(items) == in_order(matching(_ours(), narrowed), sort)


@pytest.mark.parametrize("sort", SORTS)
async def test_rows_that_have_become_something_else_leave_no_gap_in_a_page(
    server: QueryServer, sort: str
) -> None:
    # Two thirds of the rows were queued once, as the store still has it in parts that nothing has merged.
    items = await server.items(
        "/v1/messages", ("status", "queued"), ("sort", sort), ("limit", "25"), key=OPERATOR
    )
    assert _keys(items) == in_order(matching(ROWS, [("status", "queued")]), sort)


@pytest.mark.parametrize("name", ["recipient", "q"])
@pytest.mark.parametrize("sort", ["at", "-at", "recipient"])
async def test_a_whole_address_is_found_over_all_the_time_on_pages_of_any_size(
    server: QueryServer, name: str, sort: str
) -> None:
    # It is also part of others: user1@… of user11@….
    for text in ("user1@gmail.com", "1@EXAMPLE.ORG", "+15005550123", "nobody@example.org"):
        for limit in ("2", "500"):
            items = await server.items("/v1/messages", (name, text), ("sort", sort), ("limit", limit))
            assert _keys(items) == in_order(matching(_ours(), [(name, text)]), sort), text


@pytest.mark.parametrize("sort", SORTS)
async def test_the_operators_pages_hold_every_tenants_rows(server: QueryServer, sort: str) -> None:
    items = await server.items("/v1/messages", ("sort", sort), ("limit", "100"), key=OPERATOR)
    assert _keys(items) == in_order(matching(ROWS, []), sort)


def _filters() -> list[list[tuple[str, str]]]:
    sample = random.Random(5).sample(ROWS, 12)
    of_rows = [
        [(name, row[name] or "")]
        for row in sample
        for name in ("campaign", "customer", "category", "document", "method", "sender", "domain", "channel")
        if name != "channel" or row[name]
    ]
    searches = [
        [(name, value)]
        for name in ("recipient", "subject", "text", "q")
        for value in (*HOSTILE, "%", "_", "\\", "'", "USER1", "näme", "ä", "x" * 900)
    ]
    parts = [
        [("q", value)]
        for value in (
            "mailbox",
            "5.1.1",
            "30005",
            "handset",
            "m/1",
            "M/12%2F É",
            "MARKETING",
            "452 4.2",
            "hard_b",
            "mailboxfull",
            "General",
            "ipfailure",
            "4.7.9",
            "NOT so fast",
            "sms",
            "canceled",
        )
    ]
    statuses = [[("status", str(status))] for status in Status] + [
        [("status", "sent"), ("status", "bounced")]
    ]
    reached = [[("reached", name)] for name in COUNTS] + [[("reached", "opened"), ("reached", "bounced")]]
    times = [[(name, row["filed_at"])] for row in sample for name in ("from", "to")] + [
        [("updated_from", row["updated_at"])] for row in sample
    ]
    spans = [
        [("from", min(a["filed_at"], b["filed_at"])), ("to", max(a["filed_at"], b["filed_at"]))]
        for a, b in itertools.pairwise(sample)
    ]
    gave_up = [[("gave_up", "true")], [("gave_up", "false")]]
    return [*of_rows, *searches, *parts, *statuses, *reached, *times, *spans, *gave_up]


async def test_every_filter_finds_exactly_what_it_says(server: QueryServer) -> None:
    for parameters in _filters():
        items = await server.items("/v1/messages", *parameters, ("limit", "500"))
        assert _keys(items) == in_order(matching(_ours(), parameters), "-at"), parameters


async def test_filters_together_find_what_passes_all_of_them(server: QueryServer) -> None:
    choose, singles = random.Random(8), _filters()
    for _ in range(120):
        parameters: dict[str, list[tuple[str, str]]] = {}
        for chosen in choose.sample(singles, choose.randint(2, 4)):
            parameters.setdefault(chosen[0][0], chosen)
        flat = [pair for pairs in parameters.values() for pair in pairs]
        if len({name for name, _ in flat}) < len(parameters) or len(
            [n for n, _ in flat if n in ("from", "to")]
        ) > len({n for n, _ in flat if n in ("from", "to")}):
            continue
        sort = choose.choice(SORTS)
        items = await server.items(
            "/v1/messages", *flat, ("sort", sort), ("limit", str(choose.choice((3, 50, 500))))
        )
        assert _keys(items) == in_order(matching(_ours(), flat), sort), (flat, sort)


async def test_an_item_says_what_was_published_with_nulls_where_nothing_is_known(server: QueryServer) -> None:
    for tenant in TENANTS:
        by_key = {(row["message_id"], row["recipient"]): row for row in _ours(tenant)}
        for item in await server.items("/v1/messages", ("limit", "500"), key=key_of(tenant)):
            row = by_key[item["message_id"], item["recipient"]]
            assert list(item) == FIELDS
            words = label(
                Status(row["status"]), row["channel"], gave_up=row["gave_up"], vocabulary=VOCABULARIES[tenant]
            )
            expected = {name: row.get(name) for name in FIELDS} | {"at": row["filed_at"], "label": words}
            assert item == expected


async def test_a_tenant_sees_only_its_own_whatever_the_parameters(server: QueryServer) -> None:
    for parameters in (
        [],
        [("q", "a")],
        [("status", "bounced")],
        [("sort", "recipient")],
        [("recipient", "' OR 1=1 --")],
    ):
        for item in await server.items("/v1/messages", *parameters, key=key_of("other")):
            assert (item["message_id"], item["recipient"]) in {
                (row["message_id"], row["recipient"]) for row in _ours("other")
            }
    status, problem = await server.get("/v1/messages", ("tenant", "other"))
    assert (status, problem["code"], problem["parameter"]) == (400, "bad_parameter", "tenant")


_ALIKE = (
    # The first sixteen bytes of each are those of others, and some end within a letter.
    *(f"somebody.with.a.long.name{n}@example.org" for n in range(4)),
    "somebody.with.a.@example.org",
    "somebody.with.a",
    "somebody.with.aé@example.org",
    "somebody.with.aü@example.org",
    "somebody.with.az@example.org",
    "é@example.org",
    "éa@example.org",
    "\U0001f600@example.org",
    "z",
    "+15005550001",
    "+1500555000100000000001",
    "+1500555000100000000002",
)


@pytest.mark.parametrize("sort", ["recipient", "-recipient"])
@pytest.mark.parametrize("limit", ["3", "7", "500"])
async def test_recipients_that_begin_alike_come_in_their_order_on_pages_of_any_size(
    server: QueryServer, sort: str, limit: str
) -> None:
    template = next(row for row in ROWS if row["tenant"] == "third")
    rows = [
        template
        | {
            "tenant": "alike",
            "message_id": f"alike-{number}",
            "recipient": recipient,
            "recipient_as_given": None,
            "status": "delivered" if number % 3 else "bounced",
            "filed_at": format_time(parse_time(template["filed_at"]) + number % 4),
        }
        for number, recipient in enumerate(_ALIKE * 5)
    ]
    for part in (rows, rows[::2]):
        await server.store.insert_lines("message_status", b"\n".join(map(orjson.dumps, part)))
    try:
        for narrowed in ([], [("status", "bounced")], [("q", "alike-1")], [("recipient", "somebody")]):
            given = [("tenant", "alike"), ("sort", sort), ("limit", limit), *narrowed]
            items = await server.items("/v1/messages", *given, key=OPERATOR)
            assert _keys(items) == in_order(matching(rows, narrowed), sort), narrowed
    finally:
        await server.store.command(
            "ALTER TABLE message_status DELETE WHERE tenant = 'alike' SETTINGS mutations_sync = 2"
        )


async def test_the_store_has_the_beginning_of_a_recipient_as_the_query_server_has_it(
    server: QueryServer,
) -> None:
    rows = await server.store.rows(
        "SELECT DISTINCT recipient, toString(recipient_head) AS head FROM message_status"
    )
    assert len(rows) > 40 and [row["head"] for row in rows] == [head_of(row["recipient"]) for row in rows]


async def test_ids_are_searched_whatever_signs_they_have(server: QueryServer) -> None:
    of_ses = "0100019d732530dc-85fef46e-51a2-4c79-b3a4-0c1d2e3f4a5b-000000"
    of_twilio = "SM0123456789abcdef0123456789abcdef"
    ids = (
        *("0100019d732530DC-85fef46e-000000", "SM0123456789abcdef", "order#4711/x", "ÄÖ-0123", ""),
        *(of_ses, of_ses.upper(), f"m-{of_ses}", f"{of_ses}#2", f"{of_ses}0"),
        *(of_twilio, of_twilio.lower(), f"M{of_twilio}", f"{of_twilio[2:]}SM", f"{of_twilio}/x"),
    )
    template = next(row for row in ROWS if row["tenant"] == "third")
    rows = [template | {"tenant": "ids", "message_id": message_id} for message_id in ids]
    # Each in a part of its own, so that the index tells them apart.
    for row in rows:
        await server.store.insert_lines("message_status", orjson.dumps(row))
    try:
        for text in (
            "dc-85FEF",
            "sm01",
            "0123",
            "-",
            "4711",
            "R#47",
            "#",
            "/X",
            "äö",
            "ÄÖ-",
            "m",
            "9d73zz",
            "x",
            of_ses,
            of_ses.upper(),
            of_ses[1:],
            of_twilio,
            of_twilio.lower(),
            of_twilio[2:],
        ):
            items = await server.items("/v1/messages", ("tenant", "ids"), ("q", text), key=OPERATOR)
            assert _keys(items) == in_order(matching(rows, [("q", text)]), "-at"), text
    finally:
        await server.store.command(
            "ALTER TABLE message_status DELETE WHERE tenant = 'ids' SETTINGS mutations_sync = 2"
        )


async def test_a_whole_address_finds_each_message_once_as_it_is_now(server: QueryServer) -> None:
    template = next(row for row in ROWS if row["tenant"] == "third")
    given = {
        "ann@example.org": "Ann@Example.org",
        "joann@example.org": "joann@example.org",
        "bo@example.org": "+ann@example.org",
    }
    rows = [
        template
        | {
            "tenant": "whole",
            "revision": 2**42,
            "message_id": f"m{number}",
            "recipient": recipient,
            "recipient_as_given": as_given,
        }
        for recipient, as_given in given.items()
        for number in range(7)
    ]
    # Three versions of each, the newest neither the first nor the last that is stored.
    for versions in ([_stale(row) for row in rows], rows, [_stale(_stale(row)) for row in rows]):
        await server.store.insert_lines("message_status", b"\n".join(map(orjson.dumps, versions)))
    try:
        for address in ("ann@example.org", "bo@example.org", "oann@example.org"):
            expected = in_order(matching(rows, [("recipient", address)]), "-at")
            for limit in ("2", "7", "20", "100"):
                asked = (("tenant", "whole"), ("recipient", address), ("limit", limit))
                items = await server.items("/v1/messages", *asked, key=OPERATOR)
                assert _keys(items) == expected, (address, limit)
                assert {item["subject"] for item in items} == {template["subject"]}
    finally:
        await server.store.command(
            "ALTER TABLE message_status DELETE WHERE tenant = 'whole' SETTINGS mutations_sync = 2"
        )


async def test_the_operator_may_look_at_one_tenant(server: QueryServer) -> None:
    items = await server.items("/v1/messages", ("tenant", "other"), ("limit", "500"), key=OPERATOR)
    assert _keys(items) == in_order(_ours("other"), "-at")
    assert {item["tenant"] for item in items} == {"other"}
    assert await server.items("/v1/messages", ("tenant", "nobody"), key=OPERATOR) == []


async def test_pages_stay_whole_while_newer_rows_come_in(server: QueryServer) -> None:
    expected = in_order(_ours("third"), "-at")
    page = await server.page("/v1/messages", ("limit", "40"), key=key_of("third"))
    found = _keys(page["items"], "third")
    newer = [
        row
        | {
            "message_id": f"newer-{n}",
            "filed_at": format_time(parse_time(ROWS[0]["filed_at"]) + 10**10),
            "tenant": "third",
        }
        for n, row in enumerate(ROWS[:5])
    ]
    await server.store.insert_lines("message_status", b"\n".join(map(orjson.dumps, newer)))
    try:
        while page["next"]:
            page = await server.page(
                "/v1/messages", ("limit", "40"), ("cursor", page["next"]), key=key_of("third")
            )
            found += _keys(page["items"], "third")
        assert [key for key in found if not key[1].startswith("newer-")] == expected
    finally:
        await server.store.command(
            "ALTER TABLE message_status DELETE WHERE startsWith(message_id, 'newer-') SETTINGS mutations_sync = 2"
        )


async def test_a_cursor_that_was_altered_or_belongs_to_another_question_is_refused(
    server: QueryServer,
) -> None:
    cursor = (await server.page("/v1/messages", ("limit", "5"), ("q", "a")))["next"]
    flipped = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
    refused = [
        [("q", "a"), ("cursor", flipped)],
        [("q", "a"), ("cursor", cursor[4:])],
        [("q", "a"), ("cursor", "")],
        [("q", "a"), ("cursor", "é")],
        [("q", "b"), ("cursor", cursor)],
        [("q", "a"), ("sort", "recipient"), ("cursor", cursor)],
        [("cursor", cursor)],
    ]
    for parameters in refused:
        status, problem = await server.get("/v1/messages", *parameters)
        assert (status, problem["code"], problem["parameter"]) == (400, "bad_parameter", "cursor"), parameters
    status, problem = await server.get("/v1/messages", ("q", "a"), ("cursor", cursor), key=key_of("other"))
    assert (status, problem["parameter"]) == (400, "cursor")
    assert (await server.get("/v1/messages", ("q", "a"), ("limit", "9"), ("cursor", cursor)))[0] == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("no_such", "1"),
        ("limit", "0"),
        ("limit", "501"),
        ("limit", "-5"),
        ("limit", "1e2"),
        ("limit", "٣"),
        ("status", "nonsense"),
        ("status", ""),
        ("reached", "queued,sent"),
        ("gave_up", "yes"),
        ("from", "yesterday"),
        ("to", ""),
        ("to", "2026-11-22T00:00:00Z\0"),
        ("sort", "subject"),
        ("channel", "fax"),
        ("format", "xlsx"),
        ("q", "x" * 1001),
    ],
)
async def test_a_parameter_that_is_not_taken_is_400_and_named(
    server: QueryServer, name: str, value: str
) -> None:
    status, problem = await server.get("/v1/messages", (name, value))
    assert (status, problem["code"], problem["parameter"]) == (400, "bad_parameter", name)
    assert problem["detail"].startswith(name)


async def test_a_parameter_that_may_stand_once_is_400_when_repeated(server: QueryServer) -> None:
    status, problem = await server.get("/v1/messages", ("q", "a"), ("q", "b"))
    assert (status, problem["detail"]) == (400, "q: expected once")


@pytest.mark.parametrize("value", ["%FF", "a%C3", "%ED%A0%80", "%c3%28"])
async def test_what_is_no_utf_8_is_400_and_named(server: QueryServer, value: str) -> None:
    for name in ("recipient", "cursor", "%FF"):
        status, _, body = await server.raw(f"/v1/messages?limit=1&{name}={value}&x=")
        problem = orjson.loads(body)
        assert (status, problem["code"]) == (400, "bad_parameter")
        assert problem["parameter"] == name.replace("%FF", "\ufffd")
    assert await server.items("/v1/messages", ("recipient", "Ü \ufffd")) == []


async def test_absurd_times_are_taken_as_the_ends_of_time(server: QueryServer) -> None:
    everything = _keys(await server.items("/v1/messages", ("limit", "500")))
    absurd = (("from", "0001-01-01T00:00:00Z"), ("to", "9999-12-31T23:59:59Z"), ("limit", "500"))
    assert _keys(await server.items("/v1/messages", *absurd)) == everything
    assert await server.items("/v1/messages", ("from", "9999-01-01T00:00:00Z")) == []


async def test_a_plus_sign_of_a_zone_that_came_as_a_space_is_understood(server: QueryServer) -> None:
    _, _, encoded = await server.raw("/v1/messages", [("from", "2026-01-01T02:00:00+02:00")])
    _, _, as_space = await server.raw("/v1/messages", [("from", "2026-01-01T02:00:00 02:00")])
    assert encoded == as_space


async def test_small_letters_in_a_time_are_understood(server: QueryServer) -> None:
    _, _, capitals = await server.raw("/v1/messages", [("from", "2026-01-01T02:00:00Z")])
    _, _, small = await server.raw("/v1/messages", [("from", "2026-01-01t02:00:00z")])
    assert capitals == small


@pytest.mark.parametrize("key", [None, "", "nobody", "writer"])
async def test_without_a_known_key_it_is_401(server: QueryServer, key: str | None) -> None:
    for path in ("/v1/messages", "/v1/messages/m-1", "/v1/rates", "/v1/statuses", "/v1/dead-letters"):
        status, problem = await server.get(path, key=key)
        assert (status, problem["code"]) == (401, "unauthenticated")


async def test_a_key_without_the_scope_is_403(server: QueryServer) -> None:
    for path in ("/v1/messages", "/v1/messages/m-1", "/v1/rates", "/v1/statuses", "/v1/dead-letters"):
        status, problem = await server.get(path, key="writer-acme")
        assert (status, problem["code"]) == (403, "forbidden")


async def test_streams_hold_the_whole_result_in_order(server: QueryServer) -> None:
    parameters = [("sort", "recipient"), ("status", "bounced"), ("status", "sent")]
    expected = in_order(matching(_ours(), parameters[1:]), "recipient")
    listed = await server.items("/v1/messages", *parameters, ("limit", "500"))

    status, headers, body = await server.raw("/v1/messages", [*parameters, ("format", "ndjson")])
    assert (status, headers["Content-Type"]) == (200, "application/x-ndjson")
    assert [orjson.loads(line) for line in body.splitlines()] == listed

    status, headers, body = await server.raw("/v1/messages", [*parameters, ("format", "csv")])
    assert (status, headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    rows = list(csv.DictReader(io.StringIO(body.decode(), newline="")))
    assert list(rows[0]) == FIELDS
    assert [(row["message_id"], row["recipient"]) for row in rows] == [key[1:] for key in expected]
    assert [row["subject"] for row in rows] == [item["subject"] or "" for item in listed]

    status, headers, body = await server.raw("/v1/messages", [*parameters, ("format", "parquet")])
    assert (status, headers["Content-Type"]) == (200, "application/vnd.apache.parquet")
    table = pyarrow.parquet.read_table(io.BytesIO(body))
    assert table.column_names == FIELDS
    assert table.column("recipient").to_pylist() == [item["recipient"] for item in listed]
    assert table.column("subject").to_pylist() == [item["subject"] for item in listed]


async def test_an_empty_stream_is_a_whole_one(server: QueryServer) -> None:
    none = ("campaign", "no such")
    _, _, body = await server.raw("/v1/messages", [none, ("format", "ndjson")])
    assert body == b""
    _, _, body = await server.raw("/v1/messages", [none, ("format", "csv")])
    assert next(csv.reader(io.StringIO(body.decode()))) == FIELDS


async def test_a_stream_has_no_pages(server: QueryServer) -> None:
    cursor = (await server.page("/v1/messages", ("limit", "1")))["next"]
    status, problem = await server.get("/v1/messages", ("format", "csv"), ("cursor", cursor))
    assert (status, problem["parameter"]) == (400, "cursor")


async def test_the_tables_and_the_view_agree(server: QueryServer, tmp_path: Path) -> None:
    (row,) = await server.store.rows(
        "SELECT count() AS n, countIf(subject IS NULL) AS nulls, sum(is_delivered) AS d FROM v_messages"
    )
    assert row == {
        "n": len(ROWS),
        "nulls": sum(row["subject"] is None for row in ROWS),
        "d": sum("delivered" in row["reached"] for row in ROWS),
    }
