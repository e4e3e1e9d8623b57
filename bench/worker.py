"""The worker against the naive Faust agent and against a plain aiokafka loop, on the same receipts.

All three have the real adapter, fold and status, and publish events and statuses. The naive agent takes one receipt a
record, and makes a table write and a `send` for each event, as Faust's manual has it. The plain loop takes as many
records at once as the worker does, through the worker's own outputs, and keeps its facts in a dictionary: no table, no
changelog, no recovery. Each runs
in a process of its own, one after the other.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import faust
import psutil
import uvloop
from aiokafka.admin import NewTopic

from bench import records
from bench.corpus import corpus
from bench.usage import Watch
from deploy.local.process import ROOT, die_with_parent, free_port
from deploy.topics import create_topics
from processors.facts import MessageFacts, fold, folds
from processors.kafka_transport import BATCH_RECORDS
from processors.outputs import Outputs
from processors.ownership import Ownership, now_s
from processors.providers import Incomprehensible, adapt
from processors.status import published
from processors.tracking import Entry
from runtime.kafka import open_admin, open_consumer
from schemas.envelope import parse_line
from schemas.topics import EVENTS, MESSAGE_STATUS, RECEIPTS, message_key, status_key

ENVELOPES_A_RECORD: Final = 10
"""Seen end to end at 2,000 callbacks a second."""
NAIVE_REQUESTS: Final = 10_000
SINGLES: Final = "bench-receipts-single"
NAIVE_APP: Final = "bench-naive"

_RATE: Final = 2000.0
_TIMEOUT_S: Final = 180.0
_LOOK_S: Final = 0.25
"""Each look costs the worker some milliseconds: its metrics are text that it has to write."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one variant did with so many events: seconds and CPU seconds that they took, peak memory in MiB."""

    events: int
    seconds: float
    cpu_s: float
    peak_mib: float

    def told(self) -> dict[str, float]:
        """Events a second, CPU in ms an event, peak memory."""
        return {
            "events": self.events,
            "events_a_second": round(self.events / self.seconds, 1),
            "cpu_ms_an_event": round(self.cpu_s * 1000 / self.events, 4),
            "peak_mib": round(self.peak_mib, 1),
        }


def measure(
    bootstrap: str, *, requests: int = 60_000, envelopes_a_record: int = ENVELOPES_A_RECORD
) -> dict[str, Any]:
    """Events a second of the three, and what the worker reaches of the others. The broker must be new: its topics are
    created and loaded here. Raises TimeoutError where a variant does not get through."""
    now = int(time.time() * 1000)
    received = records.receipts(corpus(requests, _RATE), envelopes_a_record, now)
    singles = _singles(received, NAIVE_REQUESTS)
    asyncio.run(_prepare(bootstrap))
    records.load(bootstrap, received | singles)
    plain = _in_process("plain", bootstrap, requests)
    naive = _in_process("naive", bootstrap, sum(map(len, singles.values())))
    ours = _worker(bootstrap, requests)
    rate = {
        name: one.events / one.seconds for name, one in (("plain", plain), ("naive", naive), ("ours", ours))
    }
    return {
        "envelopes_a_record": envelopes_a_record,
        "worker": ours.told(),
        "plain_loop": plain.told(),
        "naive_agent": naive.told(),
        "of_plain_loop": round(rate["ours"] / rate["plain"], 3),
        "of_naive_agent": round(rate["ours"] / rate["naive"], 3),
    }


