"""A stage for tests of ingest: signed callbacks, a server in this process or in one of its own, and what Kafka then has."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import orjson
from aiohttp import web
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from yarl import URL

from deploy.local.process import ROOT, die_with_parent, free_port
from deploy.local.signing import twilio_signature
from ingest.app import Ingest
from ingest.certificates import Fetch
from runtime.http import start_listening
from runtime.kafka import open_consumer
from runtime.tenants_file import TenantsFile
from schemas.envelope import Envelope, parse_line
from schemas.settings import IngestSettings
from schemas.topics import RECEIPTS
from tests.patience import PATIENCE, eventually
from tests.unit.ingest import sns

PARTITIONS = 4
ACCOUNT = "AC" + "7" * 32
TOKEN = "a-token"
KEYS = {
    "writer": ("acme", ["write"]),
    "resetter": ("acme", ["reset"]),
    "reader": ("acme", ["read", "admin"]),
    "ops": (None, ["write", "reset"]),
}
"""Keys by name, each with its tenant, None for the operator, and its scopes; the key itself is "key-of-<name>"."""

SECRETS = ("new-secret-of-acme-" + "n" * 32, "old-secret-of-acme-" + "o" * 32)
"""What acme's unsubscribe links are signed with."""


def _keys_of(tenant: str | None) -> str:
    entries = [
        f'{{ name = "{name}", sha256 = "{sha256(bearer(name).encode()).hexdigest()}", scopes = {scopes} }}'
        for name, (owner, scopes) in KEYS.items()
        if owner == tenant
    ]
    return f"keys = [{', '.join(entries)}]\n"


def bearer(name: str) -> str:
    """The key of that name."""
    return f"key-of-{name}"


TENANTS = sns.TENANTS.replace(
    "[tenants.strict]",
    f'twilio = [{{ account_sid = "{ACCOUNT}", auth_tokens = ["{TOKEN}"] }}]\n'
    f"{_keys_of('acme')}unsubscribe_secrets = {list(SECRETS)}\n[tenants.strict]",
) + _keys_of(None)
SNS_HEADERS = {"Content-Type": "text/plain; charset=UTF-8", "x-amz-sns-message-type": "Notification"}

Answer = tuple[int, Any, str]
"""Status, document (or bytes) and content type of an answer."""


