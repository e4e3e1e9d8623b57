"""The overview: how mail and text messages are doing, what changed, and whether everything that came in is shown."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from aiohttp import web

from query.auth import scope_of
from query.console.figures import (
    ATTEMPTED,
    BOUNCED,
    COMPLAINED,
    DELIVERED,
    KINDS,
    OPENED,
    OPENED_BY_PEOPLE,
    UNDELIVERED,
    Figure,
    Kind,
    RowsOf,
    figures_of,
    not_attempted,
)
from query.console.mailings import mailing_of
from query.console.navigation import Entry
from query.console.page import page, render
from query.console.pipeline import lag_in_words
from query.console.ranges import Range, last_days
from query.console.visit import Visit
from query.filters import attributed
from query.moments import day_and_month
from query.parameters import Parameter, choice
from query.periods import day_span
from query.readiness import readiness_document
from query.routes.campaigns import campaigns_document
from query.routes.dead_letters import dead_letters_count
from query.routes.messages import messages_document
from query.routes.rates import rates_document
from query.sending import SENDING
from query.sql.figures import figures
from query.sql.overview import came_back_sql, figures_by_day_sql
from query.sql.rates import Period
from schemas.status import CHANNELS
from schemas.times import format_time

ENTRIES = (Entry("Figures", "Overview", "/"),)

RANGES = ("7", "30", "90")
PARAMETERS = {"days": Parameter(choice(*RANGES))}
LOGS = {"email": "/email-log", "sms": "/sms-log"}

Item = dict[str, Any]

_OF_TENANTS: Mapping[str, Mapping[str, Kind]] = {
    "Attempted": {"email": ATTEMPTED, "sms": ATTEMPTED},
    "Delivered": {"email": DELIVERED, "sms": DELIVERED},
    "Opened": {"email": OPENED},
    "By people": {"email": OPENED_BY_PEOPLE},
    "Bounced or undelivered": {"email": BOUNCED, "sms": UNDELIVERED},
    "Complained": {"email": COMPLAINED},
}
"""Headings of the table of tenants, each with its figure by channel."""

_CAME_BACK = {
    "email": (("domain", "cause"), ("bounced", "soft_bounced")),
    "sms": (("error_code",), ("undelivered",)),
}
"""By what and of what those are told that came back."""

_MOST_WORST = 8
_MOST_MAILINGS = 5
_LATEST = 100
"""Mailings among which the latest to several people are looked for; a receipt is a mailing, too."""
_MOST_TENANTS = 100


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture over the days of the range; `unit` is count (stacked bars) or rate (lines)."""

    id: str
    title: str
    unit: str
    names: Sequence[str]
    series: Sequence[Sequence[float | None]]
    hrefs: Sequence[str]


@dataclass(frozen=True, slots=True)
class Section:
    """What is told of one channel."""

    channel: str
    figures: Sequence[Figure]
    not_attempted: Sequence[tuple[str, int, str]]
    charts: Sequence[Chart]
    worst: Sequence[tuple[Item, RowsOf]]
    is_compared: bool
    """Whether there was anything in the days before."""
    is_tracking_doubtful: bool
    """Whether email was delivered and no open of it was seen, where some could have been."""


@dataclass(frozen=True, slots=True)
class TenantRow:
    """The figures of a tenant's channel: `url` leads to its overview."""

    tenant: str
    channel: str
    figures: Sequence[Figure | None]
    """One for each of _OF_TENANTS; None where the channel has none."""
    url: str


@dataclass(frozen=True, slots=True)
class Answers:
    """What the documents behind the page said."""

    totals: list[Item]
    days: list[Item]
    worst: dict[str, list[Item]]
    mailings: list[Item]
    tenants: list[Item]
    dead_letters: int
    readiness: Item


async def get_overview(visit: Visit) -> web.StreamResponse:
    """GET /?days=: the last 7, 30 or 90 days of the reader's zone, against as many days before."""
    given = visit.read(PARAMETERS)
    days = given.pop("days", "30")
    span = last_days(int(days), visit.zone, int(time.time() * 1000))
    answers = await _ask(visit, given, span)
    latest = None if answers.totals else await _latest(visit, given)
    return render(
        visit,
        "overview.html",
        days=days,
        ranges=RANGES,
        channels=[_section(visit, span, answers, channel) for channel in _channels(answers)],
        labels=[day_and_month(day) for day in span.dates],
        mailings=[
            mailing_of(visit, item, (span.from_ms, span.to_ms), visit.zone) for item in answers.mailings
        ],
        tenants=[_tenant(visit, span, item) for item in answers.tenants],
        of_tenants=_OF_TENANTS,
        latest=latest,
        lag=lag_in_words(answers.readiness["behind"]),
        sendability=answers.readiness["sendability"],
        dead_letters=answers.dead_letters,
        dead_letters_url=visit.url("/dead-letters", **_bounds(span.from_ms, span.to_ms)),
    )


async def _ask(visit: Visit, given: Mapping[str, Any], span: Range) -> Answers:
    context, principal = visit.context, visit.principal
    within = {**given, "from": span.from_ms, "to": span.to_ms}
    days, came_back, mailings, tenants, dead_letters, readiness = await asyncio.gather(
        _figures_by_day(visit, given, span),
        _came_back(visit, within),
        campaigns_document(context, principal, {**within, "tz": visit.zone, "limit": _LATEST}),
        _by_tenant(visit, within),
        dead_letters_count(context, principal, within),
        readiness_document(context, visit.request.app[SENDING]),
    )
    totals = [item for item in days if item["key"]["day"] is None]
    return Answers(
        [item for item in totals if _is_any(item) or _is_any(item["previous"])],
        days,
        came_back,
        _to_several(mailings["items"]),
        tenants,
        dead_letters,
        readiness,
    )


async def _figures_by_day(visit: Visit, given: Mapping[str, Any], span: Range) -> list[Item]:
    """The figures of each channel by day, and of all days, whose key has None for the day."""
    where = attributed(scope_of(visit.principal, given), {})
    sql = figures_by_day_sql(where, visit.zone, Period(span.from_ms, span.to_ms, previous=True))
    return [
        {
            "key": {"channel": row["channel"], "day": row["day"]},
            **figures(row),
            "previous": figures(row, "previous_"),
        }
        for row in await visit.context.rows(sql, where.parameters)
    ]


async def _came_back(visit: Visit, within: Mapping[str, Any]) -> dict[str, list[Item]]:
    """Of each channel what came back most, the most first."""
    where = attributed(scope_of(visit.principal, within), within)
    rows = await visit.context.rows(came_back_sql(where, _MOST_WORST), where.parameters)
    return {
        channel: [
            {"key": {name: row[name] for name in key}, "counts": {name: row[name] for name in counts}}
            for row in rows
            if row["channel"] == channel
        ]
        for channel, (key, counts) in _CAME_BACK.items()
    }


async def _by_tenant(visit: Visit, within: Mapping[str, Any]) -> list[Item]:
    """The figures of each tenant, for an operator who looks at all of them."""
    if visit.tenant is not None:
        return []
    given = {**within, "group_by": ["tenant", "channel"], "limit": _MOST_TENANTS}
    items: list[Item] = (await rates_document(visit.context, visit.principal, given))["items"]
    return items


def _to_several(mailings: list[Item]) -> list[Item]:
    several = [item for item in mailings if item["recipients"] > 1]
    return (several or mailings)[:_MOST_MAILINGS]


async def _latest(visit: Visit, given: Mapping[str, Any]) -> Item | None:
    """The latest message of all time, for a range that has none."""
    document = await messages_document(visit.context, visit.principal, {**given, "limit": 1})
    return next(iter(document["items"]), None)


def _is_any(item: Mapping[str, Any]) -> bool:
    return any(item["counts"].values())


