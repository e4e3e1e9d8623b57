"""What a provider posted, behind a step of a message's trail."""

from aiohttp import web

from query.console.page import page, render
from query.console.receipts import LONGEST, readable, verified
from query.console.visit import Visit
from query.routes.receipts import receipt_document


async def get_receipt(visit: Visit) -> web.StreamResponse:
    """GET /receipts/{receipt_id}: a page of its own, of which the trail shows the middle part at once to whoever has scripts."""
    receipt = await receipt_document(
        visit.context, visit.principal, visit.read({}), visit.request.match_info["receipt_id"]
    )
    text = readable(receipt)
    return render(
        visit,
        "receipt.html",
        receipt=receipt,
        text=text[:LONGEST],
        is_cut=len(text) > LONGEST,
        verified=verified(receipt),
    )


ROUTES = [web.get("/receipts/{receipt_id}", page(get_receipt))]