class Receipts:
    """What arrives in waybill-receipts from the moment it was opened."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self.records: list[tuple[int, dict[str, bytes], list[Envelope]]] = []
        """Partition, headers and envelopes of each record."""

    async def until(self, envelopes: int, seconds: float = 10) -> list[Envelope]:
        """The envelopes since the last call, once there are so many."""
        self.records.clear()
        async with asyncio.timeout(PATIENCE * seconds):
            while sum(len(found) for *_, found in self.records) < envelopes:
                await self._read(500)
        return [envelope for *_, found in self.records for envelope in found]

    async def _read(self, wait_ms: int) -> None:
        batches = await self._consumer.getmany(timeout_ms=wait_ms)
        for place, records in batches.items():
            for record in records:
                found = [parse_line(line) for line in record.value.split(b"\n")]
                self.records.append((place.partition, dict(record.headers), found))


@contextlib.asynccontextmanager
async def receipts(bootstrap: str) -> AsyncIterator[Receipts]:
    """Opens the topic at its end."""
    consumer = open_consumer(bootstrap, "test-receipts")
    await consumer.start()
    try:
        places = [TopicPartition(RECEIPTS.name, n) for n in range(PARTITIONS)]
        consumer.assign(places)
        await consumer.seek_to_end(*places)
        for place in places:
            await consumer.position(place)
        yield Receipts(consumer)
    finally:
        await consumer.stop()


class Client:
    """Posts callbacks to an ingest."""

    def __init__(self, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def call(self, method: str, path: str, **how: Any) -> Answer:
        """Any request."""
        async with self.session.request(method, URL(self.base + path, encoded=True), **how) as answer:
            body = await answer.read()
            known = "json" in answer.content_type
            return answer.status, orjson.loads(body) if known else body, answer.content_type

    async def tell(
        self, method: str, path: str, document: object, key: str | None = "writer", **how: Any
    ) -> Answer:
        """A request of an application, with the key of that name."""
        headers = {"Authorization": f"Bearer {bearer(key)}"} if key else {}
        body = document if isinstance(document, bytes) else orjson.dumps(document)
        return await self.call(method, path, data=body, headers=headers, **how)

    async def answers(self, path: str, status: int) -> bool:
        """Whether a page has that status now."""
        return (await self.call("GET", path))[0] == status

    async def sns(self, envelope: object, path: str = "/webhooks/ses/acme") -> Answer:
        """A callback as SNS posts it."""
        body = envelope if isinstance(envelope, bytes) else orjson.dumps(envelope)
        return await self.call("POST", path, data=body, headers=SNS_HEADERS)

    async def twilio(
        self, form: dict[str, str], query: str = "", token: str = TOKEN, public: str = ""
    ) -> Answer:
        """A callback as Twilio posts it."""
        path = f"/webhooks/twilio/acme{query}"
        signature = twilio_signature(token, (public or self.base) + path, form)
        return await self.call(
            "POST",
            path,
            data=urlencode(form).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature},
        )


def code(answer: Answer) -> tuple[int, str]:
    """Status and code of a refusal."""
    status, document, kind = answer
    assert kind == "application/problem+json", answer
    assert document["status"] == status
    return status, document["code"]


def write_tenants(folder: Path) -> Path:
    """The tenants file and, beside it, the folder `certs`."""
    (folder / "certs").mkdir()
    sns.folder(folder / "certs")
    (folder / "tenants.toml").write_text(TENANTS)
    return folder / "tenants.toml"


@contextlib.asynccontextmanager
async def within(
    bootstrap: str, folder: Path, fetch: Fetch | None = None, ready: int = 200, **settings: Any
) -> AsyncIterator[Client]:
    """An ingest in this process, once its /readyz answers `ready`. It waits long for Kafka, whose first write may take
    seconds where tests keep the machine busy."""
    tenants = write_tenants(folder)
    port = free_port()
    given: dict[str, Any] = {"sns_certs": folder / "certs", "store_timeout_s": 14} | settings
    chosen = IngestSettings(kafka=bootstrap, ingest_port=port, tenants=tenants, **given)
    ingest = Ingest(chosen, TenantsFile(tenants), fetch)
    runner = web.ServerRunner(ingest.server(), shutdown_timeout=2)
    await start_listening(runner, "127.0.0.1", port)
    client = Client(port)
    try:
        await eventually(lambda: client.answers("/readyz", ready), 20, f"{ready} from /readyz")
        yield client
    finally:
        await client.session.close()
        await runner.cleanup()
        await ingest.close()


def log_of(folder: Path) -> Path:
    """What the ingest process of that folder has said."""
    return folder / "ingest.log"


@contextlib.contextmanager
def process(
    bootstrap: str, folder: Path, port: int = 0, **environment: str
) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """An ingest in a process of its own, listening but not waited for; ended by SIGTERM if it still runs."""
    tenants = write_tenants(folder)
    port = port or free_port()
    env = os.environ | {
        "WAYBILL_KAFKA": bootstrap,
        "WAYBILL_INGEST_PORT": str(port),
        "WAYBILL_TENANTS": str(tenants),
        "WAYBILL_SNS_CERTS": str(folder / "certs"),
        **environment,
    }
    with log_of(folder).open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "ingest"], cwd=ROOT, env=env, stderr=log, preexec_fn=die_with_parent()
        )
    try:
        deadline = time.monotonic() + PATIENCE * 30
        while child.poll() is None and b"listens on" not in log_of(folder).read_bytes():
            assert time.monotonic() < deadline, log_of(folder).read_text()
            time.sleep(0.05)
        yield child, port
    finally:
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
