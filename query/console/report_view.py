"""How a report looks: its filters as a form's fields, its series as charts, and where each of its figures leads."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from query.console.forms import CHANNELS, Field, Option
from query.console.visit import Visit, segment
from query.console.wording import CATEGORIES as CATEGORY_WORDS
from query.console.wording import CONSENT_SOURCES, STANDING_REASONS, Told, cause_of
from query.moments import MONTHS
from query.reports.declaring import Kind, Report
from query.sender_authentication import BY_SETTING, NO_SELECTORS
from query.tenant_health import Standing
from schemas.consent import CATEGORIES, EVERY_CATEGORY
from schemas.standing import Reason
from schemas.status import COUNTS
from schemas.times import format_time, parse_time

Item = Mapping[str, Any]

MOST_SERIES = 6
"""Series that a chart has colours for; the smallest of more are put together."""

OTHERS = "(others)"

WHOLE_TENANT = "The whole tenant"
"""Whom a row of sender health is about that names no sender."""


def words(name: str) -> str:
    """hard_bounce as people read it, and * as what it stands for among categories."""
    return "everything" if name == EVERY_CATEGORY else name.replace("_", " ")


AUTHENTICATION = ("spf", "dkim", "dmarc")
"""Columns that `authentication` explains, and that are shown with it."""

_LABELS = {
    "message_id": "Message",
    "entry_id": "Entry of the log",
    "at": "Decided",
    "human_opened": "Opened by people",
    "human_clicked": "Clicked by people",
    **{name: name.upper() for name in AUTHENTICATION},
}
_BENEATH = {"human_opened": "By people", "human_clicked": "By people", "base": "of"}
"""Labels of columns that stand below the one that they are about."""
_CODES = frozenset(
    "channel kind cause status why before consent source standing known_by spf dkim dmarc".split()
)
"""Columns of stable words, in which an underscore is a space."""


def label(name: str) -> str:
    """The heading of a column."""
    return _LABELS.get(name, words(name).capitalize())


def beneath(name: str) -> str:
    """What stands before a value of a column that is shown below another one."""
    return _BENEATH.get(name, label(name))


def said(text: str) -> str:
    """What the DNS says of a sender, without the settings that whoever runs Waybill could change."""
    return text.replace(NO_SELECTORS, "Waybill was not told which keys to look for").replace(BY_SETTING, "")


def is_code(report: Report, name: str) -> bool:
    """Whether a column has stable words, and no text that somebody wrote."""
    return name in _CODES or (name == "reason" and report.name in ("suppressions", "sender-health"))


def _options(*values: str) -> list[Option]:
    return [(value, words(value)) for value in values]


def _told(told: Mapping[str, Told], values: Iterable[str]) -> list[Option]:
    return [(value, told[value].label) for value in values]


FIELDS: Mapping[str, Field] = {
    field.name: field
    for field in (
        Field("from", "From", "from", primary=True),
        Field("to", "To", "to", primary=True),
        Field("standing", "Standing", "choice", _options(*Standing), primary=True),
        Field("reason", "Reason", "choices", _told(STANDING_REASONS, Reason), primary=True),
        Field("kind", "Kind", "choice", primary=True),
        Field(
            "why", "Why", "choice", _options("opted_out", "opted_out_of_sender", "no_opt_in"), primary=True
        ),
        Field("consent", "Became", "choice", _options("in", "out"), primary=True),
        Field("address", "Address", primary=True),
        Field("channel", "Channel", "choice", CHANNELS, primary=True),
        Field("sender", "Sender", none=True),
        Field("category", "Category", none=True),
        Field("source", "Source", "choice", list(CONSENT_SOURCES.items())),
        Field("actor", "Who decided"),
        Field("domain", "Recipient’s domain"),
        Field("campaign", "Mailing", none=True),
        Field("method", "Method", none=True),
        Field("customer", "Customer", none=True),
        Field("document", "Document", none=True),
    )
}
"""Every filter that a report may have, in the order of the form."""

_OTHER_FIELDS: Mapping[tuple[str, str], Field] = {
    ("bounce-causes", "kind"): Field(
        "kind", "What", "choice", _options("hard_bounce", "soft_bounce", "complaint"), primary=True
    ),
    ("new-customers", "kind"): Field(
        "kind", "Kind", "choice", _options("client", "staff", "company"), primary=True
    ),
    **{
        (report, "category"): Field("category", "Category", "choice", _told(CATEGORY_WORDS, CATEGORIES))
        for report in ("opted-out", "opt-ins", "consent-changes")
    },
}
"""Filters that mean something else in a report than elsewhere."""


def fields(report: Report) -> list[Field]:
    """The fields of a report's filters."""
    return [
        _OTHER_FIELDS.get((report.name, name), field)
        for name, field in FIELDS.items()
        if name in report.parameters
    ]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart as the macros take it. `is_named`: its places are names and no times; `marks` are values to compare with, each
    with its name."""

    title: str
    names: Sequence[str]
    series: Sequence[Sequence[float]]
    labels: Sequence[str]
    hrefs: Sequence[str]
    unit: str
    heading: str
    is_named: bool
    marks: Sequence[tuple[str, float]] = ()


def drawings(visit: Visit, report: Report, series: Mapping[str, Any], zone: str) -> list[Drawing]:
    """The charts of a report's series; none where there is nothing to draw. `zone` is that of its days and months."""
    points = series["points"]
    if not points:
        return []
    places = list(dict.fromkeys(point["x"] for point in points))
    values: dict[str | None, dict[str | None, float]] = {}
    for point in points:
        values.setdefault(point["by"], {})[point["x"]] = point["value"]
    nameless = WHOLE_TENANT if report.name == "sender-health" else "none"
    labels = [_place(place, series["unit"]) if place is not None else nameless for place in places]
    hrefs = [_narrowed(visit, report, place, series["unit"], zone) for place in places]
    heading, is_named = label(series["x"]), series["unit"] == "value"
    if report.picture.values:
        return [
            Drawing(
                title=f"{words(name).capitalize()} beside the accepted one, by {words(series['x'])}",
                names=[words(name)],
                series=[[values.get(name, {}).get(place, 0) for place in places]],
                labels=labels,
                hrefs=hrefs,
                unit="rate",
                heading=heading,
                is_named=is_named,
                marks=[(line["name"], line["value"]) for line in series["lines"] if line["by"] == name],
            )
            for name in report.picture.values
        ]
    stacked = heaviest(values)
    return [
        Drawing(
            title=series["title"],
            names=[
                cause_of(name or "") if report.picture.by == "what" else words(name or "none")
                for name in stacked
            ],
            series=[[row.get(place, 0) for place in places] for row in stacked.values()],
            labels=labels,
            hrefs=hrefs,
            unit="count",
            heading=heading,
            is_named=is_named,
        )
    ]


