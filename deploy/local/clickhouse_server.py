"""The server of the embedded ClickHouse: chDB behind ClickHouse's HTTP interface, on the loopback.

What differs from a real server: requests stand alone (`session_id` is taken and ignored), there are no users, and
answers are not compressed, since the loopback is fast.
"""

import argparse
import asyncio
import os
import uuid
import zlib
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import cramjam
import orjson
import uvloop
from aiohttp import web

from deploy.local.engine import Engine, EngineError, ExternalTable, Request, Session
from deploy.local.forms import form_parts
from deploy.local.statements import (
    LONGEST_INSERT,
    TRANSPORT_PARAMETERS,
    StatementFault,
    error_code,
    http_status,
    insert_with_data,
    output_format,
)
from runtime.http import start_site, stop_on_signals

LARGEST_BODY = 512 * 1024 * 1024
AT_ONCE = 8
"""Reading statements, and as many writing ones, that run at the same time; others wait for their turn."""

LAST_MOMENT_S = 1.0
"""What runs when the server is told to stop has this long to end."""

_ENGINE = web.AppKey("engine", Engine)
_READING = web.AppKey("reading", ThreadPoolExecutor)
_WRITING = web.AppKey("writing", ThreadPoolExecutor)
_CONTROL = web.AppKey("control", ThreadPoolExecutor)
_SMALL = 1024 * 1024
_NO_SYNTAX = 62
_TOO_LARGE_ARRAY = 128
_UNKNOWN_COMPRESSION = 89

T = TypeVar("T")


def make_app(engine: Engine) -> web.Application:
    """ClickHouse's HTTP interface over the engine."""
    app = web.Application(client_max_size=LARGEST_BODY)
    app[_ENGINE] = engine
    # Apart, so that writers never wait for slow readers; control is for what ends the two.
    app[_READING] = ThreadPoolExecutor(AT_ONCE, "read")
    app[_WRITING] = ThreadPoolExecutor(AT_ONCE, "write")
    app[_CONTROL] = ThreadPoolExecutor(2, "control")
    app.router.add_get("/ping", _ping)
    for path in ("/", "/query"):
        app.router.add_get(path, _statement)
        app.router.add_post(path, _statement)
    return app


async def _ping(_: web.Request) -> web.Response:
    return web.Response(text="Ok.\n")


async def _statement(request: web.Request) -> web.StreamResponse:
    query_id = request.query.get("query_id") or str(uuid.uuid4())
    headers = {
        "X-ClickHouse-Query-Id": query_id,
        "X-ClickHouse-Server-Display-Name": "waybill-embedded",
        "X-ClickHouse-Timezone": request.app[_ENGINE].timezone,
    }
    try:
        pieces, wanted = await _read(request)
        insert = insert_with_data(_head(pieces))
        if insert is not None:
            data = _behind(pieces, insert.begin)
            async with _session(request, _WRITING, wanted) as session:
                # A client that goes away does not undo what it has sent whole.
                rows = await asyncio.shield(_on(request.app[_WRITING], session.insert, insert, data))
                return _empty(headers, {"written_rows": rows, "written_bytes": sum(map(len, data))})
        query = b"".join(pieces)
        if not query.strip():
            raise StatementFault("Empty query")
        return await _answer(request, query.decode(errors="surrogateescape"), wanted, headers)
    except EngineError as error:
        return _refusal(headers, error_code(str(error)), str(error))
    except StatementFault as fault:
        return _refusal(headers, _NO_SYNTAX, f"Code: {_NO_SYNTAX}. DB::Exception: {fault}. (SYNTAX_ERROR)")
    except EncodingFault as fault:
        message = f"Code: {_UNKNOWN_COMPRESSION}. DB::Exception: {fault}. (UNKNOWN_COMPRESSION_METHOD)"
        return _refusal(headers, _UNKNOWN_COMPRESSION, message)


