"""What tests of reports work with: rows as the sink writes them, told in a few words, and the query server over them."""

from typing import Any

import orjson

from schemas.addresses import domain_of, normalise
from schemas.status import Status
from tests.integration.query_stage import QueryServer
from tests.integration.sink_stage import status_value

Row = dict[str, Any]

REACHED: dict[str, tuple[str, ...]] = {
    "queued": ("queued",),
    "skipped": ("skipped",),
    "invalid": ("invalid",),
    "sent": ("sent",),
    "failed": ("sent", "failed"),
    "undelivered": ("sent", "undelivered"),
    "delivered": ("sent", "delivered"),
    "opened": ("sent", "delivered", "opened", "human_opened"),
    "bounced": ("sent", "bounced"),
    "complained": ("sent", "delivered", "complained"),
}


def message(
    message_id: str,
    address: str,
    at: str,
    status: str = "delivered",
    *,
    channel: str = "email",
    **fields: Any,
) -> Row:
    """A message-status/1 value of a message sent at that time, `2026-11-20T10:00` and the like."""
    own = normalise(channel, address)
    return (
        status_value(
            1,
            message_id=message_id,
            recipient=own,
            recipient_as_given=address,
            channel=channel,
            provider="ses" if channel == "email" else "twilio",
            status=status,
            rank=Status(status).rank,
            domain=domain_of(own) if channel == "email" else "",
            filed_at=_time(at),
            sent_at=_time(at),
            updated_at=_time(at),
            reached=list(REACHED[status]),
        )
        | fields
    )


def change(
    entry_id: str,
    address: str,
    consent: str,
    at: str,
    category: str = "marketing",
    *,
    channel: str = "email",
    sender: str | None = None,
    **fields: Any,
) -> Row:
    """A consent-log/1 value, recorded when it was decided."""
    return {
        "schema": "consent-log/1",
        "entry_id": entry_id,
        "tenant": "acme",
        "channel": channel,
        "address": address,
        "category": category,
        "sender": sender,
        "consent": consent,
        "source": "customer",
        "actor": address,
        "evidence": None,
        "reason": None,
        "at": _time(at),
        "recorded_at": _time(at),
        "recorded_by": None,
        "receipt_id": f"r-{entry_id}",
        "message_id": None,
    } | fields


def consent_of(entry: Row, revision: int = 1) -> Row:
    """The consent/1 value where that change is the latest."""
    names = "tenant channel address category sender source actor evidence reason entry_id message_id".split()
    return {name: entry[name] for name in names} | {
        "schema": "consent/1",
        "state": entry["consent"],
        "since": entry["at"],
        "revision": revision,
        "updated_at": entry["recorded_at"],
    }


def customer(number: str, *addresses: str, tenant: str = "acme", **fields: Any) -> Row:
    """A customer/1 value; the first address of each channel is the primary one."""
    channels = ["sms" if address.startswith("+") else "email" for address in addresses]
    return {
        "schema": "customer/1",
        "tenant": tenant,
        "customer": number,
        "kind": "client",
        "name": None,
        "created_at": None,
        "addresses": [
            {
                "address": address,
                "address_as_given": address,
                "channel": channel,
                "primary": channels.index(channel) == place,
            }
            for place, (address, channel) in enumerate(zip(addresses, channels, strict=True))
        ],
        "revision": 1,
        "updated_at": _time("2026-11-01T00:00"),
    } | fields


def standing(address: str, reason: str | None, since: str, **fields: Any) -> Row:
    """An address-standing/1 value."""
    return {
        "schema": "address-standing/1",
        "tenant": "acme",
        "channel": "sms" if address.startswith("+") else "email",
        "address": address,
        "standing": "invalid" if reason else "valid",
        "reason": reason,
        "reasons": [reason] if reason else [],
        "complained": reason == "complaint",
        "since": _time(since),
        "soft_bounces_in_a_row": 0,
        "revision": 1,
        "updated_at": _time(since),
    } | fields


def _time(at: str) -> str:
    return at if at.endswith("Z") else f"{at}:00.000Z"


async def insert(server: QueryServer, table: str, *rows: Row) -> None:
    """Puts rows where the sink would."""
    await server.store.insert_lines(table, b"\n".join(map(orjson.dumps, rows)))


def told(items: list[Row], *names: str) -> list[tuple[Any, ...]]:
    """These fields of each item."""
    return [tuple(item[name] for name in names) for item in items]
