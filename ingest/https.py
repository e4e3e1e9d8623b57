"""The two things that ingest asks of the world: an SNS certificate, and the confirmation of a subscription."""

import ssl

import aiohttp
from yarl import URL

MAX_BYTES = 64 * 1024
"""A certificate has some 2 KB, the answer to a confirmation less."""


class FetchFailed(Exception):
    """A page that could not be had; the message says why."""


class Https:
    """GET of one page: no redirects, no more than MAX_BYTES, within a time of its own. Create it in the event loop."""

    def __init__(self, timeout_s: float, context: ssl.SSLContext | None = None) -> None:
        """`context` decides whom to trust; None = the system's authorities."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context or True, limit=16),
            timeout=aiohttp.ClientTimeout(total=timeout_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )

    async def get(self, url: str) -> bytes:
        """The page at `url`, which the caller has checked. Raises FetchFailed for all but a 200 of moderate size."""
        try:
            async with self._session.get(URL(url, encoded=True), allow_redirects=False) as answer:
                if answer.status != 200:
                    raise FetchFailed(f"expected 200, got {answer.status}")
                body = await answer.content.read(MAX_BYTES + 1)
                while len(body) <= MAX_BYTES and (more := await answer.content.read(MAX_BYTES)):
                    body += more
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as fault:
            raise FetchFailed(f"{type(fault).__name__}: {fault}".rstrip(": ")) from None
        if len(body) > MAX_BYTES:
            raise FetchFailed(f"expected at most {MAX_BYTES} bytes")
        return body

    async def close(self) -> None:
        """Closes all connections."""
        await self._session.close()
