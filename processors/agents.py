"""The track agent: takes records of receipts in order, folds them, and acknowledges them when all is delivered."""

import asyncio
import logging
import time
from typing import Any

from faust.types import TP

from processors.app import QUEUED_RECORDS, TrackApp
from processors.facts_table import FactsTable
from processors.outputs import Delivered, Outputs
from processors.ownership import leave_at_once
from processors.tracking import STAGE, Tracker, Written
from runtime import metrics
from schemas.topics import DEAD_LETTERS, EVENTS, FACTS_CHANGELOG, MESSAGE_STATUS, RECEIPTS

log = logging.getLogger(__name__)


class TrackAgent:
    """What the agent's body calls, and what comes back from the outputs."""

    def __init__(self, app: TrackApp, table: FactsTable, tracker: Tracker) -> None:
        self._app = app
        self._table = table
        self._tracker = tracker
        self._generation: int | None = None
        self._next: dict[TP, int] = {}
        self.acknowledged: dict[TP, int] = {}
        self.outputs: Outputs

    async def take(self, event: Any) -> None:
        """Folds one record and gives its outputs to the next flight.

        A record of an earlier generation is dropped unacknowledged: whoever owns the partition now reads it again.
        """
        await self.outputs.room()
        message = event.message
        if not self._is_current(message):
            return
        await self._follow(message)
        if not self._is_current(message):
            return
        partition = message.partition
        written = self._tracker.track(
            event.value or b"",
            topic=message.topic,
            partition=partition,
            offset=message.offset,
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
        outputs.commit(event)
        _count(written)
        # The fold has the event loop for itself otherwise, as long as there is something in the queue.
        await asyncio.sleep(0)

    def delivered(self, events: list[Any], offsets: Delivered) -> None:
        """All of these is delivered: the table's offset first, then the acknowledgements, in order."""
        for (topic, partition), offset in offsets.items():
            if topic == FACTS_CHANGELOG.name:
                self._table.changelog_delivered(partition, offset)
        for event in events:
            event.ack()
            self.acknowledged[event.message.tp] = event.message.offset + 1

    def _is_current(self, message: Any) -> bool:
        generation = self._app.ownership.generation
        return generation is not None and message.generation_id == generation

    async def _follow(self, message: Any) -> None:
        """Makes sure that no record is passed over: Faust takes a jump in the offsets for acknowledged."""
        if self._generation != message.generation_id:
            self._generation = message.generation_id
            self._next.clear()
            self.acknowledged.clear()
        tp, offset = message.tp, message.offset
        expected = self._next.get(tp)
        if expected is None:
            expected = self._app.committed(tp)
        if offset > expected:
            earliest = (await self._app.consumer.earliest_offsets(tp))[tp]
            if offset > max(earliest, expected):
                leave_at_once(
                    f"records {expected} to {offset - 1} of {tp.topic}[{tp.partition}] were passed over"
                )
            log.warning("%s[%d] begins at %d: older records have expired", tp.topic, tp.partition, earliest)
        self._next[tp] = offset + 1


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
        maxsize=QUEUED_RECORDS,
        allow_empty=True,
    )

    @app.agent(receipts, name="track")
    async def track_receipts(stream: Any) -> None:
        # noack: Faust acknowledges in a `finally`, so that a body that raises would lose the record.
        async for event in stream.noack().events():
            try:
                await track.take(event)
            except asyncio.CancelledError:
                raise
            except Exception:
                log.exception("record %s@%d", event.message.tp, event.message.offset)
                leave_at_once("an unforeseen error while folding")
