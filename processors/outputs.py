"""Everything that the worker writes to Kafka, by group commit: one flight of batches at a time.

What is folded while a flight is under way is gathered, one batch per topic and partition, and goes with the next one.
So the order within a partition is that of the folding, a flight that fails is sent again before anything later, and
the records of a flight are acknowledged together, in order, once all of it is delivered.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata

from processors.ownership import Ownership, leave_at_once
from runtime.kafka import open_producer
from runtime.metrics import FLUSH_SECONDS, RECORDS_IN_FLIGHT

log = logging.getLogger(__name__)

BATCH_BYTES = 1024 * 1024
"""Size at which a batch is closed and another one begun; one larger record makes a batch of its own."""

RECORD_BYTES = 256 * 1024
"""Size of a record of lines, so that what reads them gets on in steps."""

FLIGHT_BYTES = 8 * 1024 * 1024
FLIGHT_RECORDS = 512
"""What is gathered for the next flight before the folding has to wait."""

FLIGHT_EVERY_S = 0.05
"""Under load a flight starts no sooner after the one before: each costs about a millisecond of its own, which a larger
one spreads over more. What comes after a pause goes at once."""

_BACKOFF_S = (0.1, 0.3, 1.0, 3.0)

TopicPartition = tuple[str, int]
Delivered = dict[TopicPartition, int]
"""The last offset written to each topic and partition."""


@dataclass(slots=True)
class Flight:
    """Batches by topic and partition, and what to call when all of them are delivered."""

    batches: dict[TopicPartition, list[BatchBuilder]] = field(default_factory=dict)
    lines: dict[TopicPartition, list[bytes]] = field(default_factory=dict)
    records: list[Any] = field(default_factory=list)
    size: int = 0


class Outputs:
    """The one producer of the worker. `on_delivered` takes a flight's records, in order, with the offsets written."""

    def __init__(
        self, bootstrap: str, ownership: Ownership, on_delivered: Callable[[list[Any], Delivered], None]
    ) -> None:
        self._producer = open_producer(bootstrap, "waybill-worker", max_batch_size=BATCH_BYTES)
        self._ownership = ownership
        self._on_delivered = on_delivered
        self._open = Flight()
        self._under_way: Flight | None = None
        self._wanted = asyncio.Event()
        self._crowded = asyncio.Event()
        self._changed = asyncio.Condition()
        self._flusher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connects. Raises KafkaError where Kafka cannot be reached."""
        await self._producer.start()
        _guard(self._producer, self._ownership)
        self._flusher = asyncio.create_task(self._flush_for_ever(), name="outputs")

    async def stop(self) -> None:
        """Closes the producer; what is not delivered is dropped."""
        if self._flusher:
            self._flusher.cancel()
            await asyncio.gather(self._flusher, return_exceptions=True)
            await self._producer.stop()

    def add(self, topic: str, partition: int, entries: Collection[tuple[bytes | None, bytes]]) -> None:
        """Puts records into the next flight. Waits for nothing: call room() before, commit() after."""
        if not entries:
            return
        flight = self._open
        batches = flight.batches.get((topic, partition))
        if batches is None:
            batches = flight.batches[topic, partition] = [self._producer.create_batch()]
        timestamp = int(time.time() * 1000)
        for key, value in entries:
            flight.size += len(key or b"") + len(value)
            if batches[-1].append(key=key, value=value, timestamp=timestamp) is None:
                batches.append(self._producer.create_batch())
                batches[-1].append(key=key, value=value, timestamp=timestamp)

    def add_lines(self, topic: str, partition: int, lines: Collection[bytes]) -> None:
        """Puts lines into the next flight. Those of a whole flight go as few records, since whoever reads them pays for
        records more than for lines."""
        flight = self._open
        flight.lines.setdefault((topic, partition), []).extend(lines)
        flight.size += sum(map(len, lines))

    def commit(self, record: Any) -> None:
        """Ends what belongs to a source record: `record` is handed to on_delivered after all of it is delivered."""
        self._open.records.append(record)
        RECORDS_IN_FLIGHT.inc()
        self._wanted.set()
        if self._full:
            self._crowded.set()

    async def room(self) -> None:
        """Waits until the next flight may take more."""
        if self._full:
            async with self._changed:
                await self._changed.wait_for(lambda: not self._full)

    async def settled(self) -> None:
        """Waits until all that was committed is delivered and handed back."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._open.records and self._under_way is None)

    @property
    def _full(self) -> bool:
        return self._open.size > FLIGHT_BYTES or len(self._open.records) >= FLIGHT_RECORDS

    async def _flush_for_ever(self) -> None:
        started = 0.0
        try:
            while True:
                await self._wanted.wait()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(started + FLIGHT_EVERY_S - time.perf_counter()):
                        await self._crowded.wait()
                self._wanted.clear()
                self._crowded.clear()
                flight = self._under_way = self._open
                self._close_records(flight)
                self._open = Flight()
                async with self._changed:
                    self._changed.notify_all()
                started = time.perf_counter()
                delivered = await self._deliver(flight)
                FLUSH_SECONDS.observe(time.perf_counter() - started)
                self._on_delivered(flight.records, delivered)
                RECORDS_IN_FLIGHT.dec(len(flight.records))
                async with self._changed:
                    self._under_way = None
                    self._changed.notify_all()
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("outputs failed")
            leave_at_once("an unforeseen error while writing outputs")

    def _close_records(self, flight: Flight) -> None:
        for (topic, partition), lines in flight.lines.items():
            self.add(topic, partition, [(None, value) for value in joined_lines(lines)])
        flight.lines.clear()

    async def _deliver(self, flight: Flight) -> Delivered:
        """Sends a flight until all of it is delivered, however long that takes."""
        delivered: Delivered = {}
        attempt = 0
        while missing := [target for target in flight.batches if target not in delivered]:
            results = await asyncio.gather(
                *(self._send(target, flight.batches[target]) for target in missing)
            )
            delivered.update(
                (target, offset)
                for target, offset in zip(missing, results, strict=True)
                if offset is not None
            )
            if len(delivered) < len(flight.batches):
                if self._producer._sender.sender_task.done():
                    leave_at_once("the producer has stopped")
                await asyncio.sleep(_BACKOFF_S[min(attempt, len(_BACKOFF_S) - 1)])
                attempt += 1
        return delivered

    async def _send(self, target: TopicPartition, batches: list[BatchBuilder]) -> int | None:
        """The last offset written, None where one of the batches was not delivered: then all are sent again."""
        topic, partition = target
        offset = -1
        try:
            for batch in batches:
                future = await self._producer.send_batch(batch, topic, partition=partition)
                metadata: RecordMetadata = await future
                offset = metadata.offset + batch.record_count() - 1
        except KafkaError as error:
            log.warning("%s[%d] did not take a batch, sending again: %r", topic, partition, error)
            return None
        return offset


def joined_lines(lines: Sequence[bytes]) -> Iterator[bytes]:
    """The values of records of at most RECORD_BYTES, a longer line alone in one."""
    waiting: list[bytes] = []
    size = 0
    for line in lines:
        if waiting and size + len(line) > RECORD_BYTES:
            yield b"\n".join(waiting)
            waiting, size = [], 0
        waiting.append(line)
        size += len(line) + 1
    if waiting:
        yield b"\n".join(waiting)


def _guard(producer: AIOKafkaProducer, ownership: Ownership) -> None:
    """Makes the producer ask, right before each request it writes, repeats included, whether this process may."""
    sender = producer._sender
    send = sender._send_produce_req

    async def send_if_owner(node_id: int, batches: Any) -> None:
        await ownership.until_fresh()
        await send(node_id, batches)

    sender._send_produce_req = send_if_owner
