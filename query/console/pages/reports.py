"""The reports: what there is, each of them with its picture, table and files, and the release of a tenant that was stopped."""

from typing import Any

from aiohttp import web
from multidict import MultiMapping

from query.console import report_view
from query.console.forms import form_of
from query.console.ingest import faults_of
from query.console.navigation import Entry
from query.console.page import change, page, redirect, render
from query.console.ranges import last_days
from query.console.report_layouts import places
from query.console.visit import Visit
from query.evidence import now_ms
from query.lists import is_stream
from query.reports import REPORTS, Report
from query.reports.asking import report_document, stream_report
from query.routes.tenants import check_operator, release
from query.sending import SENDING
from schemas.problems import NOT_FOUND, UNKNOWN_TENANT, ProblemError
from schemas.times import format_time

PATH = "/reports"

LIST = Entry("Figures", "Reports", PATH)
ENTRIES = (LIST,)

NOTHING: dict[str, tuple[str, str]] = {
    "monthly-volume": ("Nothing was sent", "Volumes appear with the first messages."),
    "opted-out": (
        "Nobody is opted out",
        "Whoever opts out by a link, at a provider or through staff appears here.",
    ),
    "opt-ins": ("Nobody opted in", "Opt-ins that applications report appear here."),
    "new-customers": (
        "No customers",
        "Customers appear as soon as they are registered or a message names them.",
    ),
    "new-recipients": ("No recipients", "Addresses appear with the first message to them."),
    "consent-changes": ("No consent changed", "Every opt-in and opt-out appears here, with its evidence."),
    "sent-against-consent": (
        "Sent against consent: none, as it should be",
        "Every message of a category that needs consent went to somebody who had given it.",
    ),
    "suppressions": ("No address is suppressed", "Addresses that bounce or complain appear here."),
    "bounce-causes": ("No bounces and no complaints", "That is as good as it gets."),
    "sender-health": ("Nothing was sent in the window", "Senders appear with their first mail."),
}
"""What an empty report means, by its name: title and what follows."""


RECENT_DAYS = 90
OF_RECENT = frozenset({"monthly-volume", "new-recipients", "sent-against-consent", "bounce-causes"})
"""Reports that read all messages of their time, which takes seconds where there are millions: /reports leads to what they tell of
the last 90 days, and whoever wants more has a field for it."""


async def get_reports(visit: Visit) -> web.StreamResponse:
    """GET /reports."""
    recent = format_time(last_days(RECENT_DAYS, visit.zone, now_ms()).from_ms)
    ways = {
        name: visit.url(f"{PATH}/{name}", **({"from": recent} if name in OF_RECENT else {}))
        for name in REPORTS
    }
    return render(visit, "reports.html", reports=REPORTS.values(), ways=ways)


async def get_report(visit: Visit) -> web.StreamResponse:
    """GET /reports/{name}: the parameters are those of GET /v1/reports/{name}."""
    report = REPORTS.get(visit.request.match_info["name"])
    if report is None:
        raise ProblemError(NOT_FOUND)
    sending = visit.request.app[SENDING]
    given = visit.read(report.parameters, **_zone(visit, report))
    if is_stream(given):
        return await stream_report(visit.request, visit.context, sending, visit.principal, given, report)
    document = await report_document(visit.context, sending, visit.principal, given, report)
    return render(visit, "report.html", **_shown(visit, report, document, given.get("tz", visit.zone)))


def _zone(visit: Visit, report: Report) -> dict[str, str]:
    """Days and months are the reader's, where the URL does not say whose."""
    return {"tz": visit.zone} if "tz" in report.parameters and "tz" not in visit.request.query else {}


def _shown(visit: Visit, report: Report, document: dict[str, Any], zone: str) -> dict[str, Any]:
    series = document["series"]
    return {
        "report": report,
        "form": form_of(visit, report_view.fields(report)),
        "sort": visit.request.query.get("sort", report.default_sort),
        "items": [(item, report_view.leads(visit, report, item, zone)) for item in document["items"]],
        "next": document["next"],
        "notes": document["notes"],
        "drawings": report_view.drawings(visit, report, series, zone) if series else [],
        "cut": bool(series and series["cut"]),
        "total": report_view.total(report, series) if series else None,
        "nothing": NOTHING[report.name],
        "view": report_view,
        "places": places(report),
        "may_release": visit.is_operator and visit.may("admin"),
    }


async def get_release(visit: Visit) -> web.StreamResponse:
    """GET /tenants/{tenant}/release: the form."""
    return _form(visit, {"actor": "", "reason": ""}, {})


async def post_release(visit: Visit, form: MultiMapping[str]) -> web.StreamResponse:
    """Releases the tenant, as POST /v1/tenants/{tenant}/release does."""
    given = {name: form.get(name, "").strip() for name in ("actor", "reason")}
    tenant = visit.request.match_info["tenant"]
    try:
        await release(visit.context, visit.request.app[SENDING], visit.principal, tenant, given)
    except ProblemError as problem:
        return _form(visit, given, faults_of(problem, given))
    visit.session.say(f"{tenant} is released. It takes a few seconds until that shows everywhere.")
    return redirect(visit.url(f"{PATH}/sender-health"))


def _form(visit: Visit, given: dict[str, str], faults: dict[str, str]) -> web.Response:
    check_operator(visit.principal)
    tenant = visit.request.match_info["tenant"]
    if tenant not in visit.context.tenants:
        raise ProblemError(UNKNOWN_TENANT)
    return render(
        visit,
        "release.html",
        status=422 if faults else 200,
        tenant=tenant,
        name=visit.context.tenants[tenant].name,
        given=given,
        faults=faults,
        above=LIST,
    )


ROUTES = [
    web.get(PATH, page(get_reports)),
    web.get(f"{PATH}/{{name}}", page(get_report)),
    web.get("/tenants/{tenant}/release", page(get_release, "admin")),
    web.post("/tenants/{tenant}/release", change(post_release, "admin")),
]