async def _answer(
    request: web.Request, statement: str, wanted: Request, headers: dict[str, str]
) -> web.StreamResponse:
    default = (
        request.query.get("default_format") or request.headers.get("X-ClickHouse-Format") or "TabSeparated"
    )
    pool = request.app[_READING]
    async with _session(request, _READING, wanted) as session:
        body, more = await _on(pool, _up_to, session, _SMALL, statement, default)
        if body:
            headers["X-ClickHouse-Format"] = output_format(statement, default)
        if not more:
            return _empty(headers, {"read_rows": session.rows_read, "read_bytes": session.bytes_read}, body)
        tag = uuid.uuid4().hex[:16]
        response = web.StreamResponse(headers=headers | {"X-ClickHouse-Exception-Tag": tag})
        response.content_type = "application/octet-stream"
        await response.prepare(request)
        try:
            while body:
                await response.write(body)
                body, _ = await _on(pool, _up_to, session, _SMALL)
        except EngineError as error:
            # The status is out already: ClickHouse puts the error behind what it has sent, and so does this.
            text = str(error).encode()
            await response.write(
                b"\r\n__exception__\r\n%b\r\n%b\n%d %b\r\n__exception__\r\n"
                % (tag.encode(), text, len(text), tag.encode())
            )
        await response.write_eof()
        return response


def _up_to(session: Session, size: int, statement: str = "", default_format: str = "") -> tuple[bytes, bool]:
    """At least `size` bytes of an answer, or the rest of it, and whether there may be more."""
    parts, total, more = [], 0, True
    if statement:
        parts.append(session.open(statement, default_format))
        total = len(parts[0])
    while total < size:
        part = session.next()
        if not part:
            more = False
            break
        parts.append(part)
        total += len(part)
    return b"".join(parts), more


@asynccontextmanager
async def _session(
    request: web.Request, kind: web.AppKey[ThreadPoolExecutor], wanted: Request
) -> AsyncIterator[Session]:
    """A session that is given back whatever happens; where the client has gone, what it runs is cancelled first."""
    engine, control = request.app[_ENGINE], request.app[_CONTROL]
    opening = asyncio.ensure_future(_on(request.app[kind], engine.session, wanted))
    try:
        session = await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(
            lambda done: None if done.exception() else control.submit(done.result().close)
        )
        raise
    try:
        yield session
    except asyncio.CancelledError:
        if kind is _READING:
            session.killed = True
            control.submit(engine.kill, session)
        raise
    finally:
        control.submit(session.close)


async def _on(pool: ThreadPoolExecutor, function: Callable[..., T], *arguments: object) -> T:
    return await asyncio.get_running_loop().run_in_executor(pool, function, *arguments)


async def _read(request: web.Request) -> tuple[list[bytes], Request]:
    """The statement (with the data behind it, if it is an INSERT), in pieces, and what it is to be run with."""
    parameters = dict(request.query)
    external: list[ExternalTable] = []
    body: list[bytes] = []
    if request.content_type == "multipart/form-data":
        for part in form_parts(request.headers["Content-Type"], await request.read()):
            if part.filename is None:
                parameters[part.name] = part.data.decode()
            else:
                external.append(_external(part.name, part.data, parameters))
    elif request.can_read_body:
        body = await _body(request)
        if encoding := request.headers.get("Content-Encoding"):
            body = [await _on(request.app[_WRITING], _decoded, b"".join(body), encoding)]
    query = parameters.get("query", "").encode(errors="surrogateescape")
    described = {f"{table.name}_{part}" for table in external for part in ("format", "structure", "types")}
    wanted = Request(
        database=parameters.get("database") or request.headers.get("X-ClickHouse-Database") or "",
        settings={
            name: value
            for name, value in parameters.items()
            if name not in TRANSPORT_PARAMETERS and name not in described and not name.startswith("param_")
        },
        parameters={name[6:]: value for name, value in parameters.items() if name.startswith("param_")},
        external=tuple(external),
    )
    return ([query, b"\n", *body] if query and body else [query] if query else body), wanted


