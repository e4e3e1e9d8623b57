"""The reports, each against figures that were worked out by hand."""

import csv
import io
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pyarrow.parquet
import pytest
import pytest_asyncio

from query.reports import REPORTS
from tests.integration.log_model import HOSTILE
from tests.integration.query_stage import OPERATOR, QueryServer, key_of, write_tenants
from tests.integration.report_stage import (
    change,
    consent_of,
    customer,
    insert,
    message,
    standing,
    told,
)
from tests.openapi import check

ANN, BEN, CEM, DORA, EVE = (f"{name}@example.org" for name in ("ann", "ben", "cem", "dora", "eve"))
PHONE, NUMBER = "+15005550123", "+15005550006"
NEWS, SHOP = "news@ses.example.com", "shop@ses.example.com"
THEIR = {"tenant": "other"}

BOUNCE = {
    "type": "hard",
    "subtype": "General",
    "code": "5.1.1",
    "cause": "mailbox",
    "diagnostic": "550 nobody",
}
SOFT = {
    "subtype": "MailboxFull",
    "code": "4.2.2",
    "cause": "full",
    "diagnostic": "452 full",
    "at": "2026-11-12T10:00:00.000Z",
}
AT_BOUNCE = "2026-10-05T10:00:01.000Z"
SPAM = {"type": "abuse", "at": "2026-11-06T10:00:00.000Z"}
CALL = {"method": "verbal", "wording": None, "reference": "call"}


def news(message_id: str, address: str, at: str, status: str = "delivered", **fields: Any) -> dict[str, Any]:
    return (
        message(
            message_id,
            address,
            at,
            status,
            sender=NEWS,
            category="marketing",
            campaign="spring",
            method="blast",
        )
        | fields
    )


def receipt(
    message_id: str, address: str, at: str, status: str = "delivered", **fields: Any
) -> dict[str, Any]:
    return (
        message(message_id, address, at, status, sender=SHOP, category="transactional", method="api") | fields
    )


def text(message_id: str, at: str, **fields: Any) -> dict[str, Any]:
    return message(message_id, PHONE, at, channel="sms", sender=NUMBER, category="notification") | fields


MESSAGES = [
    # October: one newsletter to three, of whom Ann had opted in, Ben was out, and of Cem nothing is known.
    news("n-1", ANN, "2026-10-05T10:00", "opened", customer="42"),
    news("n-1", BEN, "2026-10-05T10:00", "delivered", subject=HOSTILE[1]),
    news("n-1", CEM, "2026-10-05T10:00", "bounced", bounce=BOUNCE | {"at": AT_BOUNCE}, bounced_at=AT_BOUNCE),
    # November: Ann is out, for a moment only; Ben has opted in.
    news("n-2", ANN, "2026-11-05T10:00", "complained", customer="42", complaint=SPAM, complained_at=SPAM["at"]),
    news("n-2", BEN, "2026-11-05T10:00", "delivered"),
    news("n-2", DORA, "2026-11-05T10:00", "skipped", reason="opted_out"),
    # What always goes out, whoever is out.
    receipt("r-1", BEN, "2026-10-06T10:00", "delivered", customer="unregistered"),
    receipt("r-2", CEM, "2026-11-12T09:00", "sent", gave_up=True, soft_bounce=SOFT, reached=["sent", "soft_bounced"]),
    # On the last evening of October in UTC, the first morning of November in Berlin.
    receipt("r-3", "eve@gmail.com", "2026-10-31T23:30", "delivered"),
    # Text messages: the phone stopped the number in between.
    text("t-1", "2026-11-01T10:00"),
    text("t-2", "2026-11-03T10:00"),
    text("t-3", "2026-11-05T10:00", sender="+15005550007"),
    # Nobody tells what for.
    message("u-1", BEN, "2026-10-07T10:00", sender=SHOP),
    # The application says that this never went out.
    news("f-1", BEN, "2026-10-08T10:00", "failed", provider="app"),
    # What cannot be attributed is in no report.
    news("n-1", "", "2026-10-05T10:00", opens=3, recipient=None),
    # Another tenant's, of the same address.
    news("x-1", BEN, "2026-10-05T10:00", "delivered", tenant="other"),
]  # fmt: skip

