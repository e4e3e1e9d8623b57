"""The HTTP server of ingest: finds the handler of an address, and gives up connections that say nothing.

It is built on aiohttp's low-level server, without its application: its router and middlewares would cost a
callback a tenth of its time, for a handful of addresses that never change.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import unquote

from aiohttp import web

from runtime import http

Page = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Receive = Callable[[web.BaseRequest, str | None], Awaitable[web.StreamResponse]]
"""Takes a callback to the address of a tenant, or to one that tenants share (None)."""

Other = Callable[[web.BaseRequest, str], Awaitable[web.StreamResponse]]
"""Takes a request and its path, still percent-encoded."""

HEAD_TIMEOUT_S = 20.0
"""How long a new connection may take until its first request's head is there."""

_KEEP_ALIVE_S = 75.0
_LINGER_S = 2.0
"""How long the rest of a refused body is read and thrown away, so that its sender reads the refusal."""


class Server(web.Server):
    """Serves `shared` (by path), `by_tenant` (by the path before the tenant's name) and `pages` (by path); every other
    path goes to `others`."""

    def __init__(
        self,
        shared: Mapping[str, Receive],
        by_tenant: Mapping[str, Receive],
        pages: Mapping[str, Page],
        others: Other,
    ) -> None:
        """Create it in the event loop."""
        super().__init__(
            self._serve,
            access_log=None,
            auto_decompress=False,  # a body is verified, hashed and stored as it came
            keepalive_timeout=_KEEP_ALIVE_S,
            lingering_time=_LINGER_S,
        )
        self._shared = shared
        self._by_tenant = by_tenant
        self._pages = pages
        self._others = others
        self._loop_ = asyncio.get_running_loop()
        self._silent: dict[asyncio.BaseProtocol, asyncio.TimerHandle] = {}

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Gives a new connection its time."""
        super().connection_made(handler, transport)
        self._silent[handler] = self._loop_.call_later(HEAD_TIMEOUT_S, handler.force_close)

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        """Forgets a connection."""
        self._has_spoken(handler)
        super().connection_lost(handler, exc)

    def _has_spoken(self, handler: asyncio.BaseProtocol) -> None:
        if (timer := self._silent.pop(handler, None)) is not None:
            timer.cancel()

    def _serve(self, request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        self._has_spoken(request.protocol)
        return http.answer(request, self._find)

    def _find(self, request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        """What will answer; no coroutine of its own, since each that waits for Kafka is resumed with the others."""
        path = request.raw_path.partition("?")[0]
        before, _, last = path.rpartition("/")
        tenant: str | None = None
        if last and (receive := self._by_tenant.get(before)) is not None:
            tenant = unquote(last) if "%" in last else last
        elif (receive := self._shared.get(path)) is None:
            return self._page(request, path)
        if request.method != "POST":
            raise web.HTTPMethodNotAllowed(request.method, ["POST"])
        return receive(request, tenant)

    async def _page(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        page = self._pages.get(path)
        if page is None:
            return await self._others(request, path)
        if request.method not in ("GET", "HEAD"):
            raise web.HTTPMethodNotAllowed(request.method, ["GET", "HEAD"])
        return await page(request)
