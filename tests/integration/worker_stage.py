"""A stage for tests of the worker: receipts to put into Kafka, real worker processes, and what they must publish."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
from aiokafka.partitioner import murmur2

from deploy.local.process import ROOT, die_with_parent, free_port, http_status
from processors.facts import MessageFacts, fold, folds
from processors.providers import Incomprehensible, adapt
from processors.status import published
from runtime.kafka import open_admin, open_consumer, open_producer
from schemas.envelope import Envelope, parse_line
from schemas.times import format_time
from schemas.topics import (
    EVENTS,
    FAUST_APP,
    MESSAGE_STATUS,
    RECEIPTS,
    Topic,
    message_key,
    status_key,
)
from tests.patience import eventually

PARTITIONS = 4
SESSION_TIMEOUT_S = 6
"""The least that a broker takes by default."""

SENT_AT = int(time.time() * 1000) - 3_600_000

BY_PATH = ("revision", "previous_status", "changed_at", "event_id")
"""Members of a status that tell the way to it; all the others are a function of the receipts alone."""


def partition_of(tenant: str, message_id: str) -> int:
    """The partition of a message's receipts."""
    return int(murmur2(message_key(tenant, message_id).encode()) & 0x7FFFFFFF) % PARTITIONS


def ses_mail(message_id: str, recipients: list[str], sent_at: int = SENT_AT) -> dict[str, Any]:
    """The `mail` of an SES event."""
    return {
        "timestamp": format_time(sent_at),
        "source": "Acme <acme@ses.example.com>",
        "messageId": message_id,
        "destination": recipients,
        "headersTruncated": False,
        "headers": [{"name": "Subject", "value": "Spring class list"}],
        "commonHeaders": {"from": ["acme@ses.example.com"], "to": recipients, "subject": "Spring class list"},
        "tags": {"campaign": ["spring"]},
    }


def ses_event(kind: str, mail: dict[str, Any], at: int) -> dict[str, Any]:
    """An SES event of one of four kinds; `at` in ms."""
    to = mail["destination"]
    details: dict[str, Any] = {
        "Send": ("send", {}),
        "Delivery": ("delivery", {"timestamp": format_time(at), "recipients": to, "smtpResponse": "250 ok"}),
        "Open": (
            "open",
            {"timestamp": format_time(at), "ipAddress": "192.0.2.1", "userAgent": "Thunderbird/115"},
        ),
        "Bounce": (
            "bounce",
            {
                "timestamp": format_time(at),
                "bounceType": "Permanent",
                "bounceSubType": "General",
                "bouncedRecipients": [
                    {"emailAddress": one, "action": "failed", "status": "5.1.1"} for one in to
                ],
            },
        ),
    }
    name, detail = details[kind]
    return {"eventType": kind, "mail": mail, name: detail}


def ses_envelope(
    tenant: str, payload: dict[str, Any], number: int, *, received_at: int = SENT_AT + 60_000
) -> Envelope:
    """An SES payload as ingest wraps it; `number` tells its receipt from others."""
    message_id = payload["mail"]["messageId"]
    sns = {
        "Type": "Notification",
        "MessageId": f"sns-{message_id}-{number}",
        "TopicArn": "arn:aws:sns:eu-west-1:123456789012:ses-events",
        "Message": orjson.dumps(payload).decode(),
        "Timestamp": format_time(received_at),
    }
    return Envelope(
        receipt_id=f"{tenant}-{message_id}-{number}",
        received_at=received_at,
        provider="ses",
        tenant=tenant,
        message_id=message_id,
        verified={"by": "sns", "version": "2"},
        content_type="text/plain; charset=UTF-8",
        query="",
        body=orjson.dumps(sns),
    )


def mailing(tenant: str, messages: int, *, opens: int = 2) -> Iterator[Envelope]:
    """Receipts of so many messages: each sent, delivered and opened, every seventh bounced, every fifth receipt twice."""
    number = 0
    for index in range(messages):
        mail = ses_mail(f"m{index:06d}", [f"user{index}@example.org"])
        kinds = ["Send", "Delivery", *["Open"] * opens, *(["Bounce"] if index % 7 == 0 else [])]
        for place, kind in enumerate(kinds):
            number += 1
            envelope = ses_envelope(tenant, ses_event(kind, mail, SENT_AT + 1000 * (place + 1)), number)
            yield envelope
            if number % 5 == 0:
                yield envelope


