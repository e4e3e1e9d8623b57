"""The event: one normalised fact about one recipient of one message, as adapters make it and Kafka carries it."""

from hashlib import blake2b
from typing import Any

import msgspec
import orjson

from schemas.status import Outcome
from schemas.times import format_optional, format_time

SCHEMA = "event/1"


# Structs and not frozen dataclasses: one is made in a tenth of the time, for every callback.


class Descriptors(msgspec.Struct, frozen=True, gc=False):
    """What describes a message and does not depend on what became of it. None = not said by this event."""

    sender: str | None = None
    subject: str | None = None
    text: str | None = None
    campaign: str | None = None
    customer: str | None = None
    category: str | None = None
    document: str | None = None
    method: str | None = None
    link: str | None = None
    tracking: str | None = None


class Event(msgspec.Struct, frozen=True):
    """One event. Times are ms since the epoch.

    `recipient` is normalised, None where the event cannot be attributed to one; of inbound messages, opt-outs and
    opt-ins it is the number that wrote, and `descriptors.sender` ours. `reported_recipient` is the address that the
    report named where another was meant (a forwarding target). `at` is the provider's time of the fact, or
    `received_at` where it gives none (`timed` is False then). `sent_at` is when the message was sent, where the
    payload says so. `detail` keeps what the provider said about this outcome: for bounces {"type", "subtype",
    "code", "cause", "diagnostic"}, for delays {"type", "code", "diagnostic", "expires_at"}, for opens and clicks
    {"user_agent", "ip", "link"}, `error_code`, `error` and `reason` for what failed or was not attempted,
    {"provider_type", "payload"} for unknown ones; other members may stand beside them.
    `late` marks an event of a message whose state has expired: stored, not folded.
    """

    event_id: str
    tenant: str
    provider: str
    channel: str
    message_id: str
    recipient: str | None
    recipient_as_given: str | None
    outcome: Outcome
    at: int
    timed: bool
    received_at: int
    receipt_id: str
    sent_at: int | None = None
    reported_recipient: str | None = None
    descriptors: Descriptors = Descriptors()
    detail: dict[str, Any] = msgspec.field(default_factory=dict)
    machine: bool | None = None
    machine_reason: str | None = None
    late: bool = False

    def to_json(self) -> bytes:
        """The value of a record of `waybill-events`, as schemas/json/waybill-events/v1.schema.json has it."""
        d = self.descriptors
        return orjson.dumps(
            {
                "schema": SCHEMA,
                "event_id": self.event_id,
                "tenant": self.tenant,
                "provider": self.provider,
                "channel": self.channel,
                "message_id": self.message_id,
                "recipient": self.recipient,
                "recipient_as_given": self.recipient_as_given,
                "reported_recipient": self.reported_recipient,
                "outcome": self.outcome,
                "at": format_time(self.at),
                "timed": self.timed,
                "received_at": format_time(self.received_at),
                "receipt_id": self.receipt_id,
                "sent_at": format_optional(self.sent_at),
                "sender": d.sender,
                "subject": d.subject,
                "text": d.text,
                "campaign": d.campaign,
                "customer": d.customer,
                "category": d.category,
                "document": d.document,
                "method": d.method,
                "link": d.link,
                "tracking": d.tracking,
                "detail": self.detail,
                "machine": self.machine,
                "machine_reason": self.machine_reason,
                "late": self.late,
            }
        )


def event_identity(*content: str | int | None) -> str:
    """Identity of an event from its content alone: 32 hex digits, equal for equal content.

    The content is provider, message, recipient, outcome, the provider's time or, where there is none, the status
    itself, and what distinguishes two opens; never the SNS MessageId, because one fact may come under several.
    """
    joined = "\x1f".join(["" if part is None else str(part) for part in content])
    return blake2b(joined.encode(errors="surrogatepass"), digest_size=16).hexdigest()
