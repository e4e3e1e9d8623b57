"""The suppression list, consents now and then, the audit log, and one address, against a plain-Python model."""

import csv
import io
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pyarrow.parquet
import pytest
import pytest_asyncio

from schemas.consent import OUT
from schemas.standing import Reason
from schemas.times import format_time, parse_time
from tests.integration import address_model as model
from tests.integration.log_model import Row, make_rows
from tests.integration.query_stage import OPERATOR, TENANTS, QueryServer, key_of, write_tenants

STANDINGS = model.standings(TENANTS)
LOG = model.log_entries(TENANTS, 600)
CONSENTS = model.consents(LOG)
CUSTOMERS = model.customers(TENANTS)
MESSAGES = make_rows(400, TENANTS)

BY_ADDRESS = [("address", False), ("channel", False), ("tenant", False)]
BY_CONSENT = [
    ("address", False),
    ("channel", False),
    ("category", False),
    ("sender", False),
    ("tenant", False),
]
BY_ENTRY = [("at", True), ("entry_id", False), ("channel", False), ("address", False), ("tenant", False)]


async def fill(server: QueryServer) -> None:
    """Everything twice, and what is out of date as well."""
    stale_customers = [
        row
        | {
            "revision": row["revision"] - 2**40,
            "addresses": [
                {"address": "gone@example.org", "address_as_given": "x", "channel": "email", "primary": True}
            ],
        }
        for row in CUSTOMERS
    ]
    stale_consents = [
        row | {"revision": row["revision"] - 2**40, "state": "in" if row["state"] == OUT else OUT}
        for row in CONSENTS
    ]
    for table, parts in (
        ("address_standing", (STANDINGS, [model.stale_standing(row) for row in STANDINGS])),
        ("consents", (CONSENTS, stale_consents)),
        ("consent_log", (LOG, [row | {"recorded_at": "2030-01-01T00:00:00.000Z"} for row in LOG[::3]])),
        ("customers", (CUSTOMERS, stale_customers)),
        ("message_status", (MESSAGES, MESSAGES[::7])),
    ):
        for part in parts:
            await server.store.insert_lines(table, b"\n".join(map(orjson.dumps, part)))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(clickhouse: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[QueryServer]:
    tenants = write_tenants(tmp_path_factory.mktemp("addresses") / "tenants.toml")
    async with QueryServer(clickhouse, "127.0.0.1:1", tenants) as server:
        await fill(server)
        yield server


def ours(rows: list[Row], tenant: str = "acme") -> list[Row]:
    return [row for row in rows if row["tenant"] == tenant]


def identities(rows: list[Row], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row.get(name) for name in names) for row in rows]


@pytest.mark.parametrize("sort", ["since", "-since", "address", "-address", "updated_at", "-updated_at"])
@pytest.mark.parametrize("limit", ["7", "500"])
async def test_addresses_come_in_every_order_each_once(server: QueryServer, sort: str, limit: str) -> None:
    items = await server.items("/v1/addresses", ("sort", sort), ("limit", limit))
    expected = model.in_order(ours(STANDINGS), sort, BY_ADDRESS)
    assert identities(items, "channel", "address", "reason") == identities(
        expected, "channel", "address", "reason"
    )


async def test_the_suppression_list_is_what_is_invalid_whole_and_exact(server: QueryServer) -> None:
    items = await server.items("/v1/addresses", ("standing", "invalid"), ("limit", "500"))
    expected = model.in_order(
        [row for row in ours(STANDINGS) if row["standing"] == "invalid"], "-since", BY_ADDRESS
    )
    fields = list(items[0])
    assert "tenant" not in fields
    assert items == [{name: row[name] for name in fields} for row in expected]


@pytest.mark.parametrize(
    "parameters",
    [
        *([("reason", reason)] for reason in Reason),
        [("channel", "sms"), ("standing", "valid")],
        [("domain", "gmail.com")],
        [("address", "USER1")],
        [("address", "%")],
        [("from", STANDINGS[0]["updated_at"]), ("to", STANDINGS[1]["updated_at"])],
        [("from", "2026-01-01T00:00:00Z")],
    ],
)
async def test_addresses_are_filtered_as_by_hand(
    server: QueryServer, parameters: list[tuple[str, str]]
) -> None:
    items = await server.items("/v1/addresses", *parameters, ("limit", "500"))
    expected = model.matching(ours(STANDINGS), model.OF_ADDRESSES, parameters)
    assert sorted(identities(items, "channel", "address")) == sorted(
        identities(expected, "channel", "address")
    )


