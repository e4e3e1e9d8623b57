"""chDB, the ClickHouse engine as a library, as one engine of this process that answers many statements at once.

Every statement has a connection to itself, so that what one sets, uses or creates for its session can never meet
another. A connection that only read or inserted, and without a fault, is used again for statements of the same database
and settings: opening one and setting it up takes as much CPU as a short answer. All methods block and belong on
threads; the engine itself runs in parallel.
"""

import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import chdb

from deploy.local.statements import (
    NAMED_FORMATS,
    STREAMED_FORMATS,
    Insert,
    is_select,
    output_format,
    quoted,
    set_statement,
)

_MB = 1024 * 1024
SERVER_SETTINGS = {
    # ClickHouse's own caches are sized for servers: 5 GiB each.
    "mark_cache_size": 128 * _MB,
    "primary_index_cache_size": 128 * _MB,
    "index_mark_cache_size": 64 * _MB,
    "text_index_tokens_cache_size": 32 * _MB,
    "text_index_header_cache_size": 32 * _MB,
    "text_index_postings_cache_size": 64 * _MB,
    "vector_similarity_index_cache_size": 1 * _MB,
    "compiled_expression_cache_size": 32 * _MB,
    "max_thread_pool_size": 500,
    "max_thread_pool_free_size": 50,
    # Merges can wait; what is inserted and asked cannot.
    "os_threads_nice_value_merge_mutate": 10,
}
"""Of the whole engine, in bytes, threads and nice values."""

MOST_IDLE = 32
"""Connections kept for the next statement of their kind."""

SESSION_SETTINGS = {
    # chDB's defaults are those of the command line tool; a server takes no bare expression for a SELECT.
    "implicit_select": "0",
    "allow_introspection_functions": "0",
}


Data = bytes | memoryview
"""Rows in some format, or a piece of them that may begin and end anywhere."""


class EngineError(Exception):
    """The engine refused a statement; the message is ClickHouse's, with `Code: <number>.`"""


def _refused(error: Exception) -> EngineError:
    """What chDB raised, without what it puts before ClickHouse's own message."""
    message = str(error)
    return EngineError(message[max(message.find("Code: "), 0) :])


@dataclass(frozen=True)
class ExternalTable:
    """A temporary table that comes with a request: rows of `format`, columns as in CREATE TABLE."""

    name: str
    columns: str
    format: str
    data: bytes


@dataclass(frozen=True)
class Request:
    """What a statement is to be run with. `parameters` are the bound ones, `settings` the engine's for this statement."""

    database: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    external: tuple[ExternalTable, ...] = ()


