"""The trail of one document: which messages it went out with, and what became of them."""

from aiohttp import web

from query.console.page import page, render
from query.console.steps import PARAMETERS, part_of, young
from query.console.visit import Visit
from query.routes.documents import document_trail
from query.routes.receipts import kept_receipts
from query.sql.where import Scope


async def get_document(visit: Visit) -> web.StreamResponse:
    """GET /documents/{document}?skip=."""
    name, given = visit.request.match_info["document"], visit.read(PARAMETERS)
    trail = await document_trail(visit.context, visit.principal, given, name)
    messages = {item["message_id"]: item for item in trail["messages"]}
    part = part_of(visit, trail["events"], given.get("skip", 0), messages)
    whose = Scope(trail.get("tenant") or visit.principal.tenant)
    return render(
        visit,
        "document.html",
        document=trail,
        tenant=trail.get("tenant"),
        messages=messages,
        part=part,
        kept=await kept_receipts(visit.context, whose, part.receipt_ids),
        young=young(),
    )


ROUTES = [web.get("/documents/{document}", page(get_document))]
