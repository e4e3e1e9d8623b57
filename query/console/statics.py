"""Static files: each under a URL that has a hash of its content, so that a browser may keep it for ever."""

import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

FOLDER = Path(__file__).parent / "static"
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class _Static:
    url: str
    media_type: str
    body: bytes


def _read(file: Path) -> _Static:
    body = file.read_bytes()
    media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return _Static(f"/static/{hashlib.sha256(body).hexdigest()[:12]}/{file.name}", media_type, body)


class Statics:
    """The files of the console, read once."""

    def __init__(self) -> None:
        self._by_name = {file.name: _read(file) for file in FOLDER.iterdir()}
        self._by_url = {static.url: static for static in self._by_name.values()}

    def url(self, name: str) -> str:
        """Where a file is now. Raises KeyError where there is none of that name."""
        return self._by_name[name].url

    async def get_static(self, request: web.Request) -> web.Response:
        """GET /static/{hash}/{name}."""
        static = self._by_url.get(request.path)
        if static is None:
            raise web.HTTPNotFound
        return web.Response(
            body=static.body,
            content_type=static.media_type,
            charset="utf-8" if static.media_type.startswith("text/") else None,
            headers={"Cache-Control": _FOR_EVER},
        )
