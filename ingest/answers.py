"""The answer that almost every callback gets, made once."""

from email.utils import formatdate
from time import time

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter


class SameAnswer(web.StreamResponse):
    """A 200 that is always the same bytes but for its date, so one of it serves all requests.

    Making and preparing a web.Response takes as long as parsing a callback does. It keeps the connection, so it is
    for requests that do.
    """

    def __init__(self, content_type: str, body: bytes) -> None:
        super().__init__()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\nDate: "
        self._before, self._after = head.encode(), b"\r\n\r\n" + body
        self._second = 0
        self._bytes = b""

    @property
    def keep_alive(self) -> bool | None:
        """True."""
        return True

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Writes it. Raises ConnectionResetError where nobody is there any more."""
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the sender has hung up")
        if (second := int(time())) != self._second:
            self._second = second
            self._bytes = self._before + formatdate(second, usegmt=True).encode() + self._after
        transport.write(self._bytes)
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to be written."""
