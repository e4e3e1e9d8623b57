"""Faust's Kafka transport, where Faust 0.15.3 and aiokafka 0.14 have to behave otherwise than they do by themselves."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from processors.ownership import now_s
from schemas.topics import ADDRESS_ACTIVITY, RECEIPTS

FAUST_LOG = logging.getLogger("faust")
"""Where Faust's services log, those that are subclassed here as well."""

SOURCES = frozenset({RECEIPTS.name, ADDRESS_ACTIVITY.name})
"""Topics that agents take records of; the other ones that are consumed are changelogs."""

FETCH_WAIT_MS = 100
"""aiokafka has one fetch under way per broker, for the partitions that it holds no data of. With Faust's 1,500 ms a
partition that just delivered could wait so long before it is asked again."""


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread in which the consumer lives; tells the app's ownership what Kafka confirms."""

    logger = FAUST_LOG
    app: Any

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
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


class Consumer(driver.Consumer):
    """The consumer as the worker's thread sees it.

    Faust resumes the source partitions before it seeks them to what was committed, empties the agent's queue after
    that, and does not seek at all where nothing was committed: records that come in between are passed over. Here the
    sources stay paused until Faust is through with a rebalance, then are sought and resumed (`begin_sources`).
    """

    logger = FAUST_LOG
    app: Any
    _thread: ConsumerThread

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._fetching = asyncio.Lock()

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Before anything else, what was folded is delivered, acknowledged and committed."""
        await self.app.before_revocation()
        await super().on_partitions_revoked(revoked)

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Resumes the changelogs' partitions; the sources have to wait."""
        super().resume_partitions({tp for tp in tps if tp.topic not in SOURCES})

    async def begin_sources(self) -> set[TP]:
        """Starts to take records where the last owner left off; their partitions."""
        async with self._fetching:
            sources = {tp for tp in self.assignment() if tp.topic in SOURCES}
            for tp, committed in (await self._thread.seek_to_next(sources)).items():
                self._committed_offset[tp] = committed
                self._read_offset[tp] = committed
            super().resume_partitions(sources)
            return sources

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        # Faust hands over the set that it goes on changing, and aiokafka takes an empty one for all partitions: when the
        # changelogs were paused while a fetch waited, it brought the first records of the sources, which Faust dropped.
        async with self._fetching:
            return await self._thread.getmany(active_partitions and set(active_partitions), timeout)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        # Faust counts the record after the gap as part of it, and so as acknowledged.
        await super()._add_gap(tp, offset_from, offset_to - 1)

    def on_buffer_full(self, tp: TP) -> None:
        """Nothing: a full queue makes the conductor wait, which is enough.

        Faust would take the partition out of the fetch, and where that happens to all of them, sleep for a second.
        """

    async def verify_all_partitions_active(self) -> None:
        """Nothing: the watchdog looks at what was really acknowledged."""


class Transport(driver.Transport):
    """Makes the consumers above."""

    Consumer = Consumer