def heaviest(
    values: Mapping[str | None, dict[str | None, float]],
) -> dict[str | None, dict[str | None, float]]:
    """As many as there are colours for, the heaviest first and what is left together at the end."""
    named = [name for name in values if name != OTHERS]
    named.sort(key=lambda name: -sum(values[name].values()))
    most = MOST_SERIES if len(values) <= MOST_SERIES else MOST_SERIES - 1
    kept: dict[str | None, dict[str | None, float]] = {name: values[name] for name in named[:most]}
    others: dict[str | None, float] = {}
    for row in [values[name] for name in named[most:]] + [values.get(OTHERS, {})]:
        for place, value in row.items():
            others[place] = others.get(place, 0) + value
    return kept | ({OTHERS: others} if others else {})


def _place(place: str, unit: str) -> str:
    if unit == "month":
        return month(place)
    return f"{int(place[8:10])} {MONTHS[int(place[5:7]) - 1]}" if unit == "day" else place


def month(first: str) -> str:
    """Nov 2026, of the date of its first day."""
    return f"{MONTHS[int(first[5:7]) - 1]} {first[:4]}"


def span(first: str, zone: str, *, days: int | None = None) -> tuple[str, str]:
    """Begin and end, in RFC 3339, of so many days from a date on in that zone; of its month without `days`."""
    begin = date.fromisoformat(first[:10])
    end = begin + timedelta(days=days) if days else (begin.replace(day=1) + timedelta(days=32)).replace(day=1)
    return _instant(begin, zone), _instant(end, zone)


def _instant(day: date, zone: str) -> str:
    return format_time(int(datetime.combine(day, time(), ZoneInfo(zone)).timestamp() * 1000))


