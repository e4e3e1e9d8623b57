"""The mailing before each of a few: first which one it is, then its figures. To tell it of all mailings of a range in one go
(`mailings_list` with `compare`, for streams) takes ten times as long as a page of them."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from query.context import Context
from query.filters import add_shared
from query.lists import item_reader
from query.periods import Span, common, day_span
from query.sql.campaigns import (
    LOOK_BACK_MS,
    Place,
    add_places,
    mailings_before_sql,
    mailings_list,
    place_of,
)
from query.sql.lists import page_sql
from query.sql.where import Scope, Where

_OF_ALL = ("from", "to", "day", "campaign")
"""Filters that a mailing and the one before it need not both pass."""
_NOT_OF_PREVIOUS = ("tenant", "untracked", "tracking")
_DAYS = (1, 8, None)
"""How many days before a mailing without a campaign the one before it is looked for, one after the other; None = all."""

Item = dict[str, Any]
Before = dict[Place, Place]


async def add_previous(
    context: Context, scope: Scope, given: Mapping[str, Any], span: Span, items: Sequence[Item]
) -> None:
    """Gives each of these items of `mailings_list`, which are of `scope` and within `span`, the one before it as `previous`.
    `given` has the filters that their rows passed. Raises ClickHouseAway."""
    asked = _Asked(context, scope, given, span)
    campaigns = [item for item in items if item["campaign"]]
    others = [item for item in items if not item["campaign"]]
    found = await asyncio.gather(asked.before_campaigns(campaigns), asked.before_others(others))
    before = found[0] | found[1]
    for item in items:
        item["previous"] = before.get(place_of(item, scope.tenant))


class _Asked:
    """Whose mailings, which of their rows, and when."""

    def __init__(self, context: Context, scope: Scope, given: Mapping[str, Any], span: Span) -> None:
        self._context = context
        self._scope = scope
        self._given = {name: value for name, value in given.items() if name not in _OF_ALL}
        self._zone: str = given.get("tz", "UTC")
        from_ms, to_ms = span
        self._span: Span = None if from_ms is None else from_ms - LOOK_BACK_MS, to_ms

    async def before_campaigns(self, items: Sequence[Item]) -> dict[Place, Item]:
        """The campaign before each campaign."""
        return await self._figures(*await self._found(items, self._span, are_campaigns=True))

    async def before_others(self, items: Sequence[Item]) -> dict[Place, Item]:
        """What was sent before each mailing without a campaign. All rows of such a mailing are of one day, so that few days
        tell which one that was, where something was sent in them."""
        before: dict[Place, Place] = {}
        spans: list[tuple[int, int]] = []
        for days in _DAYS:
            left = [item for item in items if place_of(item, self._scope.tenant) not in before]
            found, times = await self._found(left, self._around(left, days), are_campaigns=False)
            before |= found
            spans += times
        return await self._figures(before, spans)

    def _around(self, items: Sequence[Item], days: int | None) -> Span:
        """From so many whole days before the first of these items on."""
        if days is None or not items:
            return self._span
        first = min(date.fromisoformat(item["day"]) for item in items)
        from_ms, _ = day_span(first - timedelta(days=days), self._zone)
        return common(self._span, (from_ms, None))

    def _rows(self, span: Span) -> Where:
        rows = Where(self._scope)
        add_shared(rows, self._given)
        rows.between("m.filed_at", *span)
        return rows

    async def _found(
        self, items: Sequence[Item], span: Span, *, are_campaigns: bool
    ) -> tuple[Before, list[tuple[int, int]]]:
        """By the place of each item that of the mailing before it, and between which times the rows of these lie, ms."""
        if not items:
            return {}, []
        rows = self._rows(span)
        places = [place_of(item, self._scope.tenant) for item in items]
        rows.add(f"m.tenant IN {rows.bind('Array(String)', sorted({place[0] for place in places}))}")
        sql = mailings_before_sql(rows, self._zone, places, are_campaigns=are_campaigns)
        found = await self._context.rows(sql, rows.parameters)
        before = {tuple(row.values())[:5]: tuple(row.values())[6:11] for row in found}
        return before, [(row["before_first_ms"], row["before_last_ms"]) for row in found]

    async def _figures(self, before: Before, spans: Sequence[tuple[int, int]]) -> dict[Place, Item]:
        """By the place of each item the mailing before it, as it is told."""
        if not before:
            return {}
        rows = self._rows(self._span)
        places = sorted(set(before.values()))
        add_places(rows, self._zone, places, _merged(spans))
        listed = mailings_list(rows, self._zone, (None, None))
        mailings = rows.around()
        order = listed.order(listed.default_sort)
        sql = page_sql(listed, mailings, order, len(places), with_tenant=True)
        told = map(item_reader(listed), await self._context.rows(sql, mailings.parameters))
        by_place = {place_of(item, None): item for item in told}
        # What was folded anew a moment ago may stand elsewhere by now.
        return {
            place: _as_previous(by_place[previous])
            for place, previous in before.items()
            if previous in by_place
        }


def _as_previous(item: Item) -> Item:
    return {name: value for name, value in item.items() if name not in _NOT_OF_PREVIOUS}


def _merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same times in as few spans as can be, first and last ms of each."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged
