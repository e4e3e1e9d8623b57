"""Follows topics from their beginning: every record is handed on, and it is known how fresh what was handed on is.

A plain consumer without a group: every process reads all partitions for itself. It is caught up once it has reached the
ends that the partitions had when it asked for them; what it has reached since is as fresh as that question.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from query.pace import first_end
from runtime.kafka import open_admin, open_consumer

log = logging.getLogger(__name__)

Apply = Callable[[bytes, bytes | None], None]
"""Takes a record's key and value."""

_CLIENT = "waybill-query-following"
_ASK_EVERY_S = 0.5
_TIMEOUT_S = 3.0
_RETRY_S = 0.5
_POLL_MS = 500
_AT_ONCE = 500
"""Records that are applied before others have their turn."""


class Recreated(Exception):
    """A topic was deleted, or ends before what was read of it: it is another one now, or will be."""


class Follower:
    """Reads topics into memory. Create it in the running event loop, and `run` it as a task."""

    def __init__(self, bootstrap: str, appliers: Mapping[str, Apply], clear: Callable[[], None]) -> None:
        """`appliers` by topic; `clear` forgets all that was applied, because it will be read again."""
        self._bootstrap = bootstrap
        self._appliers = appliers
        self._clear = clear
        self._positions: dict[TopicPartition, int] = {}
        self._ends: dict[TopicPartition, int] | None = None
        self._goal: tuple[float, dict[TopicPartition, int]] | None = None
        self._reached_at: float | None = None
        self._told = False
        self.records = 0

    @property
    def age_s(self) -> float | None:
        """How old, in seconds, what is known may be; None as long as it was not caught up since the start."""
        return None if self._reached_at is None else time.monotonic() - self._reached_at

    @property
    def behind(self) -> int | None:
        """Records between what was read and the ends that were last asked for; None where these are not known."""
        if self._ends is None:
            return None
        return sum(max(0, end - self._positions.get(tp, 0)) for tp, end in self._ends.items())

    async def run(self) -> None:
        """Follows until it is cancelled, whatever Kafka does."""
        while True:
            try:
                await first_end(self._follow())
            except Recreated as fault:
                log.warning("%s: all is read again", fault)
                self._forget()
            except (KafkaError, OSError, TimeoutError, LookupError) as fault:
                if not self._told:
                    log.warning("Kafka cannot be followed, trying again: %r", fault)
                self._told = True
            except Exception:  # without following, nothing is decided until a restart
                if not self._told:
                    log.exception("following failed, trying again")
                self._told = True
            await asyncio.sleep(_RETRY_S)

    def _forget(self) -> None:
        self._clear()
        self._positions.clear()
        self._ends = self._goal = self._reached_at = None
        self.records = 0

    async def _follow(self) -> None:
        """Reads with one connection, from where the last one left off, until something is wrong with it."""
        async with asyncio.timeout(_TIMEOUT_S * 2):
            partitions = await self._partitions()
        consumer = open_consumer(self._bootstrap, _CLIENT)
        try:
            async with asyncio.timeout(_TIMEOUT_S * 2):
                await consumer.start()
            consumer.assign(partitions)
            await self._ask(consumer, partitions)
            for tp, position in self._positions.items():
                consumer.seek(tp, position)
            await first_end(self._read(consumer, partitions), self._keep_asking(consumer, partitions))
        finally:
            with suppress(Exception):
                async with asyncio.timeout(1):
                    await consumer.stop()

    async def _partitions(self) -> list[TopicPartition]:
        """All partitions of all topics. Raises LookupError as long as one of these is not there yet, Recreated where it
        no longer is."""
        admin = open_admin(self._bootstrap, _CLIENT)
        try:
            await admin.start()
            described = await admin.describe_topics(list(self._appliers))
        finally:
            with suppress(Exception):
                async with asyncio.timeout(1):
                    await admin.close()
        missing = [topic["topic"] for topic in described if not topic["partitions"]]
        if gone := {tp.topic for tp in self._positions}.intersection(missing):
            raise Recreated(f"{', '.join(sorted(gone))} is gone")
        if missing:
            raise LookupError(f"not there yet: {', '.join(missing)}")
        return [
            TopicPartition(topic["topic"], partition["partition"])
            for topic in described
            for partition in topic["partitions"]
        ]

    async def _read(self, consumer: AIOKafkaConsumer, partitions: Iterable[TopicPartition]) -> None:
        while True:
            batch = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_AT_ONCE)
            for tp, records in batch.items():
                apply = self._appliers[tp.topic]
                for record in records:
                    apply(record.key or b"", record.value)
                self.records += len(records)
            # Where compaction has removed the last records, the position moves on without any.
            for tp in partitions:
                self._positions[tp] = await consumer.position(tp)
            self._see_whether_reached()
            await asyncio.sleep(0)

    async def _keep_asking(self, consumer: AIOKafkaConsumer, partitions: Iterable[TopicPartition]) -> None:
        while True:
            await asyncio.sleep(_ASK_EVERY_S)
            await self._ask(consumer, partitions)
            self._see_whether_reached()

    async def _ask(self, consumer: AIOKafkaConsumer, partitions: Iterable[TopicPartition]) -> None:
        """Asks for the ends. What was asked before stands until it is reached, so that reading need not win a race."""
        asked_at = time.monotonic()
        async with asyncio.timeout(_TIMEOUT_S):
            self._ends = await consumer.end_offsets(list(partitions))
        for tp, end in self._ends.items():
            if (position := self._positions.get(tp, 0)) > end:
                raise Recreated(f"{tp.topic}[{tp.partition}] ends at {end}, and was read until {position}")
        if self._goal is None:
            self._goal = asked_at, self._ends

    def _see_whether_reached(self) -> None:
        if self._goal is None:
            return
        asked_at, ends = self._goal
        if all(self._positions.get(tp, 0) >= end for tp, end in ends.items()):
            if self._reached_at is None:
                log.info("caught up with %s: %d records", ", ".join(self._appliers), self.records)
            self._reached_at, self._goal, self._told = asked_at, None, False
