"""The embedded Kafka: a real broker that keeps its data and its bounds."""

import asyncio
from pathlib import Path

import pytest
import uvloop
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError, UnknownTopicOrPartitionError
from aiokafka.protocol.metadata import MetadataRequest

from deploy.local.kafka import EmbeddedKafka
from deploy.local.process import StartError
from deploy.topics import create_topics
from runtime.kafka import open_admin, open_client, open_consumer, open_producer
from schemas.topics import MAX_RECORD_BYTES, RECEIPTS, Topic


async def written(kafka: EmbeddedKafka, topic: str) -> list[bytes]:
    consumer = open_consumer(kafka.bootstrap, "test", topic)
    await consumer.start()
    try:
        partition = TopicPartition(topic, 0)
        end = (await consumer.end_offsets([partition]))[partition]
        return [(await consumer.getone()).value for _ in range(end)]
    finally:
        await consumer.stop()


async def write(kafka: EmbeddedKafka, topic: str, value: bytes) -> None:
    producer = open_producer(kafka.bootstrap, "test")
    await producer.start()
    try:
        await producer.send_and_wait(topic, value)
    finally:
        await producer.stop()


async def test_what_was_acknowledged_is_there_after_a_kill_and_after_a_stop(tmp_path: Path) -> None:
    with EmbeddedKafka(tmp_path) as kafka:
        await create_topics(kafka.bootstrap, partitions=1)
        for number, end in enumerate((kafka.kill, kafka.stop)):
            await write(kafka, RECEIPTS.name, b"%d" % number)
            end()
            kafka.start()
        assert await written(kafka, RECEIPTS.name) == [b"0", b"1"]


async def test_the_largest_record_fits_and_a_larger_one_is_refused(kafka_server: EmbeddedKafka) -> None:
    topic = Topic("large", key="none", schema="none/1", public=False)
    await create_topics(kafka_server.bootstrap, partitions=1, topics=[topic])
    await write(kafka_server, "large", b"x" * (MAX_RECORD_BYTES - 1024))
    assert [len(value) for value in await written(kafka_server, "large")] == [MAX_RECORD_BYTES - 1024]
    with pytest.raises(MessageSizeTooLargeError):
        await write(kafka_server, "large", b"x" * (MAX_RECORD_BYTES + 60 * 1024))


async def test_no_topic_comes_into_being_by_being_asked_for(kafka_server: EmbeddedKafka) -> None:
    admin = open_admin(kafka_server.bootstrap, "test")
    await admin.start()
    try:
        [asked] = await admin.describe_topics(["typo"])
        assert asked["error_code"] == UnknownTopicOrPartitionError.errno
        assert "typo" not in await admin.list_topics()
    finally:
        await admin.close()


def test_it_listens_on_the_loopback_alone(kafka_server: EmbeddedKafka) -> None:
    ports = {kafka_server.port, kafka_server.controller_port}
    bound = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            address, state = line.split()[1], line.split()[3]
            host, _, port = address.rpartition(":")
            if state == "0A" and int(port, 16) in ports:
                bound.add((int(port, 16), host))
    loopback = {"0100007F", "0000000000000000FFFF00000100007F"}
    assert {port for port, _ in bound} == ports
    assert {host for _, host in bound} <= loopback


def test_a_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    kafka = EmbeddedKafka(tmp_path, config={"num.io.threads": "none"})
    with pytest.raises(StartError, match=r"num.io.threads"):
        kafka.start()


def test_an_interrupted_format_is_done_again(tmp_path: Path) -> None:
    (tmp_path / "data.partial").mkdir()
    (tmp_path / "data.partial" / "meta.properties").write_text("half")
    with EmbeddedKafka(tmp_path) as kafka:
        assert kafka.answers()
    assert "cluster.id" in (tmp_path / "data" / "meta.properties").read_text()


def test_on_uvloop_a_request_over_a_connection_that_is_closed_already_fails_as_lost(bootstrap: str) -> None:
    async def request() -> None:
        client = open_client(bootstrap, "test")
        await client.bootstrap()
        try:
            assert await client.force_metadata_update(), "over the broker's own connection"
            (connection,) = client._conns.values()
            connection._writer.transport.abort()
            await asyncio.sleep(0)  # the transport closes now; that it did is read after this
            with pytest.raises(KafkaConnectionError, match="closed"):
                await connection.send(MetadataRequest([]))
            assert await client.force_metadata_update(), "metadata come over a new connection"
        finally:
            await client.close()

    uvloop.run(request())
