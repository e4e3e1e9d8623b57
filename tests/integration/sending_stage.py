"""A stage for tests of decisions about sending: a query server that follows a real Kafka, and what it is told."""

import hashlib
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import orjson

from query.sending import SENDING, Sending
from runtime.clickhouse import ClickHouse
from schemas.consent import OUT
from schemas.standing import Reason
from schemas.times import format_time
from schemas.topics import ADDRESS_STANDING, CONSENTS, address_key, consent_key
from tests.integration.query_stage import OPERATOR, QueryServer, key_of
from tests.integration.sink_stage import publish, status_value
from tests.patience import eventually

TENANTS_FILE = """
[tenants.acme]
name = "Acme Gymnastics"
keys = [{acme}, {writer}]
limits = {{ recipients_per_hour = 1_000_000 }}

[tenants.small]
name = "Small"
keys = [{small}]
limits = {{ recipients_per_hour = 5 }}

[tenants.lenient]
name = "Lenient"
keys = [{lenient}]
notification_consent = "opt-out"
marketing_consent = "opt-out"
senders = {{ dkim_selectors = ["one"] }}

[operator]
keys = [{operator}, {reader}]
"""
OPERATOR_READER = "operator-reader"


def write_tenants(path: Path) -> Path:
    """A tenants file with three tenants, one of them with a limit of 5 an hour, and operators."""

    def key(text: str, *scopes: str) -> str:
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        return f'{{ name = "{text}", sha256 = "{sha256}", scopes = {list(scopes)} }}'.replace("'", '"')

    path.write_text(
        TENANTS_FILE.format(
            acme=key(key_of("acme"), "read"),
            writer=key("writer-acme", "write"),
            small=key(key_of("small"), "read"),
            lenient=key(key_of("lenient"), "read"),
            operator=key(OPERATOR, "read", "admin"),
            reader=key(OPERATOR_READER, "read"),
        )
    )
    return path


def sending_of(server: QueryServer) -> Sending:
    """What the server decides from."""
    return server.app[SENDING]


async def until_able(server: QueryServer, seconds: float = 20) -> None:
    """Waits until it decides."""

    async def able() -> bool:
        status, document = await server.get("/readyz", key=None)
        assert status == 200, document
        return bool(document["sendability"]["able"])

    await eventually(able, seconds, "a server that is able to decide about sending")


async def ask(
    server: QueryServer,
    addresses: Sequence[str],
    category: str = "transactional",
    *,
    channel: str = "email",
    sender: str | None = None,
    tenant: str = "acme",
) -> list[dict[str, Any]]:
    """The items of an answer that must come."""
    question = {"channel": channel, "category": category, "addresses": list(addresses)}
    if sender is not None:
        question["sender"] = sender
    status, document = await server.post("/v1/sendability", question, key=key_of(tenant))
    assert status == 200, document
    items: list[dict[str, Any]] = document["items"]
    return items


async def decision(server: QueryServer, address: str, category: str = "transactional", **more: Any) -> str:
    """What is decided about one address, with the reason."""
    (item,) = await ask(server, [address], category, **more)
    return f"{item['decision']} {item['reason']}"


def standing(
    address: str, reason: Reason | None, *, tenant: str = "acme", channel: str = "email", revision: int = 1
) -> tuple[bytes, bytes]:
    """A record of `waybill-address-standing`, as far as it is read here."""
    value = {
        "schema": "address-standing/1",
        "tenant": tenant,
        "channel": channel,
        "address": address,
        "standing": "invalid" if reason else "valid",
        "reason": reason,
        "revision": revision,
    }
    return address_key(tenant, channel, address).encode(), orjson.dumps(value)


def consent(
    address: str,
    category: str,
    state: str = OUT,
    *,
    sender: str | None = None,
    channel: str = "email",
    tenant: str = "acme",
    revision: int = 1,
) -> tuple[bytes, bytes]:
    """A record of `waybill-consents`, as far as it is read here."""
    value = {
        "schema": "consent/1",
        "tenant": tenant,
        "channel": channel,
        "address": address,
        "category": category,
        "sender": sender,
        "state": state,
        "revision": revision,
    }
    return consent_key(tenant, channel, address, category, sender).encode(), orjson.dumps(value)


async def publish_standings(kafka: str, *records: tuple[bytes, bytes]) -> None:
    await publish(kafka, ADDRESS_STANDING.name, records)


async def publish_consents(kafka: str, *records: tuple[bytes, bytes]) -> None:
    await publish(kafka, CONSENTS.name, records)


def sent(
    tenant: str,
    prefix: str,
    count: int,
    *,
    minutes_ago: float = 0.0,
    domain: str = "example.org",
    sender: str = "news@ses.example.com",
    reached: Sequence[str] = ("sent", "delivered"),
    channel: str = "email",
    provider: str = "ses",
) -> Iterable[dict[str, Any]]:
    """Statuses of so many messages, each to one recipient, sent so long ago."""
    at = format_time(int((time.time() - minutes_ago * 60) * 1000))
    for number in range(count):
        yield status_value(
            number,
            tenant=tenant,
            message_id=f"{prefix}-{number}",
            recipient=f"user{number}@{domain}" if channel == "email" else f"+1500555{number:04d}",
            channel=channel,
            provider=provider,
            domain=domain if channel == "email" else "",
            sender=sender,
            filed_at=at,
            reached=list(reached),
        )


async def store(clickhouse: ClickHouse, *parts: Iterable[dict[str, Any]]) -> None:
    """Puts statuses where the sink would."""
    lines = [orjson.dumps(row) for part in parts for row in part]
    await clickhouse.insert_lines("message_status", b"\n".join(lines))
