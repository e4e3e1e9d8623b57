"""Resetting a blocked address: who and why are asked, and kept with it."""

from typing import Any

from aiohttp import web
from multidict import MultiMapping

from query.auth import scope_of
from query.console.ingest import send_to_ingest
from query.console.page import change, page, redirect, render
from query.console.security import local_path
from query.console.visit import Visit, segment
from query.parameters import Parameter, choice, refused, stripped, text
from query.sql.addresses import about, standings_sql
from schemas.problems import INVALID_FIELDS, NOT_FOUND, ProblemError
from schemas.status import CHANNELS

PARAMETERS = {
    "channel": Parameter(choice(*CHANNELS)),
    "address": Parameter(stripped),
    "back": Parameter(text),
}


async def get_reset(visit: Visit) -> web.StreamResponse:
    """GET /reset?channel=&address=&back=: the form."""
    return _form(visit, await _standing(visit), {"actor": "", "reason": ""}, "")


async def post_reset(visit: Visit, form: MultiMapping[str]) -> web.StreamResponse:
    """Sends the reset to ingest and goes back; what ingest does not take is told above the form, which stays filled."""
    standing = await _standing(visit)
    given = {name: form.get(name, "").strip() for name in ("actor", "reason")}
    try:
        await send_to_ingest(
            visit,
            "POST",
            f"/v1/addresses/{segment(standing['address'])}/reset",
            {"channel": standing["channel"], **given},
        )
    except ProblemError as problem:
        if problem.problem is not INVALID_FIELDS:
            raise
        return _form(visit, standing, given, "Both are needed: who resets the address, and why.")
    visit.session.say(f"{standing['address']} is reset. It takes a few seconds until that shows everywhere.")
    return redirect(local_path(visit.request.query.get("back")))


async def _standing(visit: Visit) -> dict[str, Any]:
    """The standing of the address in the URL. Raises ProblemError."""
    given = visit.read(PARAMETERS)
    for name in ("channel", "address"):
        if name not in given:
            raise refused(name, "expected")
    where = about(scope_of(visit.principal, given), [(given["channel"], given["address"])])
    rows = await visit.context.rows(standings_sql(where), where.parameters)
    if not rows:
        raise ProblemError(NOT_FOUND)
    if len(rows) > 1:
        raise refused("tenant", "expected: several tenants know this address")
    return rows[0]


def _form(visit: Visit, standing: dict[str, Any], given: dict[str, str], fault: str) -> web.Response:
    back = local_path(visit.request.query.get("back"))
    return render(
        visit,
        "reset.html",
        status=422 if fault else 200,
        standing=standing,
        given=given,
        fault=fault,
        back=back,
    )


ROUTES = [web.get("/reset", page(get_reset, "reset")), web.post("/reset", change(post_reset, "reset"))]
