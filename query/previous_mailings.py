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
from query.sql.where import EARLIEST_MS, Scope, Where
from schemas.status import CHANNELS
from schemas.times import parse_time

_OF_ALL = ("from", "to", "day", "campaign")
"""Filters that a mailing and the one before it need not both pass."""
_NOT_OF_PREVIOUS = ("tenant", "untracked", "tracking")
_NEAR_MS = 6 * 3_600_000
_DAYS = (1, 8, None)
"""How long, and then how many days before a mailing without a campaign the one before it is looked for, one after the other;
None = all."""

Item = dict[str, Any]
Before = dict[Place, Place]


async def add_previous(
    context: Context, scope: Scope, given: Mapping[str, Any], span: Span, items: Sequence[Item]
) -> None:
    """Gives each of these items of `mailings_list`, which are of `scope` and within `span`, the one before it as `previous`.
    `given` has the filters that their rows passed. Raises ClickHouseAway."""
    asked = _Asked(context, scope, given, span)
    campaigns = [item for item in items if item["campaign"]]
    others = {
        channel: [item for item in items if not item["campaign"] and item["channel"] == channel]
        for channel in CHANNELS
    }
    found = await asyncio.gather(
        asked.before_campaigns(campaigns), *(asked.before_others(*each) for each in others.items())
    )
    before = {place: previous for each in found for place, previous in each.items()}
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
        """The campaign before each campaign: it began before the last of them did."""
        if not items:
            return {}
        from_ms, _ = self._span
        last_ms = max(parse_time(item["first_at"]) for item in items)
        near = [(EARLIEST_MS if from_ms is None else from_ms, last_ms)]
        before, spans = await self._found(items, self._span, near, None)
        return await self._figures(before, spans, None)

    async def before_others(self, channel: str, items: Sequence[Item]) -> dict[Place, Item]:
        """What was sent before each mailing of that channel without a campaign. All rows of such a mailing are of one day, so
        that few days tell which one that was, where something was sent in them. Of mail mostly some hours do; text messages
        have no subjects, and all of a day are one mailing."""
        before: dict[Place, Place] = {}
        spans: list[tuple[int, int]] = []
        nearest = ((1, _NEAR_MS),) if channel == "email" else ()
        for days, near_ms in (*nearest, *((days, None) for days in _DAYS)):
            left = [item for item in items if place_of(item, self._scope.tenant) not in before]
            if not left:
                break
            within = self._around(left, days)
            near = _merged([self._near(item, days, near_ms) for item in left])
            found, times = await self._found(left, within, near, channel)
            before |= found
            spans += times
        return await self._figures(before, spans, channel)

    def _around(self, items: Sequence[Item], days: int | None) -> Span:
        """From so many whole days before the first of these items until the end of the last one's day, which all that was before
        it lies before."""
        on = [date.fromisoformat(item["day"]) for item in items]
        from_ms = None if days is None else day_span(min(on) - timedelta(days=days), self._zone)[0]
        return common(self._span, (from_ms, day_span(max(on), self._zone)[1]))

    def _near(self, item: Item, days: int | None, near_ms: int | None) -> tuple[int, int]:
        """From so long, or so many whole days, before the item on until it began: first and last ms."""
        began_ms = parse_time(item["first_at"])
        begin = self._around([item], days)[0] if near_ms is None else began_ms - near_ms
        return EARLIEST_MS if begin is None else begin, began_ms

    def _rows(self, span: Span, channel: str | None) -> Where:
        rows = Where(self._scope)
        add_shared(rows, self._given)
        rows.between("m.filed_at", *span)
        if channel is not None:
            rows.equal("m.channel", channel)
        return rows

    async def _found(
        self, items: Sequence[Item], span: Span, near: Sequence[tuple[int, int]], channel: str | None
    ) -> tuple[Before, list[tuple[int, int]]]:
        """Of mailings of a channel without a campaign, or (None) of campaigns: by the place of each item that of the mailing
        before it, and between which times the rows of these lie, ms: of those mailings that have a row in one of the spans
        `near`, and for each item only one that began in the same of them."""
        rows = self._rows(span, channel)
        places = [place_of(item, self._scope.tenant) for item in items]
        rows.add(f"m.tenant IN {rows.bind('Array(String)', sorted({place[0] for place in places}))}")
        sql = mailings_before_sql(rows, self._zone, places, near, are_campaigns=channel is None)
        begin = {place: _begin_of(item, near) for place, item in zip(places, items, strict=True)}
        found = [(tuple(row.values())[:5], row) for row in await self._context.rows(sql, rows.parameters)]
        found = [(place, row) for place, row in found if row["before_began_ms"] >= begin[place]]
        before = {place: tuple(row.values())[6:11] for place, row in found}
        return before, [(row["before_first_at_ms"], row["before_last_at_ms"]) for _, row in found]

    async def _figures(
        self, before: Before, spans: Sequence[tuple[int, int]], channel: str | None
    ) -> dict[Place, Item]:
        """By the place of each item the mailing before it, as it is told."""
        if not before:
            return {}
        rows, are_campaigns = self._rows(self._span, channel), channel is None
        places = sorted(set(before.values()))
        add_places(rows, self._zone, places, _merged(spans), are_campaigns=are_campaigns)
        listed = mailings_list(
            rows, self._zone, (None, None), are_campaigns=are_campaigns, tells_tracking=False
        )
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


def _begin_of(item: Item, near: Sequence[tuple[int, int]]) -> int:
    """Where the one of these spans begins in which the item began, as far as that is told."""
    began_ms = parse_time(item["first_at"])
    return next(first for first, last in near if first <= began_ms <= last)


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
