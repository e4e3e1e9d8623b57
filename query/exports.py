"""Whole results as a stream of CSV, NDJSON or Parquet, in the store's own formats."""

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import orjson
from aiohttp import web

from query.context import Context

log = logging.getLogger(__name__)

FORMATS = {
    "csv": ("CSVWithNames", "text/csv; charset=utf-8"),
    "ndjson": ("JSONEachRow", "application/x-ndjson"),
    "parquet": ("Parquet", "application/vnd.apache.parquet"),
}
"""Format: ClickHouse's name for it, and its media type."""

_EXCEPTION = b"__exception__\r\n"
"""Begins what ClickHouse puts behind a result that broke off."""

AsItem = Callable[[dict[str, Any]], dict[str, Any]]


class BrokenOff(Exception):
    """ClickHouse failed in the middle of a result."""


async def export(
    request: web.Request,
    context: Context,
    sql: str,
    parameters: Mapping[str, Any],
    form: str,
    name: str,
    as_item: AsItem,
) -> web.StreamResponse:
    """Streams the result of `sql`. Where it breaks off, so does the connection: half a file never looks like a whole one."""
    theirs, media_type = FORMATS[form]
    settings = context.query_settings | {"format_csv_null_representation": "", "max_execution_time": 0}
    async with context.store.stream(sql, parameters, theirs, settings) as pieces:
        response = web.StreamResponse(
            headers={
                "Content-Type": media_type,
                "Content-Disposition": f'attachment; filename="{name}.{form}"',
            }
        )
        await response.prepare(request)
        try:
            async for piece in _as_items(pieces, as_item) if form == "ndjson" else _checked(pieces):
                await response.write(piece)
        except (BrokenOff, orjson.JSONDecodeError):
            log.exception("export of %s broke off", name)
            if request.transport is not None:
                request.transport.abort()
            return response
        await response.write_eof()
        return response


async def _checked(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    tail = b""
    async for piece in pieces:
        if _EXCEPTION in (seen := tail + piece):
            raise BrokenOff(seen[seen.index(_EXCEPTION) :][:500].decode(errors="replace"))
        tail = piece[-len(_EXCEPTION) :]
        yield piece


async def _as_items(pieces: AsyncIterator[bytes], as_item: AsItem) -> AsyncIterator[bytes]:
    rest = b""
    async for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield b"".join([orjson.dumps(as_item(orjson.loads(line))) + b"\n" for line in lines if line])
    if rest:
        yield orjson.dumps(as_item(orjson.loads(rest))) + b"\n"
