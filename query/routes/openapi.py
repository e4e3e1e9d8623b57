"""GET /v1/openapi.yaml and /v1/openapi.json: the description of the API, with the servers of this installation."""

import asyncio
from collections.abc import Callable

import orjson
from aiohttp import web

from query.console.security import is_https
from query.context import CONTEXT
from query.parameters import read_parameters
from schemas import openapi


def servers_of(request: web.Request) -> dict[str, str]:
    """Where the two servers are for whoever asks, by what the description calls them: query is where it was asked, ingest
    where the settings say."""
    settings = request.app[CONTEXT].settings
    scheme = "https" if is_https(request) else "http"
    return {
        openapi.QUERY: f"{scheme}://{request.host}",
        openapi.INGEST: settings.ingest_url.rstrip("/"),
    }


async def get_yaml(request: web.Request) -> web.Response:
    """The file, as people wrote it."""
    return await _answer(request, "application/yaml", openapi.text)


async def get_json(request: web.Request) -> web.Response:
    """The same as JSON."""
    return await _answer(request, "application/json", openapi.json)


async def _answer(request: web.Request, media_type: str, read: Callable[[], str]) -> web.Response:
    read_parameters(request.query, {})
    text = await asyncio.to_thread(read)
    for default, url in servers_of(request).items():
        # The quotes keep one default from being taken for the beginning of another URL; JSON's are YAML's.
        text = text.replace(f'"{default}"', orjson.dumps(url).decode())
    return web.Response(text=text, content_type=media_type, charset="utf-8")
