"""Counts and rates by group, as a list."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from query.sql.figures import bases_sql, figure_columns, figures
from query.sql.lists import Listed, named
from query.sql.where import SortColumn, Where
from schemas.status import COUNTS

GROUPS = ("campaign hour day week month domain sender category channel method cause error_code").split()
TIMES = ("hour", "day", "week", "month")
BY_TENANT = "tenant"


@dataclass(frozen=True, slots=True)
class Period:
    """The half-open range asked about, ms; `previous` asks about the range of the same length right before it, too."""

    from_ms: int | None
    to_ms: int | None
    previous: bool = False


def rates_list(where: Where, groups: Sequence[str], zone: str, period: Period, sort: str) -> Listed:
    """The groups of the rows of `where` with their figures, those of the period before as previous_…; without groups one
    row. `where` gets values bound, and is not for the list itself but `where.around()`.

    `sort` is `key` or a count, `-` before it for descending.
    """
    name, descending = sort.removeprefix("-"), sort.startswith("-")
    keys = [
        SortColumn(f"toString(m.g{n})", "String", descending and name == "key") for n in range(len(groups))
    ]
    counts = {count: SortColumn(f"m.{count}", "UInt64", True) for count in COUNTS}
    columns = {f"key_{group}": f"nullIf({key.sql}, '')" for group, key in zip(groups, keys, strict=True)}
    columns |= figure_columns()
    if period.previous:
        columns |= figure_columns("p_", "previous_")

    def shape(item: dict[str, Any]) -> dict[str, Any]:
        shaped = {"key": {group: item[f"key_{group}"] for group in groups}, **figures(item)}
        return shaped | {"previous": figures(item, "previous_")} if period.previous else shaped

    return Listed(
        name="rates",
        source=f"({grouped_sql(where, groups, zone, period)}) AS m",
        columns=columns,
        sorts=({"key": keys[0]} if keys else {"key": counts["sent"]}) | counts,
        rest=keys,
        default_sort=default_sort(groups),
        tenant=None,
        shape=shape,
    )


def default_sort(groups: Sequence[str]) -> str:
    """Groups of time come in time order, others by how much was sent, the most first."""
    return "key" if any(group in TIMES for group in groups) else "-sent"


def grouped_sql(where: Where, groups: Sequence[str], zone: str, period: Period) -> str:
    """The groups, keys as g0 and g1, with their bases; those of the period before as p_<name>."""
    at, is_now = "m.filed_at", "1"
    if period.previous:
        assert period.from_ms is not None and period.to_ms is not None
        length = period.to_ms - period.from_ms
        where.between("m.filed_at", period.from_ms - length, period.to_ms)
        is_now = f"m.filed_at >= {where.bind_time(period.from_ms)}"
        # What was filed one period earlier stands beside what it is compared with.
        at = f"if({is_now}, m.filed_at, m.filed_at + toIntervalMillisecond({where.bind('Int64', length)}))"
    else:
        where.between("m.filed_at", period.from_ms, period.to_ms)
    keys = [f"g{number}" for number in range(len(groups))]
    values = [_key_sql(group, at, where.bind("String", zone)) for group in groups]
    # Rows are counted by what they reached first: that is one of some dozens of numbers, where more than twenty figures of each
    # row would have to be told.
    by = {**dict(zip(keys, values, strict=True)), "is_now": is_now, "reached_bits": "m.reached_bits"}
    by_bits = f"SELECT {named(by)}, count() AS counted FROM message_status AS m FINAL WHERE {where.sql} GROUP BY {', '.join(by)}"
    counts = bases_sql("m.is_now", counted="m.counted")
    if period.previous:
        counts += bases_sql("NOT m.is_now", "p_", "m.counted")
    grouped = f" GROUP BY {', '.join(keys)}" if keys else ""
    return f"SELECT {', '.join([*keys, *counts])} FROM ({by_bits}) AS m{grouped}"


def _key_sql(group: str, at: str, zone: str) -> str:
    """A group's key: a date for days, weeks (their Monday) and months (their first), else text, of hours an instant in UTC."""
    match group:
        case "hour":
            return instant_sql(f"toStartOfHour(toTimeZone({at}, {zone}))")
        case "day":
            return f"toDate({at}, {zone})"
        case "week":
            return f"toMonday(toDate({at}, {zone}))"
        case "month":
            return f"toStartOfMonth(toDate({at}, {zone}))"
        case _:
            return f"m.{group}"


def instant_sql(moment: str) -> str:
    """A moment of whole seconds as RFC 3339 text."""
    return f"formatDateTime(toTimeZone({moment}, 'UTC'), '%Y-%m-%dT%H:%i:%S.000Z')"
