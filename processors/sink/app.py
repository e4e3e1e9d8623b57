"""The sink: moves topics into tables, and nothing else. It commits what ClickHouse has, never before."""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from aiohttp import web
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError

from processors.dead_letters import NOT_STORABLE
from processors.sink.lines import STAGE, Line, dead_letter_of
from processors.sink.writer import Partition, TableWriter
from runtime import metrics
from runtime.clickhouse import ClickHouse
from runtime.http import add_operations, problems_middleware
from runtime.kafka import open_consumer, open_producer
from schemas.settings import SinkSettings
from schemas.topics import (
    ADDRESS_STANDING,
    CONSENT_LOG,
    CONSENTS,
    CUSTOMERS,
    DEAD_LETTERS,
    EVENTS,
    MESSAGE_STATUS,
    RECEIPTS,
    SINK_GROUP,
)

log = logging.getLogger(__name__)

TABLES = {
    RECEIPTS.name: "receipts",
    EVENTS.name: "events",
    MESSAGE_STATUS.name: "message_status",
    ADDRESS_STANDING.name: "address_standing",
    CONSENTS.name: "consents",
    CONSENT_LOG.name: "consent_log",
    CUSTOMERS.name: "customers",
    DEAD_LETTERS.name: "dead_letters",
}
"""Which topic goes into which table."""

_PATIENCE = {RECEIPTS.name: 4, EVENTS.name: 2}
"""How many times the usual wait a topic's rows may wait for others: nobody looks for a receipt within seconds, and
for events less urgently than for the status. Measured: a third of the engine's CPU at 2,000 callbacks/s."""

_GATHER_S = 0.02
"""Pause after a fetch that brought something: fewer and larger fetches, at no delay that anybody sees."""
_FETCH_BYTES, _FETCH_WAIT_MS = 1024 * 1024, 150
"""Kafka answers a fetch once there is so much, or that time has passed: otherwise each of the worker's writes is
fetched by itself, which costs both sides more than the rows do."""
_STOP_S = 3.0
"""How long inserts under way may take when the process is to end, or partitions are to be given away."""
_LAG_EVERY_S = 2.0
_KAFKA_RETRY_S = 1.0


