"""Who opted in or out of what, now or then, and the audit log of every change."""

from aiohttp import web

from query.console.forms import CHANNELS, Field, form_of
from query.console.navigation import Entry
from query.console.page import page, render
from query.console.visit import Visit
from query.console.wording import CATEGORIES, CONSENT_SOURCES
from query.lists import is_stream
from query.routes.consents import (
    LOG_PARAMETERS,
    PARAMETERS,
    consent_log_document,
    consents_document,
    stream_consent_log,
    stream_consents,
)
from query.sql.consents import CONSENTS, LOG
from schemas.consent import IN, OUT

NOW, CHANGES = "/consents", "/consents/log"

STANDING = Entry("People", "Consents", NOW)
ENTRIES = (STANDING, Entry("People", "Consent log", CHANGES))

_WAYS = [(OUT, "Opted out"), (IN, "Opted in")]
_ADDRESS = Field("address", "Address", "search", primary=True)
_CATEGORY = Field(
    "category",
    "Category",
    "choice",
    [(name, told.label) for name, told in CATEGORIES.items()],
    primary=True,
)
_FURTHER = [
    Field("channel", "Channel", "choice", CHANNELS),
    Field("domain", "Domain"),
    Field("source", "Known from", "choice", list(CONSENT_SOURCES.items())),
    Field("sender", "Of one sender", none=True),
    Field("customer", "On file of customer"),
]

FILTERS = [
    _ADDRESS,
    Field("state", "State", "choice", _WAYS, primary=True),
    _CATEGORY,
    Field("as_of", "As of the end of", "to", primary=True),
    Field("from", "Since, from", "from"),
    Field("to", "Since, to", "to"),
    *_FURTHER,
]
LOG_FILTERS = [
    _ADDRESS,
    Field("actor", "Who", primary=True),
    Field("from", "From", "from", primary=True),
    Field("to", "To", "to", primary=True),
    Field("consent", "Change", "choice", _WAYS, primary=True),
    _CATEGORY,
    *_FURTHER,
]


async def get_consents(visit: Visit) -> web.StreamResponse:
    """GET /consents: the parameters are those of GET /v1/consents."""
    given = visit.read(PARAMETERS)
    if is_stream(given):
        return await stream_consents(visit.request, visit.context, visit.principal, given)
    document = await consents_document(visit.context, visit.principal, given)
    return render(
        visit,
        "consents.html",
        form=form_of(visit, FILTERS),
        sort=given.get("sort", CONSENTS.default_sort),
        as_of=given.get("as_of"),
        items=document["items"],
        next=document["next"],
    )


async def get_consent_log(visit: Visit) -> web.StreamResponse:
    """GET /consents/log: the parameters are those of GET /v1/consents/log."""
    given = visit.read(LOG_PARAMETERS)
    if is_stream(given):
        return await stream_consent_log(visit.request, visit.context, visit.principal, given)
    document = await consent_log_document(visit.context, visit.principal, given)
    return render(
        visit,
        "consent_log.html",
        form=form_of(visit, LOG_FILTERS),
        sort=given.get("sort", LOG.default_sort),
        items=document["items"],
        next=document["next"],
    )


ROUTES = [web.get(NOW, page(get_consents)), web.get(CHANGES, page(get_consent_log))]
