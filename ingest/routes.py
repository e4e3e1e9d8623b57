"""Finds the handler of an address that has parts which vary, by its segments."""

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import unquote

from aiohttp import web

from schemas import problems
from schemas.problems import ProblemError

Handler = Callable[..., Awaitable[web.StreamResponse]]
"""Takes the request, then each varying part of the path as text."""

VARYING = "{}"


class Routes:
    """A table from pattern, such as `/v1/addresses/{}/reset`, to a handler for each method."""

    def __init__(self, table: Mapping[str, Mapping[str, Handler]]) -> None:
        self._table = [(pattern.split("/"), methods) for pattern, methods in table.items()]

    async def __call__(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        """What the handler of that path answers. Raises ProblemError `not_found`, and aiohttp's error of a method that
        the path does not take."""
        segments = path.split("/")
        for pattern, methods in self._table:
            parts = _parts(pattern, segments)
            if parts is None:
                continue
            handler = methods.get(request.method)
            if handler is None:
                raise web.HTTPMethodNotAllowed(request.method, list(methods))
            return await handler(request, *parts)
        raise ProblemError(problems.NOT_FOUND)


def _parts(pattern: list[str], segments: list[str]) -> list[str] | None:
    """The varying parts, decoded; None where the path is another. A slash within a part is `%2F`."""
    if len(pattern) != len(segments):
        return None
    varying: list[str] = []
    for expected, given in zip(pattern, segments, strict=True):
        if expected == VARYING and given:
            varying.append(_decoded(given))
        elif expected != given:
            return None
    return varying


def _decoded(segment: str) -> str:
    return unquote(segment.encode(errors="surrogateescape").decode(errors="replace"))
