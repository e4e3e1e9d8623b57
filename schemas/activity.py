"""Address activity: what the track agent tells the standing agent about an address.

A record of `waybill-address-activity` holds many of them as JSON lines, as one of receipts holds many envelopes: a
record costs the worker more than a line does. All lines of a record belong to its partition, that of the address's key.
"""

from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from schemas.consent import ConsentChange

SCHEMA = "address-activity/1"

DELIVERED, SOFT = "delivered", "soft"
"""Verdicts of a message: it arrived, or it gave up after a soft bounce that counts against the address."""


class ActivityFault(ValueError):
    """A line that is not address activity; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class SoftBounce:
    """The latest soft bounce of a message that counts against the address; `at` in ms since the epoch."""

    at: int
    event_id: str
    subtype: str | None
    code: str | None
    cause: str | None
    diagnostic: str | None


@dataclass(frozen=True, slots=True)
class Mark:
    """One event that makes an address invalid by itself. `reason` is a word of schemas.standing.Reason, `at` in ms;
    `message_id` is None where no message made it."""

    reason: str
    at: int
    event_id: str
    message_id: str | None
    code: str | None
    cause: str | None
    diagnostic: str | None


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What became of one message for the address, as known now; `soft` is there where there was one, also
    where it arrived all the same.

    `message_at` places the message among the others, in ms: when it was sent, or, where nothing says so, when it was first
    heard of.
    """

    message_id: str
    message_at: int
    verdict: str
    soft: SoftBounce | None


@dataclass(frozen=True, slots=True)
class Reset:
    """Staff made the address valid again; `at` in ms. `reset_id` is its identity, `key` the name of the key used."""

    reset_id: str
    at: int
    actor: str
    reason: str
    key: str | None


class Activity(msgspec.Struct, frozen=True):
    """One thing about one address. `address` is normalised; `received_at` (ms) and `receipt_id` are those of the receipt
    that told it."""

    tenant: str
    channel: str
    address: str
    received_at: int
    receipt_id: str
    what: Verdict | Mark | ConsentChange | Reset

    @property
    def kind(self) -> str:
        """What it is, in a word."""
        return _KINDS[type(self.what)]

    def to_line(self) -> bytes:
        """One JSON line without its newline: schemas/json/waybill-address-activity/v1.schema.json."""
        return _encoder.encode(
            {
                "schema": SCHEMA,
                "kind": self.kind,
                "tenant": self.tenant,
                "channel": self.channel,
                "address": self.address,
                "received_at": self.received_at,
                "receipt_id": self.receipt_id,
                "what": self.what,
            }
        )


_KINDS: dict[type, str] = {Verdict: "verdict", Mark: "mark", ConsentChange: "consent", Reset: "reset"}


class _Line(msgspec.Struct):
    schema: Literal["address-activity/1"]
    kind: str
    tenant: str
    channel: str
    address: str
    received_at: int
    receipt_id: str
    what: msgspec.Raw


_encoder = msgspec.json.Encoder()
_lines = msgspec.json.Decoder(_Line)
_whats: dict[str, msgspec.json.Decoder[Any]] = {
    name: msgspec.json.Decoder(kind) for kind, name in _KINDS.items()
}


def parse_activity(line: bytes) -> Activity:
    """The activity of one line. Raises ActivityFault, also where something in it is of another type than it should be:
    facts that such a line got into could not be read any more."""
    try:
        read = _lines.decode(line)
        what = _whats[read.kind].decode(read.what)
    except (msgspec.MsgspecError, KeyError, RecursionError) as fault:
        raise ActivityFault(f"expected one line of {SCHEMA}: {fault!r:.200}") from None
    return Activity(read.tenant, read.channel, read.address, read.received_at, read.receipt_id, what)
