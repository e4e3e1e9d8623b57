"""Whole results as a stream of CSV, NDJSON or Parquet, in the store's own formats."""

import logging
import re
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

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_NAME = 80

_EXCEPTION = b"__exception__\r\n"
"""Begins what ClickHouse puts behind a result that broke off."""

_FORMULA = re.compile(rb'(?<=[\n,])"(?=[=+\-@\t\r])(?![+-]\d{1,20}")')
"""Begins a cell that a spreadsheet would take for a formula; numbers, those of telephones too, are spared. Within a cell a
quotation mark is doubled, so that this is found at its beginning alone."""

_LOOK_AHEAD = 24
"""Bytes in which _FORMULA can tell."""

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
    settings: Mapping[str, Any] | None = None,
) -> web.StreamResponse:
    """Streams the result of `sql`, with these settings of ClickHouse's besides the usual ones. Where it breaks off, so does the
    connection: half a file never looks like a whole one."""
    theirs, media_type = FORMATS[form]
    usual = context.query_settings | {"format_csv_null_representation": "", "max_execution_time": 0}
    async with context.store.stream(sql, parameters, theirs, usual | dict(settings or {})) as pieces:
        response = web.StreamResponse(
            headers={
                "Content-Type": media_type,
                "Content-Disposition": f'attachment; filename="{_file_name(name)}.{form}"',
            }
        )
        await response.prepare(request)
        try:
            async for piece in _written(form, pieces, as_item):
                await response.write(piece)
        except (BrokenOff, orjson.JSONDecodeError):
            log.exception("export of %s broke off", name)
            if request.transport is not None:
                request.transport.abort()
            return response
        await response.write_eof()
        return response


def _file_name(name: str) -> str:
    """The name without what a header or a disk may not take: a campaign is called whatever people like."""
    return _UNSAFE.sub("-", name)[:_LONGEST_NAME].strip("-.")


def _written(form: str, pieces: AsyncIterator[bytes], as_item: AsItem) -> AsyncIterator[bytes]:
    match form:
        case "ndjson":
            return _as_items(pieces, as_item)
        case "csv":
            return without_formulas(_checked(pieces))
        case _:
            return _checked(pieces)


async def without_formulas(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """CSV in which every cell that a spreadsheet would take for a formula begins with an apostrophe, so that what others wrote
    into a subject is shown there and never run (https://owasp.org/www-community/attacks/CSV_Injection)."""
    before, rest = b"", b""
    async for piece in pieces:
        rest += piece
        if len(rest) > _LOOK_AHEAD:
            end = len(rest) - _LOOK_AHEAD
            yield _told(before, rest, end)
            before, rest = rest[end - 1 : end], rest[end:]
    yield _told(before, rest, len(rest))


def _told(before: bytes, text: bytes, end: int) -> bytes:
    """The text up to `end`; `before` is the byte before it, if there is one."""
    whole, begin, told = before + text, len(before), b""
    for found in _FORMULA.finditer(whole, begin):
        if found.start() >= len(before) + end:
            break
        told += whole[begin : found.end()] + b"'"
        begin = found.end()
    return told + whole[begin : len(before) + end]


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
