"""Faust's Kafka transport, where Faust 0.15.3 and aiokafka 0.14 have to behave otherwise than they do by themselves."""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from typing import Any

import uvloop
from aiokafka import AIOKafkaConsumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from processors.ownership import now_s
from schemas.topics import ADDRESS_ACTIVITY, RECEIPTS

FAUST_LOG = logging.getLogger("faust")
"""Where Faust's services log, those that are subclassed here as well."""

SOURCES = frozenset({RECEIPTS.name, ADDRESS_ACTIVITY.name})
"""Topics that agents take records of; the other ones that are consumed are changelogs."""

FETCH_WAIT_MS = 100
FETCH_BYTES = 256 * 1024
"""A fetch is answered when there is so much, or after so long. Each costs more than the folding of a small record, so at
a middling rate it pays to wait a little; at a high one there is always enough.

aiokafka has one fetch under way per broker, for the partitions that it holds no data of. With Faust's 1,500 ms a
partition that just delivered could wait so long before it is asked again."""

BATCH_RECORDS = 16
BATCH_BYTES = 256 * 1024
"""Records that are handed over and folded together: what is done once a message of Faust's, once a key or once a
transaction of the store is then done less often. Bounded, because the event loop waits meanwhile."""


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread in which the consumer lives; tells the app's ownership what Kafka confirms."""

    logger = FAUST_LOG
    app: Any

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        consumer._fetch_min_bytes = FETCH_BYTES
        return consumer

    async def on_start(self) -> None:
        """Starts the consumer and listens to its heartbeats."""
        await super().on_start()
        coordinator = self._ensure_consumer()._coordinator
        ownership = self.app.ownership
        heartbeat, reset, joined = (
            coordinator._do_heartbeat,
            coordinator.reset_generation,
            coordinator._on_join_complete,
        )

        async def do_heartbeat() -> bool:
            asked_at = now_s()
            known: bool = await heartbeat()
            if known:
                ownership.confirmed(asked_at)
            return known

        def reset_generation() -> None:
            ownership.lost("Kafka does not know its id or its generation")
            reset()

        async def on_join_complete(*args: Any) -> None:
            # Kafka has just handed out this assignment: that is as good as a heartbeat.
            ownership.confirmed(now_s())
            await joined(*args)

        coordinator._do_heartbeat = do_heartbeat
        coordinator.reset_generation = reset_generation
        coordinator._on_join_complete = on_join_complete

    async def seek_to_next(self, tps: Iterable[TP]) -> dict[TP, int | None]:
        """Seeks to what follows the committed records, or to the first one; what was committed."""
        committed: dict[TP, int | None] = await self.call_thread(self._seek_to_next, list(tps))
        return committed

    async def _seek_to_next(self, tps: list[TP]) -> dict[TP, int | None]:
        consumer = self._ensure_consumer()
        committed = {}
        for tp in tps:
            key = driver.ensure_aiokafka_TP(tp)
            offset = committed[tp] = await consumer.committed(key)
            if offset is None:
                await consumer.seek_to_beginning(key)
            else:
                consumer.seek(key, offset)
        return committed


class RecordBatch(ConsumerMessage):
    """Records of one partition that follow each other, as one message of Faust's; `offset` is that of the first."""

    records: list[tuple[int, bytes]]


class Consumer(driver.Consumer):
    """The consumer as the worker's thread sees it.

    Faust resumes the source partitions before it seeks them to what was committed, empties the agent's queue after
    that, and does not seek at all where nothing was committed: records that come in between are passed over. Here the
    sources stay paused until Faust is through with a rebalance, then are sought and resumed (`begin_sources`).

    Its acknowledgements are the worker's, of which there is one number a partition (`acknowledge`). Faust's list of
    offsets would commit past a single missing one, and take a jump in the offsets, and the record after it, for
    acknowledged.
    """

    logger = FAUST_LOG
    app: Any
    _thread: ConsumerThread

    def __init__(self, *args: Any, **options: Any) -> None:
        self._acknowledged: dict[TP, int] = {}
        self._fetching = asyncio.Lock()
        super().__init__(*args, **options)

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, thread_loop=uvloop.new_event_loop(), beacon=self.beacon)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Before anything else, what was folded is delivered, acknowledged and committed."""
        await self.app.before_revocation()
        self._acknowledged = {}
        await super().on_partitions_revoked(revoked)

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Resumes the changelogs' partitions; the sources have to wait."""
        super().resume_partitions({tp for tp in tps if tp.topic not in SOURCES})

    async def begin_sources(self) -> dict[TP, int | None]:
        """Starts to take records where the last owner left off: by partition what is next, None for the first."""
        async with self._fetching:
            sources = {tp for tp in self.assignment() if tp.topic in SOURCES}
            committed = await self._thread.seek_to_next(sources)
            self._committed_offset.update(committed)
            self._acknowledged = {}
            super().resume_partitions(sources)
            return committed

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        # Faust hands over the set that it goes on changing, and aiokafka takes an empty one for all partitions: when the
        # changelogs were paused while a fetch waited, it brought the first records of the sources, which were dropped.
        async with self._fetching:
            return await self._thread.getmany(active_partitions and set(active_partitions), timeout)

    async def seek_back(self, tp: TP, offset: int) -> None:
        """Goes on reading a partition at that offset."""
        await self._thread.seek_wait({tp: offset})

    def acknowledge(self, tp: TP, following: int) -> None:
        """All records of a partition before that offset are done with: it may be committed."""
        self._acknowledged[tp] = following

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        return iter(list(self._acknowledged))

    def _new_offset(self, tp: TP) -> int | None:
        return self._acknowledged.get(tp)

    async def _drain_messages(self, fetcher: Any) -> None:
        """Hands fetched records to the conductor, as many at once as there are."""
        try:
            while not (self.should_stop or fetcher.should_stop):
                records, active = await self._wait_next_records(1.0)
                await asyncio.sleep(0)
                for tp, found in (records or {}).items():
                    for batch in _batches(found):
                        if self.flow_active and active and tp in active:
                            message = self._batch_message(tp, batch)
                            await self.wait_first(self.callback(message), self.suspend_flow.wait())
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise

    def _batch_message(self, tp: TP, batch: list[Any]) -> RecordBatch:
        message: RecordBatch = RecordBatch(
            tp.topic,
            tp.partition,
            batch[0].offset,
            0.0,
            0,
            None,
            batch[0].key,
            b"",
            None,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )
        message.records = [(record.offset, record.value or b"") for record in batch]
        return message

    def on_buffer_full(self, tp: TP) -> None:
        """Nothing: a full queue makes the conductor wait, which is enough.

        Faust would take the partition out of the fetch, and where that happens to all of them, sleep for a second.
        """

    async def verify_all_partitions_active(self) -> None:
        """Nothing: the watchdog looks at what was really acknowledged."""


def _batches(records: list[Any]) -> Iterator[list[Any]]:
    """Records in groups of bounded number and size."""
    batch: list[Any] = []
    size = 0
    for record in records:
        batch.append(record)
        size += len(record.value or b"")
        if len(batch) >= BATCH_RECORDS or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


class Transport(driver.Transport):
    """Makes the consumers above."""

    Consumer = Consumer