LOG = [
    change("e01", ANN, "in", "2026-09-01T10:00", source="staff", actor="Sam Lee", evidence=CALL),
    change("e02", ANN, "out", "2026-11-01T10:00", reason=HOSTILE[3]),
    change("e03", ANN, "in", "2026-11-06T10:00"),
    change("e04", BEN, "out", "2026-10-05T10:00"),  # at the very moment of the newsletter
    change("e05", BEN, "in", "2026-11-01T10:00", recorded_at="2026-11-02T10:00:00.000Z", recorded_by="console"),
    change("e06", DORA, "out", "2026-10-01T10:00"),
    change("e07", DORA, "out", "2026-10-02T10:00", "transactional"),
    change("e08", PHONE, "in", "2026-09-01T10:00", "notification", channel="sms"),
    change("e09", PHONE, "out", "2026-11-02T10:00", "*", channel="sms", sender=NUMBER, source="twilio"),
    change("e10", PHONE, "in", "2026-11-04T10:00", "*", channel="sms", sender=NUMBER, source="twilio"),
    change("e11", BEN, "in", "2026-09-01T10:00", **THEIR),
]  # fmt: skip
# Decided before the newsletter of November, and told after it.
LATE = change(
    "e12",
    EVE,
    "out",
    "2026-11-05T09:00",
    source="staff",
    actor="Sam Lee",
    recorded_at="2026-11-07T10:00:00.000Z",
)
LOG.append(LATE)
MESSAGES.append(news("n-2", EVE, "2026-11-05T10:00"))

