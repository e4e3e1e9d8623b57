"""Recovery of the facts table from its changelog, many records at a time.

Faust takes changelog records one by one through its queues, at some 0.2 ms each: an hour for twenty million keys. Here
they are read in bulk, by a consumer of their own, at the place where Faust has just found out from where to where it has
to read; what is left for Faust is to see that nothing is missing.
"""

import asyncio
import logging
import time
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.types import TP

from runtime.kafka import open_consumer

log = logging.getLogger(__name__)

RECORDS_AT_ONCE = 2000
_POLL_MS = 500


class BulkRecovery(Recovery):
    """Faust's recovery with the reading done in bulk."""

    logger = logging.getLogger("faust")
    app: Any

    async def _wait(self, coro: Any, timeout: Any = None) -> None:
        # Faust takes a step that lasts longer than its timeout for a stop of the service, and waits for ever. The
        # watchdog tells a slow step from a stuck one.
        await super()._wait(coro)

    async def _build_offsets(self, consumer: Any, tps: set[TP], destination: Any, title: str) -> None:
        await super()._build_offsets(consumer, tps, destination, title)
        if title == "active":
            await self._read_in_bulk(destination)

    async def _read_in_bulk(self, offsets: dict[TP, int]) -> None:
        """Brings `offsets`, the last one applied of each partition, up to the end of the changelog."""
        wanted = {tp: end for tp, end in self.active_highwaters.items() if end > offsets[tp]}
        if not wanted:
            return
        started, records = time.monotonic(), 0
        consumer = open_consumer(self.app.bootstrap, "waybill-worker-recovery")
        try:
            await consumer.start()
            places = {TopicPartition(tp.topic, tp.partition): tp for tp in wanted}
            consumer.assign(list(places))
            for place, tp in places.items():
                consumer.seek(place, offsets[tp] + 1)
            while behind := [place for place, tp in places.items() if offsets[tp] < wanted[tp]]:
                records += await self._take_in(consumer, behind, places, offsets)
        finally:
            await consumer.stop()
        log.info("recovered %d changelog records in %.1f s", records, time.monotonic() - started)

    async def _take_in(
        self,
        consumer: AIOKafkaConsumer,
        behind: list[TopicPartition],
        places: dict[TopicPartition, TP],
        offsets: dict[TP, int],
    ) -> int:
        """Applies what the next fetch brings; how many records that were."""
        found = await consumer.getmany(*behind, timeout_ms=_POLL_MS, max_records=RECORDS_AT_ONCE)
        for place, records in found.items():
            tp = places[place]
            entries = [(record.key, record.value) for record in records]
            table: Any = self.tp_to_table[tp]
            table.apply_changelog(tp.partition, entries, records[-1].offset)
            await asyncio.sleep(0)
        for place in behind:
            # Compaction may have taken the last records: what counts is how far was read.
            offsets[places[place]] = await consumer.position(place) - 1
        return sum(map(len, found.values()))


class FactsTableManager(TableManager):
    """Faust's table manager with that recovery."""

    logger = logging.getLogger("faust")

    @property
    def recovery(self) -> Recovery:
        """The one recovery service."""
        if self._recovery is None:
            self._recovery = BulkRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery
