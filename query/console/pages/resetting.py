"""Resetting a blocked address: who and why are asked, and kept with it."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from multidict import MultiMapping

from query.auth import scope_of
from query.console.arriving import has_changed, outcome
from query.console.ingest import faults_of, send_to_ingest
from query.console.page import change, page, redirect, render
from query.console.security import local_path
from query.console.visit import Visit, segment
from query.parameters import Parameter, choice, refused, stripped, text
from query.sql.addresses import about, standings_sql
from schemas.problems import NOT_FOUND, ProblemError
from schemas.standing import Standing
from schemas.status import CHANNELS

PARAMETERS = {
    "channel": Parameter(choice(*CHANNELS)),
    "address": Parameter(stripped),
    "back": Parameter(text),
}
_TOLD = 200
"""Characters of a reason that are told again: it travels in a cookie."""


async def get_reset(visit: Visit) -> web.StreamResponse:
    """GET /reset?channel=&address=&back=: the form."""
    return _form(visit, await _standing(visit), {"actor": "", "reason": ""}, {})


async def post_reset(visit: Visit, form: MultiMapping[str]) -> web.StreamResponse:
    """Sends the reset to ingest, waits until it shows, and goes back with what was recorded. What ingest does not take is told
    at its field of the form, which stays filled."""
    before = await _standing(visit)
    given = {name: form.get(name, "").strip() for name in ("actor", "reason")}
    address = before["address"]
    try:
        await send_to_ingest(
            visit,
            "POST",
            f"/v1/addresses/{segment(address)}/reset",
            {"channel": before["channel"], **given},
        )
    except ProblemError as problem:
        return _form(visit, before, given, faults_of(problem, given))

    async def reset() -> object:
        return (await _standing(visit))["reset"]

    arrived = await has_changed(reset, before["reset"])
    visit.session.say(outcome(_recorded(before, given), arrived))
    return redirect(local_path(visit.request.query.get("back")))


def _recorded(before: Mapping[str, Any], given: Mapping[str, str]) -> str:
    reason = given["reason"] if len(given["reason"]) <= _TOLD else f"{given['reason'][:_TOLD]}…"
    by = f"Recorded with it: {given['actor'][:_TOLD]}, “{reason}”."
    if before["standing"] == Standing.INVALID:
        return f"{before['address']} is reset: it is no longer blocked. {by}"
    return f"{before['address']} was not blocked; that its reset was asked for is kept. {by}"


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


def _form(
    visit: Visit, standing: dict[str, Any], given: dict[str, str], faults: Mapping[str, str]
) -> web.Response:
    return render(
        visit,
        "reset.html",
        status=422 if faults else 200,
        standing=standing,
        given=given,
        faults=faults,
        back=local_path(visit.request.query.get("back")),
    )


ROUTES = [web.get("/reset", page(get_reset, "reset")), web.post("/reset", change(post_reset, "reset"))]