async def test_several_reasons_mean_any_of_them(server: QueryServer) -> None:
    items = await server.items("/v1/addresses", ("reason", "landline"), ("reason", "complaint"))
    assert len(items) == len([row for row in ours(STANDINGS) if row["reason"] in ("landline", "complaint")])


LISTS = {"/v1/addresses": STANDINGS, "/v1/consents": CONSENTS, "/v1/consents/log": LOG}


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("customer", ["42", "43", "a/b %", "ünï", "nobody"])
async def test_the_addresses_of_a_customer_are_those_on_file_now(
    server: QueryServer, path: str, customer: str
) -> None:
    on_file = model.places_of(ours(CUSTOMERS), customer)
    expected = [row for row in ours(LISTS[path]) if (row["channel"], row["address"]) in on_file]
    items = await server.items(path, ("customer", customer), ("limit", "500"))
    assert sorted(identities(items, "channel", "address")) == sorted(
        identities(expected, "channel", "address")
    )


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        *((path, [("campaign", "it's 100%_"), ("method", "blast")]) for path in LISTS),
        *((path, [("document", MESSAGES[0]["document"] or "invoice-2")]) for path in LISTS),
        *((path, [("campaign", "")]) for path in LISTS),
        ("/v1/addresses", [("category", "marketing"), ("sender", "news@ses.example.com")]),
        ("/v1/addresses", [("campaign", "nobody's")]),
    ],
)
async def test_filters_of_messages_find_the_addresses_that_such_a_message_names(
    server: QueryServer, path: str, asked: list[tuple[str, str]]
) -> None:
    named = model.places_named(ours(MESSAGES), asked)
    expected = [row for row in ours(LISTS[path]) if (row["channel"], row["address"]) in named]
    items = await server.items(path, *asked, ("limit", "500"))
    assert sorted(identities(items, "channel", "address")) == sorted(
        identities(expected, "channel", "address")
    )
    one = await server.items(path, *asked, ("tenant", "acme"), ("limit", "500"), key=OPERATOR)
    assert [item | {"tenant": "acme"} for item in items] == one


@pytest.mark.parametrize("sort", ["since", "-since", "address", "-address", "category", "-category"])
async def test_consents_come_in_every_order_each_once(server: QueryServer, sort: str) -> None:
    items = await server.items("/v1/consents", ("sort", sort), ("limit", "11"))
    expected = model.in_order(ours(CONSENTS), sort, BY_CONSENT)
    fields = list(items[0])
    assert items == [{name: row[name] for name in fields} for row in expected]


@pytest.mark.parametrize(
    "parameters",
    [
        [("state", "out"), ("category", "marketing")],
        [("state", "in")],
        [("category", "*")],
        [("channel", "sms"), ("sender", "+15005550006")],
        [("source", "staff")],
        [("address", "user1@gmail.com")],
        [("from", LOG[0]["at"])],
        [("to", LOG[1]["at"])],
        [("sender", "")],
        [("domain", "gmail.com")],
        [("domain", "")],
    ],
)
async def test_consents_are_filtered_as_by_hand(
    server: QueryServer, parameters: list[tuple[str, str]]
) -> None:
    items = await server.items("/v1/consents", *parameters, ("limit", "500"))
    expected = model.matching(ours(CONSENTS), model.OF_CONSENTS, parameters)
    assert sorted(identities(items, "entry_id")) == sorted(identities(expected, "entry_id"))


@pytest.mark.parametrize("entry", LOG[::60])
@pytest.mark.parametrize("shift", [-1, 0, 1])
async def test_who_was_out_then_is_what_the_log_says_of_then(
    server: QueryServer, entry: Row, shift: int
) -> None:
    at = parse_time(entry["at"]) + shift
    expected = [
        model.as_consent(one, 0)
        for one in model.consents_as_of(ours(LOG), at).values()
        if one["consent"] == OUT
    ]
    items = await server.items("/v1/consents", ("as_of", format_time(at)), ("state", "out"), ("limit", "13"))
    fields = list(items[0]) if items else []
    assert items == [
        {name: row[name] for name in fields} for row in model.in_order(expected, "-since", BY_CONSENT)
    ]


async def test_as_of_now_is_what_stands(server: QueryServer) -> None:
    now = await server.items("/v1/consents", ("limit", "500"))
    assert await server.items("/v1/consents", ("as_of", "2040-01-01T00:00:00Z"), ("limit", "500")) == now


