"""The track agent: takes records of receipts in order, folds them, and acknowledges them when all is delivered."""

import asyncio
import logging
import time
from typing import Any

from faust.types import TP

from processors.app import QUEUED_BATCHES, TrackApp
from processors.facts_table import FactsTable
from processors.kafka_transport import RecordBatch
from processors.outputs import Delivered, Outputs
from processors.ownership import leave_at_once
from processors.tracking import STAGE, Tracker, Written
from runtime import metrics
from schemas.topics import DEAD_LETTERS, EVENTS, FACTS_CHANGELOG, MESSAGE_STATUS, RECEIPTS

log = logging.getLogger(__name__)


class TrackAgent:
    """What the agent's body calls, and what comes back from the outputs."""

    outputs: Outputs

    def __init__(self, app: TrackApp, table: FactsTable, tracker: Tracker) -> None:
        self._app = app
        self._table = table
        self._tracker = tracker
        self._generation: int | None = None
        self._next: dict[TP, int] = {}
        self.acknowledged: dict[TP, int] = {}

    async def take(self, message: RecordBatch) -> None:
        """Folds some records and gives their outputs to the next flight.

        Those of an earlier generation are dropped unacknowledged: whoever owns the partition now reads them again.
        """
        await self.outputs.room()
        if not self._is_current(message) or not (records := await self._following(message)):
            return
        partition = message.partition
        written = self._tracker.track_many(
            records,
            topic=message.topic,
            partition=partition,
            now=int(time.time() * 1000),
            read=lambda keys: self._table.read(partition, keys),
        )
        if written.facts:
            self._table.write(partition, written.facts)
        outputs = self.outputs
        outputs.add(EVENTS.name, partition, written.events)
        outputs.add(MESSAGE_STATUS.name, partition, written.statuses)
        outputs.add(DEAD_LETTERS.name, partition, written.dead_letters)
        outputs.add(FACTS_CHANGELOG.name, partition, list(written.facts.items()))
        following = self._next[message.tp] = records[-1][0] + 1
        outputs.commit((message.tp, following))
        _count(written)
        # The fold has the event loop for itself otherwise, as long as there is something in the queue.
        await asyncio.sleep(0)

    def delivered(self, done: list[tuple[TP, int]], offsets: Delivered) -> None:
        """All of this is delivered: the table's offset first, then the acknowledgements, in order."""
        for (topic, partition), offset in offsets.items():
            if topic == FACTS_CHANGELOG.name:
                self._table.changelog_delivered(partition, offset)
        for tp, following in done:
            self._app.acknowledge(tp, following)
            self.acknowledged[tp] = following

    def _is_current(self, message: RecordBatch) -> bool:
        generation = self._app.ownership.generation
        return generation is not None and message.generation_id == generation

    async def _following(self, message: RecordBatch) -> list[tuple[int, bytes]]:
        """Those of the records that follow what was taken before, so that none is passed over and none taken twice.

        Where there is a gap, and not because older records have expired, the partition is read again from there.
        """
        if self._generation != message.generation_id:
            self._generation = message.generation_id
            self._next.clear()
            self.acknowledged.clear()
        tp = message.tp
        expected = self._next.get(tp, self._app.committed(tp))
        if message.offset > expected:
            earliest = await self._app.earliest(tp)
            if not self._is_current(message):
                return []
            if message.offset > max(earliest, expected):
                log.warning(
                    "%s[%d] is read again from %d, not %d", tp.topic, tp.partition, expected, message.offset
                )
                await self._app.seek_back(tp, max(earliest, expected))
                return []
            log.warning("%s[%d] begins at %d: older records have expired", tp.topic, tp.partition, earliest)
        return [record for record in message.records if record[0] >= expected]


def _count(written: Written) -> None:
    metrics.ENVELOPES.inc(written.envelopes)
    for outcome, count in written.outcomes.items():
        metrics.EVENTS.labels(outcome).inc(count)
    if written.late:
        metrics.LATE_EVENTS.inc(written.late)
    for reason, count in written.reasons.items():
        metrics.DEAD_LETTERS.labels(STAGE, reason).inc(count)


def declare_track_agent(app: TrackApp, track: TrackAgent) -> None:
    """Declares the Faust agent."""
    receipts = app.topic(
        RECEIPTS.name,
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        maxsize=QUEUED_BATCHES,
        allow_empty=True,
    )

    @app.agent(receipts, name="track")
    async def track_receipts(stream: Any) -> None:
        # noack: Faust acknowledges in a `finally`, so that a body that raises would lose its records.
        async for event in stream.noack().events():
            try:
                await track.take(event.message)
            except asyncio.CancelledError:
                raise
            except Exception:
                log.exception("%s at %d", event.message.tp, event.message.offset)
                leave_at_once("an unforeseen error while folding")