def _channels(answers: Answers) -> list[str]:
    found = {item["key"]["channel"] for item in answers.totals}
    return [channel for channel in CHANNELS if channel in found]


def _section(visit: Visit, span: Range, answers: Answers, channel: str) -> Section:
    rows_of = partial(_rows, visit, channel, span.from_ms, span.to_ms)
    (total,) = [item for item in answers.totals if item["key"]["channel"] == channel]
    is_compared = _is_any(total["previous"])
    delivered = channel == "email" and total["counts"]["delivered"] > 0
    is_tracked = not (delivered and total["rates"]["open"] is None)
    return Section(
        channel,
        figures_of(
            KINDS[channel],
            total if is_compared else {**total, "previous": None},
            rows_of,
            is_tracked=is_tracked,
        ),
        not_attempted(total, rows_of),
        _charts(visit, channel, span.dates, answers.days),
        [
            (item, partial(_rows, visit, channel, span.from_ms, span.to_ms, **item["key"]))
            for item in answers.worst[channel]
        ],
        is_compared,
        delivered and is_tracked and not total["counts"]["opened"],
    )


def _tenant(visit: Visit, span: Range, item: Item) -> TenantRow:
    tenant, channel = item["key"]["tenant"], item["key"]["channel"]
    rows_of = partial(_rows, visit, channel, span.from_ms, span.to_ms, tenant=tenant)
    kinds = [by_channel.get(channel) for by_channel in _OF_TENANTS.values()]
    figures = [figures_of([kind], item, rows_of)[0] if kind else None for kind in kinds]
    return TenantRow(tenant, channel, figures, visit.here(tenant=tenant))


def _charts(visit: Visit, channel: str, dates: Sequence[date], items: list[Item]) -> list[Chart]:
    by_day = {item["key"]["day"]: item for item in items if item["key"]["channel"] == channel}
    days = [by_day.get(day.isoformat()) for day in dates]
    spans = [day_span(day, visit.zone) for day in dates]

    def rows(*reached: str) -> list[str]:
        return [_rows(visit, channel, *each, reached) for each in spans]

    def counts(name: str) -> list[float]:
        return [day["counts"][name] if day else 0 for day in days]

    def rates(name: str) -> list[float | None]:
        return [day["rates"][name] if day else None for day in days]

    failed = "bounced" if channel == "email" else "undelivered"
    delivered, refused = counts("delivered"), counts(failed)
    rest = [
        max(0, sent - each - other)
        for sent, each, other in zip(counts("sent"), delivered, refused, strict=True)
    ]
    charts = [
        Chart(
            f"{channel}-volume",
            "Attempted each day, and what became of it",
            "count",
            ("Delivered", failed.capitalize(), "Neither"),
            (delivered, refused, rest),
            rows("sent"),
        ),
        Chart(
            f"{channel}-delivery",
            "Delivery rate",
            "rate",
            ("Delivered",),
            (rates("delivery"),),
            rows("delivered"),
        ),
    ]
    if channel == "email":
        charts += [
            Chart(
                "email-opens",
                "Open rate",
                "rate",
                ("All opens", "By people"),
                (rates("open"), rates("human_open")),
                rows("opened"),
            ),
            Chart(
                "email-refusals",
                "Bounce and complaint rate",
                "rate",
                ("Bounced", "Complained"),
                (rates("bounce"), rates("complaint")),
                rows("bounced", "complained"),
            ),
        ]
    return charts


def _rows(
    visit: Visit,
    channel: str,
    from_ms: int,
    to_ms: int,
    reached: str | Sequence[str] | None,
    **more: str,
) -> str:
    """The URL of the log's rows of a range that ever were so."""
    return visit.url(LOGS[channel], **_bounds(from_ms, to_ms), reached=reached, **more)


def _bounds(from_ms: int, to_ms: int) -> dict[str, str]:
    return {"from": format_time(from_ms), "to": format_time(to_ms)}


ROUTES = [web.get("/", page(get_overview))]
