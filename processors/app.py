"""The Faust app of the worker: its id, its settings, its topics and its tables."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, cast

import faust
from faust.sensors import Monitor
from faust.types import TP

from processors.facts_table import ADDRESSES, CONSENTS, MESSAGES, FactsTable, StoreMemory, facts_table
from processors.kafka_transport import FAUST_LOG, Transport
from processors.ownership import Ownership, leave_at_once
from processors.recovery import FactsTableManager
from schemas.settings import WorkerSettings
from schemas.topics import FAUST_APP, RECEIPTS

log = logging.getLogger(__name__)

QUEUED_BATCHES = 8
"""Batches of records that wait between the fetch and the folding; one may have several MiB."""

COMMIT_INTERVAL_S = 1.0


class QuietMonitor(Monitor):
    """Faust's monitor without what it does for every message; the worker has metrics of its own."""

    logger = FAUST_LOG

    def on_message_in(self, *_: Any) -> None:
        """Nothing."""

    def on_stream_event_in(self, *_: Any) -> None:
        """Nothing."""

    def on_stream_event_out(self, *_: Any) -> None:
        """Nothing."""

    def on_message_out(self, *_: Any) -> None:
        """Nothing."""


class TrackApp(faust.App):
    """A Faust app that knows whether it still owns its partitions.

    `settle` delivers, acknowledges and hands to Kafka's commit all that was folded; it is set by the worker.
    """

    logger = FAUST_LOG

    bootstrap: str
    ownership: Ownership
    settle: Callable[[], Awaitable[None]]
    settle_timeout_s: float

    def committed(self, tp: TP) -> int:
        """Where a partition's records go on by what was committed, 0 where nothing was."""
        return cast(Any, self.consumer)._committed_offset[tp] or 0

    async def earliest(self, tp: TP) -> int:
        """The first record that a partition still has."""
        return int((await self.consumer.earliest_offsets(tp))[tp])

    async def seek_back(self, tp: TP, offset: int) -> None:
        """Goes on reading a partition at that offset."""
        await cast(Any, self.consumer).seek_back(tp, offset)

    def acknowledge(self, tp: TP, following: int) -> None:
        """All records of a partition before that offset are done with."""
        cast(Any, self.consumer).acknowledge(tp, following)

    def recovery_remaining(self) -> dict[TP, int]:
        """Changelog records that are still to be read, by partition."""
        return dict(cast(Any, self.tables).recovery.active_remaining())

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)

    async def before_revocation(self) -> None:
        """Ends the generation: takes no more of its records, finishes those folded, and commits them."""
        self.ownership.generation = None
        try:
            async with asyncio.timeout(self.settle_timeout_s):
                await self.settle()
                await self.consumer.commit()
        except TimeoutError:
            leave_at_once("what was folded could not be delivered before the partitions moved away")

    def on_rebalance_end(self) -> None:
        """The tables are recovered: now what is folded into them."""
        super().on_rebalance_end()
        self.add_future(self._begin(self.consumer_generation_id))

    async def _begin(self, generation: int) -> None:
        try:
            sources = await cast(Any, self.consumer).begin_sources()
        except Exception as error:
            log.exception("the source partitions cannot be sought")
            leave_at_once(f"the source partitions cannot be sought: {error!r}")
        if self.rebalancing or generation != self.consumer_generation_id:
            return
        self.ownership.generation = generation
        partitions = ", ".join(str(tp.partition) for tp in sorted(sources) if tp.topic == RECEIPTS.name)
        log.info("generation %d: takes receipts of partitions %s", generation, partitions or "none")


class Tables(NamedTuple):
    """The tables of the worker: facts of messages, of addresses, and of consents."""

    messages: FactsTable
    addresses: FactsTable
    consents: FactsTable


def create_app(settings: WorkerSettings, ownership: Ownership) -> tuple[TrackApp, Tables]:
    """The app and its tables, not started. Call it in the running event loop."""
    brokers = ";".join(f"kafka://{server.strip()}" for server in settings.kafka.split(","))
    app = TrackApp(
        FAUST_APP,
        broker=brokers,
        broker_client_id="waybill-worker",
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.heartbeat_s,
        # No less than what the request for a rebalance may take.
        broker_request_timeout=max(40.0, settings.session_timeout_s * 2),
        broker_rebalance_timeout=max(30.0, settings.session_timeout_s * 3),
        broker_commit_interval=COMMIT_INTERVAL_S,
        consumer_group_instance_id=f"{FAUST_APP}-{settings.instance}" if settings.instance else None,
        consumer_auto_offset_reset="earliest",
        datadir=settings.worker_data,
        tabledir=settings.worker_data,
        # Topics come from schemas/topics.py by `python -m deploy prepare`, never from here.
        topic_allow_declare=False,
        topic_disable_leader=True,
        topic_partitions=settings.partitions,
        table_standby_replicas=0,
        stream_wait_empty=False,
        web_enabled=False,
        Monitor=QuietMonitor,
        TableManager=FactsTableManager,
    )
    app.bootstrap = settings.kafka
    app.ownership = ownership
    app.settle_timeout_s = settings.session_timeout_s / 2
    memory = StoreMemory()
    tables = (
        facts_table(app, kind, settings.worker_data, settings.state_days, settings.partitions, memory)
        for kind in (MESSAGES, ADDRESSES, CONSENTS)
    )
    return app, Tables(*tables)