@pytest.mark.parametrize("sort", ["at", "-at", "recorded_at", "-recorded_at", "address", "-address"])
async def test_the_audit_log_has_every_change_once_in_every_order(server: QueryServer, sort: str) -> None:
    items = await server.items("/v1/consents/log", ("sort", sort), ("limit", "50"))
    expected = model.in_order(ours(LOG), sort, BY_ENTRY)
    fields = list(items[0])
    assert items == [{name: row[name] for name in fields} for row in expected]


@pytest.mark.parametrize(
    "parameters",
    [
        [("actor", "SAM lee")],
        [("actor", "kim ö'neill")],
        [("address", "user1@gmail.com")],
        [("address", "+15005550019")],
        [("consent", "out"), ("category", "notification")],
        [("from", LOG[2]["at"])],
        [("to", LOG[3]["at"]), ("channel", "sms")],
        [("source", "import")],
        [("domain", "example.org"), ("consent", "in")],
    ],
)
async def test_the_audit_log_is_filtered_as_by_hand(
    server: QueryServer, parameters: list[tuple[str, str]]
) -> None:
    items = await server.items("/v1/consents/log", *parameters, ("limit", "500"))
    expected = model.matching(ours(LOG), model.OF_LOG, parameters)
    assert sorted(identities(items, "entry_id")) == sorted(identities(expected, "entry_id"))


async def test_an_address_is_found_in_any_spelling(server: QueryServer) -> None:
    row = next(row for row in ours(LOG) if row["channel"] == "email")
    for spelling in (row["address"].upper(), f" {row['address']}", f"Ann <{row['address']}>"):
        assert await server.items("/v1/consents/log", ("address", spelling))
    assert await server.items("/v1/consents", ("address", "+1 (500) 555-0019"))
    found = await server.items("/v1/consents", ("address", "+15005550019"))
    assert await server.items("/v1/consents", ("address", "+1 500 555 0019"), ("channel", "sms")) == found


@pytest.mark.parametrize("path", LISTS)
async def test_tenants_are_apart_and_the_operator_sees_all_or_one(server: QueryServer, path: str) -> None:
    rows = LISTS[path]
    for tenant in TENANTS:
        assert len(await server.items(path, ("limit", "500"), key=key_of(tenant))) == len(ours(rows, tenant))
        one = await server.items(path, ("limit", "500"), ("tenant", tenant), key=OPERATOR)
        assert {item["tenant"] for item in one} == {tenant}
        assert len(one) == len(ours(rows, tenant))
        status, problem = await server.get(path, ("tenant", tenant))
        assert (status, problem["parameter"]) == (400, "tenant")
    everything = await server.items(path, ("limit", "77"), key=OPERATOR)
    assert len(everything) == len(rows)
    assert len({orjson.dumps(item) for item in everything}) == len(rows)


@pytest.mark.parametrize("path", LISTS)
async def test_cursors_of_another_question_and_unknown_parameters_are_refused(
    server: QueryServer, path: str
) -> None:
    page = await server.page(path, ("limit", "3"))
    status, problem = await server.get(path, ("limit", "3"), ("channel", "sms"), ("cursor", page["next"]))
    assert (status, problem["parameter"]) == (400, "cursor")
    for name, value in (
        ("x", "1"),
        ("sort", "x"),
        ("format", "xml"),
        ("limit", "0"),
        ("cursor", "x"),
        ("from", "x"),
    ):
        status, problem = await server.get(path, (name, value))
        assert (status, problem["parameter"]) == (400, name)
    assert (await server.get(path, key=None))[0] == 401
    assert (await server.get(path, key="writer-acme"))[0] == 403


@pytest.mark.parametrize("path", LISTS)
async def test_the_whole_comes_as_a_stream_too(server: QueryServer, path: str) -> None:
    items = await server.items(path, ("limit", "500"))
    _, _, lines = await server.raw(path, [("format", "ndjson")])
    assert [orjson.loads(line) for line in lines.splitlines()] == items
    _, headers, body = await server.raw(path, [("format", "csv")])
    assert headers["Content-Disposition"].endswith('.csv"')
    rows = list(csv.DictReader(io.StringIO(body.decode())))
    assert [row["address"] for row in rows] == [item["address"] for item in items]
    assert list(rows[0]) == list(items[0])
    _, headers, body = await server.raw(path, [("format", "parquet")])
    assert headers["Content-Type"] == "application/vnd.apache.parquet"
    table = pyarrow.parquet.read_table(io.BytesIO(body))
    assert table.column_names == list(items[0])
    for name in ("address", "channel", "reason", "reasons", "soft_bounces_in_a_row", "actor"):
        if name in items[0]:
            assert table.column(name).to_pylist() == [item[name] for item in items]


