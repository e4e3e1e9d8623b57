"""A page of mailings, the latest first, out of a long time: they are looked for in its newest days before all of it is read.

When a mailing began is known of those alone whose rows are all read. So first is told since when those have rows that sent
something in these days, which is soon told; rows are then read since that time.
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from query.context import Context
from query.periods import Span, day_span
from query.sql.campaigns import add_campaigns, campaigns_sql, span_sql
from query.sql.lists import Listed, page_sql
from query.sql.messages import windows
from query.sql.where import SortColumn, Where, after

MailingsOf = Callable[[Span], tuple[Listed, Where]]
"""Gives the mailings of the rows within a span as a list, and the conditions on these."""


async def latest_mailings(
    context: Context,
    rows: Where,
    mailings_of: MailingsOf,
    order: Sequence[SortColumn],
    wanted: int,
    span: Span,
    zone: str,
    place: Sequence[Any] | None,
    *,
    with_tenant: bool,
) -> list[dict[str, Any]]:
    """The first `wanted` mailings in this order, which begins with when they began, the latest first, and fewer if there are no
    more; `place` has the order's values of the one before them. `rows` are those that mailings are made of, of any time.
    Raises ClickHouseAway."""
    oldest, newest = span
    last = newest if place is None else place[0] + 1
    found: list[dict[str, Any]] = []
    for begin, _ in windows(last, oldest, int(time.time() * 1000)):
        is_all = begin == oldest
        since = begin if is_all else await _first_row(context, rows, (begin, newest), oldest, zone)
        listed, mailings = mailings_of((since, newest))
        if begin is not None and not is_all:
            mailings.add(f"m.first_at >= {mailings.bind_time(begin)}")
        if place is not None:
            mailings.add(after(mailings, order, place))
        sql = page_sql(listed, mailings, order, wanted, with_tenant=with_tenant)
        found = await context.rows(sql, mailings.parameters)
        if len(found) >= wanted:
            break
    return found


async def _first_row(context: Context, rows: Where, within: Span, oldest: int | None, zone: str) -> int:
    """Since when the mailings that have rows `within` these times have any, ms, but not before `oldest`: those without a
    campaign since their day began."""
    begin, _ = within
    assert begin is not None
    (lately := rows.copy()).between("m.filed_at", *within)
    campaigns = [tuple(row.values()) for row in await context.rows(campaigns_sql(lately), lately.parameters)]
    first = begin
    if campaigns:
        (before := rows.copy()).between("m.filed_at", oldest, begin)
        add_campaigns(before, campaigns)
        (ends,) = await context.rows(span_sql(before), before.parameters)
        first = int(ends["first_ms"]) if ends["rows"] else begin
    day = datetime.fromtimestamp(begin / 1000, ZoneInfo(zone)).date()
    since = min(first, day_span(day, zone)[0])
    return since if oldest is None else max(since, oldest)
