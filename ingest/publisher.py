"""Group commit: envelopes that arrive while a write to Kafka is under way are written together.

A record carries the envelopes of one partition as JSON lines. One write at a time, all partitions together; all
requests of a batch wait for one future and get the answer of their record. A lone request is written at once. Under
load a write waits for half of the requests that the receiver has at hand, so that one half is being stored while the
other half arrives, or for what comes in `wait_s` at the rate of late, if that is more and can be had; but no longer than
`wait_s`, and where requests are few no longer than the last write took.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from ingest.connection import Connection
from ingest.refusals import unavailable
from ingest.waiting import Limits, Waiting, Write
from runtime import metrics
from schemas import envelope
from schemas.partition import partition_of

log = logging.getLogger(__name__)

_HEADERS = [("schema", envelope.SCHEMA.encode())]

_TICK_S = 0.001
"""uvloop's clock goes on in such steps."""

_MANY = 8
"""So many requests within the longest wait are worth waiting for: larger records cost every part less."""


class Publisher:
    """Stores envelopes in one topic. Whatever Kafka does, a request has its answer in time and memory is bounded."""

    def __init__(self, topic: str, open_client: Callable[[], AIOKafkaClient], limits: Limits) -> None:
        """Create it in the event loop: it begins to connect, and until it has, everything is refused."""
        self._waiting = Waiting(limits)
        self._connection = Connection(topic, open_client, limits.store_timeout_s)
        self._loop = asyncio.get_running_loop()
        self.is_reachable = self._connection.is_reachable
        self._task = asyncio.create_task(self._run())

    def add(self, key: str, line: bytes) -> asyncio.Future[bool]:
        """Queues an envelope (a JSON line) under its record key. Never cancel what this returns: many share it.

        True = Kafka has it; False = not in time, though it may still be stored. Raises ProblemError `unavailable`
        at once where waiting makes no sense.
        """
        partitions = self._connection.partitions
        if not partitions:
            raise unavailable("Kafka has not been reached yet")
        return self._waiting.add(partition_of(key, partitions), line)

    @property
    def waiting_bytes(self) -> int:
        """Bytes of envelopes in memory: queued, or handed to the client and not yet answered."""
        return self._waiting.bytes

    async def stop(self) -> None:
        """Writes what is waiting, as far as Kafka takes it in time, and closes."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._waiting.limits.store_timeout_s):
                await self._waiting.nothing.wait()
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        await self._connection.close()

    async def _run(self) -> None:
        waiting, wait_s = self._waiting, self._waiting.limits.wait_s
        began = ended = float("-inf")
        took, known, coming = 0.0, 0, 0
        while True:
            await waiting.something.wait()
            await self._connection.connected()
            if waiting.envelopes > 1:
                pause = wait_s if coming >= _MANY else min(took, wait_s)
                await waiting.gather(max(known // 2, min(known, coming)), ended + pause - self._loop.time())
            if writes := waiting.take():
                before, began = began, self._loop.time()
                written = await self._write(writes)
                ended = self._loop.time()
                took, known = ended - began, written + waiting.envelopes
                coming = int(written * wait_s / max(began - before, _TICK_S))

    async def _write(self, writes: list[Write]) -> int:
        """Writes one record for each partition, together, and answers the requests; how many that were."""
        written = 0
        faults = await self._connection.write({write.partition: write.value() for write in writes}, _HEADERS)
        for write in writes:
            fault = faults.get(write.partition, KafkaError("no answer for this partition"))
            if fault is None:
                written += write.envelopes()
                metrics.BATCH_ENVELOPES.observe(write.envelopes())
                metrics.STORE_SECONDS.observe(self._loop.time() - write.batches[0].opened)
                self._waiting.done(write, stored=True)
            elif isinstance(fault, KafkaError) and fault.retriable:
                self._waiting.put_back(write)
            else:
                log.error("Kafka refused a record of %d envelopes: %r", write.envelopes(), fault)
                self._waiting.done(write, stored=False)
        return written
