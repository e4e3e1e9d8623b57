"""A page of the log out of a long one: first where its rows stand, then the rows.

Where the rows of a page stand is found by the columns that filter and order alone, and without FINAL: it may name rows
that have become something else since, and one row several times, but never misses one. The rows themselves are then
read whole and exactly, some fifty instead of all that the filters let pass; of those that are no longer what was asked
for, nothing comes, and the search goes on behind them.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from query.context import Context
from query.periods import Span
from query.sql.messages import (
    FEW_WINDOW_DAYS,
    NARROW,
    WINDOW_DAYS,
    after_page,
    filed_at,
    later_windows,
    leading_of,
    leading_sql,
    leading_values,
    oldest_sql,
    places_sql,
    rows_at_sql,
    versions_sql,
    windows,
)
from query.sql.where import Scope, SortColumn, Where, after

_TWICE = 2
"""Of a row that was updated just now the store has several versions for a while: as many places as this are asked for."""
_MORE = 4
_MOST_PLACES = 4_000
"""So many times more places are asked for, up to so many, each time that too few of those named are still what was asked
for."""


async def log_page(
    context: Context,
    scope: Scope,
    where: Where,
    columns: str,
    order: Sequence[SortColumn],
    wanted: int,
    span: Span,
    place: Sequence[Any] | None,
    *,
    expects_few: bool = False,
    unchanging: str | None = None,
) -> list[dict[str, Any]]:
    """The first `wanted` rows of `where`, which are of `scope`, in this order, and fewer if there are no more; `place` has
    the order's values of the row before them. `expects_few` where hardly more rows than these pass, and `unchanging` where hardly
    a row passes but by this condition on its sort key, which is bound in `where`, make nothing but the answer's time another.
    Raises ClickHouseAway."""
    if order[0].sql != "m.filed_at":
        return await _by_another_field(context, where, columns, order, wanted, place)
    if place is not None:
        after_page(where := where.copy(), order, place)
    if unchanging is not None:
        found = await _in_one_go(context, where, columns, order, wanted, unchanging)
        if found is not None:
            return found
    window_days = FEW_WINDOW_DAYS if expects_few else WINDOW_DAYS
    spans = await _windows(context, scope, order[0].descending, span, place, window_days)
    return await _first_rows(context, where, columns, order, wanted, spans)


async def _in_one_go(
    context: Context,
    where: Where,
    columns: str,
    order: Sequence[SortColumn],
    wanted: int,
    unchanging: str,
) -> list[dict[str, Any]] | None:
    """As `log_page`; None where that cannot be told so. Of a row that passes by its key all versions pass: the newest is at hand,
    unless the last row's was cut off."""
    asked = _TWICE * wanted
    sql = versions_sql(where, columns, order, asked, unchanging)
    versions = await context.rows(sql, where.parameters, settings=NARROW)
    newest: dict[tuple[Any, ...], dict[str, Any]] = {}
    for version in versions:
        place = tuple(version[f"k{number}"] for number in range(len(order)))
        if place not in newest or newest[place]["revision"] < version["revision"]:
            newest[place] = version
    is_cut = len(versions) == asked and len(newest) <= wanted
    if is_cut or not all(version["is_unchanging"] for version in versions):
        return None
    return [
        {name: value for name, value in row.items() if name not in ("revision", "is_unchanging")}
        for row in list(newest.values())[:wanted]
    ]


async def _windows(
    context: Context,
    scope: Scope,
    descending: bool,
    span: Span,
    place: Sequence[Any] | None,
    window_days: Sequence[int],
) -> list[Span]:
    """Ranges of `at` to be read one after the other, a small one first."""
    oldest, newest = span
    if descending:
        return windows(place[0] + 1 if place else newest, oldest, int(time.time() * 1000), window_days)
    first = place[0] if place else oldest
    if first is None:
        first = await _oldest(context, scope)
    return later_windows(first, newest, window_days)