def sends(tenant: str, messages: int) -> Iterator[Envelope]:
    """The first receipt of each message of a mailing, once more."""
    for index in range(messages):
        mail = ses_mail(f"m{index:06d}", [f"user{index}@example.org"])
        yield ses_envelope(tenant, ses_event("Send", mail, SENT_AT + 1000), 0)


def records_of(envelopes: Iterable[Envelope], per_record: int = 10) -> Iterator[tuple[int, bytes]]:
    """The receipts as (partition, record value), so many envelopes a record."""
    waiting: dict[int, list[bytes]] = {}
    for envelope in envelopes:
        partition = partition_of(envelope.tenant or "", envelope.message_id)
        lines = waiting.setdefault(partition, [])
        lines.append(envelope.to_line())
        if len(lines) == per_record:
            yield partition, b"\n".join(lines)
            lines.clear()
    for partition, lines in waiting.items():
        if lines:
            yield partition, b"\n".join(lines)


async def put(
    bootstrap: str, records: Iterable[tuple[int, bytes]], *, pause_s: float = 0.0
) -> dict[int, int]:
    """Writes records of receipts; the last offset written to each partition. `pause_s` spreads the load."""
    producer = open_producer(bootstrap, "test-receipts")
    await producer.start()
    try:
        futures = []
        for partition, value in records:
            futures.append(await producer.send(RECEIPTS.name, value, partition=partition))
            if pause_s:
                await asyncio.sleep(pause_s)
        return {(done := await future).partition: done.offset for future in futures}
    finally:
        await producer.stop()


def expected_statuses(records: Iterable[tuple[int, bytes]]) -> dict[str, dict[str, Any]]:
    """What must be published for those receipts: the fold of all of them, by status key."""
    facts: dict[str, MessageFacts] = {}
    for _, value in records:
        for line in value.split(b"\n"):
            adapted = adapt(parse_line(line))
            assert not isinstance(adapted, Incomprehensible), adapted
            for event in filter(folds, adapted):
                key = status_key(event.tenant, event.message_id, event.recipient or "")
                facts[key] = fold(facts.get(key), event, 0)
    return {key: without_path(orjson.loads(published(known))) for key, known in facts.items()}


def without_path(status: dict[str, Any]) -> dict[str, Any]:
    """A status without what depends on the way to it."""
    return {name: value for name, value in status.items() if name not in BY_PATH}


class Reader:
    """Reads a topic from its beginning and keeps what belongs to one tenant."""

    def __init__(self, bootstrap: str, topic: Topic, tenant: str) -> None:
        self._consumer = open_consumer(bootstrap, "test-reader", topic.name)
        self._tenant = tenant
        self.values: list[dict[str, Any]] = []
        self.keyed: dict[str, dict[str, Any]] = {}
        """The latest by key as the contract says: lower revisions than the known one are ignored."""
        self.went_back = 0
        """How often a lower revision came after a higher one."""

    async def read(self) -> None:
        """Takes in what is there."""
        while batches := await self._consumer.getmany(timeout_ms=200):
            for records in batches.values():
                for record in records:
                    value = orjson.loads(record.value)
                    if value["tenant"] == self._tenant:
                        self.values.append(value)
                        self._apply(record.key.decode(), value)

    def _apply(self, key: str, value: dict[str, Any]) -> None:
        known = self.keyed.get(key)
        if known and known.get("revision", 0) > value.get("revision", 0):
            self.went_back += 1
        else:
            self.keyed[key] = value

    async def start(self) -> None:
        """Connects."""
        await self._consumer.start()

    async def stop(self) -> None:
        """Disconnects."""
        await self._consumer.stop()


@asynccontextmanager
async def reading(bootstrap: str, topic: Topic, tenant: str) -> AsyncIterator[Reader]:
    """A reader of a topic for the length of a block."""
    reader = Reader(bootstrap, topic, tenant)
    await reader.start()
    try:
        yield reader
    finally:
        await reader.stop()


