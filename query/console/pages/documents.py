"""The trail of one document: which messages it went out with, and what became of them."""

from aiohttp import web

from query.console.page import page, render
from query.console.visit import Visit
from query.routes.documents import document_trail
from schemas.machine_reasons import MACHINE_REASONS


async def get_document(visit: Visit) -> web.StreamResponse:
    """GET /documents/{document}."""
    name = visit.request.match_info["document"]
    trail = await document_trail(visit.context, visit.principal, visit.read({}), name)
    return render(
        visit, "document.html", trail=trail, tenant=trail.get("tenant"), machine_reasons=MACHINE_REASONS
    )


ROUTES = [web.get("/documents/{document}", page(get_document))]
