"""GET /v1/rates against a plain-Python model of the same rows, by the product's exact definitions."""

import csv
import io
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import orjson
import pyarrow.parquet
import pytest
import pytest_asyncio

from query.sql.figures import counted_as_sql
from schemas.status import COUNTS
from schemas.times import format_time, parse_time
from tests.integration.log_model import NOW, Row, figures_of, key_of_group, make_rows, matching
from tests.integration.query_stage import OPERATOR, TENANTS, QueryServer, key_of, write_tenants

ROWS = make_rows(700, TENANTS, seed=11)
GROUPS = "campaign hour day week month domain sender category channel method cause error_code".split()
ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "America/New_York")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(clickhouse: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[QueryServer]:
    tenants = write_tenants(tmp_path_factory.mktemp("rates") / "tenants.toml")
    async with QueryServer(clickhouse, "127.0.0.1:1", tenants) as server:
        stale = [row | {"revision": 1, "reached": ["sent", "delivered", "opened"]} for row in ROWS[::2]]
        unattributed = [row | {"recipient": None} for row in ROWS[::20]]
        for part in (ROWS, stale, unattributed, ROWS[::5]):
            await server.store.insert_lines("message_status", b"\n".join(map(orjson.dumps, part)))
        yield server


def _expected(
    rows: list[Row], groups: list[str], zone: str = "UTC"
) -> dict[tuple[str | None, ...], dict[str, Any]]:
    parts: dict[tuple[str | None, ...], list[Row]] = defaultdict(list)
    for row in rows:
        parts[tuple(key_of_group(row, group, zone) for group in groups)].append(row)
    return {key: figures_of(part) for key, part in parts.items()}


def _told(items: list[dict[str, Any]], groups: list[str]) -> dict[tuple[str | None, ...], dict[str, Any]]:
    assert all(list(item["key"]) == groups for item in items)
    told = {tuple(item["key"].values()): {name: item[name] for name in ("counts", "rates")} for item in items}
    assert len(told) == len(items), "a group came twice"
    return told


def _ours(tenant: str = "acme") -> list[Row]:
    return [row for row in ROWS if row["tenant"] == tenant]


async def test_the_rates_of_everything_are_one_item(server: QueryServer) -> None:
    for parameters in ([], [("group_by", "none")]):
        (item,) = await server.items("/v1/rates", *parameters)
        assert item == {"key": {}, **figures_of(matching(_ours(), []))}


async def test_rates_of_nothing_are_zero_counts_and_null_rates(server: QueryServer) -> None:
    (item,) = await server.items("/v1/rates", ("campaign", "no such"))
    assert set(item["counts"].values()) == {0}
    assert set(item["rates"].values()) == {None}
    assert await server.items("/v1/rates", ("campaign", "no such"), ("group_by", "day")) == []


@pytest.mark.parametrize("group", GROUPS)
async def test_every_group_counts_its_rows(server: QueryServer, group: str) -> None:
    for zone in ZONES if group in ("hour", "day", "week", "month") else ZONES[:1]:
        items = await server.items("/v1/rates", ("group_by", group), ("tz", zone), ("limit", "500"))
        assert _told(items, [group]) == _expected(_ours(), [group], zone), zone


@pytest.mark.parametrize(
    "groups", [["campaign", "day"], ["month", "channel"], ["category", "method"], ["domain", "cause"]]
)
async def test_two_groups_together_count_each_pair(server: QueryServer, groups: list[str]) -> None:
    items = await server.items("/v1/rates", ("group_by", ",".join(groups)), ("limit", "7"))
    assert _told(items, groups) == _expected(_ours(), groups)


async def test_groups_of_time_come_in_time_order_and_others_by_how_much_was_sent(server: QueryServer) -> None:
    days = [
        item["key"]["day"] for item in await server.items("/v1/rates", ("group_by", "day"), ("limit", "9"))
    ]
    assert days == sorted(days)
    sent = [
        item["counts"]["sent"]
        for item in await server.items("/v1/rates", ("group_by", "sender"), ("limit", "1"))
    ]
    assert sent == sorted(sent, reverse=True) and len(sent) > 1
    opened = [
        item["counts"]["opened"]
        for item in await server.items("/v1/rates", ("group_by", "day"), ("sort", "-opened"), ("limit", "3"))
    ]
    assert opened == sorted(opened, reverse=True) and len(opened) == len(days)


async def test_shared_filters_narrow_what_is_counted(server: QueryServer) -> None:
    middle = format_time(int((NOW - timedelta(days=50)).timestamp() * 1000))
    for parameters in (
        [("channel", "email")],
        [("campaign", "it's 100%_")],
        [("campaign", "")],
        [("domain", "gmail.com"), ("category", "marketing")],
        [("from", middle)],
        [("to", middle), ("method", "blast")],
        [("customer", "42"), ("sender", "news@ses.example.com")],
    ):
        (item,) = await server.items("/v1/rates", *parameters)
        assert {name: item[name] for name in ("counts", "rates")} == figures_of(
            matching(_ours(), parameters)
        ), parameters


async def test_open_rates_leave_out_text_messages_and_what_was_declared_untracked(
    server: QueryServer,
) -> None:
    (sms,) = await server.items("/v1/rates", ("channel", "sms"))
    assert sms["counts"]["opened"] > 0
    assert {sms["rates"][name] for name in ("open", "human_open", "click", "click_to_open")} == {None}
    assert sms["rates"]["delivery"] is not None


@pytest.mark.parametrize("groups", [[], ["campaign"], ["day"], ["week", "channel"]])
async def test_the_period_before_stands_beside_each_group(server: QueryServer, groups: list[str]) -> None:
    days = 14
    to_ms = int(NOW.timestamp() * 1000) - 5 * 86_400_000
    from_ms, length = to_ms - days * 86_400_000, days * 86_400_000

    def within(row: Row, start: int) -> bool:
        return start <= parse_time(row["filed_at"]) < start + length

    parameters = [
        ("from", format_time(from_ms)),
        ("to", format_time(to_ms)),
        ("compare", "previous"),
        ("limit", "500"),
    ]
    if groups:
        parameters.append(("group_by", ",".join(groups)))
    items = await server.items("/v1/rates", *parameters)
    now: dict[Any, list[Row]] = defaultdict(list)
    before: dict[Any, list[Row]] = defaultdict(list)
    for row in _ours():
        if within(row, from_ms):
            now[tuple(key_of_group(row, group, "UTC") for group in groups)].append(row)
        elif within(row, from_ms - length):
            before[tuple(key_of_group(row, group, "UTC", timedelta(days=days)) for group in groups)].append(
                row
            )
    assert {tuple(item["key"].values()) for item in items} == now.keys() | before.keys()
    for item in items:
        key = tuple(item["key"].values())
        assert item["previous"] == figures_of(before[key])
        assert {name: item[name] for name in ("counts", "rates")} == figures_of(now[key])


async def test_a_day_of_a_zone_is_counted_alone_and_beside_the_day_before(server: QueryServer) -> None:
    zone = "Asia/Kolkata"
    for day in ("2026-11-20", "2026-11-02"):
        (item,) = await server.items("/v1/rates", ("day", day), ("tz", zone), ("compare", "previous"))
        by_day = _expected(_ours(), ["day"], zone)
        before = (date.fromisoformat(day) - timedelta(days=1)).isoformat()
        assert {name: item[name] for name in ("counts", "rates")} == by_day.get((day,), figures_of([]))
        assert item["previous"] == by_day.get((before,), figures_of([]))


async def test_what_leads_to_rows_narrows_the_rates_too(server: QueryServer) -> None:
    for parameters in (
        [("cause", "full")],
        [("cause", ""), ("channel", "email")],
        [("error_code", "30005")],
        [("subject_is", "Spring class list")],
        [("subject_is", "")],
        [("tracking", "none")],
        [("tracking", "")],
    ):
        (item,) = await server.items("/v1/rates", *parameters)
        rows = matching(_ours(), parameters)
        assert item == {"key": {}, **figures_of(rows)} and rows, parameters


@pytest.mark.parametrize("groups", [[], ["campaign"], ["day", "channel"]])
async def test_streams_hold_every_group_in_flat_columns(server: QueryServer, groups: list[str]) -> None:
    now = int(NOW.timestamp() * 1000)
    asked = [("from", format_time(now - 30 * 86_400_000)), ("to", format_time(now)), ("compare", "previous")]
    asked += [("group_by", ",".join(groups))] if groups else []
    listed = await server.items("/v1/rates", *asked, ("limit", "500"))
    status, headers, body = await server.raw("/v1/rates", [*asked, ("format", "ndjson")])
    assert (status, headers["Content-Disposition"]) == (200, 'attachment; filename="rates.ndjson"')
    assert [orjson.loads(line) for line in body.splitlines()] == listed
    _, _, body = await server.raw("/v1/rates", [*asked, ("format", "csv")])
    lines = list(csv.DictReader(io.StringIO(body.decode(), newline="")))
    _, _, body = await server.raw("/v1/rates", [*asked, ("format", "parquet")])
    table = pyarrow.parquet.read_table(io.BytesIO(body))
    assert table.column_names == list(lines[0])
    assert table.column_names[: len(groups)] == [f"key_{group}" for group in groups]
    for group in groups:
        assert [line[f"key_{group}"] or None for line in lines] == [item["key"][group] for item in listed]
    for prefix, figures in (("", listed), ("previous_", [item["previous"] for item in listed])):
        for name in ("sent", "opened"):
            told = [int(line[f"{prefix}counts_{name}"]) for line in lines]
            assert told == [each["counts"][name] for each in figures]
        assert table.column(f"{prefix}rates_open").to_pylist() == [each["rates"]["open"] for each in figures]


async def test_a_stream_of_rates_has_no_pages(server: QueryServer) -> None:
    status, problem = await server.get("/v1/rates", ("format", "csv"), ("cursor", "x"))
    assert (status, problem["parameter"]) == (400, "cursor")


async def test_a_comparison_needs_a_period(server: QueryServer) -> None:
    status, problem = await server.get("/v1/rates", ("compare", "previous"))
    assert (status, problem["parameter"]) == (400, "compare")
    at = format_time(int(NOW.timestamp() * 1000))
    status, problem = await server.get("/v1/rates", ("compare", "previous"), ("from", at), ("to", at))
    assert (status, problem["parameter"]) == (400, "to")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("group_by", "nonsense"),
        ("group_by", ""),
        ("group_by", "day,day"),
        ("group_by", "day,campaign,domain"),
        ("group_by", "none,day"),
        ("group_by", "tenant"),
        ("tz", "Mars/Olympus"),
        ("tz", "../../etc/passwd"),
        ("tz", ""),
        ("compare", "next"),
        ("status", "sent"),
        ("sort", "nonsense"),
        ("limit", "0"),
        ("cursor", "x"),
        ("format", "xml"),
    ],
)
async def test_a_parameter_that_is_not_taken_is_400_and_named(
    server: QueryServer, name: str, value: str
) -> None:
    status, problem = await server.get("/v1/rates", (name, value))
    assert (status, problem["code"], problem["parameter"]) == (400, "bad_parameter", name)