def _narrowed(visit: Visit, report: Report, place: str | None, unit: str, zone: str) -> str:
    """This report, narrowed to one place of its picture."""
    if unit in ("day", "month") and place and "from" in report.parameters:
        begin, end = _within(visit, *span(place, zone, days=1 if unit == "day" else None))
        return visit.here(**{"from": begin, "to": end})
    if unit == "value" and report.picture.x in report.parameters:
        return visit.here(**{report.picture.x: place or ""})
    return visit.here()


def _within(visit: Visit, begin: str, end: str) -> tuple[str, str]:
    """A span, and of it what lies within the time frame that is asked about."""
    query = visit.request.query
    return (
        max(begin, query.get("from", begin), key=parse_time),
        min(end, query.get("to", end), key=parse_time),
    )


_OF_MESSAGES = ("campaign", "customer", "category", "document", "method", "sender", "domain")
"""Filters that the log takes as reports do."""


def leads(visit: Visit, report: Report, item: Item, zone: str) -> dict[str, str]:
    """Where the values of a row lead, by column: to the rows that a figure counts, or to the page of what is named."""
    own = {"tenant": item["tenant"]} if "tenant" in item else {}
    found = dict(_named(visit, item, own))
    if report.name == "monthly-volume":
        found |= _volume(visit, item, own, zone)
    elif report.name == "bounce-causes":
        found |= _causes(visit, item, own)
    elif report.name == "sender-health":
        for name in ("sent", "delivered", "bounced", "complained"):
            found[name] = visit.url(
                "/email-log",
                **{"from": item["counted_from"], "reached": name},
                **({"sender": item["sender"]} if item["sender"] is not None else {}),
                **own,
            )
    return found


def _named(visit: Visit, item: Item, own: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if item.get("address"):
        yield (
            "address",
            visit.url(f"/addresses/{segment(item['address'])}", channel=item["channel"], **own),
        )
    for column, path in (
        ("message_id", "/messages"),
        ("customer", "/customers"),
        ("campaign", "/campaigns"),
    ):
        if item.get(column):
            yield column, visit.url(f"{path}/{segment(item[column])}", **own)


def _volume(visit: Visit, item: Item, own: dict[str, str], zone: str) -> dict[str, str]:
    query = visit.request.query
    begin, end = _within(visit, *span(item["month"], zone))
    asked = {name: query[name] for name in _OF_MESSAGES if name in query}
    keys = {name: item[name] or "" for name in ("sender", "category", "method")}
    log = "/email-log" if item["channel"] == "email" else "/sms-log"
    rows = asked | keys | {"from": begin, "to": end} | own
    return {
        "recipients": visit.url(log, **rows),
        **{name: visit.url(log, **rows, reached=name) for name in COUNTS},
    }


_REACHED = {"hard_bounce": "bounced", "soft_bounce": "soft_bounced"}


def _causes(visit: Visit, item: Item, own: dict[str, str]) -> dict[str, str]:
    """The log does not know what a feedback report calls a complaint, so complaints lead to all those of their domain."""
    query = visit.request.query
    asked = {name: query[name] for name in ("from", "to", *_OF_MESSAGES) if name in query}
    rows = asked | {"domain": item["domain"]} | own
    found = {
        "base": visit.url("/email-log", **rows, reached="sent" if item["kind"] in _REACHED else "delivered")
    }
    if item["kind"] in _REACHED:
        found["recipients"] = visit.url(
            "/email-log", **rows, reached=_REACHED[item["kind"]], cause=item["cause"] or ""
        )
    return found


def total(report: Report, series: Mapping[str, Any]) -> int | None:
    """What all bars make together, over all rows; None where the picture does not have all of them, or counts nothing."""
    if report.picture.values or series["cut"]:
        return None
    return int(sum(point["value"] for point in series["points"]))


def is_told(item: Item, name: str) -> bool:
    """Whether a column that stands below another one has anything to say in a row: no zeros, no single reason again, and nothing
    that the one above it tells."""
    if name in AUTHENTICATION:
        return False
    value = item[name]
    if name == "reasons":
        return len(value) > 1
    return value is False or bool(value)


def is_figure(kind: Kind) -> bool:
    """Whether values of that kind are put to the right."""
    return kind in (Kind.COUNT, Kind.RATE)
