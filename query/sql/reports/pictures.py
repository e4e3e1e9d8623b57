"""The points of a report's picture: sums by one column, stacked by another, over all of its rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from query.sql.where import SortColumn, Where, order_by, select_keys

MOST_POINTS = 1000


@dataclass(frozen=True, slots=True)
class Bars:
    """The SQL of bars: the place of a row, the part of that bar, and what is summed up there (an aggregate)."""

    x: str
    by: str
    value: str


def bars_sql(source: str, where: Where, bars: Bars, *, newest_first: bool) -> str:
    """Rows x, by, value: the newest `x` first, or those with the greatest sum."""
    order = _order("x", "by", "total", newest_first=newest_first)
    return (
        f"SELECT x, by, value FROM (SELECT x, by, value, sum(value) OVER (PARTITION BY x) AS total FROM "
        f"(SELECT {bars.x} AS x, {bars.by} AS by, {bars.value} AS value FROM {source} WHERE {where.sql} GROUP BY x, by)) "
        f"ORDER BY {order} LIMIT {MOST_POINTS}"
    )


def _order(x: str, by: str, total: str, *, newest_first: bool) -> str:
    return f"{f'{x} DESC' if newest_first else f'{total} DESC, {x}'}, {by}"


def first_and_bars_sql(
    selected: str,
    source: str,
    where: Where,
    order: Sequence[SortColumn],
    limit: int,
    bars: Bars,
    *,
    newest_first: bool,
) -> str:
    """Both of one reading: the rows of `first_sql`, which have a `place` from 1 to `limit`, and one row of each part of each bar,
    which has a `bar_place` from 1 to MOST_POINTS in the order of `bars_sql` and tells bar_x, bar_by and bar_value. All rows are
    put in order for it: for rows that take longer to work out than that."""
    bar = f"PARTITION BY {bars.x}, {bars.by}"
    rows = (
        f"SELECT {selected}, {select_keys(order)}, row_number() OVER (ORDER BY {order_by(order)}) AS place, "
        f"{bars.x} AS bar_x, {bars.by} AS bar_by, {bars.value} OVER ({bar}) AS bar_value, "
        f"row_number() OVER ({bar}) = 1 AS is_bar FROM {source} WHERE {where.sql}"
    )
    # Each window puts all rows in order: what is told of bars is worked out of the few that are left.
    few = (
        "SELECT *, sum(bar_value) OVER (PARTITION BY is_bar, bar_x) AS bar_total "
        f"FROM ({rows}) WHERE place <= {limit} OR is_bar"
    )
    bars_first = _order("bar_x", "bar_by", "bar_total", newest_first=newest_first)
    bar_place = f"row_number() OVER (PARTITION BY is_bar ORDER BY {bars_first})"
    return (
        f"SELECT * EXCEPT (is_bar, bar_total), if(is_bar, {bar_place}, 0) AS bar_place FROM ({few}) "
        f"QUALIFY place <= {limit} OR bar_place BETWEEN 1 AND {MOST_POINTS} ORDER BY place"
    )


def beside_sql(source: str, where: Where, x: str, values: Sequence[str]) -> str:
    """Rows x, by, value of several columns beside each other, nulls left out; the rows with the greatest values first."""
    pairs = ", ".join(f"('{name}', m.{name})" for name in values)
    return (
        f"SELECT {x} AS x, one.1 AS by, one.2 AS value FROM (SELECT m.*, arrayJoin([{pairs}]) AS one FROM {source} "
        f"WHERE {where.sql}) AS m WHERE isNotNull(one.2) ORDER BY value DESC, x, by LIMIT {MOST_POINTS}"
    )


def bucket_sql(where: Where, column: str, zone: str, *, months: bool) -> str:
    """The day or the month of a time, as a date in that zone."""
    day = f"toDate({column}, {where.bind('String', zone)})"
    return f"toString(toStartOfMonth({day}))" if months else f"toString({day})"