@pytest.mark.parametrize("row", [*ours(STANDINGS)[:12]], ids=lambda row: row["address"])
async def test_one_address_is_told_with_its_standing_consents_customers_and_last_messages(
    server: QueryServer, row: Row
) -> None:
    channel, address = row["channel"], row["address"]
    document = await server.page(f"/v1/addresses/{address}")
    assert {
        name: document[name]
        for name in ("address", "channel", "standing", "reason", "since", "reset", "hint")
    } == {name: row[name] for name in ("address", "channel", "standing", "reason", "since", "reset", "hint")}
    here = [one for one in ours(CONSENTS) if (one["channel"], one["address"]) == (channel, address)]
    names = ("state", "since", "source", "actor", "sender", "evidence", "reason")
    assert document["consent"] == {
        category: {name: one[name] for name in names} for category, one in model.counting(here).items()
    }
    assert {
        (sender, category): told["since"]
        for sender, by_category in document["consent_by_sender"].items()
        for category, told in by_category.items()
    } == {(one["sender"], one["category"]): one["since"] for one in here if one["sender"]}
    assert {one["customer"]: one["primary"] for one in document["customers"]} == {
        one["customer"]: each["primary"]
        for one in ours(CUSTOMERS)
        for each in one["addresses"]
        if (each["channel"], each["address"]) == (channel, address)
    }
    sent = [one for one in ours(MESSAGES) if (one["channel"], one["recipient"]) == (channel, address)]
    newest = sorted(sent, key=lambda one: (one["filed_at"], one["message_id"]), reverse=True)[:10]
    assert [one["message_id"] for one in document["last_messages"]] == [one["message_id"] for one in newest]


async def test_an_address_of_which_only_messages_are_known_is_valid(server: QueryServer) -> None:
    known = {(row["channel"], row["address"]) for row in ours(STANDINGS)}
    row = next(row for row in ours(MESSAGES) if (row["channel"], row["recipient"]) not in known)
    document = await server.page(f"/v1/addresses/{row['recipient']}")
    assert (document["standing"], document["reason"], document["since"]) == ("valid", None, None)


async def test_an_address_that_nothing_is_known_of_is_404_also_where_another_tenant_knows_it(
    server: QueryServer,
) -> None:
    acme = (
        {row["address"] for rows in (STANDINGS, CONSENTS) for row in ours(rows)}
        | {row["recipient"] for row in ours(MESSAGES)}
        | {each["address"] for row in ours(CUSTOMERS) for each in row["addresses"]}
    )
    theirs = next(
        row["recipient"] for row in MESSAGES if row["tenant"] == "other" and row["recipient"] not in acme
    )
    for address in (theirs, "nobody@example.org", "gone@example.org"):
        status, problem = await server.get(f"/v1/addresses/{address}")
        assert (status, problem["code"]) == (404, "not_found"), address
    assert (await server.get(f"/v1/addresses/{theirs}", key=key_of("other")))[0] == 200


async def test_the_operator_names_the_tenant_where_several_know_an_address(server: QueryServer) -> None:
    several = {row["address"] for row in ours(STANDINGS)} & {
        row["address"] for row in ours(STANDINGS, "other")
    }
    address = min(several)
    status, problem = await server.get(f"/v1/addresses/{address}", key=OPERATOR)
    assert (status, problem["parameter"]) == (400, "tenant")
    document = await server.page(f"/v1/addresses/{address}", ("tenant", "other"), key=OPERATOR)
    assert document["tenant"] == "other"


async def test_without_a_channel_what_could_be_dialled_is_a_number(server: QueryServer) -> None:
    row = next(row for row in ours(STANDINGS) if row["channel"] == "sms")
    spelled = f"{row['address'][:2]}%20{row['address'][2:5]}%20{row['address'][5:]}"
    assert (await server.page(f"/v1/addresses/{spelled}"))["address"] == row["address"]
    status, _ = await server.get(f"/v1/addresses/{row['address']}", ("channel", "email"))
    assert status == 404
    status, problem = await server.get(f"/v1/addresses/{row['address']}", ("channel", "fax"))
    assert (status, problem["parameter"]) == (400, "channel")


async def test_an_address_is_taken_whatever_signs_it_has(server: QueryServer) -> None:
    status, _, body = await server.raw("/v1/addresses/a%0Ab%40example.org/diagnosis")
    assert status == 200, body