CONSENTS = [consent_of(LOG[place]) for place in (2, 4, 5, 6, 7, 9, 10, 11)]
CUSTOMERS = [
    customer("42", ANN, PHONE, name="Ann Ö'Neill", created_at="2026-09-01T00:00:00.000Z"),
    customer("43", DORA, BEN, kind="company"),
    customer("44", DORA),
    customer("99", BEN, tenant="other", created_at="2026-10-01T00:00:00.000Z"),
]
STANDINGS = [
    standing(CEM, "hard_bounce", "2026-10-05T10:00", cause="mailbox", code="5.1.1", diagnostic=HOSTILE[0], message_id="n-1"),
    standing(PHONE, "landline", "2026-11-07T10:00", reasons=["landline", "complaint"]),
    standing(ANN, None, "2026-11-07T10:00"),
    standing(DORA, "complaint", "2026-11-20T10:00"),
    standing("theirs@example.org", "complaint", "2026-11-20T10:00", **THEIR),
]  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(clickhouse: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[QueryServer]:
    tenants = write_tenants(tmp_path_factory.mktemp("reports") / "tenants.toml")
    async with QueryServer(clickhouse, "127.0.0.1:1", tenants) as server:
        for _ in range(2):  # what is told twice counts once
            await insert(server, "message_status", *MESSAGES)
            await insert(server, "consent_log", *LOG)
            await insert(server, "consents", *CONSENTS)
            await insert(server, "customers", *CUSTOMERS)
            await insert(server, "address_standing", *STANDINGS)
        yield server


STORED = [name for name in REPORTS if name != "sender-health"]
"""The reports that the store answers; the health of senders is known from Kafka besides: test_reports_of_senders.py."""


async def report(
    server: QueryServer, name: str, *parameters: tuple[str, str], key: str = key_of("acme")
) -> Any:
    document = await server.page(f"/v1/reports/{name}", *parameters, key=key)
    check(f"/v1/reports/{name}", document)
    return document


def points(document: Any) -> list[tuple[Any, ...]]:
    return told(document["series"]["points"], "x", "by", "value")


_SORTS = 16
"""Sorts that are tried of each report: of counts, which are sorted all alike, the first ones stand for the others."""


# Monthly volume


async def test_the_monthly_volume_counts_messages_and_recipients_by_month_and_what_they_are(
    server: QueryServer,
) -> None:
    document = await report(server, "monthly-volume", ("sort", "month"), ("channel", "email"))
    assert told(document["items"], "month", "sender", "category", "method", "messages", "recipients") == [
        ("2026-10-01", NEWS, "marketing", "blast", 2, 4),
        ("2026-10-01", SHOP, None, None, 1, 1),
        ("2026-10-01", SHOP, "transactional", "api", 2, 2),
        ("2026-11-01", NEWS, "marketing", "blast", 1, 4),
        ("2026-11-01", SHOP, "transactional", "api", 1, 1),
    ]
    october, november = document["items"][0], document["items"][3]
    assert {name: october[name] for name in ("sent", "delivered", "opened", "bounced", "failed", "skipped")} == {
        "sent": 4, "delivered": 2, "opened": 1, "bounced": 1, "failed": 1, "skipped": 0,
    }  # fmt: skip
    assert {name: november[name] for name in ("sent", "delivered", "complained", "skipped")} == {
        "sent": 3, "delivered": 3, "complained": 1, "skipped": 1,
    }  # fmt: skip
    assert points(document) == [
        ("2026-10-01", None, 1),
        ("2026-10-01", "marketing", 4),
        ("2026-10-01", "transactional", 2),
        ("2026-11-01", "marketing", 3),
        ("2026-11-01", "transactional", 1),
    ]
    assert document["series"] | {"points": None} == {
        "title": "Recipients attempted, by month and category", "x": "month", "unit": "month", "by": "category",
        "value": "sent", "points": None, "lines": [], "cut": False,
    }  # fmt: skip


async def test_months_begin_in_the_zone_that_is_asked_for(server: QueryServer) -> None:
    asked = ("domain", "gmail.com")
    assert told((await report(server, "monthly-volume", asked))["items"], "month") == [("2026-10-01",)]
    berlin = await report(server, "monthly-volume", asked, ("tz", "Europe/Berlin"))
    assert told(berlin["items"], "month") == [("2026-11-01",)]


# Consents


async def test_who_is_opted_out_comes_with_the_customers_whose_address_it_is(server: QueryServer) -> None:
    document = await report(server, "opted-out", ("sort", "since"))
    assert told(document["items"], "address", "category", "since", "entry_id") == [
        (DORA, "marketing", "2026-10-01T10:00:00.000Z", "e06"),
        (DORA, "transactional", "2026-10-02T10:00:00.000Z", "e07"),
        (EVE, "marketing", "2026-11-05T09:00:00.000Z", "e12"),
    ]
    assert document["items"][0]["customers"] == [
        {"customer": "43", "kind": "company", "name": None, "primary": True},
        {"customer": "44", "kind": "client", "name": None, "primary": True},
    ]
    assert document["items"][2]["customers"] == []
    assert points(document) == [
        ("2026-10-01", "marketing", 1),
        ("2026-10-01", "transactional", 1),
        ("2026-11-01", "marketing", 1),
    ]


async def test_opt_ins_of_a_time_frame_tell_what_stood_before(server: QueryServer) -> None:
    frame = (("from", "2026-11-01T00:00:00Z"), ("to", "2026-11-06T10:00:00Z"))
    document = await report(server, "opt-ins", ("sort", "at"), *frame)
    assert told(document["items"], "entry_id", "address", "before", "recorded_by") == [
        ("e05", BEN, "out", "console"),
        ("e10", PHONE, "out", None),
    ]
    assert points(document) == [("2026-11-01", "customer", 1), ("2026-11-04", "twilio", 1)]
    assert document["series"]["unit"] == "day"
    everything = await report(
        server, "opt-ins", ("sort", "at"), ("category", "marketing"), ("channel", "email")
    )
    assert told(everything["items"], "entry_id", "before") == [("e01", None), ("e05", "out"), ("e03", "out")]
    assert everything["items"][0]["evidence"] == CALL
    assert everything["items"][0]["customers"] == [
        {"customer": "42", "kind": "client", "name": "Ann Ö'Neill", "primary": True}
    ]


async def test_consent_changes_come_in_the_order_in_which_they_count(server: QueryServer) -> None:
    document = await report(server, "consent-changes", ("address", ANN), ("sort", "at"))
    assert told(document["items"], "entry_id", "before", "consent", "reason") == [
        ("e01", None, "in", None),
        ("e02", "in", "out", HOSTILE[3]),
        ("e03", "out", "in", None),
    ]
    outs = await report(server, "consent-changes", ("consent", "out"), ("category", "notification"))
    assert told(outs["items"], "entry_id") == [("e09",)], "a STOP is one of each category"
    assert points(outs) == [("2026-11-01", "out", 1)]


# New


async def test_a_customer_is_new_when_it_was_created_else_first_written_to_else_last_put(
    server: QueryServer,
) -> None:
    document = await report(server, "new-customers", ("sort", "since"))
    assert told(
        document["items"], "customer", "kind", "since", "known_by", "registered", "messages", "addresses"
    ) == [
        ("42", "client", "2026-09-01T00:00:00.000Z", "created_at", True, 2, 2),
        ("unregistered", None, "2026-10-06T10:00:00.000Z", "first_message", False, 1, 0),
        ("43", "company", "2026-11-01T00:00:00.000Z", "last_put", True, 0, 2),
        ("44", "client", "2026-11-01T00:00:00.000Z", "last_put", True, 0, 1),
    ]
    frame = await report(
        server, "new-customers", ("from", "2026-10-01T00:00:00Z"), ("to", "2026-11-01T00:00:00Z")
    )
    assert told(frame["items"], "customer") == [("unregistered",)]
    for name, value in (("channel", "fax"), ("campaign", "x" * 1001)):
        status, problem = await server.get("/v1/reports/new-customers", (name, value))
        assert (status, problem["parameter"]) == (400, name)
    assert points(frame) == [("2026-10-06", None, 1)]
    (message,) = await server.items("/v1/messages", ("customer", "unregistered"))
    for name in ("channel", "campaign", "category", "document", "method", "sender", "domain"):
        value = message["recipient"].partition("@")[2] if name == "domain" else message[name] or ""
        named = await report(server, "new-customers", (name, value))
        assert "unregistered" in {item["customer"] for item in named["items"]}, name
        other = "sms" if name == "channel" else value + "x"
        assert (await report(server, "new-customers", (name, other)))["items"] == [], name


async def test_a_recipient_is_new_with_the_first_message_that_was_ever_sent_to_it(
    server: QueryServer,
) -> None:
    document = await report(server, "new-recipients", ("sort", "first_at"))
    assert told(document["items"], "address", "first_at", "message_id", "messages", "category") == [
        (ANN, "2026-10-05T10:00:00.000Z", "n-1", 2, "marketing"),
        (BEN, "2026-10-05T10:00:00.000Z", "n-1", 4, "marketing"),
        (CEM, "2026-10-05T10:00:00.000Z", "n-1", 2, "marketing"),
        ("eve@gmail.com", "2026-10-31T23:30:00.000Z", "r-3", 1, "transactional"),
        (PHONE, "2026-11-01T10:00:00.000Z", "t-1", 3, "notification"),
        (EVE, "2026-11-05T10:00:00.000Z", "n-2", 1, "marketing"),
    ], "Dora was skipped: nothing was sent to her; and what failed in the application went to nobody"
    november = await report(server, "new-recipients", ("from", "2026-11-01T00:00:00Z"))
    assert told(november["items"], "address") == [(EVE,), (PHONE,)]
    assert november["items"][1]["customers"] == [
        {"customer": "42", "kind": "client", "name": "Ann Ö'Neill", "primary": True}
    ]
    by_receipt = await report(server, "new-recipients", ("category", "transactional"))
    assert told(by_receipt["items"], "address") == [("eve@gmail.com",)], "filters are of the first message"


# Sent against consent


async def test_what_was_sent_against_the_consent_of_then_is_found_and_nothing_else(
    server: QueryServer,
) -> None:
    document = await report(server, "sent-against-consent", ("sort", "sent_at"))
    assert told(document["items"], "message_id", "address", "why", "entry_id", "known_then") == [
        ("n-1", BEN, "opted_out", "e04", True),
        ("n-1", CEM, "no_opt_in", None, None),
        ("t-2", PHONE, "opted_out_of_sender", "e09", True),
        ("n-2", ANN, "opted_out", "e02", True),
        ("n-2", EVE, "opted_out", "e12", False),
    ], "by then Ann was in before, Ben later, and the phone had lifted its STOP"
    ben = document["items"][0]
    assert (ben["since"], ben["source"], ben["actor"]) == ("2026-10-05T10:00:00.000Z", "customer", BEN)
    assert ben["subject"] == HOSTILE[1]
    assert points(document) == [
        ("2026-10-01", "no_opt_in", 1),
        ("2026-10-01", "opted_out", 1),
        ("2026-11-01", "opted_out", 2),
        ("2026-11-01", "opted_out_of_sender", 1),
    ]
    assert document["notes"] == [
        "Recipients that were not judged: 1. Their messages have none of the categories transactional, notification and "
        "marketing: send the tag `category`, or register them with one."
    ]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ([("why", "no_opt_in")], [CEM]),
        ([("from", "2026-11-01T00:00:00Z"), ("channel", "email")], [ANN, EVE]),
        ([("category", "transactional")], []),
        ([("sender", NUMBER)], [PHONE]),
        ([("campaign", "autumn")], []),
    ],
)
async def test_sent_against_consent_is_filtered(
    server: QueryServer, parameters: list[tuple[str, str]], expected: list[str]
) -> None:
    document = await report(server, "sent-against-consent", ("sort", "address"), *parameters)
    assert [item["address"] for item in document["items"]] == expected


