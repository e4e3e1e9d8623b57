"""The API to read: what programs can ask, and how."""

import asyncio

from aiohttp import web

from query.console import api_reference
from query.console.page import render
from query.console.visit import visit_of
from query.routes.openapi import servers_of
from schemas import openapi


async def get_api(request: web.Request) -> web.StreamResponse:
    """GET /docs/api, for whoever comes: it tells nothing of any tenant."""
    visit = await visit_of(request)
    await asyncio.to_thread(openapi.document)  # reading it the first time takes a moment
    return render(
        visit,
        "api.html",
        info=openapi.document()["info"],
        tags=openapi.document()["tags"],
        operations=api_reference.operations(servers_of(request)),
        schemas=api_reference.schemas(),
    )


ROUTES = [web.get("/docs/api", get_api)]
