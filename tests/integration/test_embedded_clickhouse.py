"""The embedded ClickHouse as its clients see it: the sync and async clickhouse-connect, and plain HTTP."""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import clickhouse_connect
import cramjam
import pyarrow as pa
import pytest
import pytest_asyncio
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError
from clickhouse_connect.driver.external import ExternalData

from deploy.local.clickhouse import EmbeddedClickHouse
from tests.patience import eventually

SLOW = "SELECT sum(sipHash64(number)) FROM numbers(100000000000) SETTINGS max_threads = 1"


@pytest.fixture
def client(clickhouse_server: EmbeddedClickHouse) -> Iterator[Client]:
    client = clickhouse_connect.get_client(host="127.0.0.1", port=clickhouse_server.port)
    yield client
    client.close()


@pytest_asyncio.fixture(loop_scope="session")
async def async_client(clickhouse_server: EmbeddedClickHouse) -> AsyncIterator[AsyncClient]:
    client = await clickhouse_connect.get_async_client(
        host="127.0.0.1", port=clickhouse_server.port, autogenerate_session_id=False
    )
    yield client
    await client.close()


@pytest_asyncio.fixture(loop_scope="session")
async def http(clickhouse_server: EmbeddedClickHouse) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(clickhouse_server.url, auto_decompress=True) as session:
        yield session