# Suppressions and causes


async def test_suppressions_are_the_invalid_addresses_with_their_reasons_and_customers(
    server: QueryServer,
) -> None:
    document = await report(server, "suppressions", ("sort", "since"))
    assert told(document["items"], "address", "reason", "since", "reasons") == [
        (CEM, "hard_bounce", "2026-10-05T10:00:00.000Z", ["hard_bounce"]),
        (PHONE, "landline", "2026-11-07T10:00:00.000Z", ["landline", "complaint"]),
        (DORA, "complaint", "2026-11-20T10:00:00.000Z", ["complaint"]),
    ]
    assert document["items"][0]["diagnostic"] == HOSTILE[0]
    assert [one["customer"] for one in document["items"][2]["customers"]] == ["43", "44"]
    assert points(document) == [
        ("2026-10-01", "hard_bounce", 1),
        ("2026-11-01", "complaint", 1),
        ("2026-11-01", "landline", 1),
    ]
    for parameters, expected in (
        ([("reason", "complaint"), ("reason", "landline")], 2),
        ([("customer", "44")], 1),
        ([("domain", "example.org")], 2),
        ([("campaign", "spring")], 2),
    ):
        assert len((await report(server, "suppressions", *parameters))["items"]) == expected, parameters


async def test_causes_of_bounces_and_complaints_are_told_by_domain_beside_what_was_sent(
    server: QueryServer,
) -> None:
    document = await report(server, "bounce-causes", ("sort", "last_at"))
    assert told(document["items"], "domain", "kind", "cause", "recipients", "base", "code", "message_id") == [
        ("example.org", "hard_bounce", "mailbox", 1, 10, "5.1.1", "n-1"),
        ("example.org", "complaint", "abuse", 1, 7, None, "n-2"),
        ("example.org", "soft_bounce", "full", 1, 10, "4.2.2", "r-2"),
    ]
    assert document["items"][0]["rate"] == 1 / 10
    assert document["items"][2]["last_at"] == SOFT["at"]
    assert sorted(points(document)) == [
        ("example.org", "complaint", 1),
        ("example.org", "full", 1),
        ("example.org", "mailbox", 1),
    ]
    complaints = await report(server, "bounce-causes", ("kind", "complaint"))
    assert told(complaints["items"], "cause") == [("abuse",)]


