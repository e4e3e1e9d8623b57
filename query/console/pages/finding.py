"""The search of every page: an address, or the exact id of a message, customer or document, leads to its page; else the log."""

import asyncio
from collections.abc import Awaitable

from aiohttp import web

from query.console.page import page, redirect, render
from query.console.pages.log import EMAIL
from query.console.visit import Visit, segment
from query.parameters import Parameter, stripped
from query.routes.customers import customer_document
from query.routes.documents import document_trail
from query.routes.message import message_document
from schemas.addresses import AddressFault, address_of, channel_of
from schemas.problems import BAD_PARAMETER, NOT_FOUND, ProblemError

PARAMETERS = {"q": Parameter(stripped)}

_KINDS = (
    ("Message", "messages", message_document),
    ("Customer", "customers", customer_document),
    ("Document", "documents", document_trail),
)


async def get_found(visit: Visit) -> web.StreamResponse:
    """GET /find?q=."""
    given = visit.read(PARAMETERS)
    text = given.pop("q", "")
    if not text:
        return redirect(visit.url(EMAIL))
    if _is_address(text):
        return redirect(visit.url(f"/addresses/{segment(text)}", channel=channel_of(text)))
    there = await asyncio.gather(
        *(_is_there(ask(visit.context, visit.principal, given, text)) for _, _, ask in _KINDS)
    )
    found = [
        (kind, visit.url(f"/{path}/{segment(text)}"))
        for (kind, path, _), is_there in zip(_KINDS, there, strict=True)
        if is_there
    ]
    if not found:
        return redirect(visit.url(EMAIL, q=text))
    if len(found) == 1:
        return redirect(found[0][1])
    return render(visit, "found.html", text=text, found=found, log=visit.url(EMAIL, q=text))


def _is_address(text: str) -> bool:
    try:
        address_of(channel_of(text), text)
    except AddressFault:
        return False
    return True


async def _is_there(document: Awaitable[object]) -> bool:
    """Whether there is such a thing; also where several tenants have one, which its page tells the operator."""
    try:
        await document
    except ProblemError as problem:
        if problem.problem is NOT_FOUND:
            return False
        if problem.problem is not BAD_PARAMETER:
            raise
    return True


ROUTES = [web.get("/find", page(get_found))]
