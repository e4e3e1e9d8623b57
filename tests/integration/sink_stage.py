"""What tests of the sink work with: a broker of their own, a store that can go away, and the sink as a process."""

import asyncio
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.local.process import ROOT, die_with_parent, free_port
from runtime.clickhouse import ClickHouse, ClickHouseAway, ClickHouseRefused
from runtime.kafka import open_consumer, open_producer
from schemas.status import COUNTS, Status
from schemas.topics import MESSAGE_STATUS, status_key
from tests.patience import eventually

T0 = 1_795_341_600_000  # 2026-11-22T10:00:00Z


class SinkProcess:
    """`python -m processors sink`, to be started, killed and stopped."""

    def __init__(self, kafka: str, clickhouse: str, log: Path, **settings: str) -> None:
        self.port = free_port()
        self._log = log
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith("WAYBILL_")
        } | {
            "WAYBILL_KAFKA": kafka,
            "WAYBILL_CLICKHOUSE": clickhouse,
            "WAYBILL_SINK_PORT": str(self.port),
            "WAYBILL_INSTANCE": "one",
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "processors", "sink"],
                cwd=ROOT,
                env=self._environment,
                stdout=out,
                stderr=out,
                preexec_fn=die_with_parent(),
            )

    @property
    def said(self) -> str:
        return self._log.read_text()

    @property
    def running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def kill(self) -> None:
        self.running.kill()
        self.running.wait()

    def stop(self, seconds: float) -> int:
        """SIGTERM; the exit status. Fails when it takes longer."""
        self.running.send_signal(signal.SIGTERM)
        return self.running.wait(seconds)

    async def answer(self, path: str) -> tuple[int, bytes]:
        return await asyncio.to_thread(self._answer, path)

    def _answer(self, path: str) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=2) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return 0, b""

    async def until_ready(self) -> None:
        async def ready() -> bool:
            return (await self.answer("/readyz"))[0] == 200

        try:
            await eventually(ready, 30, "the sink's readiness")
        except AssertionError as error:
            raise AssertionError(f"{error}; it said: {self.said[-2000:]}") from None


def status_value(number: int, *, tenant: str = "acme", revision: int = 1, **fields: Any) -> dict[str, Any]:
    """A message-status/1 value; its numbers differ by `number`."""
    return {
        "schema": "message-status/1",
        "tenant": tenant,
        "message_id": f"m-{number}",
        "recipient": f"user{number}@example.org",
        "recipient_as_given": f"User{number}@example.org",
        "channel": "email",
        "provider": "ses",
        "status": Status.DELIVERED,
        "rank": Status.DELIVERED.rank,
        "revision": revision,
        "filed_at": "2026-11-22T10:00:00.000Z",
        "updated_at": "2026-11-22T10:00:05.000Z",
        "domain": "example.org",
        "opens": 0,
        "reached": [name for name in COUNTS if name in ("sent", "delivered")],
        "bounce": None,
    } | fields


def key_of(value: dict[str, Any]) -> bytes:
    return status_key(value["tenant"], value["message_id"], value["recipient"] or "").encode()


async def publish(
    kafka: str, topic: str, records: Iterable[tuple[bytes | None, bytes | None]], partitions: int = 4
) -> None:
    """Writes (key, value) records, spread over the partitions by the hash of the key or, without one, in turn."""
    producer = open_producer(kafka, "test", linger_ms=5)
    await producer.start()
    try:
        sent = [
            await producer.send(topic, value, key=key, partition=hash(key or number) % partitions)
            for number, (key, value) in enumerate(records)
        ]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def publish_statuses(kafka: str, values: Iterable[dict[str, Any]]) -> None:
    await publish(kafka, MESSAGE_STATUS.name, [(key_of(value), orjson.dumps(value)) for value in values])


async def everything_in(kafka: str, topic: str, partitions: int = 4) -> list[dict[str, Any]]:
    """All values of a topic."""
    consumer: AIOKafkaConsumer = open_consumer(kafka, "test")
    await consumer.start()
    try:
        assigned = [TopicPartition(topic, number) for number in range(partitions)]
        consumer.assign(assigned)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(assigned)
        found: list[dict[str, Any]] = []
        while any([await consumer.position(each) < ends[each] for each in assigned]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [orjson.loads(record.value) for record in records if record.value]
        return found
    finally:
        await consumer.stop()


class Store:
    """The tables as a test looks at them: a store that is away has nothing to show yet."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.clickhouse = ClickHouse(url)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.clickhouse.close()

    async def one(self, sql: str) -> Any:
        """The only value of the answer; None while it cannot be had."""
        try:
            (row,) = await self.clickhouse.rows(sql)
        except (ClickHouseAway, ClickHouseRefused):
            return None
        (value,) = row.values()
        return value

    async def until(self, sql: str, expected: Any, seconds: float = 20) -> None:
        seen: list[Any] = []

        async def holds() -> bool:
            seen[:] = [await self.one(sql)]
            return bool(seen[0] == expected)

        try:
            await eventually(holds, seconds, sql)
        except AssertionError:
            raise AssertionError(f"not within {seconds} s: {sql} is {expected}, last {seen}") from None
