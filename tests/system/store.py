"""Whether what the worker has published is in the store: without it, a test that expects no change proves nothing."""

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition

_TOPICS = ("waybill-message-status", "waybill-events", "waybill-dead-letters")
_SINK_GROUP = "waybill-sink"


def records_behind(bootstrap: str) -> int:
    """Records of the public topics that the sink has not yet committed as stored."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(_behind(bootstrap))
    finally:
        loop.close()


async def _behind(bootstrap: str) -> int:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=_SINK_GROUP, enable_auto_commit=False)
    await consumer.start()
    try:
        await consumer.topics()
        partitions = [
            TopicPartition(topic, number)
            for topic in _TOPICS
            for number in sorted(consumer.partitions_for_topic(topic) or ())
        ]
        # Assigned by hand it does not join the group, and so takes nothing away from the sink.
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        stored = [await consumer.committed(partition) or 0 for partition in partitions]
        return sum(max(0, ends[partition] - done) for partition, done in zip(partitions, stored, strict=True))
    finally:
        await consumer.stop()
