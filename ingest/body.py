"""Reads a request's body: no more than is allowed, no longer than is allowed, and not much of them at a time."""

import asyncio
from contextlib import suppress

from aiohttp import web

from ingest.refusals import unavailable
from schemas import problems
from schemas.problems import ProblemError


class BodyReader:
    """Bodies of at most `max_bytes`, within `timeout_s`, and at most `room_bytes` of those that are still arriving."""

    def __init__(self, max_bytes: int, timeout_s: float, room_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._room_bytes = room_bytes

    async def read(self, request: web.BaseRequest) -> bytes:
        """The body, byte for byte. Raises ProblemError: `too_large` as soon as that is known, `unavailable` where it
        does not arrive in time or too much is arriving."""
        content = request.content
        if not content.is_eof():
            return await self._read_arriving(request)
        body = content.read_nowait()  # all of it came with the headers, as a callback's mostly does
        if len(body) > self._max_bytes:
            raise self._too_large()
        return body

    async def _read_arriving(self, request: web.BaseRequest) -> bytes:
        length = request.content_length
        expected = self._max_bytes if length is None else length
        if expected > self._max_bytes:
            raise self._too_large()
        if expected > self._room_bytes:
            raise unavailable("too many bodies are arriving at once")
        self._room_bytes -= expected
        body = bytearray()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._timeout_s):
                    if request.headers.get("Expect", "").lower() == "100-continue":
                        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                        request.writer.output_size = 0  # an error answer may still follow
                    while chunk := await request.content.readany():
                        body += chunk
                        if len(body) > self._max_bytes:
                            raise self._too_large()
                    return bytes(body)
        except web.RequestPayloadError as fault:
            raise ProblemError(problems.BAD_REQUEST, f"the body ended before it was whole: {fault}") from None
        finally:
            self._room_bytes += expected
        raise unavailable("the body did not arrive in time")

    def _too_large(self) -> ProblemError:
        return ProblemError(problems.TOO_LARGE, f"expected at most {self._max_bytes} bytes")
