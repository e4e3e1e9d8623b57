"""How Waybill's parts talk to ClickHouse: one HTTP client that opens when first needed and survives restarts of the server.

Two errors only: ClickHouseAway (try again later, nothing is wrong with what was asked) and ClickHouseRefused (the
server answered, and it does not take this).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import aiohttp
import clickhouse_connect
import orjson
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.exceptions import ClickHouseError

T = TypeVar("T")

_AWAY_CODES = frozenset(
    {
        60,  # UNKNOWN_TABLE: not migrated yet
        81,  # UNKNOWN_DATABASE
        159,  # TIMEOUT_EXCEEDED
        164,  # READONLY
        198,  # DNS_ERROR
        202,  # TOO_MANY_SIMULTANEOUS_QUERIES
        203,  # NO_FREE_CONNECTION
        209,  # SOCKET_TIMEOUT
        210,  # NETWORK_ERROR
        225,  # NO_ZOOKEEPER
        236,  # ABORTED: the server is shutting down
        241,  # MEMORY_LIMIT_EXCEEDED
        242,  # TABLE_IS_READ_ONLY
        243,  # NOT_ENOUGH_SPACE
        252,  # TOO_MANY_PARTS
        319,  # UNKNOWN_STATUS_OF_INSERT
        394,  # QUERY_WAS_CANCELLED
        425,  # SYSTEM_ERROR
        439,  # CANNOT_SCHEDULE_TASK
        516,  # AUTHENTICATION_FAILED
        999,  # KEEPER_EXCEPTION
    }
)
"""Answers of the server that say something of its own state and nothing of what was asked."""

READY_S = 3.0
"""How long /readyz of a part waits for ClickHouse."""

_PATIENCE_S = 3.0
"""After so long without an answer the server is asked whether it is there at all."""

_PING_S = 4.0
"""How long it may take to say so, on a machine that is busy."""

_PIECE_BYTES = 256 * 1024

_INSERT_SETTINGS = {
    "input_format_skip_unknown_fields": 1,  # the values may learn new fields before the tables do
    "input_format_json_read_objects_as_strings": 1,
    "input_format_null_as_default": 1,
    "date_time_input_format": "best_effort",
    # Rows of one key within a batch are few and become one when parts are merged, as those of other batches do, and FINAL
    # counts on nothing else. To look for them at each insert took a fifth of what an insert costs the engine.
    "optimize_on_insert": 0,
    "max_partitions_per_insert_block": 0,  # a batch may be spread over any number of months
    # The search index of message_status is built when parts are merged: small new parts are read through as quickly,
    # and an insert of 1,000 rows takes 60 ms of CPU instead of 89.
    "exclude_materialize_skip_indexes_on_insert": "by_gram",
}


class ClickHouseAway(Exception):
    """ClickHouse cannot be reached, or cannot work just now."""


class ClickHouseRefused(Exception):
    """ClickHouse answered with an error about what was asked. `code` is its number, None where it gave none."""

    def __init__(self, code: int | None, message: str) -> None:
        super().__init__(message)
        self.code = code


class ClickHouse:
    """A lazily opened client with a pool of connections. Create it in the running event loop, `close()` it in the end."""

    def __init__(self, url: str, *, timeout_s: float = 30.0, connections: int = 16) -> None:
        """`url` is http[s]://[user:password@]host:port[/database]; `timeout_s` bounds each wait for the server."""
        self._url = url
        self._timeout_s = timeout_s
        self._connections = connections
        self._client: AsyncClient | None = None
        self._opening = asyncio.Lock()

    async def close(self) -> None:
        """Closes all connections."""
        if self._client is not None:
            client, self._client = self._client, None
            with suppress(ClickHouseError, OSError):
                await client.close()

    async def rows(
        self, sql: str, parameters: Mapping[str, Any] | None = None, settings: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """The result as one dict a row: times as RFC 3339 text, numbers as numbers."""
        raw = await self._call_watched(
            lambda client: client.raw_query(sql, dict(parameters or {}), _told(settings), "JSONEachRow")
        )
        return [orjson.loads(line) for line in raw.splitlines() if line]

    async def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Runs a statement that answers nothing."""
        await self._call(lambda client: client.command(sql, dict(parameters or {})))

    async def insert_lines(self, table: str, lines: bytes) -> None:
        """Inserts JSON lines as they are, all of them or none."""
        length = {"Content-Length": str(len(lines))}
        await self._call(
            lambda client: client.raw_insert(
                table, None, _Pieces(lines), _INSERT_SETTINGS, "JSONEachRow", transport_settings=length
            )
        )

    @asynccontextmanager
    async def stream(
        self, sql: str, parameters: Mapping[str, Any], fmt: str, settings: Mapping[str, Any] | None = None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The result in one of ClickHouse's own formats, in pieces as they come."""
        context = await self._call_watched(
            lambda client: client.raw_stream(sql, dict(parameters), _told(settings), fmt)
        )
        async with context as pieces:
            yield pieces

    async def ping(self) -> bool:
        """Whether ClickHouse answers a query, soon enough to be called there."""
        return await self.answers("SELECT 1 AS one")

    async def answers(self, sql: str) -> bool:
        """Whether ClickHouse answers this query within READY_S."""
        try:
            async with asyncio.timeout(READY_S):
                await self.rows(sql)
        except (ClickHouseAway, ClickHouseRefused, TimeoutError):
            return False
        return True

    async def _opened(self) -> AsyncClient:
        async with self._opening:
            if self._client is None:
                parts = urlsplit(self._url)
                self._client = await clickhouse_connect.get_async_client(
                    host=parts.hostname or "127.0.0.1",
                    port=parts.port or (8443 if parts.scheme == "https" else 8123),
                    interface=parts.scheme,
                    username=unquote(parts.username) if parts.username else None,
                    password=unquote(parts.password or ""),
                    database=parts.path.strip("/") or "default",
                    connect_timeout=5,
                    send_receive_timeout=self._timeout_s,
                    connector_limit=self._connections,
                    connector_limit_per_host=self._connections,
                    query_retries=0,
                    autogenerate_session_id=False,  # a session would put concurrent queries one after the other
                    form_encode_query_params=True,  # long searches do not fit into an address
                    compress=False,
                )
            return self._client

    async def _call_watched(self, action: Callable[[AsyncClient], Awaitable[T]]) -> T:
        """As `_call`, but a server that hangs is away within seconds: nobody waits the whole timeout for it."""
        call = asyncio.ensure_future(self._call(action))
        try:
            while not (await asyncio.wait({call}, timeout=_PATIENCE_S))[0]:
                if not await self._is_there() and not call.done():
                    raise ClickHouseAway("it does not answer")
            return call.result()
        finally:
            call.cancel()

    async def _is_there(self) -> bool:
        with suppress(ClickHouseError, OSError, aiohttp.ClientError):  # a TimeoutError is an OSError
            async with asyncio.timeout(_PING_S):
                return await (await self._opened()).ping(_PING_S)
        return False

    async def _call(self, action: Callable[[AsyncClient], Awaitable[T]]) -> T:
        try:
            return await action(await self._opened())
        except ClickHouseError as error:
            code = getattr(error, "code", None)
            if code is None or code in _AWAY_CODES:
                raise ClickHouseAway(_short(error)) from error
            raise ClickHouseRefused(code, _short(error)) from error
        except (OSError, aiohttp.ClientError, TimeoutError) as error:
            raise ClickHouseAway(_short(error)) from error


class _Pieces:
    """Bytes to be sent piece by piece, from the beginning each time: as a whole the client would copy them three times."""

    def __init__(self, whole: bytes) -> None:
        self._whole = memoryview(whole)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for begin in range(0, len(self._whole), _PIECE_BYTES):
            yield self._whole[begin : begin + _PIECE_BYTES]  # type: ignore[misc]  # aiohttp takes views, too


def _told(settings: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"date_time_output_format": "iso", "output_format_json_quote_64bit_integers": 0} | dict(
        settings or {}
    )


def _short(error: BaseException) -> str:
    return f"{error}"[:500] or type(error).__name__
