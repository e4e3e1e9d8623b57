"""How far behind Kafka the store is: the records of the sink's topics that its consumer group has not committed."""

import asyncio
import logging
import time
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from runtime.kafka import open_admin, open_consumer
from schemas.topics import (
    ADDRESS_STANDING,
    CONSENT_LOG,
    CONSENTS,
    CUSTOMERS,
    DEAD_LETTERS,
    EVENTS,
    MESSAGE_STATUS,
    RECEIPTS,
    SINK_GROUP,
)

log = logging.getLogger(__name__)

TOPICS = tuple(
    topic.name
    for topic in (
        RECEIPTS,
        EVENTS,
        MESSAGE_STATUS,
        ADDRESS_STANDING,
        CONSENTS,
        CONSENT_LOG,
        CUSTOMERS,
        DEAD_LETTERS,
    )
)
"""The topics that the sink stores."""

_FRESH_S = 1.0
_TIMEOUT_S = 2.0


class Lag:
    """Asks Kafka when somebody wants to know, at most once a second. Create it in the running event loop."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._admin: AIOKafkaAdminClient | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self._asking = asyncio.Lock()
        self._asked_at = float("-inf")
        self._answer: dict[str, int] | None = None

    async def close(self) -> None:
        """Closes the connections."""
        admin, consumer, self._admin, self._consumer = self._admin, self._consumer, None, None
        with suppress(Exception):
            async with asyncio.timeout(1):
                if consumer is not None:
                    await consumer.stop()
                if admin is not None:
                    await admin.close()

    async def behind(self) -> dict[str, int] | None:
        """Records by topic that the store does not have yet; None where Kafka does not tell."""
        async with self._asking:
            if time.monotonic() - self._asked_at > _FRESH_S:
                self._answer = await self._ask()
                self._asked_at = time.monotonic()
            return self._answer

    async def _ask(self) -> dict[str, int] | None:
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                return await self._count()
        except (KafkaError, OSError, TimeoutError) as error:
            log.debug("Kafka does not tell how far behind the store is: %s", error)
            await self.close()
            return None

    async def _count(self) -> dict[str, int]:
        if self._consumer is None:
            self._consumer = open_consumer(self._bootstrap, "waybill-query")
            await self._consumer.start()
        if self._admin is None:
            self._admin = open_admin(self._bootstrap, "waybill-query")
            await self._admin.start()
        described = await self._admin.describe_topics(list(TOPICS))
        partitions = [
            TopicPartition(topic["topic"], partition["partition"])
            for topic in described
            for partition in topic["partitions"]
        ]
        committed = await self._admin.list_consumer_group_offsets(SINK_GROUP, partitions=partitions)
        ends = await self._consumer.end_offsets(partitions)
        begins = await self._consumer.beginning_offsets(partitions)
        behind = dict.fromkeys(TOPICS, 0)
        for partition in partitions:
            # An offset of -1 means that nothing was committed yet.
            done = (
                max(committed[partition].offset, begins[partition])
                if partition in committed
                else begins[partition]
            )
            behind[partition.topic] += max(0, ends[partition] - done)
        return behind
