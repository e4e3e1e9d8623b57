"""A page of a report, and its picture.

What only the rows of a page need is asked for those alone; where it takes long to tell what the rows are, the first page and the
picture come of one question.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from query.context import Context
from query.lists import Paging, item_reader
from query.reports.declaring import Asked, Report, Rows
from query.reports.series import bars_of, is_in_time, series_from, series_of
from query.sql.lists import first_sql, named, rows_sql, select_list
from query.sql.reports.pictures import first_and_bars_sql
from query.sql.where import after
from schemas.tenants import Principal

Document = dict[str, Any]


async def report_page(
    context: Context, principal: Principal, given: Mapping[str, Any], report: Report, asked: Asked
) -> tuple[Document, Document | None]:
    """A page of a report, and with the first page the series of its picture. Raises ProblemError."""
    rows = report.rows(asked)
    order = report.listed(rows.source).order(given.get("sort", report.default_sort))
    paging = Paging(principal, given, report.name, order)
    source, selected, limit = rows.source, _whole(report, rows, principal), paging.size + 1
    if rows.chosen is not None:
        source, selected = rows.plain or rows.source, named(rows.chosen.by)

    async def page() -> Document:
        sql = first_sql(selected, source, rows.where, order, limit)
        found = await context.rows(sql, rows.where.parameters, settings=rows.settings)
        return await _document(context, principal, report, rows, paging, found)

    if paging.place is not None:
        rows.where.add(after(rows.where, order, paging.place))
        return await page(), None
    if not report.is_costly:
        pictured = Rows(rows.plain or rows.source, rows.where.copy(), settings=rows.settings)
        document, series = await asyncio.gather(page(), series_of(context, report, asked, pictured))
        return document, series
    bars = bars_of(report, asked, rows.where)
    in_time = is_in_time(report, asked)
    sql = first_and_bars_sql(selected, source, rows.where, order, limit, bars, newest_first=in_time)
    found = await context.rows(sql, rows.where.parameters, settings=rows.settings)
    first = [row for row in found if row["place"] <= limit]
    series = series_from(report, asked, _bars(found))
    return await _document(context, principal, report, rows, paging, first), series


async def _document(
    context: Context,
    principal: Principal,
    report: Report,
    rows: Rows,
    paging: Paging,
    found: Sequence[dict[str, Any]],
) -> Document:
    as_item = item_reader(report.listed(rows.source))
    if rows.chosen is None or not found:
        return paging.document(found, as_item)
    names, page = list(rows.chosen.by), rows.chosen.rows(found)
    selected = f"{_whole(report, page, principal)}, {named(rows.chosen.by)}"
    sql = rows_sql(selected, page.source, page.where)
    read = await context.rows(sql, page.where.parameters, settings=page.settings)
    whole = {_told(row, names): row for row in read}
    document = paging.document(found, lambda row: whole.get(_told(row, names), {}))
    # What was folded anew a moment ago may be no row of the report any more.
    document["items"] = [as_item(row) for row in document["items"] if row]
    return document


def _whole(report: Report, rows: Rows, principal: Principal) -> str:
    return select_list(report.listed(rows.source), with_tenant=principal.tenant is None)


def _told(row: Mapping[str, Any], names: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


def _bars(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The parts of the bars, in the order of the bars."""
    bars = sorted((row for row in found if row["bar_place"]), key=lambda row: int(row["bar_place"]))
    return [{"x": row["bar_x"], "by": row["bar_by"], "value": row["bar_value"]} for row in bars]
