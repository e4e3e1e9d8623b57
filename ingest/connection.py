"""Keeps a producer connected to Kafka, whatever happens to the brokers, and tells whether they can be reached."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

log = logging.getLogger(__name__)

_PAUSE_S = 0.25
_FRESH_S = 1.0
"""How long a proof that Kafka is there counts."""

_PROBE_TIMEOUT_S = 2.0


class Connection:
    """A producer for one topic. After a failure it is replaced by a new one, which asks the bootstrap servers anew.

    A client that is kept could go on with addresses that no broker has any more, or with a sender that has died.
    """

    def __init__(self, topic: str, open_producer: Callable[[], AIOKafkaProducer]) -> None:
        """Create it in the event loop. `open_producer` makes a producer that is not started."""
        self.topic = topic
        self.partitions = 0
        self._open_producer = open_producer
        self._loop = asyncio.get_running_loop()
        self._producer: AIOKafkaProducer | None = None
        self._connected = asyncio.Event()
        self._lost = asyncio.Event()
        self._proven = float("-inf")
        self._probe: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._keeper = asyncio.create_task(self._keep())

    async def producer(self) -> AIOKafkaProducer:
        """The producer; waits until there is one that is connected."""
        while self._producer is None:
            await self._connected.wait()
        return self._producer

    def succeeded(self) -> None:
        """A write has succeeded, so Kafka is there."""
        self._proven = self._loop.time()
        assert self._producer is not None
        self.partitions = (
            len(self._producer.client.cluster.partitions_for_topic(self.topic) or ()) or self.partitions
        )

    def lost(self) -> None:
        """Something has failed: connect anew."""
        if self._producer is not None:
            log.warning(
                "Kafka is away: what arrives waits for it, and is answered 503 if it is not back in time"
            )
            self._drop()
            self._proven = float("-inf")
            self._connected.clear()
            self._lost.set()

    async def is_reachable(self) -> bool:
        """Whether Kafka answers. Costs nothing while writes succeed, else at most one question a second."""
        if not self._is_proven():
            if self._probe is None or self._probe.done():
                self._probe = asyncio.create_task(self._ask())
            await asyncio.wait([self._probe])
        return self._is_proven()

    async def close(self) -> None:
        """Closes the connection; takes at most a second."""
        for task in (self._keeper, self._probe):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        self._drop()
        if self._closing:
            await asyncio.wait(self._closing, timeout=1.0)

    def _is_proven(self) -> bool:
        return self._loop.time() - self._proven <= _FRESH_S

    async def _ask(self) -> None:
        """Asks Kafka for the topic's partitions; it must have a leader for each, or some of it could not be stored."""
        producer = self._producer
        if producer is None:
            return
        cluster = producer.client.cluster
        try:
            async with asyncio.timeout(_PROBE_TIMEOUT_S):
                answered = await producer.client.force_metadata_update()
        except TimeoutError:
            answered = False
        leaders = cluster.available_partitions_for_topic(self.topic) or ()
        if answered and self.partitions and len(leaders) >= self.partitions:
            self._proven = self._loop.time()
        elif producer is self._producer:
            self.lost()

    async def _keep(self) -> None:
        while True:
            self._lost.clear()
            self._producer = await self._connect()
            self._connected.set()
            await self._lost.wait()

    async def _connect(self) -> AIOKafkaProducer:
        """Tries until it succeeds; says once why it does not."""
        told = ""
        while True:
            producer = self._open_producer()
            try:
                await producer.start()
                partitions = await producer.partitions_for(self.topic)
            except (KafkaError, OSError, TimeoutError) as fault:
                self._close(producer)
                if told != repr(fault):
                    told = repr(fault)
                    log.warning("not connected to Kafka, trying on: %s", fault)
                await asyncio.sleep(_PAUSE_S)
            except asyncio.CancelledError:
                self._close(producer)
                raise
            else:
                self.partitions = len(partitions)
                self._proven = self._loop.time()
                log.info("connected to Kafka: %s has %d partitions", self.topic, self.partitions)
                return producer

    def _drop(self) -> None:
        if self._producer is not None:
            self._close(self._producer)
            self._producer = None

    def _close(self, producer: AIOKafkaProducer) -> None:
        """Closes it in the background: that waits for what it could not send, which nobody else waits for any more."""
        task = asyncio.create_task(producer.stop())
        self._closing.add(task)
        task.add_done_callback(self._closed)

    def _closed(self, task: asyncio.Task[None]) -> None:
        self._closing.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.debug("an old producer did not close well: %r", fault)