async def test_the_operator_counts_by_tenant(server: QueryServer) -> None:
    items = await server.items("/v1/rates", ("group_by", "tenant"), key=OPERATOR)
    assert _told(items, ["tenant"]) == _expected(ROWS, ["tenant"])
    (item,) = await server.items("/v1/rates", ("tenant", "other"), key=OPERATOR)
    assert item["counts"] == figures_of(_ours("other"))["counts"]


async def test_tenants_are_counted_apart_and_together_make_the_whole(server: QueryServer) -> None:
    counts = [(await server.items("/v1/rates", key=key_of(tenant)))[0]["counts"] for tenant in TENANTS]
    (whole,) = await server.items("/v1/rates", key=OPERATOR)
    assert whole["counts"] == {name: sum(part[name] for part in counts) for name in whole["counts"]}


async def test_every_count_can_be_clicked_down_to_its_rows(server: QueryServer) -> None:
    items = await server.items("/v1/rates", ("group_by", "campaign"))
    for item, name in itertools.product(
        items, ("sent", "delivered", "opened", "human_opened", "bounced", "soft_bounced")
    ):
        rows = await server.items(
            "/v1/messages", ("campaign", item["key"]["campaign"] or ""), ("reached", name), ("limit", "500")
        )
        assert len(rows) == item["counts"][name]


async def test_the_bits_of_a_row_are_the_counts_that_it_is_in(server: QueryServer) -> None:
    """The order of COUNTS is that of the bits in the store: what is counted by one is found by the other."""
    differs = ", ".join(f"countIf(({counted_as_sql(name)}) != m.is_{name}) AS {name}" for name in COUNTS)
    found = ", ".join(f"countIf(m.is_{name}) > 0 AS {name}" for name in COUNTS)
    assert await server.store.rows(f"SELECT {differs} FROM message_status AS m") == [dict.fromkeys(COUNTS, 0)]
    assert await server.store.rows(f"SELECT {found} FROM message_status AS m") == [dict.fromkeys(COUNTS, 1)]