# All of them


@pytest.mark.parametrize("name", STORED)
async def test_a_tenant_of_whom_nothing_is_known_gets_an_empty_report(server: QueryServer, name: str) -> None:
    document = await report(server, name, key=key_of("third"))
    assert (document["items"], document["next"], document["series"]["points"]) == ([], None, [])
    assert document["notes"] == []
    _, _, body = await server.raw(f"/v1/reports/{name}", [("format", "csv")], key_of("third"))
    (header,) = list(csv.reader(io.StringIO(body.decode())))
    assert header == [column.name for column in REPORTS[name].columns]


@pytest.mark.parametrize("name", STORED)
async def test_tenants_are_apart_and_the_operator_sees_all_or_one(server: QueryServer, name: str) -> None:
    path = f"/v1/reports/{name}"
    ours, theirs = [await server.items(path, key=key_of(tenant)) for tenant in ("acme", "other")]
    assert ours and not any("x-1" in orjson.dumps(item).decode() for item in ours)
    everything = await server.items(path, ("limit", "1"), key=OPERATOR)
    assert {item["tenant"] for item in everything} == ({"acme", "other"} if theirs else {"acme"})
    check(path, await server.page(path, key=OPERATOR))
    for tenant, items in (("acme", ours), ("other", theirs)):
        one = await server.items(path, ("tenant", tenant), key=OPERATOR)
        assert one == [{"tenant": tenant, **item} for item in items]
        assert sorted(map(orjson.dumps, one)) == sorted(
            orjson.dumps(item) for item in everything if item["tenant"] == tenant
        )
    status, problem = await server.get(path, ("tenant", "other"))
    assert (status, problem["parameter"]) == (400, "tenant")


@pytest.mark.parametrize("name", STORED)
async def test_every_sort_pages_through_all_rows_each_once(server: QueryServer, name: str) -> None:
    path = f"/v1/reports/{name}"
    whole = sorted(map(orjson.dumps, await server.items(path, ("limit", "500"))))
    for sort in REPORTS[name].sort_values[:_SORTS]:
        items = await server.items(path, ("sort", sort), ("limit", "5"))
        assert sorted(map(orjson.dumps, items)) == whole, sort
        field = sort.removeprefix("-")
        values = [item[field] or "" if isinstance(item[field], str | None) else item[field] for item in items]
        assert values == sorted(values, reverse=sort.startswith("-")), sort


