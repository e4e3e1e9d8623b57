"""The list of mailings: each with its figures, beside those of the one before."""

from aiohttp import web

from query.console.forms import CHANNELS, Field, form_of
from query.console.mailings import mailing_of
from query.console.navigation import Entry
from query.console.page import page, render
from query.console.visit import Visit
from query.console.wording import CAUSE_LABELS
from query.filters import span_of
from query.lists import is_stream
from query.routes.campaigns import PARAMETERS, campaigns_document, stream_campaigns

PATH = "/campaigns"

ENTRIES = (Entry("Figures", "Mailings", PATH),)

FIELDS = [
    Field("q", "Search", "search", primary=True, placeholder="Mailing or subject …"),
    Field("from", "From", "from", primary=True),
    Field("to", "To", "to", primary=True),
    Field("channel", "Channel", "choice", CHANNELS, primary=True),
    Field("campaign", "Mailing", none=True),
    Field("sender", "Sender", none=True),
    Field("category", "Category", none=True),
    Field("method", "Method", none=True),
    Field("customer", "Customer", none=True),
    Field("document", "Document", none=True),
    Field("domain", "Recipients’ domain"),
    Field("tracking", "Tracking", "choice", [("none", "Declared untracked")], none=True),
    Field("subject_is", "Subject is", "kept", none=True),
    Field("cause", "Cause", "kept", list(CAUSE_LABELS.items()), none=True),
    Field("error_code", "Error", "kept", none=True),
    Field("day", "On the day", "kept"),
]

_HANDED_ON = "sender category method customer document domain cause error_code tracking subject_is".split()
"""Filters that a mailing's rows passed, so that its figures lead to just those."""


async def get_mailings(visit: Visit) -> web.StreamResponse:
    """GET /campaigns: the parameters are those of GET /v1/campaigns; days are the reader's own unless `tz` says whose."""
    given = {"tz": visit.zone} | visit.read(PARAMETERS, compare="previous")
    if is_stream(given):
        return await stream_campaigns(visit.request, visit.context, visit.principal, given)
    document = await campaigns_document(visit.context, visit.principal, given)
    query = visit.request.query
    filters = {name: query[name] for name in _HANDED_ON if name in query}
    span = span_of(given)
    return render(
        visit,
        "mailings.html",
        form=form_of(visit, FIELDS),
        sort=given.get("sort", "-first_at"),
        mailings=[mailing_of(visit, item, span, given["tz"], filters) for item in document["items"]],
        next=document["next"],
    )


ROUTES = [web.get(PATH, page(get_mailings))]