def _singles(received: records.Records, most: int) -> records.Records:
    """The first receipts of each partition, one a record."""
    found: records.Records = {}
    for (_, partition), entries in received.items():
        lines = [line for _, value in entries for line in value.split(b"\n")]
        found[SINGLES, partition] = [(None, line) for line in lines[: most // records.PARTITIONS]]
    return found


async def _prepare(bootstrap: str) -> None:
    await create_topics(bootstrap, partitions=records.PARTITIONS)
    admin = open_admin(bootstrap, "waybill-bench")
    await admin.start()
    try:
        names = (SINGLES, f"{NAIVE_APP}-facts-changelog")
        await admin.create_topics([NewTopic(name, records.PARTITIONS, 1) for name in names])
    finally:
        await admin.close()


def _in_process(variant: str, bootstrap: str, requests: int) -> Figures:
    """Runs a baseline in a process of its own; it prints its figures."""
    with tempfile.TemporaryDirectory(prefix="waybill-bench-") as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.worker", variant, bootstrap, str(requests), folder],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            preexec_fn=die_with_parent(),
            text=True,
        )
        try:
            with Watch({variant: psutil.Process(process.pid)}, every_s=0.2) as watch:
                said, _ = process.communicate(timeout=_TIMEOUT_S)
                peak = watch.use()[variant].peak_mib
        finally:
            process.kill()
    return Figures(**json.loads(said.splitlines()[-1]), peak_mib=peak)


def _worker(bootstrap: str, requests: int) -> Figures:
    """Runs the real worker over all receipts, from the first that its metrics tell of."""
    with tempfile.TemporaryDirectory(prefix="waybill-bench-") as folder:
        port = free_port()
        (Path(folder) / "tenants.toml").touch()
        settings = {
            "KAFKA": bootstrap,
            "WORKER_PORT": str(port),
            "WORKER_DATA": folder,
            "TENANTS": f"{folder}/tenants.toml",
            "LOG_LEVEL": "warning",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "processors", "worker"],
            cwd=ROOT,
            env=os.environ | {f"WAYBILL_{name}": value for name, value in settings.items()},
            preexec_fn=die_with_parent(),
        )
        try:
            return _until_done(psutil.Process(process.pid), port, requests)
        finally:
            process.terminate()
            process.wait(20)


def _until_done(process: psutil.Process, port: int, requests: int) -> Figures:
    deadline = time.perf_counter() + _TIMEOUT_S
    first: tuple[float, float, int] | None = None
    with Watch({"worker": process}, every_s=0.2) as watch:
        while time.perf_counter() < deadline:
            done, in_flight = _progress(port)
            at, cpu = time.perf_counter(), sum(process.cpu_times()[:2])
            if done and first is None:
                first = at, cpu, done
            if done >= requests and not in_flight and first is not None:
                peak = watch.use()["worker"].peak_mib
                return Figures(done - first[2], at - first[0], cpu - first[1], peak)
            time.sleep(_LOOK_S)
    raise TimeoutError(f"the worker has not taken {requests} receipts within {_TIMEOUT_S:g} s")


