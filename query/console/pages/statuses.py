"""What each status means and what to do next, in the tenant's words."""

from aiohttp import web

from query.console.page import page, render
from query.console.visit import Visit
from query.routes.statuses import PARAMETERS, statuses_document


async def get_statuses(visit: Visit) -> web.StreamResponse:
    """GET /statuses."""
    document = statuses_document(visit.context, visit.principal, visit.read(PARAMETERS))
    items = document["items"]
    is_one = all(item["labels"]["email"] == item["labels"]["sms"] for item in items)
    return render(visit, "statuses.html", items=items, is_one=is_one)


ROUTES = [web.get("/statuses", page(get_statuses))]
