"""The sink against raw inserts of the same lines, into the same tables, by the same HTTP client."""

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import psutil

from bench import records
from bench.corpus import corpus
from bench.stack import ROOT
from bench.usage import Watch
from deploy.local.clickhouse import EmbeddedClickHouse
from deploy.local.kafka import EmbeddedKafka
from deploy.local.process import free_port
from deploy.migrations import migrate, read_migrations
from deploy.topics import create_topics
from runtime.clickhouse import ClickHouse
from schemas.settings import SinkSettings
from schemas.topics import EVENTS, MESSAGE_STATUS, RECEIPTS

_TABLES: Final = {RECEIPTS.name: "receipts", EVENTS.name: "events", MESSAGE_STATUS.name: "message_status"}
_TIMEOUT_S: Final = 300.0
_LOOK_S: Final = 0.1


def measure(requests: int, rate: float, envelopes_a_record: int) -> dict[str, Any]:
    """Rows a second of one sink over pre-loaded topics, of raw inserts, and their ratio; CPU of sink and engine."""
    now = int(time.time() * 1000)
    received = records.receipts(corpus(requests, rate), envelopes_a_record, now)
    loaded = received | records.published(received, now)
    by_table = {table: records.lines(loaded, topic) for topic, table in _TABLES.items()}
    rows = sum(map(len, by_table.values()))
    with tempfile.TemporaryDirectory(prefix="waybill-bench-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        with EmbeddedKafka(home / "kafka") as kafka, EmbeddedClickHouse(home / "clickhouse") as clickhouse:
            engine = psutil.Process(clickhouse.pid)
            asyncio.run(create_topics(kafka.bootstrap, partitions=records.PARTITIONS))
            records.load(kafka.bootstrap, loaded)
            asyncio.run(migrate(f"{clickhouse.url}/raw", read_migrations()))
            asyncio.run(migrate(f"{clickhouse.url}/sink", read_migrations()))
            with Watch({"clickhouse": engine}) as watch:
                raw_s = asyncio.run(_insert_raw(f"{clickhouse.url}/raw", by_table))
                raw = watch.use()
            with (
                _sink(kafka.bootstrap, f"{clickhouse.url}/sink") as (process, port),
                Watch({"clickhouse": engine, "sink": psutil.Process(process.pid)}) as watch,
            ):
                rows_a_second = _rate_until_stored(port, rows)
                used = watch.use()
    return {
        "rows": rows,
        "rows_a_second": rows_a_second,
        "raw_rows_a_second": rows / raw_s,
        "ratio": rows_a_second * raw_s / rows,
        "cpu_s_per_1000": {part: one.cpu_s * 1000 / rows for part, one in used.items()},
        "raw_cpu_s_per_1000": {part: one.cpu_s * 1000 / rows for part, one in raw.items()},
        "use": {part: asdict(one) for part, one in used.items()},
    }


async def _insert_raw(url: str, by_table: Mapping[str, list[bytes]]) -> float:
    """Seconds that it takes to insert all lines, the tables side by side, in batches of the sink's size."""
    store = ClickHouse(url)
    await store.rows("SELECT 1")
    begin = time.perf_counter()
    await asyncio.gather(*(_insert_table(store, table, found) for table, found in by_table.items()))
    took = time.perf_counter() - begin
    await store.close()
    return took


async def _insert_table(store: ClickHouse, table: str, found: list[bytes]) -> None:
    most_rows = SinkSettings.model_fields["sink_batch_rows"].default
    most_bytes = SinkSettings.model_fields["sink_batch_bytes"].default
    batch: list[bytes] = []
    size = 0
    for line in found:
        batch.append(line)
        size += len(line)
        if len(batch) >= most_rows or size >= most_bytes:
            await store.insert_lines(table, b"\n".join(batch))
            batch, size = [], 0
    if batch:
        await store.insert_lines(table, b"\n".join(batch))


@contextlib.contextmanager
def _sink(bootstrap: str, clickhouse: str) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """A sink of its own; its process and the port of its metrics."""
    port = free_port()
    settings = {"KAFKA": bootstrap, "CLICKHOUSE": clickhouse, "SINK_PORT": str(port), "LOG_LEVEL": "warning"}
    env = os.environ | {f"WAYBILL_{name}": value for name, value in settings.items()}
    process = subprocess.Popen([sys.executable, "-m", "processors", "sink"], cwd=ROOT, env=env)
    try:
        yield process, port
    finally:
        process.terminate()
        process.wait(20)


def _rate_until_stored(port: int, rows: int) -> float:
    """Rows a second from the first look that saw some until all are stored. Raises TimeoutError."""
    first: tuple[float, int] | None = None
    deadline = time.perf_counter() + _TIMEOUT_S
    while time.perf_counter() < deadline:
        stored, now = _stored_rows(port), time.perf_counter()
        if stored >= rows:
            begin, before = first or (now - _LOOK_S, 0)
            return (stored - before) / (now - begin)
        if stored and first is None:
            first = (now, stored)
        time.sleep(_LOOK_S)
    raise TimeoutError(f"the sink has not stored {rows} rows within {_TIMEOUT_S:g} s")


def _stored_rows(port: int) -> int:
    """Rows that the sink says it has inserted; 0 while it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            page = answer.read().decode()
    except OSError:
        return 0
    told = [line for line in page.splitlines() if line.startswith("waybill_sink_rows_total")]
    return int(sum(float(line.rpartition(" ")[2]) for line in told))