async def assert_statuses_become(
    bootstrap: str, tenant: str, expected: dict[str, dict[str, Any]], seconds: float = 60
) -> None:
    """Waits until exactly those statuses are published for a tenant."""
    async with reading(bootstrap, MESSAGE_STATUS, tenant) as reader:

        async def as_expected() -> bool:
            await reader.read()
            return {key: without_path(value) for key, value in reader.keyed.items()} == expected

        try:
            await eventually(as_expected, seconds, f"{len(expected)} statuses of {tenant} as expected")
        except AssertionError as error:
            got = {key: without_path(value) for key, value in reader.keyed.items()}
            wrong = [key for key, value in expected.items() if got.get(key) != value]
            example = wrong[0] if wrong else next(iter(got.keys() - expected.keys()), "")
            raise AssertionError(
                f"{error}; wrong {len(wrong)}, too many {len(got.keys() - expected.keys())}; {example}: "
                f"{got.get(example)} instead of {expected.get(example)}"
            ) from None


async def committed_offsets(bootstrap: str) -> dict[int, int]:
    """Where the worker's group goes on reading, by partition of the receipts; none where nothing was committed."""
    admin = open_admin(bootstrap, "test-offsets")
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(FAUST_APP)
    finally:
        await admin.close()
    return {place.partition: one.offset for place, one in offsets.items() if place.topic == RECEIPTS.name}


async def event_ids(bootstrap: str, tenant: str) -> set[str]:
    """The identities of all events published for a tenant until now."""
    async with reading(bootstrap, EVENTS, tenant) as reader:
        await reader.read()
        return {event["event_id"] for event in reader.values}


class WorkerProcess:
    """A real `python -m processors worker`."""

    def __init__(
        self, bootstrap: str, data: Path, instance: str = "w1", *, sabotage: str = "", **settings: str
    ) -> None:
        """`sabotage` is Python that runs in the process before the worker does."""
        self.port = free_port()
        self.log = data.with_suffix(".log")
        self.tenants = data.with_suffix(".toml")
        """The tenants file; a tenant that is not in it has the defaults."""
        self.tenants.touch()
        self._settings = {
            "WAYBILL_KAFKA": bootstrap,
            "WAYBILL_TENANTS": str(self.tenants),
            "WAYBILL_WORKER_DATA": str(data),
            "WAYBILL_WORKER_PORT": str(self.port),
            "WAYBILL_INSTANCE": instance,
            "WAYBILL_SESSION_TIMEOUT_S": str(SESSION_TIMEOUT_S),
            "WAYBILL_HEARTBEAT_S": "1",
        } | {f"WAYBILL_{name.upper()}": value for name, value in settings.items()}
        self._process: subprocess.Popen[bytes] | None = None
        self._command = ["-m", "processors", "worker"]
        if sabotage:
            self._command = ["-c", f"{sabotage}\nfrom processors.worker import run_worker\nrun_worker()"]

    def start(self) -> "WorkerProcess":
        """Starts the process; it is not ready yet."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("WAYBILL_")}
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, *self._command],
                cwd=ROOT,
                env=environment | self._settings,
                stdout=out,
                stderr=out,
                preexec_fn=die_with_parent(),
            )
        return self

    async def ready(self, seconds: float = 40) -> "WorkerProcess":
        """Waits until /readyz answers 200."""
        await eventually(self._answers_or_ended, seconds, f"worker ready; it said: {self.said()[-1500:]}")
        assert self.status is None, f"the worker ended with {self.status}: {self.said()[-1500:]}"
        return self

    async def _answers_or_ended(self) -> bool:
        return self.status is not None or await asyncio.to_thread(http_status, self.port, "/readyz") == 200

    @property
    def status(self) -> int | None:
        """Exit status, None while it runs."""
        assert self._process is not None
        return self._process.poll()

    def said(self) -> str:
        """All that it logged."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    async def kill(self) -> None:
        """kill -9."""
        self.signal(signal.SIGKILL)
        await self.ended(5)

    async def stop(self) -> int:
        """SIGTERM; the exit status, which must come within 8 s."""
        self.signal(signal.SIGTERM)
        return await self.ended(8)

    async def ended(self, seconds: float) -> int:
        """Waits for its end; the exit status."""
        await eventually(
            lambda: self.status is not None, seconds, f"end of the worker; it said: {self.said()[-1500:]}"
        )
        assert self.status is not None
        return self.status

    def end(self) -> None:
        """Whatever happened, it does not outlive its test."""
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


StartWorker = Callable[..., WorkerProcess]
"""Starts a worker: its name among others, and settings."""