def _progress(port: int) -> tuple[int, int]:
    """Envelopes processed and records in flight, by the worker's metrics; zeros while it does not answer."""
    page = ""
    with (
        suppress(OSError),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer,
    ):
        page = answer.read().decode()
    told = dict(line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
    return (
        int(float(told.get("waybill_worker_envelopes_total", 0))),
        int(float(told.get("waybill_worker_records_in_flight", 0))),
    )


class Meter:
    """Measures a baseline inside its process, from its first receipt to its last."""

    def __init__(self, requests: int) -> None:
        self._left = requests
        self._requests = requests
        self._began: tuple[float, float] | None = None

    def took(self, receipts: int) -> bool:
        """Counts receipts; True when those were the last."""
        if self._began is None:
            self._began = time.perf_counter(), time.process_time()
        self._left -= receipts
        return self._left <= 0

    def tell(self) -> None:
        """Prints the figures."""
        assert self._began is not None
        wall, cpu = self._began
        figures = {
            "events": self._requests,
            "seconds": time.perf_counter() - wall,
            "cpu_s": time.process_time() - cpu,
        }
        print(json.dumps(figures), flush=True)


async def plain_loop(bootstrap: str, requests: int) -> None:
    """Consumer, adapter, fold and the worker's outputs; the facts in a dictionary."""
    meter = Meter(requests)
    facts: dict[str, MessageFacts] = {}
    ownership = Ownership(float("inf"))
    ownership.confirmed(now_s())
    outputs = Outputs(bootstrap, ownership, lambda _records, _offsets: None)
    await outputs.start()
    consumer = open_consumer(bootstrap, "bench-plain", RECEIPTS.name, group_id="bench-plain")
    await consumer.start()
    last = False
    while not last:
        for partition, found in (await consumer.getmany(timeout_ms=1000)).items():
            for begin in range(0, len(found), BATCH_RECORDS):
                batch = found[begin : begin + BATCH_RECORDS]
                await outputs.room()
                lines = [line for record in batch for line in record.value.split(b"\n")]
                last = meter.took(len(lines)) or last
                events, statuses = _folded(lines, facts, batch[-1].offset)
                outputs.add(EVENTS.name, partition.partition, events)
                outputs.add(MESSAGE_STATUS.name, partition.partition, statuses)
                outputs.commit(batch)
                await asyncio.sleep(0)
    await outputs.settled()
    await consumer.commit()
    meter.tell()
    await outputs.stop()
    await consumer.stop()


def _folded(
    lines: Iterable[bytes], facts: dict[str, MessageFacts], revision: int
) -> tuple[list[Entry], list[Entry]]:
    """Events and statuses of these receipts."""
    events: list[Entry] = []
    touched: dict[str, None] = {}
    for line in lines:
        adapted = adapt(parse_line(line))
        assert not isinstance(adapted, Incomprehensible)
        for event in adapted:
            events.append((message_key(event.tenant, event.message_id).encode(), event.to_json()))
            if folds(event):
                key = status_key(event.tenant, event.message_id, event.recipient or "")
                facts[key] = fold(facts.get(key), event, revision)
                touched[key] = None
    return events, [(key.encode(), published(facts[key])) for key in touched]


def naive_app(bootstrap: str, requests: int, folder: Path, done: Callable[[], None]) -> faust.App:
    """The agent as Faust's manual has it: one receipt a record, a table write and two sends for each event."""
    app = faust.App(
        NAIVE_APP,
        broker=f"kafka://{bootstrap}",
        store="rocksdb://",
        datadir=folder,
        topic_allow_declare=False,
        topic_disable_leader=True,
        topic_partitions=records.PARTITIONS,
        consumer_auto_offset_reset="earliest",
        web_enabled=False,
    )
    raw: dict[str, Any] = {
        "key_type": bytes,
        "value_type": bytes,
        "key_serializer": "raw",
        "value_serializer": "raw",
    }
    receipts = app.topic(SINGLES, **raw)
    events, statuses = app.topic(EVENTS.name, **raw), app.topic(MESSAGE_STATUS.name, **raw)
    table = app.Table("facts", key_type=bytes, value_type=bytes, partitions=records.PARTITIONS)
    meter = Meter(requests)

    @app.agent(receipts)
    async def track(stream: Any) -> None:
        async for value in stream:
            last = meter.took(1)
            adapted = adapt(parse_line(value))
            assert not isinstance(adapted, Incomprehensible)
            for event in adapted:
                await events.send(
                    key=message_key(event.tenant, event.message_id).encode(), value=event.to_json()
                )
                key = status_key(event.tenant, event.message_id, event.recipient or "").encode()
                stored = table.get(key)
                facts = fold(MessageFacts.decode(stored) if stored else None, event, 0)
                table[key] = facts.encode()
                await statuses.send(key=key, value=published(facts))
            if last:
                await app.producer.flush()
                meter.tell()
                done()

    return app


async def _naive(bootstrap: str, requests: int, folder: Path) -> None:
    finished = asyncio.Event()
    app = naive_app(bootstrap, requests, folder, finished.set)
    app.finalize()
    await app.start()
    await finished.wait()
    sys.stdout.flush()
    os._exit(0)  # stopping Faust is not what is measured


def main() -> None:
    """Runs a baseline; `measure` starts it so."""
    parser = argparse.ArgumentParser(prog="python -m bench.worker")
    parser.add_argument("variant", choices=("plain", "naive"))
    parser.add_argument("bootstrap")
    parser.add_argument("requests", type=int)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    if given.variant == "plain":
        uvloop.run(plain_loop(given.bootstrap, given.requests))  # as the worker
    else:
        asyncio.run(_naive(given.bootstrap, given.requests, given.folder))


if __name__ == "__main__":
    main()
