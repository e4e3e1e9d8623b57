"""Keeps connected to Kafka, whatever happens to the brokers; writes records to one topic, and tells if that works.

It writes whole produce requests through aiokafka's client, beneath its producer: the producer hands a batch from
task to task some ten times, and under load each step waits for all the requests that the event loop has at hand.
"""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, LeaderNotAvailableError, NoError, for_code
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition

from schemas.topics import MAX_RECORD_BYTES

log = logging.getLogger(__name__)

_ALL_REPLICAS = -1
_MAGIC = 2
_UNCOMPRESSED = 0

_PAUSE_S = 0.25
_FRESH_S = 1.0
"""How long a proof that Kafka is there counts."""

_PROBE_TIMEOUT_S = 2.0

Headers = list[tuple[str, bytes]]


class Connection:
    """A client for one topic. After a failure it is replaced by a new one, which asks the bootstrap servers anew.

    One that is kept could go on with addresses that no broker has any more.
    """

    def __init__(self, topic: str, open_client: Callable[[], AIOKafkaClient], timeout_s: float) -> None:
        """Create it in the event loop: it begins to connect. `open_client` makes a client that is not connected.

        `timeout_s` is how long the brokers may take for a write.
        """
        self.partitions = 0
        self._topic = topic
        self._open_client = open_client
        self._timeout_ms = int(timeout_s * 1000)
        self._loop = asyncio.get_running_loop()
        self._client: AIOKafkaClient | None = None
        self._connected = asyncio.Event()
        self._lost = asyncio.Event()
        self._proven = float("-inf")
        self._probe: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._keeper = asyncio.create_task(self._keep())

    async def connected(self) -> None:
        """Waits until there is a connection."""
        while self._client is None:
            await self._connected.wait()

    async def write(self, values: Mapping[int, bytes], headers: Headers) -> dict[int, Exception | None]:
        """Writes one record to each of those partitions, together, for all replicas to have.

        For each partition None once it is acknowledged, or why it is not. After a failure it connects anew.
        """
        client = self._client
        if client is None:
            return dict.fromkeys(values, LeaderNotAvailableError("not connected"))
        by_leader: dict[int, dict[int, bytes]] = defaultdict(dict)
        for partition, value in values.items():
            leader = client.cluster.leader_for_partition(TopicPartition(self._topic, partition))
            by_leader[-1 if leader is None else leader][partition] = value
        answers = [self._produce(client, leader, part, headers) for leader, part in by_leader.items()]
        faults: dict[int, Exception | None] = {}
        # Awaited here and not as a task where there is one leader: the request is on its way at once then.
        for answer in await asyncio.gather(*answers) if len(answers) > 1 else [await answers[0]]:
            faults |= answer
        if any(faults.values()):
            self._lose(client)
        else:
            self._proven = self._loop.time()
            self.partitions = len(client.cluster.partitions_for_topic(self._topic) or ()) or self.partitions
        return faults

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
        if self._client is not None:
            self._close(self._client)
        if self._closing:
            await asyncio.wait(self._closing, timeout=1.0)

    async def _produce(
        self, client: AIOKafkaClient, leader: int, values: Mapping[int, bytes], headers: Headers
    ) -> dict[int, Exception | None]:
        if leader < 0:
            return dict.fromkeys(values, LeaderNotAvailableError())
        records = [(partition, _record(value, headers)) for partition, value in values.items()]
        request = ProduceRequest(None, _ALL_REPLICAS, self._timeout_ms, [(self._topic, records)])
        try:
            answer = await client.send(leader, request)
        except Exception as fault:  # aiokafka raises other things than its own, too
            return dict.fromkeys(values, fault)
        return {place[0]: _fault_of(place[1]) for _, places in answer.topics for place in places}

    def _is_proven(self) -> bool:
        return self._loop.time() - self._proven <= _FRESH_S

    async def _ask(self) -> None:
        """Asks Kafka for the topic's partitions; each must have a leader, or some of it could not be stored."""
        client = self._client
        if client is None:
            return
        try:
            async with asyncio.timeout(_PROBE_TIMEOUT_S):
                answered = await client.force_metadata_update()
        except TimeoutError:
            answered = False
        leaders = client.cluster.available_partitions_for_topic(self._topic) or ()
        if answered and self.partitions and len(leaders) >= self.partitions:
            self._proven = self._loop.time()
        else:
            self._lose(client)

    def _lose(self, client: AIOKafkaClient) -> None:
        """That client has failed: connect anew."""
        if client is self._client:
            log.warning(
                "Kafka is away: what arrives waits for it, and is answered 503 if it is not back in time"
            )
            self._client = None
            self._proven = float("-inf")
            self._connected.clear()
            self._lost.set()
            self._close(client)

    async def _keep(self) -> None:
        while True:
            self._lost.clear()
            self._client = await self._connect()
            self._connected.set()
            await self._lost.wait()
            await asyncio.sleep(_PAUSE_S)

    async def _connect(self) -> AIOKafkaClient:
        """Tries until it succeeds; says once why it does not."""
        told = ""
        while True:
            client = self._open_client()
            try:
                await client.bootstrap()
                await client.set_topics([self._topic])
                partitions = client.cluster.partitions_for_topic(self._topic)
                if not partitions:
                    raise LeaderNotAvailableError(f"there is no topic {self._topic}: has prepare been run?")
            except (KafkaError, OSError, TimeoutError) as fault:
                self._close(client)
                if told != repr(fault):
                    told = repr(fault)
                    log.warning("not connected to Kafka, trying on: %s", fault)
                await asyncio.sleep(_PAUSE_S)
            except asyncio.CancelledError:
                self._close(client)
                raise
            else:
                self.partitions = len(partitions)
                self._proven = self._loop.time()
                log.info("connected to Kafka: %s has %d partitions", self._topic, self.partitions)
                return client

    def _close(self, client: AIOKafkaClient) -> None:
        """Closes it in the background."""
        task = asyncio.create_task(client.close())
        self._closing.add(task)
        task.add_done_callback(self._closed)

    def _closed(self, task: asyncio.Task[None]) -> None:
        self._closing.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.debug("an old client did not close well: %r", fault)


def _record(value: bytes, headers: Headers) -> bytes:
    """A batch of one record without a key, as the protocol has it."""
    builder: Any = DefaultRecordBatchBuilder(_MAGIC, _UNCOMPRESSED, 0, -1, -1, 0, MAX_RECORD_BYTES)
    builder.append(0, timestamp=None, key=None, value=value, headers=headers)
    return bytes(builder.build())


def _fault_of(error_code: int) -> Exception | None:
    kind = for_code(error_code)
    return None if kind is NoError else kind()