async def _by_another_field(
    context: Context,
    where: Where,
    columns: str,
    order: Sequence[SortColumn],
    wanted: int,
    place: Sequence[Any] | None,
) -> list[dict[str, Any]]:
    """As `log_page`. First the leading fields alone are read of all rows, since what makes each row's place unique is long;
    they tell where the page ends and when its rows were filed, which the sort key finds them by."""
    rows: list[dict[str, Any]] = []
    leading, asked = leading_of(order), _TWICE * wanted
    if place is not None:
        _not_before(where := where.copy(), leading, leading_values(order, place))
    while len(rows) < wanted:
        named = await context.rows(leading_sql(where, leading, asked), where.parameters, settings=NARROW)
        was_last = len(named) < asked
        if was_last:
            filed_at(near := where.copy(), [row["at_ms"] for row in named])
        else:
            near, where = _near_and_rest(where, leading, named)
        if place is not None:
            # Of the rows that share the place's leading values some are before it.
            after_page(near, order, place)
        rows += await _first_rows(context, near, columns, order, wanted - len(rows))
        if was_last:
            break
        asked = min(_MORE * asked, _MOST_PLACES)
    return rows


def _near_and_rest(
    where: Where, leading: Sequence[SortColumn], named: Sequence[dict[str, Any]]
) -> tuple[Where, Where]:
    """The first rows of `where`, of which `named` has the leading values, and what comes behind them.

    Of those that share the last one's values there may be more than are named: they are left for the next time, unless all
    share them.
    """
    near, rest = where.copy(), where.copy()
    values = [tuple(row[f"k{number}"] for number in range(len(leading))) for row in named]
    edge = values[-1]
    times = [row["at_ms"] for row, each in zip(named, values, strict=True) if each != edge]
    if not times:
        near.add(f"NOT ({after(near, leading, edge)})")
        rest.add(after(rest, leading, edge))
        return near, rest
    near.add(after(near, _backwards(leading), edge))
    filed_at(near, times)
    _not_before(rest, leading, edge)
    return near, rest


def _not_before(where: Where, leading: Sequence[SortColumn], values: Sequence[Any]) -> None:
    """Only rows that have these values of this order, or later ones."""
    where.add(f"NOT ({after(where, _backwards(leading), values)})")


def _backwards(order: Sequence[SortColumn]) -> list[SortColumn]:
    return [replace(column, descending=not column.descending) for column in order]


async def _first_rows(
    context: Context,
    where: Where,
    columns: str,
    order: Sequence[SortColumn],
    wanted: int,
    spans: Sequence[Span] = ((None, None),),
) -> list[dict[str, Any]]:
    """The first `wanted` rows of `where`, or all there are, of times that are looked into one after the other.

    Rows are read when there are places for all that are wanted: to read them after each time costs about as much for one as
    for fifty."""
    rows: list[dict[str, Any]] = []
    waiting: list[tuple[Any, ...]] = []
    for number, span in enumerate(spans, 1):
        window = where.copy()
        window.between("m.filed_at", *span)
        asked = _TWICE * (wanted - len(rows) - len(waiting))
        while True:
            named = await context.rows(places_sql(window, order, asked), window.parameters, settings=NARROW)
            all_places = list(dict.fromkeys(tuple(row.values()) for row in named))
            places = all_places[: max(wanted - len(rows) - len(waiting), asked // _TWICE)]
            was_last = len(named) < asked and len(places) == len(all_places)
            waiting += places
            if was_last and number < len(spans) and len(rows) + len(waiting) < wanted:
                break
            if waiting:
                here = where.copy()
                if not was_last:
                    # What has moved since to a place behind these comes with its own one.
                    here.add(f"NOT ({after(here, order, places[-1])})")
                rows += await context.rows(rows_at_sql(here, columns, order, waiting), here.parameters)
                waiting = []
            if len(rows) >= wanted:
                return rows[:wanted]
            if was_last:
                break
            after_page(window := window.copy(), order, places[-1])
            asked = min(_MORE * asked, _MOST_PLACES)
    return rows


async def _oldest(context: Context, scope: Scope) -> int | None:
    """When the first row was filed, ms; None where there is none."""
    where = Where(scope)
    rows = await context.rows(oldest_sql(where), where.parameters)
    return int(rows[0]["oldest"]) if rows else None
