"""The agents: each takes the records of one topic in order, folds them, and acknowledges them when all is delivered."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from faust.types import TP

from processors import keeping, tracking
from processors.app import QUEUED_RECORDS, TrackApp
from processors.facts_table import FactsTable
from processors.keeping import Keeper
from processors.outputs import Delivered, Outputs
from processors.ownership import leave_at_once
from processors.tracking import Tracker, Written
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
    TENANT_LOG,
    Topic,
)

log = logging.getLogger(__name__)


class RecordAgent:
    """What an agent's body calls: takes records of `source`, one by one. What is made of one is the subclass's."""

    name: str
    source: Topic

    def __init__(self, app: TrackApp, outputs: Outputs) -> None:
        self._app = app
        self._outputs = outputs
        self._generation: int | None = None
        self._next: dict[TP, int] = {}
        self.acknowledged: dict[TP, int] = {}

    async def take(self, event: Any) -> None:
        """Folds one record and gives its outputs to the next flight.

        A record of an earlier generation is dropped unacknowledged: whoever owns the partition now reads it again.
        """
        await self._outputs.room()
        message = event.message
        if not self._is_current(message):
            return
        await self._follow(message)
        if not self._is_current(message):
            return
        self.fold(message, event.value or b"")
        self._outputs.commit(event)
        # The fold has the event loop for itself otherwise, as long as there is something in the queue.
        await asyncio.sleep(0)

    def fold(self, message: Any, value: bytes) -> None:
        """Folds the value of a record into the tables and puts what is to be written into the next flight."""
        raise NotImplementedError

    def _put(self, partition: int, *outputs: tuple[Topic, Sequence[tracking.Entry]]) -> None:
        for topic, entries in outputs:
            self._outputs.add(topic.name, partition, entries)

    def _store(self, table: FactsTable, partition: int, facts: Mapping[bytes, bytes]) -> None:
        if facts:
            table.write(partition, facts)
            self._outputs.add(table.kind.changelog.name, partition, list(facts.items()))

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


class TrackAgent(RecordAgent):
    """Tracks what became of messages, from receipts."""

    name = "track"
    source = RECEIPTS

    def __init__(self, app: TrackApp, outputs: Outputs, table: FactsTable, tracker: Tracker) -> None:
        super().__init__(app, outputs)
        self._table = table
        self._tracker = tracker

    def fold(self, message: Any, value: bytes) -> None:
        """Events, statuses, and what the receipts tell of addresses, customers and tenants."""
        partition = message.partition
        written = self._tracker.track(
            value,
            topic=message.topic,
            partition=partition,
            offset=message.offset,
            now=int(time.time() * 1000),
            read=lambda keys: self._table.read(partition, keys),
        )
        self._store(self._table, partition, written.facts)
        self._put(
            partition,
            (EVENTS, written.events),
            (MESSAGE_STATUS, written.statuses),
            (CUSTOMERS, written.customers),
            (TENANT_LOG, written.notes),
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

    def fold(self, message: Any, value: bytes) -> None:
        """Standings, consents and the audit log."""
        partition = message.partition
        kept = self._keeper.keep(
            value,
            topic=message.topic,
            partition=partition,
            offset=message.offset,
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

    def __init__(self, tables: Sequence[FactsTable]) -> None:
        self._tables = {table.kind.changelog.name: table for table in tables}
        self.agents: dict[str, RecordAgent] = {}

    def delivered(self, events: list[Any], offsets: Delivered) -> None:
        """All of these is delivered: the tables' offsets first, then the acknowledgements, in order."""
        for (topic, partition), offset in offsets.items():
            if topic in self._tables:
                self._tables[topic].changelog_delivered(partition, offset)
        for event in events:
            event.ack()
            message = event.message
            self.agents[message.topic].acknowledged[message.tp] = message.offset + 1


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
        maxsize=QUEUED_RECORDS,
        allow_empty=True,
    )

    async def take_records(stream: Any) -> None:
        # noack: Faust acknowledges in a `finally`, so that a body that raises would lose the record.
        async for event in stream.noack().events():
            try:
                await agent.take(event)
            except asyncio.CancelledError:
                raise
            except Exception:
                log.exception("record %s@%d", event.message.tp, event.message.offset)
                leave_at_once("an unforeseen error while folding")

    app.agent(source, name=agent.name)(take_records)
