"""The topics, as a downstream service reads those that are public."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

T = TypeVar("T")

STATUS, EVENTS, DEAD_LETTERS = "waybill-message-status", "waybill-events", "waybill-dead-letters"
RECEIPTS = "waybill-receipts"
PARTITIONS = 4
"""The run is told to make its topics so."""

_SINK_GROUP = "waybill-sink"


def records_behind(bootstrap: str) -> int:
    """Records of receipts and of the public topics that the sink has not yet committed as stored."""
    return _run(bootstrap, _behind)


def records_of(bootstrap: str, topic: str) -> list[tuple[str, Any]]:
    """Key and value of every record that is in the topic now, in order by partition."""

    async def read(consumer: AIOKafkaConsumer) -> list[tuple[str, Any]]:
        partitions = _partitions(topic)
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        found: list[tuple[str, Any]] = []
        while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [(record.key.decode(), orjson.loads(record.value)) for record in records]
        return found

    return _run(bootstrap, read)


def _run(bootstrap: str, work: Callable[[AIOKafkaConsumer], Awaitable[T]]) -> T:
    async def opened() -> T:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            group_id=_SINK_GROUP,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        await consumer.start()
        try:
            return await work(consumer)
        finally:
            await consumer.stop()

    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(opened())
    finally:
        loop.close()


def _partitions(*topics: str) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)]


async def _behind(consumer: AIOKafkaConsumer) -> int:
    partitions = _partitions(RECEIPTS, STATUS, EVENTS, DEAD_LETTERS)
    # Assigned by hand it does not join the group, and so takes nothing away from the sink.
    consumer.assign(partitions)
    ends = await consumer.end_offsets(partitions)
    stored = [await consumer.committed(partition) or 0 for partition in partitions]
    return sum(max(0, ends[partition] - done) for partition, done in zip(partitions, stored, strict=True))
