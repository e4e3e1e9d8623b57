"""The agents: each takes the records of one topic in order, folds them, and acknowledges them when all is delivered."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from faust.types import TP

from processors import keeping, tracking
from processors.app import QUEUED_BATCHES, TrackApp
from processors.facts_table import FactsTable
from processors.kafka_transport import RecordBatch
from processors.keeping import Keeper
from processors.outputs import Delivered, Outputs
from processors.ownership import leave_at_once
from processors.tracking import Records, Tracker, Written
from runtime import metrics
from schemas.topics import (
    ADDRESS_ACTIVITY,
    ADDRESS_STANDING,
    CONSENT_LOG,
    CONSENTS,
    CUSTOMERS,
    DEAD_LETTERS,
    EVENTS,
    MESSAGE_STATUS,
    RECEIPTS,
    Topic,
)

log = logging.getLogger(__name__)


class RecordAgent:
    """What an agent's body calls: takes records of `source`. What is made of them is the subclass's."""

    name: str
    source: Topic

    def __init__(self, app: TrackApp, outputs: Outputs) -> None:
        self._app = app
        self._outputs = outputs
        self._generation: int | None = None
        self._next: dict[TP, int] = {}
        self.acknowledged: dict[TP, int] = {}

    async def take(self, message: RecordBatch) -> None:
        """Folds some records and gives their outputs to the next flight.

        Those of an earlier generation are dropped unacknowledged: whoever owns the partition now reads them again.
        """
        await self._outputs.room()
        if not self._is_current(message) or not (records := await self._following(message)):
            return
        self.fold(message, records)
        following = self._next[message.tp] = records[-1][0] + 1
        self._outputs.commit((message.tp, following))
        # The fold has the event loop for itself otherwise, as long as there is something in the queue.
        await asyncio.sleep(0)

    def fold(self, message: RecordBatch, records: Records) -> None:
        """Folds records into the tables and puts what is to be written into the next flight."""
        raise NotImplementedError

    def _put(self, partition: int, *outputs: tuple[Topic, Sequence[tracking.Entry]]) -> None:
        for topic, entries in outputs:
            self._outputs.add(topic.name, partition, entries)

    def _store(self, table: FactsTable, partition: int, facts: Mapping[bytes, bytes]) -> None:
        if facts:
            table.write(partition, facts)
            self._outputs.add(table.kind.changelog.name, partition, list(facts.items()))

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


class TrackAgent(RecordAgent):
    """Tracks what became of messages, from receipts."""

    name = "track"
    source = RECEIPTS

    def __init__(self, app: TrackApp, outputs: Outputs, table: FactsTable, tracker: Tracker) -> None:
        super().__init__(app, outputs)
        self._table = table
        self._tracker = tracker

    def fold(self, message: RecordBatch, records: Records) -> None:
        """Events, statuses, and what the receipts tell of addresses and customers."""
        partition = message.partition
        written = self._tracker.track_many(
            records,
            topic=message.topic,
            partition=partition,
            now=int(time.time() * 1000),
            read=lambda keys: self._table.read(partition, keys),
        )
        self._store(self._table, partition, written.facts)
        self._put(
            partition,
            (EVENTS, written.events),
            (MESSAGE_STATUS, written.statuses),
            (CUSTOMERS, written.customers),
            (DEAD_LETTERS, written.dead_letters),
        )
        for place, lines in written.activity.items():
            self._outputs.add_lines(ADDRESS_ACTIVITY.name, place, lines)
        _count(written)


class StandingAgent(RecordAgent):
    """Keeps standing and consent of addresses, from their activity."""

    name = "standing"
    source = ADDRESS_ACTIVITY

    def __init__(
        self, app: TrackApp, outputs: Outputs, addresses: FactsTable, consents: FactsTable, keeper: Keeper
    ) -> None:
        super().__init__(app, outputs)
        self._addresses = addresses
        self._consents = consents
        self._keeper = keeper

    def fold(self, message: RecordBatch, records: Records) -> None:
        """Standings, consents and the audit log."""
        partition = message.partition
        kept = self._keeper.keep_many(
            records,
            topic=message.topic,
            partition=partition,
            now=int(time.time() * 1000),
            read_addresses=lambda keys: self._addresses.read(partition, keys),
            read_consents=lambda keys: self._consents.read(partition, keys),
        )
        self._store(self._addresses, partition, kept.addresses)
        self._store(self._consents, partition, kept.consents)
        self._put(
            partition,
            (ADDRESS_STANDING, kept.standings),
            (CONSENTS, kept.states),
            (CONSENT_LOG, kept.log),
            (DEAD_LETTERS, kept.dead_letters),
        )
        for kind, count in kept.kinds.items():
            metrics.ACTIVITY.labels(kind).inc(count)
        _count_dead_letters(keeping.STAGE, kept.reasons)


class Deliveries:
    """What comes back from the outputs, to the tables and agents that it concerns."""

    def __init__(self, app: TrackApp, tables: Sequence[FactsTable]) -> None:
        self._app = app
        self._tables = {table.kind.changelog.name: table for table in tables}
        self.agents: dict[str, RecordAgent] = {}

    def delivered(self, done: list[tuple[TP, int]], offsets: Delivered) -> None:
        """All of this is delivered: the tables' offsets first, then the acknowledgements, in order."""
        for (topic, partition), offset in offsets.items():
            if topic in self._tables:
                self._tables[topic].changelog_delivered(partition, offset)
        for tp, following in done:
            self._app.acknowledge(tp, following)
            self.agents[tp.topic].acknowledged[tp] = following


def _count(written: Written) -> None:
    metrics.ENVELOPES.inc(written.envelopes)
    for outcome, count in written.outcomes.items():
        metrics.EVENTS.labels(outcome).inc(count)
    if written.late:
        metrics.LATE_EVENTS.inc(written.late)
    _count_dead_letters(tracking.STAGE, written.reasons)


def _count_dead_letters(stage: str, reasons: Counter[str]) -> None:
    for reason, count in reasons.items():
        metrics.DEAD_LETTERS.labels(stage, reason).inc(count)


def declare_agent(app: TrackApp, agent: RecordAgent) -> None:
    """Declares the Faust agent."""
    source = app.topic(
        agent.source.name,
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        maxsize=QUEUED_BATCHES,
        allow_empty=True,
    )

    async def take_records(stream: Any) -> None:
        # noack: Faust acknowledges in a `finally`, so that a body that raises would lose its records.
        async for event in stream.noack().events():
            try:
                await agent.take(event.message)
            except asyncio.CancelledError:
                raise
            except Exception:
                log.exception("%s at %d", event.message.tp, event.message.offset)
                leave_at_once("an unforeseen error while folding")

    app.agent(source, name=agent.name)(take_records)
