"""One customer: their addresses, why they do not receive, and all messages to them."""

import asyncio

from aiohttp import web

from query.auth import scope_of
from query.console.forms import form_of
from query.console.page import page, render
from query.console.pages.log import fields
from query.console.visit import Visit
from query.diagnosis import USED_DAYS
from query.evidence import now_ms, the_customer
from query.lists import is_stream
from query.routes.customers import (
    customer_diagnosis_document,
    customer_document,
    customer_messages_document,
    stream_customer_messages,
)
from query.routes.messages import PARAMETERS
from schemas.times import format_time

_FILTERS = "q from to status recipient subject campaign category document method reached".split()
"""Those of the email log that make sense of both channels."""
_DAY_MS = 86_400_000


async def get_customer(visit: Visit) -> web.StreamResponse:
    """GET /customers/{customer}: the parameters are those of GET /v1/customers/{customer}/messages."""
    given = visit.read(PARAMETERS)
    customer, asking = visit.request.match_info["customer"], (visit.context, visit.principal)
    if is_stream(given):
        return await stream_customer_messages(visit.request, *asking, given, customer)
    whose = {name: given[name] for name in ("tenant",) if name in given}
    found = await the_customer(visit.context, scope_of(visit.principal, given), customer)
    document, diagnosis, messages = await asyncio.gather(
        customer_document(*asking, whose, customer, found),
        customer_diagnosis_document(*asking, {**whose, "tz": visit.zone}, customer, found),
        customer_messages_document(*asking, given, customer, found),
    )
    shown = [field for field in fields("email", visit.vocabulary) if field.name in _FILTERS]
    return render(
        visit,
        "customer.html",
        customer=document,
        tenant=document.get("tenant"),
        diagnosis=diagnosis,
        used_from=format_time(now_ms() - USED_DAYS * _DAY_MS),
        form=form_of(visit, shown),
        sort=given.get("sort", "-at"),
        items=messages["items"],
        next=messages["next"],
    )


ROUTES = [web.get("/customers/{customer}", page(get_customer))]
