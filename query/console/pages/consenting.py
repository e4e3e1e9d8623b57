"""Opting an address in or out on the customer's behalf: who, why and on what evidence are asked, and kept with it."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from multidict import MultiMapping

from query.auth import scope_of
from query.console.arriving import has_changed, outcome
from query.console.ingest import faults_of, send_to_ingest
from query.console.page import change, page, redirect, render
from query.console.pages.consents import STANDING
from query.console.security import local_path
from query.console.visit import Visit, segment
from query.console.wording import CATEGORIES as WORDS
from query.parameters import Parameter, choice, refused, text
from query.routes.addresses import place_of
from query.sql.addresses import Place, about
from query.sql.consents import consents_sql
from schemas.addresses import normalise
from schemas.consent import CATEGORIES, IN, MARKETING, OUT
from schemas.problems import ProblemError
from schemas.status import CHANNELS

PARAMETERS = {
    "channel": Parameter(choice(*CHANNELS)),
    "consent": Parameter(choice(IN, OUT)),
    "category": Parameter(choice(*CATEGORIES)),
    "back": Parameter(text),
}
FIELDS = ("category", "sender", "actor", "reason", "method", "reference", "wording")
_EVIDENCE = ("method", "reference", "wording")
_METHOD = "Please say how they told it."
_ASKED = {
    "evidence": _METHOD,
    "evidence.method": _METHOD,
    "evidence.reference": "Please name the call, form or letter that proves it.",
}


async def get_consenting(visit: Visit) -> web.StreamResponse:
    """GET /addresses/{address}/consent?consent=in|out&channel=&category=&back=: the form."""
    given = _read(visit)
    filled = dict.fromkeys(FIELDS, "") | {"category": given.get("category", MARKETING)}
    return _form(visit, given, filled, {})


async def post_consenting(visit: Visit, form: MultiMapping[str]) -> web.StreamResponse:
    """Sends the consent to ingest, waits until it shows, and goes back with what was recorded. What ingest does not take is told
    at its field of the form, which stays filled."""
    given = _read(visit)
    filled = {name: form.get(name, "").strip() for name in FIELDS}
    place = _place(visit, given)

    async def entry() -> object:
        return await _entry(visit, given, place, filled)

    before = await entry()
    try:
        await send_to_ingest(visit, "POST", "/v1/consents", consent_of(place, given["consent"], filled))
    except ProblemError as problem:
        return _form(visit, given, filled, faults_of(problem, filled, _ASKED))
    label = WORDS[filled["category"]].label
    done = (
        f"{place[1]} is opted {given['consent']}: {label}. Recorded in the audit log, with who, when and why."
    )
    visit.session.say(outcome(done, await has_changed(entry, before)))
    return redirect(_back(visit, place))


def consent_of(place: Place, consent: str, filled: Mapping[str, str]) -> dict[str, Any]:
    """The consent as ingest takes it: of what was left empty nothing is said, so that ingest tells whether it was needed."""
    evidence = {name: filled[name] for name in _EVIDENCE if filled[name]}
    optional = {name: filled[name] for name in ("sender", "reason") if filled[name]}
    return {
        "channel": place[0],
        "address": place[1],
        "category": filled["category"],
        "consent": consent,
        "source": "staff",
        "actor": filled["actor"],
        **optional,
        **({"evidence": evidence} if evidence else {}),
    }


async def _entry(visit: Visit, given: Mapping[str, Any], place: Place, filled: Mapping[str, str]) -> object:
    """The entry of the audit log by which the consent that is about to change stands; None where there is none."""
    where = about(scope_of(visit.principal, given), [place])
    where.equal("m.category", filled["category"])
    where.equal("m.sender", normalise("sms", filled["sender"]) if filled["sender"] else "")
    rows = await visit.context.rows(consents_sql(where), where.parameters)
    return rows[0]["entry_id"] if rows else None


def _read(visit: Visit) -> dict[str, Any]:
    """The parameters of the URL. Raises ProblemError where they do not say which way, or whose address it is."""
    given = visit.read(PARAMETERS)
    if "consent" not in given:
        raise refused("consent", f"expected {IN} or {OUT}")
    if visit.tenant is None:
        raise refused("tenant", "expected: a consent is one of a tenant's customers")
    return given


def _place(visit: Visit, given: Mapping[str, Any]) -> Place:
    return place_of(given, visit.request.match_info["address"])


def _back(visit: Visit, place: Place) -> str:
    page_of_it = visit.url(f"/addresses/{segment(place[1])}", channel=place[0])
    return local_path(visit.request.query.get("back"), page_of_it)


def _form(
    visit: Visit, given: Mapping[str, Any], filled: Mapping[str, str], faults: Mapping[str, str]
) -> web.Response:
    place = _place(visit, given)
    return render(
        visit,
        "consenting.html",
        status=422 if faults else 200,
        channel=place[0],
        address=place[1],
        is_in=given["consent"] == IN,
        categories=CATEGORIES,
        given=filled,
        faults=faults,
        back=_back(visit, place),
        above=STANDING,
    )


ROUTES = [
    web.get("/addresses/{address}/consent", page(get_consenting, "write")),
    web.post("/addresses/{address}/consent", change(post_consenting, "write")),
]
