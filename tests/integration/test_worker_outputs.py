"""The worker's outputs on a real broker: in order, and only on the strength of a confirmed membership."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka.admin import NewTopic
from aiokafka.structs import TopicPartition

from processors.outputs import FLIGHT_RECORDS, Delivered, Outputs
from processors.ownership import Ownership, now_s
from runtime.kafka import open_admin, open_consumer

SESSION_TIMEOUT_S = 600.0


class Stage:
    """Outputs to a topic of this test alone, and what came back from them."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self.bootstrap = bootstrap
        self.topic = topic
        self.ownership = Ownership(SESSION_TIMEOUT_S)
        self.outputs = Outputs(bootstrap, self.ownership, self._delivered)
        self.acknowledged: list[Any] = []
        self.offsets: Delivered = {}

    def _delivered(self, records: list[Any], offsets: Delivered) -> None:
        self.acknowledged += records
        self.offsets |= offsets

    def write(self, number: int, values: int = 3) -> None:
        """What one source record would write, to two partitions."""
        for partition in (0, 1):
            entries = [(b"key", f"{number}.{place}".encode()) for place in range(values)]
            self.outputs.add(self.topic, partition, entries)
        self.outputs.commit(number)

    async def written(self, partition: int) -> list[str]:
        """The values in a partition."""
        consumer = open_consumer(self.bootstrap, "test-outputs")
        await consumer.start()
        try:
            place = TopicPartition(self.topic, partition)
            consumer.assign([place])
            end = (await consumer.end_offsets([place]))[place]
            values: list[str] = []
            while len(values) < end:
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    values += [record.value.decode() for record in records]
            return values
        finally:
            await consumer.stop()


@pytest.fixture
async def stage(kafka: str) -> AsyncIterator[Stage]:
    """Outputs that are connected and may write."""
    topic = f"outputs-{secrets.token_hex(4)}"
    admin = open_admin(kafka, "test-outputs")
    await admin.start()
    await admin.create_topics([NewTopic(topic, 2, 1)])
    await admin.close()
    stage = Stage(kafka, topic)
    stage.ownership.confirmed(now_s())
    await stage.outputs.start()
    yield stage
    await stage.outputs.stop()


async def test_records_are_acknowledged_in_order_and_after_all_their_outputs(stage: Stage) -> None:
    for number in range(200):
        await stage.outputs.room()
        stage.write(number)
        if number % 7 == 0:
            await asyncio.sleep(0)
    async with asyncio.timeout(30):
        await stage.outputs.settled()
    assert stage.acknowledged == list(range(200))
    expected = [f"{number}.{place}" for number in range(200) for place in range(3)]
    assert await stage.written(0) == expected
    assert await stage.written(1) == expected
    assert stage.offsets == {(stage.topic, 0): 599, (stage.topic, 1): 599}


async def test_nothing_is_written_before_the_membership_is_confirmed_again(stage: Stage) -> None:
    stage.ownership.confirmed(now_s() - SESSION_TIMEOUT_S)
    stage.write(1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.0):
            await stage.outputs.settled()
    assert stage.acknowledged == []
    assert await stage.written(0) == []
    stage.ownership.confirmed(now_s())
    async with asyncio.timeout(10):
        await stage.outputs.settled()
    assert stage.acknowledged == [1]
    assert await stage.written(0) == ["1.0", "1.1", "1.2"]


async def test_a_value_larger_than_a_batch_goes_in_one_of_its_own(stage: Stage) -> None:
    large = b"x" * (3 * 1024 * 1024)
    stage.outputs.add(stage.topic, 0, [(b"k", b"before"), (b"k", large), (b"k", b"after")])
    stage.outputs.commit("large")
    async with asyncio.timeout(30):
        await stage.outputs.settled()
    assert [len(value) for value in await stage.written(0)] == [6, len(large), 5]
    assert stage.offsets == {(stage.topic, 0): 2}


async def write_without_end(stage: Stage) -> None:
    """Gives the outputs more and more."""
    number = 0
    while True:
        await stage.outputs.room()
        stage.write(number, values=1)
        number += 1
        await asyncio.sleep(0)


async def test_folding_waits_when_too_much_is_gathered(stage: Stage) -> None:
    stage.ownership.confirmed(now_s() - SESSION_TIMEOUT_S)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(write_without_end(stage), 2.0)
    stage.ownership.confirmed(now_s())
    async with asyncio.timeout(30):
        await stage.outputs.settled()
    assert stage.acknowledged == list(range(len(stage.acknowledged)))
    assert FLIGHT_RECORDS <= len(stage.acknowledged) <= 2 * FLIGHT_RECORDS
