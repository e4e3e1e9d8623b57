"""Signing in with a key, and out."""

import asyncio

from aiohttp import web

from query.console.page import change, read_form, redirect, render
from query.console.security import check_meant, local_path
from query.console.session import begin, end
from query.console.visit import Visit, visit_of
from runtime import metrics

_REFUSAL_S = 0.5
"""Seconds that a refusal takes: nobody minds once, and guessing a key by the thousand is none the faster."""

_UNKNOWN = "This key is not known. Look for a missing or doubled sign, or ask whoever runs Waybill for a key."


async def get_sign_in(request: web.Request) -> web.StreamResponse:
    """The form; whoever has signed in already goes on."""
    visit = await visit_of(request)
    back = local_path(request.query.get("next"))
    if visit.is_signed_in:
        return redirect(back)
    return _form(visit, back, "")


async def post_sign_in(request: web.Request) -> web.StreamResponse:
    """Begins a session where the key is known and may read."""
    visit = await visit_of(request)
    form = await read_form(request)
    check_meant(request, visit.session, form)
    back, key = local_path(form.get("next")), form.get("key", "").strip()
    principal = visit.context.tenants.principal(key)
    if principal is None or "read" not in principal.scopes:
        metrics.SIGN_INS.labels("refused").inc()
        await asyncio.sleep(_REFUSAL_S)
        return _form(
            visit,
            back,
            _UNKNOWN
            if principal is None
            else "This key may not read: the console needs one with the scope read.",
        )
    metrics.SIGN_INS.labels("ok").inc()
    await begin(request, key)
    return redirect(back)


def _form(visit: Visit, back: str, fault: str) -> web.Response:
    return render(visit, "sign_in.html", status=422 if fault else 200, back=back, fault=fault)


async def sign_out(visit: Visit, _: object) -> web.StreamResponse:
    """Ends the session."""
    await end(visit.request)
    return redirect("/sign-in")


ROUTES = [
    web.get("/sign-in", get_sign_in),
    web.post("/sign-in", post_sign_in),
    web.post("/sign-out", change(sign_out, "read")),
]
