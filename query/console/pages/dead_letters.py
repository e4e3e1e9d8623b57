"""Dead letters: what arrived and could not be understood, why, and what to do about it."""

from aiohttp import web

from query.console.dead_letter_words import REASONS, STAGES, set_out, words_of
from query.console.forms import Field, form_of
from query.console.navigation import Entry
from query.console.page import page, render
from query.console.visit import Visit
from query.lists import is_stream
from query.routes.dead_letters import PARAMETERS, dead_letters_document, stream_dead_letters

PATH = "/dead-letters"

ENTRIES = (Entry("Operation", "Dead letters", PATH),)

_AT_ONCE = "20"
"""Dead letters of a page, where its URL does not say: each has a whole receipt with it."""

FIELDS = [
    Field("from", "From", "from", primary=True),
    Field("to", "To", "to", primary=True),
    Field(
        "reason", "Reason", "choice", [(code, words.says) for code, words in REASONS.items()], primary=True
    ),
    Field(
        "stage",
        "Failed at",
        "choice",
        [(code, words.capitalize()) for code, words in STAGES.items()],
        primary=True,
    ),
]


async def get_dead_letters(visit: Visit) -> web.StreamResponse:
    """GET /dead-letters: the parameters are those of GET /v1/dead-letters."""
    given = visit.read(PARAMETERS, **({} if "limit" in visit.request.query else {"limit": _AT_ONCE}))
    if is_stream(given):
        return await stream_dead_letters(visit.request, visit.context, visit.principal, given)
    document = await dead_letters_document(visit.context, visit.principal, given)
    return render(
        visit,
        "dead_letters.html",
        form=form_of(visit, FIELDS),
        sort=given.get("sort", "-at"),
        items=[(item, words_of(item["reason"]), set_out(item)) for item in document["items"]],
        stages=STAGES,
        next=document["next"],
    )


ROUTES = [web.get(PATH, page(get_dead_letters))]