class Sink(ConsumerRebalanceListener):  # type: ignore[misc]
    """Consumer, writers and commits of one process."""

    def __init__(self, settings: SinkSettings) -> None:
        """Create it in the running event loop."""
        self._settings = settings
        self._store = ClickHouse(settings.clickhouse)
        self._consumer: AIOKafkaConsumer = open_consumer(
            settings.kafka,
            "waybill-sink",
            instance=settings.instance,
            group_id=SINK_GROUP,
            fetch_min_bytes=_FETCH_BYTES,
            fetch_max_wait_ms=_FETCH_WAIT_MS,
        )
        self._producer: AIOKafkaProducer | None = None
        self._writers = {
            topic: TableWriter(
                table,
                self._store,
                self._put_aside,
                self._stored,
                rows=settings.sink_batch_rows,
                size=settings.sink_batch_bytes,
                wait_s=settings.sink_batch_wait_s * _PATIENCE.get(topic, 1),
            )
            for topic, table in TABLES.items()
        }
        self._committable: dict[Partition, int] = {}
        self._epoch = 0
        self._to_commit = asyncio.Event()
        self._committing = asyncio.Lock()
        self._joined = False
        self._rebalancing = False
        self._committed: dict[TopicPartition, int] = {}
        self._lag: dict[Partition, int] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set; then inserts under way are finished and committed, the rest is read again next time."""
        if not await _unless_stopped(self._start(), stop):
            return
        tasks = [asyncio.create_task(writer.run()) for writer in self._writers.values()]
        tasks += [asyncio.create_task(self._commit_as_stored()), asyncio.create_task(self._watch_lag())]
        reading = asyncio.create_task(self._read())
        stopping = asyncio.create_task(stop.wait())
        try:
            # None of them ends by itself, unless by a fault that a restart must answer.
            done, _ = await asyncio.wait([*tasks, reading, stopping], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopping}:
                task.result()
        finally:
            await _cancel([reading, stopping])
            self._drop()
            await self._settle()
            await _cancel(tasks)
            await self._close()

    def app(self) -> web.Application:
        """Health and metrics."""
        app = web.Application(middlewares=[problems_middleware])
        add_operations(app, self._ready)
        return app

    async def _ready(self) -> tuple[bool, dict[str, Any]]:
        reachable = await self._store.ping()
        lag: dict[str, int] = {}
        for (topic, _), records in self._lag.items():
            lag[topic] = lag.get(topic, 0) + records
        told = {
            "clickhouse": reachable,
            "kafka": self._joined,
            "lag_records": sum(lag.values()),
            "lag_by_topic": lag,
        }
        return reachable and self._joined, told

    async def _start(self) -> None:
        self._consumer.subscribe(list(TABLES), listener=self)
        while True:
            try:
                await self._consumer.start()
                return
            except KafkaError as error:
                log.warning("Kafka is away, next try in %.0f s: %s", _KAFKA_RETRY_S, error)
                await asyncio.sleep(_KAFKA_RETRY_S)

    async def _close(self) -> None:
        with suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(1):
                await self._consumer.stop()
        if self._producer is not None:
            with suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(0.5):
                    await self._producer.stop()
        await self._store.close()

    # Reading

    async def _read(self) -> None:
        while True:
            try:
                found = await self._consumer.getmany(timeout_ms=500)
            except ConsumerStoppedError:
                raise
            except KafkaError as error:
                log.warning("reading failed, trying again: %s", error)
                await asyncio.sleep(_KAFKA_RETRY_S)
                continue
            if found and not self._rebalancing:
                for partition, records in found.items():
                    self._writers[partition.topic].add(records)
                await asyncio.sleep(_GATHER_S)
            self._hold_back()

    def _hold_back(self) -> None:
        """Bounded memory: a topic whose rows do not get away is not read on, while its partitions stay ours."""
        limit = 2 * self._settings.sink_batch_bytes
        paused = {partition.topic for partition in self._consumer.paused()}
        for topic, writer in self._writers.items():
            if topic not in paused and writer.buffered_bytes > limit:
                self._consumer.pause(*self._partitions_of(topic))
            elif topic in paused and writer.buffered_bytes < limit // 2:
                self._consumer.resume(*self._partitions_of(topic))

    def _partitions_of(self, topic: str) -> list[TopicPartition]:
        return [partition for partition in self._consumer.assignment() if partition.topic == topic]

    # Storing

    def _stored(self, offsets: dict[Partition, int], epoch: int) -> None:
        if epoch == self._epoch:
            self._committable |= offsets
            self._to_commit.set()

    async def _put_aside(self, line: Line, detail: str) -> None:
        """A poison row becomes a dead letter; one that is a dead letter already is only logged and counted."""
        place = f"{line.record.topic}/{line.record.partition}/{line.record.offset}/{line.index}"
        if line.record.topic == DEAD_LETTERS.name:
            metrics.SINK_POISON_LOST.inc()
            log.error("dead letter at %s cannot be stored and stays in its topic only: %s", place, detail)
            return
        log.error("row at %s cannot be stored and becomes a dead letter: %s", place, detail)
        key, value = dead_letter_of(line, detail)
        while True:
            try:
                producer = await self._opened_producer()
                await producer.send_and_wait(
                    DEAD_LETTERS.name, value, key=key, partition=line.record.partition
                )
                metrics.DEAD_LETTERS.labels(STAGE, NOT_STORABLE).inc()
                return
            except KafkaError as error:
                log.warning("dead letter not written, trying again: %s", error)
                await asyncio.sleep(_KAFKA_RETRY_S)

    async def _opened_producer(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = open_producer(self._settings.kafka, "waybill-sink")
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        return self._producer

    # Committing and rebalancing

    async def _commit_as_stored(self) -> None:
        while True:
            await self._to_commit.wait()
            await self._commit()

    async def _commit(self) -> None:
        async with self._committing:
            self._to_commit.clear()
            offsets, self._committable = self._committable, {}
            assigned = self._consumer.assignment()
            ours = {TopicPartition(*partition): offset for partition, offset in offsets.items()}
            ours = {partition: offset for partition, offset in ours.items() if partition in assigned}
            if not ours:
                return
            try:
                await self._consumer.commit(ours)
                self._committed |= ours
            except KafkaError as error:
                # The rows are stored; what stays uncommitted is read and stored again, which changes nothing.
                log.warning("commit failed: %s", error)

    def _drop(self) -> None:
        for writer in self._writers.values():
            writer.drop()

    async def _settle(self) -> None:
        """Lets inserts under way finish, for a while, and commits them."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_S):
                await asyncio.gather(*(writer.settle() for writer in self._writers.values()))
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self._commit()

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Called before partitions go to others: what is under way is finished and committed, what waits is forgotten."""
        self._rebalancing = True
        self._drop()
        await self._settle()
        self._epoch += 1
        self._committable.clear()
        self._committed.clear()
        self._lag.clear()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """From here on records come from the committed offsets."""
        self._drop()
        self._epoch += 1
        for writer in self._writers.values():
            writer.epoch = self._epoch
        self._rebalancing = False
        self._joined = True

    # Lag

    async def _watch_lag(self) -> None:
        while True:
            await asyncio.sleep(_LAG_EVERY_S)
            assigned = list(self._consumer.assignment())
            try:
                async with asyncio.timeout(_LAG_EVERY_S):
                    ends = await self._consumer.end_offsets(assigned) if assigned else {}
                    for partition in ends:
                        if partition not in self._committed:
                            self._committed[partition] = await self._consumer.committed(partition) or 0
            except (KafkaError, TimeoutError):
                continue
            for partition, end in ends.items():
                behind = max(0, end - self._committed.get(partition, 0))
                self._lag[(partition.topic, partition.partition)] = behind
                metrics.SINK_LAG.labels(partition.topic, partition.partition).set(behind)


async def _unless_stopped(action: Any, stop: asyncio.Event) -> bool:
    """Runs it to its end, or until `stop` is set; whether it came to its end."""
    acting, stopping = asyncio.create_task(action), asyncio.create_task(stop.wait())
    await asyncio.wait([acting, stopping], return_when=asyncio.FIRST_COMPLETED)
    finished = acting.done()
    await _cancel([stopping] if finished else [acting, stopping])
    if finished:
        acting.result()
    return finished


async def _cancel(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