async def _body(request: web.Request) -> list[bytes]:
    """The body in the pieces that it came in: what is inserted may be many megabytes, and each copy of them costs CPU."""
    # As request.read() does it: else reading is stopped and started again with each piece.
    request.content.set_read_chunk_size(LARGEST_BODY)
    pieces, size = [], 0
    async for piece in request.content.iter_any():
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST_BODY:
            raise web.HTTPRequestEntityTooLarge(LARGEST_BODY)
    return pieces


def _head(pieces: Iterable[bytes]) -> bytes:
    """What a request begins with, as much as `insert_with_data` looks at."""
    head = b""
    for piece in pieces:
        head += piece[: LONGEST_INSERT - len(head)]
        if len(head) == LONGEST_INSERT:
            break
    return head


def _behind(pieces: Iterable[bytes], begin: int) -> list[memoryview]:
    """The pieces from that byte on."""
    behind = []
    for piece in pieces:
        if begin < len(piece):
            behind.append(memoryview(piece)[begin:])
        begin = max(0, begin - len(piece))
    return behind


def _external(name: str, data: bytes, parameters: dict[str, str]) -> ExternalTable:
    columns = parameters.get(f"{name}_structure")
    if columns is None:
        types = parameters.get(f"{name}_types", "")
        columns = ", ".join(f"_{number} {type_}" for number, type_ in enumerate(types.split(","), 1) if type_)
    if not columns:
        raise StatementFault(f"External table {name} has neither {name}_structure nor {name}_types")
    return ExternalTable(name, columns, parameters.get(f"{name}_format", "TabSeparated"), data)


class EncodingFault(ValueError):
    """A Content-Encoding that this server does not know, or a body that is not encoded so."""


def _decoded(body: bytes, encoding: str) -> bytes:
    try:
        match encoding:
            case "identity":
                return body
            case "gzip":
                return bytes(cramjam.gzip.decompress(body))
            case "lz4":
                return bytes(cramjam.lz4.decompress(body))
            case "zstd":
                return bytes(cramjam.zstd.decompress(body))
            case "deflate":
                return zlib.decompress(body)
    except (cramjam.DecompressionError, zlib.error) as error:
        raise EncodingFault(f"Body is not {encoding}: {error}") from None
    raise EncodingFault(f"Unknown Content-Encoding {encoding}")


def _empty(headers: dict[str, str], summary: dict[str, int], body: bytes = b"") -> web.Response:
    told = {name: str(value) for name, value in summary.items()}
    headers["X-ClickHouse-Summary"] = orjson.dumps(told).decode()
    return web.Response(body=body, headers=headers)


def _refusal(headers: dict[str, str], code: int, message: str) -> web.Response:
    headers["X-ClickHouse-Exception-Code"] = str(code)
    return web.Response(text=message + "\n", status=http_status(code), headers=headers)


async def serve(engine: Engine, port: int) -> None:
    """Serves until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    stop_on_signals(stop)
    app = make_app(engine)
    # The body's encodings are more than aiohttp knows; a client that hangs up cancels its statement.
    runner = await start_site(app, "127.0.0.1", port, auto_decompress=False, handler_cancellation=True)
    await stop.wait()
    cleanup = asyncio.create_task(runner.cleanup())
    # What is nearly done may end; nobody waits for the rest, least of all on the threads below.
    await asyncio.wait({cleanup}, timeout=LAST_MOMENT_S)
    await _on(app[_CONTROL], engine.kill)
    await cleanup
    for pool in (app[_READING], app[_WRITING], app[_CONTROL]):
        pool.shutdown(wait=True, cancel_futures=True)


def _default_memory() -> int:
    """A quarter of the machine, within reason."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(max(total // 4, 1024**3), 4 * 1024**3)


def main() -> None:
    """Serves as the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.local.clickhouse", description="The embedded ClickHouse."
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of its data")
    parser.add_argument("--port", type=int, required=True, help="port on the loopback")
    parser.add_argument(
        "--memory",
        type=int,
        default=_default_memory(),
        help="bytes that statements may take together (default: %(default)s)",
    )
    arguments = parser.parse_args()
    engine = Engine(arguments.data, arguments.memory)
    uvloop.run(serve(engine, arguments.port))
    engine.close()
