"""Counts by group from `message_status`, by the exact definitions of the product; never by counting events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from query.sql.where import SortColumn, Where, after, order_by
from schemas.status import COUNTS

GROUPS = ("campaign hour day week month domain sender category channel method cause error_code").split()
TIMES = ("hour", "day", "week", "month")
BY_TENANT = "tenant"

_TRACKED = "m.channel = 'email' AND m.tracking != 'none'"
"""Open and click rates are of email, and leave out what was declared untracked."""

BASES: dict[str, str] = {
    **{name: f"m.is_{name}" for name in COUNTS},
    "tracked": f"m.is_delivered AND {_TRACKED}",
    "tracked_opened": f"m.is_opened AND {_TRACKED}",
    "tracked_human_opened": f"m.is_human_opened AND {_TRACKED}",
    "tracked_clicked": f"m.is_clicked AND {_TRACKED}",
}
"""What is counted, for the counts themselves and for the rates' numerators and denominators."""

RATES: dict[str, tuple[str, str]] = {
    "delivery": ("delivered", "sent"),
    "open": ("tracked_opened", "tracked"),
    "human_open": ("tracked_human_opened", "tracked"),
    "click": ("tracked_clicked", "tracked"),
    "click_to_open": ("tracked_clicked", "tracked_opened"),
    "bounce": ("bounced", "sent"),
    "complaint": ("complained", "delivered"),
    "unsubscribe": ("unsubscribed", "delivered"),
}
"""Each rate as numerator and denominator."""


@dataclass(frozen=True, slots=True)
class Period:
    """The half-open range asked about, ms; `previous` asks about the range of the same length right before it, too."""

    from_ms: int | None
    to_ms: int | None
    previous: bool = False


def rates_sql(
    where: Where,
    groups: Sequence[str],
    zone: str,
    period: Period,
    order: Sequence[SortColumn],
    place: Sequence[Any] | None,
    limit: int,
) -> str:
    """The groups after `place` in that order, with their counts as numbers by name; those of the period before as p_<name>."""
    at = "m.filed_at"
    now_row, then_row = "1", "0"
    if period.previous:
        assert period.from_ms is not None and period.to_ms is not None
        length = period.to_ms - period.from_ms
        where.between("m.filed_at", period.from_ms - length, period.to_ms)
        now_row = f"m.filed_at >= {where.bind_time(period.from_ms)}"
        then_row = f"NOT ({now_row})"
        # What was filed one period earlier stands beside what it is compared with.
        at = f"if({now_row}, m.filed_at, m.filed_at + toIntervalMillisecond({where.bind('Int64', length)}))"
    else:
        where.between("m.filed_at", period.from_ms, period.to_ms)
    keys = [
        f"{_key_sql(group, at, where.bind('String', zone))} AS g{number}"
        for number, group in enumerate(groups)
    ]
    counts = [f"countIf({now_row} AND {condition}) AS {name}" for name, condition in BASES.items()]
    if period.previous:
        counts += [f"countIf({then_row} AND {condition}) AS p_{name}" for name, condition in BASES.items()]
    grouped = f"SELECT {', '.join(keys + counts)} FROM message_status AS m FINAL WHERE {where.sql}"
    if groups:
        grouped += f" GROUP BY {', '.join(f'g{number}' for number in range(len(groups)))}"
    beyond = f" WHERE {after(where, order, place)}" if place is not None else ""
    ordered = f" ORDER BY {order_by(order)}" if order else ""
    return f"SELECT * FROM ({grouped}) AS c{beyond}{ordered} LIMIT {limit}"


def order_of(groups: Sequence[str], sort: str | None) -> list[SortColumn]:
    """Groups of time in time order, others by how much was sent, the most first; or by a count, or by `key`."""
    if not groups:
        return []
    if sort is None:
        sort = "key" if any(group in TIMES for group in groups) else "-sent"
    name, descending = sort.removeprefix("-"), sort.startswith("-")
    keys = [SortColumn(f"g{number}", "String", descending and name == "key") for number in range(len(groups))]
    return keys if name == "key" else [SortColumn(name, "UInt64", descending), *keys]


def _key_sql(group: str, at: str, zone: str) -> str:
    """A group's key as text: a date for days, weeks (their Monday) and months (their first), an instant in UTC for hours."""
    match group:
        case "hour":
            return f"formatDateTime(toTimeZone(toStartOfHour(toTimeZone({at}, {zone})), 'UTC'), '%Y-%m-%dT%H:%i:%S.000Z')"
        case "day":
            return f"toString(toDate({at}, {zone}))"
        case "week":
            return f"toString(toMonday(toDate({at}, {zone})))"
        case "month":
            return f"toString(toStartOfMonth(toDate({at}, {zone})))"
        case _:
            return f"toString(m.{group})"


def figures(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Counts and rates of a row. A rate over zero is null."""
    return {
        "counts": {name: row[prefix + name] for name in COUNTS},
        "rates": {
            name: row[prefix + part] / row[prefix + whole] if row[prefix + whole] else None
            for name, (part, whole) in RATES.items()
        },
    }
