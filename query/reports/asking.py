"""Asks a report: a page of it with its picture and notes as a document, or the whole as a stream."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from query.auth import scope_of
from query.context import Context
from query.lists import stream_list
from query.reports.declaring import Asked, Report
from query.reports.page import report_page
from query.sending import Sending
from query.sql.lists import count_sql
from schemas.tenants import Principal


async def report_document(
    context: Context, sending: Sending, principal: Principal, given: Mapping[str, Any], report: Report
) -> dict[str, Any]:
    """A page of a report: items, the cursor of the next page, and with the first page the series of its picture and the
    notes. `given` are its parameters. Raises ProblemError."""
    asked = _asked(context, sending, principal, given)
    await report.ahead(asked)
    told = report_page(context, principal, given, report, asked)
    notes: list[str] = []
    if "cursor" in given:
        page, series = await told
    else:
        (page, series), notes = await asyncio.gather(told, _notes(context, report, asked))
    return {"report": report.name, "title": report.title, **page, "series": series, "notes": notes}


async def stream_report(
    request: web.Request,
    context: Context,
    sending: Sending,
    principal: Principal,
    given: Mapping[str, Any],
    report: Report,
) -> web.StreamResponse:
    """The whole report in the format asked for. Raises ProblemError."""
    asked = _asked(context, sending, principal, given)
    await report.ahead(asked)
    rows = report.rows(asked)
    listed = report.listed(rows.source)
    return await stream_list(request, context, principal, given, listed, rows.where, rows.settings)


def _asked(context: Context, sending: Sending, principal: Principal, given: Mapping[str, Any]) -> Asked:
    return Asked(scope_of(principal, given), given, context.tenants, sending, time.time_ns() // 1_000_000)


async def _notes(context: Context, report: Report, asked: Asked) -> list[str]:
    """What the rows do not tell, in words."""
    told = []
    for note in report.notes:
        rows = note.question(asked)
        (row,) = await context.rows(count_sql(rows.source, rows.where), rows.where.parameters)
        if row["count"]:
            told.append(note.text.format(count=f"{row['count']:,}"))
    return told
