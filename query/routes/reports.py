"""GET /v1/reports/{name}."""

from functools import partial

from aiohttp import web

from query.context import CONTEXT, asked
from query.lists import is_stream
from query.reports import REPORTS, Report
from query.reports.asking import report_document, stream_report
from query.sending import SENDING
from runtime.http import json_response
from runtime.keys import authenticate
from schemas.problems import NOT_FOUND, ProblemError

PATH = "/v1/reports/{name}"


def add_reports(app: web.Application) -> None:
    """A route of its own for each report: each has parameters and columns of its own."""
    for report in REPORTS.values():
        app.router.add_get(PATH.format(name=report.name), partial(get_report, report))
    app.router.add_get(PATH, get_unknown_report)


async def get_report(report: Report, request: web.Request) -> web.StreamResponse:
    """One report, a page of it as JSON or the whole as a stream."""
    context, principal, given = asked(request, report.parameters)
    sending = request.app[SENDING]
    if is_stream(given):
        return await stream_report(request, context, sending, principal, given, report)
    return json_response(await report_document(context, sending, principal, given, report))


async def get_unknown_report(request: web.Request) -> web.Response:
    """Tells which reports there are."""
    authenticate(request, request.app[CONTEXT].tenants, "read")
    raise ProblemError(NOT_FOUND, f"no report of this name; known are {', '.join(REPORTS)}")