@pytest.fixture
def table(client: Client, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty table `(a UInt64, s String, at DateTime64(3))`."""
    name = f"t_{abs(hash(request.node.nodeid)) % 10**9}"
    client.command(
        f"CREATE TABLE {name} (a UInt64, s String, at DateTime64(3, 'UTC')) ENGINE = MergeTree ORDER BY a"
    )
    yield name
    client.command(f"DROP TABLE {name}")


AT = datetime(2026, 11, 22, 9, 28, 17, 123000)
ROWS = [[number, f"it's\t{number}\\n ü", AT] for number in range(1000)]


def test_rows_come_back_as_they_were_inserted(client: Client, table: str) -> None:
    summary = client.insert(table, ROWS, column_names=["a", "s", "at"])
    assert summary.written_rows == 1000
    found = client.query(f"SELECT * FROM {table} ORDER BY a").result_rows
    assert [list(row) for row in found] == ROWS


@pytest.mark.parametrize("compression", ["gzip", "lz4", "zstd"])
def test_compressed_inserts_are_understood(
    clickhouse_server: EmbeddedClickHouse, table: str, compression: str
) -> None:
    client = clickhouse_connect.get_client(
        host="127.0.0.1", port=clickhouse_server.port, compress=compression
    )
    client.insert(table, ROWS, column_names=["a", "s", "at"])
    assert client.query(f"SELECT count(), uniqExact(s) FROM {table}").result_rows == [(1000, 1000)]
    client.close()


def test_arrow_tables_go_in_and_come_out(client: Client, table: str) -> None:
    arrow = pa.table(
        {"a": pa.array([1, 2], pa.uint64()), "s": ["x", "y"], "at": pa.array([AT, AT], pa.timestamp("ms"))}
    )
    client.insert_arrow(table, arrow)
    assert client.query_arrow(f"SELECT a FROM {table} ORDER BY a")["a"].to_pylist() == [1, 2]


def test_parquet_is_a_whole_file(client: Client, table: str) -> None:
    client.insert(table, ROWS, column_names=["a", "s", "at"])
    raw = client.raw_query(f"SELECT a, s FROM {table} ORDER BY a", fmt="Parquet")
    assert raw[:4] == raw[-4:] == b"PAR1"
    client.raw_insert(table, ["a", "s"], raw, fmt="Parquet")
    assert client.query(f"SELECT count(), uniqExact(s) FROM {table}").result_rows == [(2000, 1000)]


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        "it's",
        'say "x"',
        "tab\there",
        "line\nbreak",
        "back\\slash",
        "\\N",
        "ünï",
        "",
        "{a:String}",
        "; DROP TABLE x",
    ],
)
def test_bound_parameters_arrive_as_they_are(client: Client, value: str) -> None:
    assert client.query("SELECT {v:String} AS v", parameters={"v": value}).result_rows == [(value,)]
    assert client.query("SELECT {v:Array(String)} AS v", parameters={"v": [value, "b"]}).result_rows == [
        ([value, "b"],)
    ]


def test_parameters_may_come_as_a_form(clickhouse_server: EmbeddedClickHouse) -> None:
    client = clickhouse_connect.get_client(
        host="127.0.0.1", port=clickhouse_server.port, form_encode_query_params=True
    )
    assert client.query("SELECT {v:String} AS v", parameters={"v": "it's\n" * 1000}).result_rows == [
        ("it's\n" * 1000,)
    ]
    client.close()


def test_external_data_is_a_table_of_that_query_alone(client: Client) -> None:
    data = ExternalData(file_name="ext.csv", data=b"1,a\n2,b\n", fmt="CSV", structure="n UInt8, s String")
    assert client.query("SELECT sum(n), max(s) FROM ext", external_data=data).result_rows == [(3, "b")]
    with pytest.raises(DatabaseError, match="ext"):
        client.query("SELECT * FROM ext")


def test_commands_answer_values_and_settings_hold_for_their_request_alone(client: Client) -> None:
    assert client.command("SELECT 1") == 1
    assert client.command("SELECT getSetting('max_threads')", settings={"max_threads": 1}) == 1
    client.command("SET max_threads = 1")
    client.command("USE system")
    assert client.command("SELECT getSetting('max_threads')") != 1
    assert client.command("SELECT currentDatabase()") == "default"


def test_the_database_is_that_of_the_client(client: Client, clickhouse_server: EmbeddedClickHouse) -> None:
    client.command("CREATE DATABASE IF NOT EXISTS `od``d`")
    other = clickhouse_connect.get_client(host="127.0.0.1", port=clickhouse_server.port, database="od`d")
    assert other.command("SELECT currentDatabase()") == "od`d"
    other.close()


def test_errors_carry_clickhouse_s_number_and_leave_the_server_well(client: Client) -> None:
    for statement, code in (
        ("SELECT * FROM nope", 60),
        ("SELEKT", 62),
        ("SELECT nope", 47),
        ("SELECT 1 FORMAT Nope", 73),
    ):
        with pytest.raises(DatabaseError) as caught:
            client.raw_query(statement)
        assert caught.value.code == code
    assert client.command("SELECT 1") == 1


@pytest.mark.parametrize("length", [1, 1000])
def test_a_faulty_row_refuses_its_whole_insert(client: Client, table: str, length: int) -> None:
    """Also where the rows before it came long before it: five megabytes come in many pieces."""
    lines = [b'{"a": %d, "s": "%b"}' % (number, b"x" * length) for number in range(5000)]
    lines[4000] = b'{"a": "quark"}'
    with pytest.raises(DatabaseError) as caught:
        client.raw_insert(table, insert_block=b"\n".join(lines), fmt="JSONEachRow")
    assert caught.value.code == 27
    assert client.command(f"SELECT count() FROM {table}") == 0


def test_large_results_stream_in_blocks(client: Client) -> None:
    with client.query_row_block_stream("SELECT number FROM numbers(2000000)") as blocks:
        sizes = [len(block) for block in blocks]
    assert sum(sizes) == 2_000_000 and len(sizes) > 10


def test_a_named_format_has_its_names_once_however_large_it_is(client: Client) -> None:
    lines = client.raw_query("SELECT number AS n FROM numbers(1000000)", fmt="CSVWithNames").split(b"\n")
    assert lines[0] == b'"n"' and lines[-2] == b"999999" and len(lines) == 1_000_002
    assert client.raw_query("SELECT 1 AS n WHERE 0", fmt="CSVWithNames") == b'"n"\n'


def test_an_error_in_the_middle_of_a_stream_is_an_error_at_its_reader(client: Client) -> None:
    failing = "SELECT number, throwIf(number = 3000000, 'boo') FROM numbers(5000000)"
    with pytest.raises(StreamFailureError, match="boo"), client.query_row_block_stream(failing) as blocks:
        for _ in blocks:
            pass


def test_an_empty_result_is_no_rows(client: Client) -> None:
    assert client.query("SELECT 1 AS one WHERE 0").result_rows == []
    assert client.query("SELECT 1 AS one LIMIT 0").column_names == ("one",)


async def test_readers_and_the_writer_do_not_wait_for_slow_readers(
    async_client: AsyncClient, table: str
) -> None:
    slow = [asyncio.create_task(async_client.query(SLOW)) for _ in range(3)]
    try:
        async with asyncio.timeout(5):
            for _ in range(10):
                await async_client.raw_insert(table, insert_block=b'{"a": 1}\n' * 100, fmt="JSONEachRow")
                await async_client.query(f"SELECT count() FROM {table}")
        assert not any(task.done() for task in slow)
    finally:
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
    assert (await async_client.query(f"SELECT count() FROM {table}")).result_rows == [(1000,)]


async def test_a_query_whose_client_went_away_is_cancelled(async_client: AsyncClient) -> None:
    marked = SLOW.replace("sum(", "sum(/* gone */ ")

    async def running() -> int:
        query = (
            "SELECT count() FROM system.processes WHERE query LIKE '%gone%' AND query NOT LIKE '%processes%'"
        )
        return int((await async_client.query(query)).result_rows[0][0])

    async def is_running() -> bool:
        return await running() == 1

    async def is_over() -> bool:
        return await running() == 0

    task = asyncio.create_task(async_client.query(marked))
    await eventually(is_running, 10, "the question under way")
    task.cancel()
    await eventually(is_over, 10, "the end of the question")


async def test_plain_http_has_every_way_of_saying_it(http: aiohttp.ClientSession) -> None:
    async def text(response: Any) -> str:
        async with response as answer:
            return f"{answer.status} {await answer.text()}"

    assert await text(http.get("/ping")) == "200 Ok.\n"
    assert await text(http.get("/", params={"query": "SELECT 1"})) == "200 1\n"
    assert await text(http.post("/", data=b"SELECT 1 FORMAT CSV;")) == "200 1\n"
    assert await text(http.post("/", params={"query": "SELECT"}, data=b" 2")) == "200 2\n"
    assert (
        await text(http.post("/", params={"default_format": "JSONEachRow"}, data=b"SELECT 1 AS x"))
        == '200 {"x":1}\n'
    )
    assert await text(http.post("/", params={"param_x": "a"}, data=b"SELECT {x:String}")) == "200 a\n"
    assert (
        await text(http.post("/", data=gzip.compress(b"SELECT 3"), headers={"Content-Encoding": "gzip"}))
        == "200 3\n"
    )
    assert (await text(http.get("/"))).startswith("400 Code: 62.")
    assert (await text(http.post("/", data=b"SELECT 1", headers={"Content-Encoding": "rot13"}))).startswith(
        "500 Code: 89."
    )
    assert (await text(http.post("/", data=b"SELECT 1", headers={"Content-Encoding": "lz4"}))).startswith(
        "500 Code: 89."
    )
    assert (await text(http.post("/", params={"no_such_setting": "1"}, data=b"SELECT 1"))).startswith(
        "404 Code: 115."
    )
    assert (await text(http.post("/", params={"max_threads = 1 --": "1"}, data=b"SELECT 1"))).startswith(
        "400 Code: 62."
    )


async def test_rows_may_be_cut_anywhere_on_their_way(
    http: aiohttp.ClientSession, client: Client, table: str
) -> None:
    lines = b"INSERT INTO %b FORMAT JSONEachRow\n" % table.encode()
    lines += b"\n".join(b'{"a": %d, "s": "%b"}' % (number, b"\\u00fc" * 100) for number in range(1000))

    async def pieces() -> AsyncIterator[bytes]:
        for begin in range(0, len(lines), 10007):
            yield lines[begin : begin + 10007]

    async with http.post("/", data=pieces()) as answer:
        assert answer.status == 200, await answer.text()
    found = client.query(f"SELECT count(), uniqExact(a), min(s), max(s) FROM {table}").first_row
    assert found == (1000, 1000, "ü" * 100, "ü" * 100)


async def test_plain_http_inserts_with_data_behind_the_statement_or_apart_from_it(
    http: aiohttp.ClientSession, client: Client, table: str
) -> None:
    bodies: list[tuple[str, bytes, dict[str, str]]] = [
        (f"INSERT INTO {table} (a) FORMAT JSONEachRow", b'{"a": 1}', {}),
        ("", f'INSERT INTO {table} (a) FORMAT JSONEachRow\n{{"a": 2}}'.encode(), {}),
        (
            f"INSERT INTO {table} (a, s) FORMAT CSV",
            bytes(cramjam.zstd.compress(b"3,FORMAT\n")),
            {"Content-Encoding": "zstd"},
        ),
        ("", f"INSERT INTO {table} (a, s) VALUES (4, 'FORMAT CSV\n')".encode(), {}),
        (f"INSERT INTO {table} (a) SELECT 5", b"", {}),
    ]
    for query, body, headers in bodies:
        async with http.post("/", params={"query": query}, data=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
    assert client.query(f"SELECT a FROM {table} ORDER BY a").result_columns == [[1, 2, 3, 4, 5]]


async def test_it_stops_at_once_though_a_query_is_running(tmp_path: Path) -> None:
    with EmbeddedClickHouse(tmp_path) as server:
        async with aiohttp.ClientSession(server.url) as session:
            task = asyncio.create_task(session.post("/", data=SLOW))

            async def is_running() -> bool:
                async with session.post("/", data="SELECT count() FROM system.processes") as answer:
                    return (await answer.text()).strip() == "2"

            await eventually(is_running, 10, "the question under way")
            begun = time.monotonic()
            await asyncio.to_thread(server.stop)
            assert time.monotonic() - begun < 10
            await asyncio.gather(task, return_exceptions=True)


def test_times_are_utc_wherever_the_machine_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    with EmbeddedClickHouse(tmp_path) as server:
        client = clickhouse_connect.get_client(host="127.0.0.1", port=server.port)
        assert client.command("SELECT timezone()") == "UTC"
        client.close()


def test_it_keeps_everything_through_a_kill_and_a_stop(tmp_path: Path) -> None:
    with EmbeddedClickHouse(tmp_path) as server:
        client = clickhouse_connect.get_client(host="127.0.0.1", port=server.port)
        client.command("CREATE TABLE kept (a UInt64) ENGINE = MergeTree ORDER BY a")
        for number, end in enumerate((server.kill, server.stop)):
            client.raw_insert("kept", insert_block=b'{"a": %d}' % number, fmt="JSONEachRow")
            end()
            server.start()
            client.close_connections()
            assert client.command("SELECT count() FROM kept") == number + 1
        client.close()