class Engine:
    """The engine over the data in `folder`. One a process; `memory_bytes` bounds what all statements take together."""

    def __init__(self, folder: Path, memory_bytes: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = str(folder.resolve())
        settings = SERVER_SETTINGS | {"max_server_memory_usage": memory_bytes}
        options = "&".join(f"{name}={value}" for name, value in settings.items())
        # As long as this connection is open the engine lives; the others come and go.
        self._keeper: Any = chdb.connect(f"{self._path}?{options}")
        self.timezone: str = self._keeper.query("SELECT timezone()", "TabSeparated").bytes().decode().strip()
        self._idle: deque[_Connection] = deque()
        self._idle_lock = threading.Lock()

    def session(self, request: Request) -> "Session":
        """A connection with the request's database, settings and external tables. Raises EngineError."""
        kind = (request.database, frozenset(request.settings.items()))
        with self._idle_lock:
            connection = next((each for each in self._idle if each.kind == kind), None)
            if connection is not None:
                self._idle.remove(connection)
        return Session(connection or _Connection(self._path, kind), request, self._give_back)

    def _give_back(self, connection: "_Connection") -> None:
        with self._idle_lock:
            self._idle.append(connection)
            oldest = self._idle.popleft() if len(self._idle) > MOST_IDLE else None
        if oldest is not None:
            oldest.chdb.close()

    def kill(self, session: "Session | None" = None) -> None:
        """Cancels what a session is running, or what all are; returns at once."""
        which = "1" if session is None else f"Settings['log_comment'] = '{session.id}'"
        with suppress(Exception), chdb.connect(self._path) as connection:
            connection.query(f"KILL QUERY WHERE {which} ASYNC", "Null")

    def close(self) -> None:
        """Closes the engine, once no session is open."""
        while self._idle:
            self._idle.pop().chdb.close()
        self._keeper.close()


class _Connection:
    """A connection to the engine, set up for one database and some settings."""

    def __init__(self, path: str, kind: tuple[str, frozenset[tuple[str, str]]]) -> None:
        self.id = uuid.uuid4().hex
        """By this comment KILL QUERY finds what it runs."""
        self.kind = kind
        self.chdb: Any = chdb.connect(path)
        database, settings = kind
        try:
            if database:
                self.run(f"USE `{quoted(database)}`")
            self.run(set_statement({**SESSION_SETTINGS, **dict(settings), "log_comment": self.id}))
        except BaseException:
            self.chdb.close()
            raise

    def run(
        self, statement: str, format_: str = "TabSeparated", parameters: dict[str, str] | None = None
    ) -> Any:
        """chDB's whole result. Raises EngineError."""
        try:
            return self.chdb.query(statement, format_, params=parameters or {})
        except Exception as error:
            raise _refused(error) from None


class Session:
    """One statement's connection. Its calls exclude each other; close() waits for the one under way."""

    def __init__(
        self, connection: _Connection, request: Request, give_back: Callable[[_Connection], None]
    ) -> None:
        self.id = connection.id
        self.rows_read = 0
        self.bytes_read = 0
        self.killed = False
        """Set by whoever has it killed: the killing may come late, and must not meet the connection's next statement."""
        self._connection = connection
        self._give_back = give_back
        self._unspoiled = False
        self._parameters = dict(request.parameters)
        self._stream: Any = None
        self._header: bytes | None = None
        self._busy = threading.Lock()
        self._bare = not request.external
        try:
            for table in request.external:
                connection.run(f"CREATE TEMPORARY TABLE `{quoted(table.name)}` ({table.columns})")
                self._append(f"INSERT INTO `{quoted(table.name)}`", table.format, [table.data])
        except BaseException:
            connection.chdb.close()
            raise

    def insert(self, insert: Insert, data: Iterable[Data]) -> int:
        """Inserts those rows, all or (within a block of a million) none; the number of rows written."""
        with self._busy:
            rows = self._append(insert.statement, insert.format, data)
            self._unspoiled = True
            return rows

    def open(self, statement: str, default_format: str) -> bytes:
        """Starts a statement; its whole answer, or the beginning of it where next() has more to say."""
        with self._busy:
            format_ = output_format(statement, default_format)
            if is_select(statement) and format_ in STREAMED_FORMATS | NAMED_FORMATS:
                try:
                    self._stream = self._connection.chdb.send_query(
                        statement, default_format, params=self._parameters
                    )
                except Exception as error:
                    raise _refused(error) from None
                if first := self._next():
                    if format_ in NAMED_FORMATS:
                        self._header = first[: first.find(b"\n") + 1]
                    return first
                self._end_stream()
                if format_ not in NAMED_FORMATS:
                    return b""
                # No block, hence no line of names: the plain way has it.
            return self._run(statement, default_format)

    def next(self) -> bytes:
        """The next part of an answer; empty at its end. Raises EngineError."""
        with self._busy:
            part = self._next() if self._stream is not None else b""
            return part.removeprefix(self._header) if self._header else part

    def close(self) -> None:
        """Gives the connection back, and whatever it set or made with it."""
        with self._busy:
            with suppress(Exception):
                self._end_stream()
            if self._unspoiled and self._bare and not self.killed:
                self._give_back(self._connection)
            else:
                self._connection.chdb.close()

    def _next(self) -> bytes:
        try:
            block = self._stream.fetch()
        except Exception as error:
            raise _refused(error) from None
        if block is None:
            self._unspoiled = True
            return b""
        self.rows_read += block.storage_rows_read()
        self.bytes_read += block.storage_bytes_read()
        part: bytes = block.bytes()
        return part

    def _end_stream(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _run(self, statement: str, format_: str) -> bytes:
        result = self._connection.run(statement, format_, self._parameters)
        self.rows_read += result.storage_rows_read()
        self.bytes_read += result.storage_bytes_read()
        answer: bytes | None = result.bytes()
        return answer or b""

    def _append(self, statement: str, format_: str, data: Iterable[Data]) -> int:
        try:
            inserter = self._connection.chdb.send_insert(statement, format_)
            for piece in data:
                inserter.append(piece)
            return int(inserter.finish().rows_written)
        except Exception as error:
            raise _refused(error) from None
