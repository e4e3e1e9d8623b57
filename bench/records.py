"""What a corpus becomes inside Waybill: records of receipts, and the events and statuses that the worker publishes."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import orjson
from aiokafka import AIOKafkaProducer

from bench.corpus import TENANT, TOPIC, Corpus
from processors.tracking import Tracker
from runtime.kafka import open_producer
from schemas.envelope import Envelope
from schemas.partition import partition_of
from schemas.topics import DEAD_LETTERS, EVENTS, MESSAGE_STATUS, RECEIPTS, message_key

PARTITIONS: Final = 4
Records = dict[tuple[str, int], list[tuple[bytes | None, bytes]]]
"""Key and value of each record, by topic and partition."""

_VERIFIED: Final = {
    "by": "sns",
    "version": "1",
    "topic": TOPIC,
    "certificate": "SimpleNotificationService-bench.pem",
}
_BATCH_BYTES: Final = 1024 * 1024


def bodies(made: Corpus) -> Iterator[bytes]:
    """The body of each request."""
    with made.requests_file.open("rb") as file:
        for length in made.lengths():
            yield file.read(length).partition(b"\r\n\r\n")[2]


def receipts(made: Corpus, envelopes_a_record: int, now: int) -> Records:
    """The records of `waybill-receipts` that ingest writes for a corpus when so many envelopes share a record.

    `now` is when they are received, ms since the epoch.
    """
    waiting: dict[int, list[bytes]] = defaultdict(list)
    found: Records = defaultdict(list)
    for number, body in enumerate(bodies(made)):
        partition, line = _line(body, number, now)
        waiting[partition].append(line)
        if len(waiting[partition]) == envelopes_a_record:
            found[RECEIPTS.name, partition].append((None, b"\n".join(waiting.pop(partition))))
    for partition, lines in waiting.items():
        found[RECEIPTS.name, partition].append((None, b"\n".join(lines)))
    return found


def published(of: Records, now: int) -> Records:
    """What the worker publishes for those records, by the real adapter, fold and status."""
    facts: dict[bytes, bytes] = {}

    def read(keys: Sequence[bytes]) -> list[bytes | None]:
        return [facts.get(key) for key in keys]

    tracker = Tracker(epoch=1, state_days=60, partitions=4)
    found: Records = defaultdict(list)
    for (topic, partition), records in of.items():
        for offset, (_, value) in enumerate(records):
            written = tracker.track(
                value, topic=topic, partition=partition, offset=offset, now=now, read=read
            )
            facts |= written.facts
            found[EVENTS.name, partition] += written.events
            found[MESSAGE_STATUS.name, partition] += written.statuses
            found[DEAD_LETTERS.name, partition] += written.dead_letters
    return found


def load(bootstrap: str, records: Mapping[tuple[str, int], Iterable[tuple[bytes | None, bytes]]]) -> None:
    """Writes records to a broker whose topics exist. Raises KafkaError where it does not take them."""
    asyncio.run(_load(bootstrap, records))


async def _load(
    bootstrap: str, records: Mapping[tuple[str, int], Iterable[tuple[bytes | None, bytes]]]
) -> None:
    producer = open_producer(bootstrap, "waybill-bench")
    await producer.start()
    try:
        for (topic, partition), entries in records.items():
            await _load_partition(producer, topic, partition, entries)
    finally:
        await producer.stop()


async def _load_partition(
    producer: AIOKafkaProducer, topic: str, partition: int, entries: Iterable[tuple[bytes | None, bytes]]
) -> None:
    batch, size = producer.create_batch(), 0
    for key, value in entries:
        if size + len(value) > _BATCH_BYTES and size:
            await (await producer.send_batch(batch, topic, partition=partition))
            batch, size = producer.create_batch(), 0
        batch.append(key=key, value=value, timestamp=None)
        size += len(value) + len(key or b"")
    if size:
        await (await producer.send_batch(batch, topic, partition=partition))


def _line(body: bytes, number: int, now: int) -> tuple[int, bytes]:
    message_id = orjson.loads(orjson.loads(body)["Message"])["mail"]["messageId"]
    envelope = Envelope(
        receipt_id=f"{now:012x}{number:020x}",
        received_at=now,
        provider="ses",
        tenant=TENANT,
        message_id=message_id,
        verified=_VERIFIED,
        content_type="text/plain; charset=UTF-8",
        query="",
        body=body,
    )
    return partition_of(message_key(TENANT, message_id), PARTITIONS), envelope.to_line()


def lines(records: Records, topic: str) -> list[bytes]:
    """All values of a topic, as the lines that are inserted into its table."""
    values = [value for (name, _), found in records.items() if name == topic for _, value in found]
    return [line for value in values for line in value.split(b"\n")]
