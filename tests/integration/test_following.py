"""Topics followed into memory: from the beginning, through outages, and known to be fresh or not."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from deploy.local.kafka import EmbeddedKafka
from deploy.topics import create_topics
from query.following import Follower
from runtime.kafka import open_admin
from schemas.topics import Topic
from tests.integration.sink_stage import publish
from tests.patience import eventually

PARTITIONS = 4


class Memory:
    """What a follower hands on, by topic; the newest value of each key."""

    def __init__(self, bootstrap: str, *topics: Topic) -> None:
        self.values: dict[str, dict[bytes, bytes | None]] = {topic.name: {} for topic in topics}
        self.cleared = 0
        self.follower = Follower(
            bootstrap, {topic.name: self._put(topic.name) for topic in topics}, self._clear
        )

    def _put(self, topic: str) -> Callable[[bytes, bytes | None], None]:
        def put(key: bytes, value: bytes | None) -> None:
            self.values[topic][key] = value

        return put

    def _clear(self) -> None:
        self.cleared += 1
        for values in self.values.values():
            values.clear()

    async def until_reached(self, seconds: float = 20) -> None:
        async def reached() -> bool:
            return self.follower.age_s is not None

        await eventually(reached, seconds, "caught up")

    async def until_fresh(self, seconds: float = 20) -> None:
        began = time.monotonic()

        async def fresh() -> bool:
            age = self.follower.age_s
            return age is not None and age < time.monotonic() - began

        await eventually(fresh, seconds, "fresh as of now")


@asynccontextmanager
async def following(memory: Memory) -> AsyncIterator[Memory]:
    """Follows meanwhile."""
    task = asyncio.create_task(memory.follower.run())
    try:
        yield memory
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def topics() -> list[Topic]:
    """Two topics of this test alone."""
    return [
        Topic(f"{name}-{secrets.token_hex(4)}", key="any", schema="any/1", public=False, kept="compact")
        for name in ("one", "two")
    ]


def some(count: int, value: bytes = b"v") -> list[tuple[bytes, bytes]]:
    return [(f"k{number}".encode(), value) for number in range(count)]


async def test_all_partitions_of_all_topics_are_read_from_their_beginning_and_then_on(
    broker: EmbeddedKafka, topics: list[Topic]
) -> None:
    await create_topics(broker.bootstrap, partitions=PARTITIONS, topics=topics)
    for topic in topics:
        await publish(broker.bootstrap, topic.name, some(2000))
    async with following(Memory(broker.bootstrap, *topics)) as memory:
        await memory.until_reached()
        assert [len(memory.values[topic.name]) for topic in topics] == [2000, 2000]
        assert memory.follower.behind == 0
        await publish(broker.bootstrap, topics[0].name, some(1, b"new"))

        async def there() -> bool:
            return memory.values[topics[0].name][b"k0"] == b"new"

        await eventually(there, 30, "a new value")


async def test_empty_topics_are_reached_at_once_and_a_tombstone_is_handed_on(
    broker: EmbeddedKafka, topics: list[Topic]
) -> None:
    await create_topics(broker.bootstrap, partitions=PARTITIONS, topics=topics)
    async with following(Memory(broker.bootstrap, *topics)) as memory:
        await memory.until_reached()
        await publish(broker.bootstrap, topics[1].name, [(b"gone", None)])

        async def there() -> bool:
            return b"gone" in memory.values[topics[1].name]

        await eventually(there, 5, "the tombstone")
        assert memory.values[topics[1].name][b"gone"] is None


async def test_as_long_as_one_topic_is_not_there_nothing_is_caught_up(
    broker: EmbeddedKafka, topics: list[Topic]
) -> None:
    await create_topics(broker.bootstrap, partitions=PARTITIONS, topics=topics[:1])
    async with following(Memory(broker.bootstrap, *topics)) as memory:
        with pytest.raises(AssertionError, match="caught up"):
            await memory.until_reached(2)
        await create_topics(broker.bootstrap, partitions=PARTITIONS, topics=topics)
        await memory.until_reached()


async def test_records_that_were_removed_at_the_end_do_not_keep_it_from_being_caught_up(
    broker: EmbeddedKafka, topics: list[Topic]
) -> None:
    kept = [Topic(topic.name, topic.key, topic.schema, public=False) for topic in topics]
    await create_topics(broker.bootstrap, partitions=PARTITIONS, topics=kept)
    await publish(broker.bootstrap, topics[0].name, some(100))
    admin = open_admin(broker.bootstrap, "test")
    await admin.start()
    try:
        await admin.delete_records(
            {
                TopicPartition(topics[0].name, number): RecordsToDelete(before_offset=-1)
                for number in range(PARTITIONS)
            }
        )
    finally:
        await admin.close()
    async with following(Memory(broker.bootstrap, *topics)) as memory:
        await memory.until_reached()
        assert memory.values[topics[0].name] == {}


async def test_while_kafka_is_away_it_grows_old_and_afterwards_goes_on_where_it_was(
    broker: EmbeddedKafka, topics: list[Topic]
) -> None:
    await create_topics(broker.bootstrap, partitions=PARTITIONS, topics=topics)
    await publish(broker.bootstrap, topics[0].name, some(50))
    async with following(Memory(broker.bootstrap, *topics)) as memory:
        await memory.until_reached()
        read = memory.follower.records
        await asyncio.to_thread(broker.kill)
        try:

            async def old() -> bool:
                return (memory.follower.age_s or 0) > 3

            await eventually(old, 10, "a memory that knows that it is old")
        finally:
            await asyncio.to_thread(broker.start)
        await memory.until_fresh(40)
        await publish(broker.bootstrap, topics[0].name, some(10, b"after"))

        async def there() -> bool:
            return list(memory.values[topics[0].name].values()).count(b"after") == 10

        await eventually(there, 10, "what was written after the outage")
        assert memory.follower.records == read + 10
        assert memory.cleared == 0


async def delete(broker: EmbeddedKafka, topic: Topic) -> None:
    admin = open_admin(broker.bootstrap, "test")
    await admin.start()
    try:
        await admin.delete_topics([topic.name])
    finally:
        await admin.close()


async def make_anew(broker: EmbeddedKafka, topic: Topic) -> None:
    """Makes a topic again as soon as the old one is out of the way."""

    async def made() -> bool:
        try:
            await create_topics(broker.bootstrap, partitions=PARTITIONS, topics=[topic])
        except Exception:
            return False
        return True

    await eventually(made, 20, "the topic made anew")


async def test_what_an_applier_does_not_foresee_stops_nothing_for_good(
    broker: EmbeddedKafka, topics: list[Topic], caplog: pytest.LogCaptureFixture
) -> None:
    await create_topics(broker.bootstrap, partitions=PARTITIONS, topics=topics[:1])
    await publish(broker.bootstrap, topics[0].name, some(1))
    tries = 0

    def fails_twice(key: bytes, value: bytes | None) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise ZeroDivisionError

    follower = Follower(broker.bootstrap, {topics[0].name: fails_twice}, lambda: None)
    task = asyncio.create_task(follower.run())

    async def reached() -> bool:
        return follower.age_s is not None

    await eventually(reached, 20, "caught up after all")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert tries == 3
    assert [r.getMessage() for r in caplog.records if r.exc_info] == ["following failed, trying again"]


async def test_a_topic_that_is_gone_is_forgotten_and_read_anew_though_it_comes_back_longer_than_it_was(
    broker: EmbeddedKafka, topics: list[Topic]
) -> None:
    await create_topics(broker.bootstrap, partitions=PARTITIONS, topics=topics)
    await publish(broker.bootstrap, topics[0].name, some(50))
    async with following(Memory(broker.bootstrap, *topics)) as memory:
        await memory.until_reached()
        await delete(broker, topics[0])

        async def forgotten() -> bool:
            return memory.follower.age_s is None and memory.values[topics[0].name] == {}

        await eventually(forgotten, 30, "nothing that is known")
        await make_anew(broker, topics[0])
        await publish(broker.bootstrap, topics[0].name, some(200, b"new"))

        async def read_anew() -> bool:
            return memory.values[topics[0].name] == dict(some(200, b"new"))

        await eventually(read_anew, 30, "all of the new topic, and nothing of the old one")


async def test_a_topic_that_was_made_anew_is_read_anew(broker: EmbeddedKafka, topics: list[Topic]) -> None:
    await create_topics(broker.bootstrap, partitions=PARTITIONS, topics=topics)
    await publish(broker.bootstrap, topics[0].name, some(50))
    await publish(broker.bootstrap, topics[1].name, some(7))
    async with following(Memory(broker.bootstrap, *topics)) as memory:
        await memory.until_reached()
        await delete(broker, topics[0])
        await make_anew(broker, topics[0])
        await publish(broker.bootstrap, topics[0].name, some(1, b"new"))

        async def there() -> bool:
            return memory.values[topics[0].name] == {b"k0": b"new"} and memory.follower.age_s is not None

        await eventually(there, 30, "the new topic, and nothing of the old one")
        assert memory.cleared >= 1
        assert len(memory.values[topics[1].name]) == 7
