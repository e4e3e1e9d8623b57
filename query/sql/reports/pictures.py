"""The points of a report's picture: sums by one column, stacked by another, over all of its rows."""

from collections.abc import Sequence

from query.sql.where import Where

MOST_POINTS = 1000


def bars_sql(source: str, where: Where, x: str, by: str, value: str, *, newest_first: bool) -> str:
    """Rows x, by, value: the newest `x` first, or those with the greatest sum."""
    order = "x DESC" if newest_first else "total DESC, x"
    return (
        f"SELECT x, by, value FROM (SELECT x, by, value, sum(value) OVER (PARTITION BY x) AS total FROM "
        f"(SELECT {x} AS x, {by} AS by, {value} AS value FROM {source} WHERE {where.sql} GROUP BY x, by)) "
        f"ORDER BY {order}, by LIMIT {MOST_POINTS}"
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