@pytest.mark.parametrize("name", STORED)
async def test_only_the_first_page_has_the_picture_and_a_cursor_is_of_one_question(
    server: QueryServer, name: str
) -> None:
    path = f"/v1/reports/{name}"
    page = await server.page(path, ("limit", "1"))
    assert page["series"]["points"]
    following = await server.page(path, ("limit", "1"), ("cursor", page["next"]))
    assert (following["series"], following["notes"]) == (None, [])
    for more in (("sort", REPORTS[name].sort_values[1]), ("from", "2026-01-01T00:00:00Z")):
        status, problem = await server.get(path, ("cursor", page["next"]), more)
        assert (status, problem["parameter"]) == (400, "cursor")


@pytest.mark.parametrize("name", [name for name in STORED if REPORTS[name].is_costly])
@pytest.mark.parametrize("more", [(), (("from", "2026-11-02T00:00:00Z"),)], ids=["all", "from"])
async def test_a_page_of_few_rows_has_the_picture_of_all_of_them_and_the_rows_of_the_stream(
    server: QueryServer, name: str, more: tuple[tuple[str, str], ...]
) -> None:
    path = f"/v1/reports/{name}"
    _, _, lines = await server.raw(path, [("format", "ndjson"), *more])
    whole = [orjson.loads(line) for line in lines.splitlines()]
    page = await server.page(path, ("limit", "1"), *more)
    assert page["items"] == whole[:1]
    points, value = page["series"]["points"], REPORTS[name].picture.value
    assert sum(point["value"] for point in points) == sum(row[value] if value else 1 for row in whole)
    heights: Counter[str] = Counter()
    for point in points:
        heights[point["x"]] += point["value"]
    in_order = (
        sorted(heights)
        if page["series"]["unit"] != "value"
        else sorted(heights, key=lambda x: (-heights[x], x))
    )
    assert list(heights) == in_order


@pytest.mark.parametrize("name", STORED)
async def test_the_whole_report_comes_as_a_stream_too(server: QueryServer, name: str) -> None:
    path = f"/v1/reports/{name}"
    items = await server.items(path, ("limit", "500"))
    _, headers, lines = await server.raw(path, [("format", "ndjson")])
    assert headers["Content-Disposition"] == f'attachment; filename="{name}.ndjson"'
    assert [orjson.loads(line) for line in lines.splitlines()] == items
    _, headers, body = await server.raw(path, [("format", "csv")])
    rows = list(csv.DictReader(io.StringIO(body.decode())))
    assert list(rows[0]) == [column.name for column in REPORTS[name].columns]
    for column in REPORTS[name].columns:
        if column.kind in ("word", "text"):
            assert [row[column.name] for row in rows] == [item[column.name] or "" for item in items]
    _, _, body = await server.raw(path, [("format", "parquet")])
    table = pyarrow.parquet.read_table(io.BytesIO(body))
    assert (table.column_names, table.num_rows) == (list(items[0]), len(items))


@pytest.mark.parametrize("name", REPORTS)
async def test_what_a_report_does_not_take_is_refused(server: QueryServer, name: str) -> None:
    path = f"/v1/reports/{name}"
    for parameter, value in (
        ("x", "1"),
        ("sort", "x"),
        ("limit", "0"),
        ("format", "xml"),
        ("status", "sent"),
    ):
        status, problem = await server.get(path, (parameter, value))
        assert (status, problem["parameter"]) == (400, parameter)
    status, problem = await server.get(path, ("format", "csv"), ("cursor", "x"))
    if name in STORED:
        assert (status, problem["parameter"]) == (400, "cursor")
    assert (await server.get(path, key=None))[0] == 401
    assert (await server.get(path, key="writer-acme"))[0] == 403


async def test_an_unknown_report_is_404_and_tells_the_names_of_those_there_are(server: QueryServer) -> None:
    for name in ("nope", "Monthly-Volume", "monthly-volume%20"):
        status, problem = await server.get(f"/v1/reports/{name}")
        assert (status, problem["code"]) == (404, "not_found")
        assert all(known in problem["detail"] for known in REPORTS)
    assert (await server.get("/v1/reports/nope", key=None))[0] == 401


async def test_the_health_of_senders_is_not_guessed_while_kafka_is_away(server: QueryServer) -> None:
    status, problem = await server.get("/v1/reports/sender-health")
    assert (status, problem["code"]) == (503, "unavailable")
