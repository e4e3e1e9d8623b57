"""Group commit: envelopes that arrive while a write to Kafka is under way are written together.

A record carries the envelopes of one partition as JSON lines. One write at a time, all partitions together; all
requests of a batch wait for one future and get the answer of their record. A lone request is written at once; under
load the next write begins as long after the last one as that one took, at most `wait_s`: twice as many envelopes
share the cost of a record then, and the requests of one half arrive while the other half is being stored.
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
        began = ended = float("-inf")
        while True:
            await self._waiting.something.wait()
            await self._connection.connected()
            if self._waiting.envelopes > 1:
                pause = ended + min(ended - began, self._waiting.limits.wait_s) - self._loop.time()
                if pause > 0:
                    await asyncio.sleep(pause)
            if writes := self._waiting.take():
                began = self._loop.time()
                await self._write(writes)
                ended = self._loop.time()

    async def _write(self, writes: list[Write]) -> None:
        """Writes one record for each partition, together, and answers the requests."""
        faults = await self._connection.write({write.partition: write.value() for write in writes}, _HEADERS)
        for write in writes:
            fault = faults.get(write.partition, KafkaError("no answer for this partition"))
            if fault is None:
                metrics.BATCH_ENVELOPES.observe(write.envelopes())
                self._waiting.done(write, stored=True)
            elif isinstance(fault, KafkaError) and fault.retriable:
                self._waiting.put_back(write)
            else:
                log.error("Kafka refused a record of %d envelopes: %r", write.envelopes(), fault)
                self._waiting.done(write, stored=False)
