"""GET /v1/campaigns and what is under it, against a plain-Python model of the same rows; and that all figures agree."""

import contextlib
import csv
import io
import itertools
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import orjson
import pyarrow.parquet
import pytest
import pytest_asyncio

from query.sql.reached import FIRST_AT
from schemas.status import COUNTS
from schemas.times import format_time, parse_time
from tests.integration.campaign_model import (
    CAMPAIGNS,
    DAY_MS,
    Place,
    mailings_of,
    make_mailings,
    timeline_of,
    with_previous,
)
from tests.integration.log_model import NOW, Row, figures_of, matching
from tests.integration.query_stage import OPERATOR, TENANTS, QueryServer, key_of, write_tenants

ROWS = make_mailings(800, TENANTS)
ZONES = ("UTC", "America/New_York", "Asia/Kolkata")
NOW_MS = int(NOW.timestamp() * 1000)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(clickhouse: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[QueryServer]:
    tenants = write_tenants(tmp_path_factory.mktemp("campaigns") / "tenants.toml")
    async with QueryServer(clickhouse, "127.0.0.1:1", tenants) as server:
        stale = [
            row | {"revision": 1, "campaign": "stale", "reached": ["sent", "delivered", "opened"]}
            for row in ROWS[::2]
        ]
        for part in (ROWS, stale, ROWS[::5]):
            await server.store.insert_lines("message_status", b"\n".join(map(orjson.dumps, part)))
        yield server


def _ours(tenant: str = "acme") -> list[Row]:
    return [row for row in ROWS if row["tenant"] == tenant]


def _place(item: dict[str, Any], tenant: str = "acme") -> Place:
    if item["campaign"] is not None:
        return (item.get("tenant", tenant), item["campaign"], "", "", "")
    return (item.get("tenant", tenant), "", item["channel"], item["subject"] or "", item["day"])


def _by_place(items: list[dict[str, Any]]) -> dict[Place, dict[str, Any]]:
    told = {_place(item): {"tenant": "acme"} | item for item in items}
    assert len(told) == len(items), "a mailing came twice"
    return told


def _path(campaign: str, under: str = "") -> str:
    # An address ends where dots alone stand between slashes, so that such a name needs its dots encoded too.
    return f"/v1/campaigns/{quote(campaign, safe='').replace('.', '%2E')}{under}"


@pytest.mark.parametrize("zone", ZONES)
async def test_each_mailing_is_an_item_with_its_figures(server: QueryServer, zone: str) -> None:
    items = await server.items("/v1/campaigns", ("tz", zone), ("limit", "500"))
    assert _by_place(items) == mailings_of(_ours(), zone)
    assert [item["first_at"] for item in items] == sorted((item["first_at"] for item in items), reverse=True)


async def test_the_model_has_every_kind_of_mailing() -> None:
    items = list(mailings_of(ROWS).values())
    assert {item["tracking"]["opens"] for item in items} == {"yes", "no", "unknown"}
    assert {(item["channel"], item["campaign"] is None) for item in items} == {
        ("email", True), ("email", False), ("sms", True), ("sms", False), (None, False),
    }  # fmt: skip
    assert any(0 < item["untracked"] < item["recipients"] for item in items)


async def test_what_was_declared_untracked_has_no_open_rate_and_says_why(server: QueryServer) -> None:
    (item,) = await server.items("/v1/campaigns", ("campaign", "untracked"))
    assert item["counts"]["opened"] > 0 and item["untracked"] == item["recipients"]
    assert item["tracking"] == {"opens": "no", "clicks": "no"}
    assert {item["rates"][name] for name in ("open", "human_open", "click", "click_to_open")} == {None}
    assert item["rates"]["delivery"] is not None


@pytest.mark.parametrize("name", ["first_at", "campaign", "subject", "recipients", "sent", "human_opened"])
@pytest.mark.parametrize("minus", ["", "-"])
async def test_pages_in_every_order_neither_skip_nor_double_a_mailing(
    server: QueryServer, name: str, minus: str
) -> None:
    items = await server.items("/v1/campaigns", ("sort", minus + name), ("limit", "17"))
    assert _by_place(items) == mailings_of(_ours())
    values = [item["counts"][name] if name in COUNTS else (item[name] or "") for item in items]
    order = sorted(values, key=lambda value: value.encode() if isinstance(value, str) else value)
    assert values == (order[::-1] if minus else order)


async def test_filters_narrow_what_is_counted_and_searches_choose_mailings(server: QueryServer) -> None:
    middle = format_time(NOW_MS - 50 * DAY_MS)
    for parameters in (
        [("channel", "email")],
        [("campaign", "news/2026 ü/links")],
        [("campaign", ""), ("subject_is", "Your receipt")],
        [("domain", "gmail.com"), ("category", "marketing")],
        [("from", middle)],
        [("to", middle), ("method", "blast")],
        [("tracking", "none")],
        [("cause", "mailbox")],
        [("campaign", "no such")],
    ):
        items = await server.items("/v1/campaigns", *parameters, ("limit", "500"))
        # A domain leaves out what names no recipient.
        expected = mailings_of([row for row in _ours() if _passes(row, parameters)])
        assert _by_place(items) == expected, parameters
    for search in ("NEWS/", "grüsse", "grüße", "%", "_", "receipt", "no such", "100%_"):
        items = await server.items("/v1/campaigns", ("q", search), ("limit", "500"))
        assert _by_place(items) == {
            place: item
            for place, item in mailings_of(_ours()).items()
            if search.lower() in f"{item['campaign'] or ''}\n{item['subject'] or ''}".lower()
        }


def _passes(row: Row, parameters: list[tuple[str, str]]) -> bool:
    return bool(matching([row | {"recipient": row["recipient"] or "somebody"}], parameters))


async def test_the_mailing_before_stands_beside_each(server: QueryServer) -> None:
    for from_ms, to_ms in (
        (None, None),
        (NOW_MS - 60 * DAY_MS, None),
        (NOW_MS - 80 * DAY_MS, NOW_MS - 20 * DAY_MS),
    ):
        given = [(name, format_time(at)) for name, at in (("from", from_ms), ("to", to_ms)) if at is not None]
        items = await server.items("/v1/campaigns", ("compare", "previous"), *given, ("limit", "500"))
        expected = with_previous(_ours(), from_ms, to_ms)
        assert _by_place(items) == expected
        assert any(item["previous"] for item in items if item["campaign"])
        some = next(item for item in items if item["campaign"] and item["previous"])
        (alone,) = await server.items(
            "/v1/campaigns", ("compare", "previous"), ("campaign", some["campaign"]), *given
        )
        assert alone == some


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("sort", ["first_at", "-recipients", "subject"])
async def test_the_mailing_before_is_the_same_on_pages_of_any_order_and_in_any_zone(
    server: QueryServer, zone: str, sort: str
) -> None:
    from_ms = NOW_MS - 40 * DAY_MS
    given = [("compare", "previous"), ("tz", zone), ("from", format_time(from_ms))]
    items = await server.items("/v1/campaigns", *given, ("sort", sort), ("limit", "7"))
    assert _by_place(items) == with_previous(_ours(), from_ms, None, zone)
    _, _, body = await server.raw("/v1/campaigns", [*given, ("sort", sort), ("format", "ndjson")])
    assert [orjson.loads(line) for line in body.splitlines()] == items


async def test_the_mailing_before_passes_the_filters_that_the_mailing_passed(server: QueryServer) -> None:
    for narrowed in ([("channel", "sms")], [("category", "marketing")], [("domain", "gmail.com")]):
        items = await server.items("/v1/campaigns", ("compare", "previous"), *narrowed, ("limit", "500"))
        rows = [row for row in _ours() if _passes(row, narrowed)]
        assert _by_place(items) == with_previous(rows, None, None, others=_ours()), narrowed


async def test_the_mailing_before_may_be_a_day_or_weeks_ago(server: QueryServer) -> None:
    days_ago = (300, 90, 80, 79, 78.9, 70, 3)
    async with _sparse(server, [("Your receipt", None, int(days * -DAY_MS)) for days in days_ago]) as items:
        assert len(items) >= 6
        assert [item["previous"] and item["previous"]["day"] for item in items] == [
            None, *(item["day"] for item in items[:-1]),
        ]  # fmt: skip


async def test_the_mailing_before_is_the_one_that_began_last_and_not_the_one_that_was_sent_last(
    server: QueryServer,
) -> None:
    minute, day = 60_000, NOW_MS - NOW_MS % DAY_MS - 50 * DAY_MS
    told = [
        # Of all day, so that it is told of shortly before the last one, though it began before the second one.
        ("Reminder", None, 10 * minute),
        ("Reminder", None, 710 * minute),
        ("Receipt", None, 300 * minute),
        ("Notice", None, 720 * minute),
        # Of the day before and after, so that what it comes to is told long after what it is compared with began.
        (None, "slow", 100 * minute),
        (None, "slow", 9 * DAY_MS),
        (None, "quick", 2 * DAY_MS),
        (None, "next", 3 * DAY_MS),
    ]
    rows = [(subject, campaign, day - NOW_MS + after) for subject, campaign, after in told]
    async with _sparse(server, rows) as items:
        before = {item["campaign"] or item["subject"]: item["previous"] for item in items}
        assert {name: each and (each["campaign"] or each["subject"]) for name, each in before.items()} == {
            "Reminder": None, "Receipt": "Reminder", "Notice": "Receipt", "slow": None, "quick": "slow", "next": "quick",
        }  # fmt: skip
        assert before["quick"]["recipients"] == before["Receipt"]["recipients"] == 2


@contextlib.asynccontextmanager
async def _sparse(
    server: QueryServer, mailed: list[tuple[str | None, str | None, int]]
) -> AsyncIterator[list[dict[str, Any]]]:
    """The mailings of a tenant to whom these messages are all that was sent: subject, campaign, and how long after NOW, ms;
    the first first, as a stream and as pages of any length have them."""
    template = next(row for row in ROWS if row["channel"] == "email")
    rows = [
        template
        | {
            "tenant": "sparse",
            "message_id": f"sparse-{number}",
            "recipient": "someone@example.org",
            "campaign": campaign,
            "subject": subject,
            "filed_at": format_time(NOW_MS + after_ms),
        }
        for number, (subject, campaign, after_ms) in enumerate(mailed)
    ]
    await server.store.insert_lines("message_status", b"\n".join(map(orjson.dumps, rows)))
    try:
        asked = [("tenant", "sparse"), ("compare", "previous"), ("sort", "first_at")]
        _, _, body = await server.raw("/v1/campaigns", [*asked, ("format", "ndjson")], key=OPERATOR)
        streamed = [orjson.loads(line) for line in body.splitlines()]
        for limit in ("1", "500"):
            assert await server.items("/v1/campaigns", *asked, ("limit", limit), key=OPERATOR) == streamed
        yield streamed
    finally:
        await server.store.command(
            "ALTER TABLE message_status DELETE WHERE tenant = 'sparse' SETTINGS mutations_sync = 2"
        )


@pytest.mark.parametrize("campaign", CAMPAIGNS)
async def test_a_campaign_is_the_same_item_with_what_is_unattributed(
    server: QueryServer, campaign: str
) -> None:
    document = await server.page(_path(campaign))
    expected = mailings_of(_ours())["acme", campaign, "", "", ""]
    messages = {row["message_id"] for row in _ours() if row["campaign"] == campaign}
    unattributed = [row for row in _ours() if row["message_id"] in messages and not row["recipient"]]
    told = {name: sum(row[name] for row in unattributed) for name in ("opens", "clicks")}
    assert {"tenant": "acme"} | document == expected | {"unattributed": told}
    if campaign == "registered":
        assert told["opens"] and not any(row["campaign"] for row in unattributed)
    compared = await server.page(_path(campaign), ("compare", "previous"))
    first_at = parse_time(expected["first_at"])
    rows = [row for row in _ours() if row["campaign"]]
    before = with_previous(rows, first_at, None)["acme", campaign, "", "", ""]["previous"]
    assert compared == document | {"previous": before}


async def test_an_open_that_names_nobody_tells_of_tracking_where_the_campaign_is_only_registered(
    server: QueryServer,
) -> None:
    """The list, its stream and the campaign's own page say the same."""
    base = next(row for row in ROWS if row["channel"] == "email" and row["recipient"])
    delivered = {"reached": ["sent", "delivered"], "opens": 0, "clicks": 0, "tracking": None}
    rows = [
        base
        | delivered
        | {
            "tenant": tenant,
            "message_id": message,
            "recipient": recipient,
            "campaign": campaign,
            "opens": opens,
        }
        for tenant, message, recipient, campaign, opens in (
            ("acme", "o-1", "ann@example.org", "only registered", 0),
            ("acme", "o-1", "ben@example.org", "only registered", 0),
            ("acme", "o-1", None, None, 2),
            ("acme", "o-2", "ann@example.org", "never seen", 0),
            ("other", "o-1", "ann@example.org", "only registered", 0),
        )
    ]
    await server.store.insert_lines("message_status", b"\n".join(map(orjson.dumps, rows)))
    try:
        for name, seen in (("only registered", "yes"), ("never seen", "unknown")):
            expected = {"opens": seen, "clicks": "unknown"}
            for more in ([], [("compare", "previous")], [("from", base["filed_at"]), ("sort", "campaign")]):
                (item,) = await server.items("/v1/campaigns", ("campaign", name), *more)
                assert item["tracking"] == expected
            assert (await server.page(_path(name)))["tracking"] == expected
            _, _, body = await server.raw("/v1/campaigns", [("campaign", name), ("format", "ndjson")])
            assert orjson.loads(body)["tracking"]["opens"] == seen
        of_all = await server.items("/v1/campaigns", ("campaign", "only registered"), key=OPERATOR)
        assert {item["tenant"]: item["tracking"]["opens"] for item in of_all} == {
            "acme": "yes",
            "other": "unknown",
        }
    finally:
        await server.store.command(
            "ALTER TABLE message_status DELETE WHERE startsWith(message_id, 'o-') SETTINGS mutations_sync = 2"
        )


async def test_there_is_no_campaign_that_another_tenant_or_nobody_has(server: QueryServer) -> None:
    for campaign in ("no such", "stale", "spring/no", "a\x00b"):
        for under in ("", "/timeline", "/links"):
            status, problem = await server.get(_path(campaign, under))
            assert (status, problem["code"]) == (404, "not_found")
    only = next(row for row in ROWS if row["tenant"] == "acme")
    theirs = only | {"tenant": "other", "message_id": "m-theirs", "campaign": "theirs alone"}
    await server.store.insert_lines("message_status", orjson.dumps(theirs))
    try:
        refused = [await server.raw(_path("theirs alone", under)) for under in ("", "/timeline", "/links")]
        unknown = [await server.raw(_path("no such", under)) for under in ("", "/timeline", "/links")]
        assert [(status, body) for status, _, body in refused] == [(s, body) for s, _, body in unknown]
        assert (await server.get(_path("theirs alone"), key=key_of("other")))[0] == 200
    finally:
        await server.store.command(
            "ALTER TABLE message_status DELETE WHERE message_id = 'm-theirs' SETTINGS mutations_sync = 2"
        )


@pytest.mark.parametrize("bucket", ["hour", "day"])
@pytest.mark.parametrize("zone", ZONES)
async def test_the_timeline_counts_each_pair_once_and_sums_to_the_counts(
    server: QueryServer, bucket: str, zone: str
) -> None:
    for campaign in CAMPAIGNS:
        document = await server.page(_path(campaign, "/timeline"), ("bucket", bucket), ("tz", zone))
        rows = [row for row in _ours() if row["campaign"] == campaign]
        told = {item["at"]: {name: item[name] for name in item if name != "at"} for item in document["items"]}
        assert told == timeline_of(rows, bucket, zone)
        assert list(told) == sorted(told) and document["next"] is None
        counts = figures_of(matching(rows, []))["counts"]
        for name in ("opened", "clicked"):
            assert sum(item[name] for item in document["items"]) == counts[name]


@pytest.mark.parametrize(("bucket", "length_ms"), [("hour", 3_600_000), ("day", DAY_MS)])
async def test_each_figure_of_the_timeline_leads_to_its_rows(
    server: QueryServer, bucket: str, length_ms: int
) -> None:
    looked_at = 0
    for campaign in ("spring", "registered", "mixed"):
        items = (await server.page(_path(campaign, "/timeline"), ("bucket", bucket)))["items"]
        for item, name in itertools.product(items[:4], FIRST_AT):
            found = [
                ("campaign", campaign),
                ("reached", name),
                ("reached_from", item["at"]),
                ("reached_to", format_time(parse_time(item["at"]) + length_ms)),
            ]
            assert await _row_count(server, found) == item[name], (campaign, item["at"], name)
            assert len(await server.items("/v1/messages", *found)) == item[name]
            looked_at += item[name]
    assert looked_at > 10


async def test_the_time_of_what_has_none_cannot_be_asked_for(server: QueryServer) -> None:
    asked = [("reached", "clicked"), ("reached", "delivered"), ("reached_to", "2026-11-22T00:00:00Z")]
    status, problem = await server.get("/v1/messages", *asked)
    assert (status, problem["parameter"]) == (400, "reached_to")
    assert "opened, human_opened, clicked, human_clicked" in problem["detail"]
    status, _ = await server.get("/v1/messages", *asked[:1], asked[2])
    assert status == 200


async def test_a_timeline_can_be_narrowed_and_streamed(server: QueryServer) -> None:
    path, narrowed = _path("spring", "/timeline"), [("domain", "gmail.com"), ("bucket", "day")]
    document = await server.page(path, *narrowed)
    rows = matching(_ours(), [("campaign", "spring"), narrowed[0]])
    assert {item["at"] for item in document["items"]} == set(timeline_of(rows, "day", "UTC"))
    _, _, body = await server.raw(path, [*narrowed, ("format", "ndjson")])
    assert [orjson.loads(line) for line in body.splitlines()] == document["items"]
    assert await server.page(path, ("campaign", "spring"), *narrowed) == document
    assert await server.items(path, ("campaign", "autumn")) == []


async def test_a_timeline_comes_in_pages_where_they_are_asked_for_and_backwards_too(
    server: QueryServer,
) -> None:
    path = _path("spring", "/timeline")
    whole = (await server.page(path))["items"]
    assert len((await server.page(path, ("limit", "2")))["items"]) == 2 < len(whole)
    assert await server.items(path, ("limit", "2")) == whole
    assert (await server.page(path, ("sort", "-at")))["items"] == whole[::-1]
    assert await server.items(path, ("limit", "2"), ("sort", "-at")) == whole[::-1]
    cursor = (await server.page(path, ("limit", "2")))["next"]
    status, problem = await server.get(_path(CAMPAIGNS[1], "/timeline"), ("limit", "2"), ("cursor", cursor))
    assert (status, problem["parameter"]) == (400, "cursor")


def _click(number: int, message_id: str, recipient: str, link: str | None, **fields: Any) -> dict[str, Any]:
    return {
        "schema": "event/1",
        "event_id": f"{number:032x}",
        "tenant": "acme",
        "provider": "ses",
        "channel": "email",
        "message_id": message_id,
        "recipient": recipient or None,
        "outcome": "clicked",
        "at": "2026-11-20T10:00:00.000Z",
        "timed": True,
        "received_at": "2026-11-20T10:00:00.000Z",
        "receipt_id": "r",
        "detail": {"link": link} if link else {},
        "machine": False,
        "late": False,
    } | fields


async def test_links_count_clicks_people_and_recipients(server: QueryServer) -> None:
    base = next(row for row in ROWS if row["channel"] == "email" and row["recipient"])
    rows = [
        base
        | {
            "tenant": tenant,
            "message_id": f"l-{n}",
            "campaign": "linked",
            "recipient": recipient,
            "clicks": 1,
            "human_clicks": human,
            "domain": (recipient or "@").partition("@")[2],
        }
        for tenant, n, recipient, human in (
            ("acme", 1, "ann@example.org", 1),
            ("acme", 2, "ben@gmail.com", 1),
            ("acme", 3, "scanner@example.org", 0),
            ("acme", 4, None, 0),
            ("other", 1, "ann@example.org", 1),
        )
    ]
    a, b = "https://a.example/?x=1&y=ü", "https://b.example/"
    events = [
        _click(1, "l-1", "ann@example.org", a),
        _click(2, "l-1", "ann@example.org", a),
        _click(2, "l-1", "ann@example.org", a),
        _click(3, "l-1", "ann@example.org", b, machine=True),
        _click(4, "l-2", "ben@gmail.com", a, machine=None),
        _click(5, "l-3", "scanner@example.org", a),
        _click(6, "l-3", "scanner@example.org", b),
        _click(7, "l-4", "", a),
        _click(8, "l-2", "ben@gmail.com", None),
        _click(9, "l-2", "ben@gmail.com", b, late=True),
        _click(10, "l-2", "ben@gmail.com", b, outcome="opened"),
        _click(11, "l-1", "ann@example.org", a, tenant="other"),
        _click(12, "elsewhere", "ann@example.org", a),
    ]
    await server.store.insert_lines("message_status", b"\n".join(map(orjson.dumps, rows)))
    await server.store.insert_lines("events", b"\n".join(map(orjson.dumps, events)))
    try:
        items = await server.items(_path("linked", "/links"), ("limit", "1"))
        assert items == [
            {"link": a, "clicks": 5, "human_clicks": 4, "recipients": 3},
            {"link": b, "clicks": 2, "human_clicks": 0, "recipients": 2},
            {"link": None, "clicks": 1, "human_clicks": 1, "recipients": 1},
        ]
        for item in items:
            drilled = [("campaign", "linked"), ("clicked_link", item["link"] or "")]
            assert await _row_count(server, drilled) == item["recipients"]
            paged = await server.items("/v1/messages", *drilled, ("tenant", "acme"), key=OPERATOR)
            assert len(paged) == item["recipients"]
        narrowed = await server.items(_path("linked", "/links"), ("domain", "gmail.com"), ("sort", "link"))
        assert [(item["link"], item["clicks"]) for item in narrowed] == [(None, 1), (a, 1)]
        assert await server.items(_path("linked", "/links"), ("campaign", "other")) == []
        _, headers, body = await server.raw(_path("linked", "/links"), [("format", "csv")])
        assert headers["Content-Disposition"] == 'attachment; filename="links-of-linked.csv"'
        lines = list(csv.DictReader(io.StringIO(body.decode())))
        assert [(line["link"], line["clicks"]) for line in lines] == [(a, "5"), (b, "2"), ("", "1")]
        for under in ("", "/timeline", "/links"):
            status, problem = await server.get(_path("linked", under), key=OPERATOR)
            assert (status, problem["parameter"]) == (400, "tenant")
        (theirs,) = await server.items(_path("linked", "/links"), ("tenant", "other"), key=OPERATOR)
        assert theirs == {"link": a, "clicks": 1, "human_clicks": 1, "recipients": 1}
    finally:
        for table in ("message_status", "events"):
            await server.store.command(
                f"ALTER TABLE {table} DELETE WHERE startsWith(message_id, 'l-') SETTINGS mutations_sync = 2"
            )


async def test_streams_hold_every_mailing_in_flat_columns(server: QueryServer) -> None:
    asked = [("compare", "previous"), ("sort", "campaign")]
    listed = await server.items("/v1/campaigns", *asked, ("limit", "500"))
    _, _, body = await server.raw("/v1/campaigns", [*asked, ("format", "ndjson")])
    assert [orjson.loads(line) for line in body.splitlines()] == listed
    _, _, body = await server.raw("/v1/campaigns", [*asked, ("format", "csv")])
    lines = list(csv.DictReader(io.StringIO(body.decode(), newline="")))
    assert [line["campaign"] for line in lines] == [item["campaign"] or "" for item in listed]
    _, _, body = await server.raw("/v1/campaigns", [*asked, ("format", "parquet")])
    table = pyarrow.parquet.read_table(io.BytesIO(body))
    assert table.column_names == list(lines[0])
    for name, *parts in (
        ("counts_sent", "counts", "sent"),
        ("rates_open", "rates", "open"),
        ("tracking_opens", "tracking", "opens"),
        ("previous_subject", "previous", "subject"),
        ("previous_counts_sent", "previous", "counts", "sent"),
        ("previous_rates_open", "previous", "rates", "open"),
    ):
        assert table.column(name).to_pylist() == [_part(item, parts) for item in listed], name


def _part(item: Any, parts: list[str]) -> Any:
    for part in parts:
        item = item and item[part]
    return item


async def test_the_operator_sees_the_mailings_of_all_tenants_apart(server: QueryServer) -> None:
    items = await server.items("/v1/campaigns", ("limit", "100"), key=OPERATOR)
    assert _by_place(items) == mailings_of(ROWS)
    items = await server.items("/v1/campaigns", ("tenant", "other"), ("limit", "500"), key=OPERATOR)
    assert _by_place(items) == mailings_of(_ours("other"))
    compared = await server.items("/v1/campaigns", ("compare", "previous"), ("limit", "500"), key=OPERATOR)
    assert _by_place(compared) == with_previous(ROWS, None, None)
    document = await server.page(_path("spring"), ("tenant", "other"), key=OPERATOR)
    assert document["tenant"] == "other"


async def _row_count(
    server: QueryServer, parameters: list[tuple[str, str]], key: str = key_of("acme")
) -> int:
    """How many rows the log has for these."""
    status, _, body = await server.raw("/v1/messages", [*parameters, ("format", "ndjson")], key)
    assert status == 200, body
    return len(body.splitlines())


def _drilled(item: dict[str, Any], zone: str = "Asia/Kolkata") -> list[tuple[str, str]]:
    if item["campaign"] is not None:
        return [("campaign", item["campaign"])]
    found = {"campaign": "", "channel": item["channel"], "day": item["day"], "tz": zone}
    return [*found.items(), ("subject_is", item["subject"] or "")]


async def test_the_figures_of_a_mailing_are_its_rates_and_every_count_is_the_number_of_its_rows(
    server: QueryServer,
) -> None:
    items = await server.items("/v1/campaigns", ("tz", "Asia/Kolkata"), ("limit", "500"))
    campaigns = [item for item in items if item["campaign"]]
    others = sorted((item for item in items if not item["campaign"]), key=lambda item: -item["recipients"])
    assert len(campaigns) == len(CAMPAIGNS) and others[0]["recipients"] > 1
    for item in (*campaigns, *others[:2], others[-1]):
        drilled = _drilled(item)
        (rates,) = await server.items("/v1/rates", *drilled)
        assert (item["counts"], item["rates"]) == (rates["counts"], rates["rates"])
        assert await _row_count(server, drilled) == item["recipients"]
        assert await _row_count(server, [*drilled, ("tracking", "none")]) == item["untracked"]
        for name in COUNTS:
            assert await _row_count(server, [*drilled, ("reached", name)]) == item["counts"][name], name


async def test_every_group_of_the_rates_leads_to_its_rows(server: QueryServer) -> None:
    zone = "America/New_York"
    for group, parameter in (
        ("cause", "cause"),
        ("error_code", "error_code"),
        ("day", "day"),
        ("domain", "domain"),
        ("tenant", "tenant"),
    ):
        groups = await server.items(
            "/v1/rates", ("group_by", group), ("tz", zone), ("limit", "500"), key=OPERATOR
        )
        assert len(groups) > 1
        for item, name in itertools.product(groups[:3], ("sent", "soft_bounced", "undelivered")):
            found = [(parameter, item["key"][group] or ""), ("tz", zone), ("reached", name)]
            assert await _row_count(server, found, OPERATOR) == item["counts"][name], (item["key"], name)


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        ("/v1/campaigns", "sort", "rates"),
        ("/v1/campaigns", "day", "2026-11"),
        ("/v1/campaigns", "day", "20261122"),
        ("/v1/campaigns", "day", "0001-01-01"),
        ("/v1/campaigns", "day", "2026-02-30"),
        ("/v1/campaigns", "tz", "Mars/Olympus"),
        ("/v1/campaigns", "compare", "next"),
        ("/v1/campaigns", "tracking", "yes"),
        ("/v1/campaigns", "cursor", "x"),
        ("/v1/campaigns", "tenant", "acme"),
        ("/v1/messages", "clicked_link", "https://a.example/"),
        ("/v1/messages", "reached_from", "2026-11-22T00:00:00Z"),
        ("/v1/campaigns/spring", "from", "2026-11-22T00:00:00Z"),
        ("/v1/campaigns/spring/timeline", "bucket", "week"),
        ("/v1/campaigns/spring/timeline", "limit", "501"),
        ("/v1/campaigns/spring/timeline", "sort", "opened"),
        ("/v1/campaigns/spring/links", "sort", "-opens"),
        ("/v1/campaigns/spring/links", "format", "xml"),
    ],
)
async def test_a_parameter_that_is_not_taken_is_400_and_named(
    server: QueryServer, path: str, name: str, value: str
) -> None:
    status, problem = await server.get(path, (name, value))
    assert (status, problem["code"], problem["parameter"]) == (400, "bad_parameter", name)


async def test_a_cursor_belongs_to_the_links_of_one_campaign(server: QueryServer) -> None:
    status, problem = await server.get("/v1/campaigns", ("format", "csv"), ("cursor", "x"))
    assert (status, problem["parameter"]) == (400, "cursor")
    cursor = (await server.page("/v1/campaigns", ("limit", "1")))["next"]
    status, problem = await server.get(_path("spring", "/links"), ("cursor", cursor))
    assert (status, problem["parameter"]) == (400, "cursor")
