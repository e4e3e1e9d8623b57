"""Outcomes and statuses: the vocabulary of what happened to a message, its order, and its wording.

Source of the table: the product's definition, docs/data-model.md. Nothing here looks at facts; the fold does
(processors/status.py).
"""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """What became of a message for one recipient, lowest rank first."""

    QUEUED = "queued"
    SKIPPED = "skipped"
    CANCELED = "canceled"
    SENT = "sent"
    INVALID = "invalid"
    REJECTED = "rejected"
    FAILED = "failed"
    UNDELIVERED = "undelivered"
    DELIVERED = "delivered"
    OPENED = "opened"
    CLICKED = "clicked"
    BOUNCED = "bounced"
    COMPLAINED = "complained"

    @property
    def rank(self) -> int:
        """Place in the one order of all channels; the highest that a fact supports wins."""
        return RANK[self]


RANK: dict[Status, int] = {status: rank for rank, status in enumerate(Status)}


class Outcome(StrEnum):
    """What one event says happened."""

    QUEUED = "queued"
    SKIPPED = "skipped"
    CANCELED = "canceled"
    SENT = "sent"
    INVALID = "invalid"
    REJECTED = "rejected"
    FAILED = "failed"
    UNDELIVERED = "undelivered"
    DELIVERED = "delivered"
    OPENED = "opened"
    CLICKED = "clicked"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    DELAYED = "delayed"
    SOFT_BOUNCED = "soft_bounced"
    NOT_SPAM = "not_spam"
    UNSUBSCRIBED = "unsubscribed"
    SUBSCRIBED = "subscribed"
    OPTED_OUT = "opted_out"
    OPTED_IN = "opted_in"
    INBOUND = "inbound"
    UNKNOWN = "unknown"


SUPPORTS: dict[Outcome, Status | None] = {
    Outcome.QUEUED: Status.QUEUED,
    Outcome.SKIPPED: Status.SKIPPED,
    Outcome.CANCELED: Status.CANCELED,
    Outcome.SENT: Status.SENT,
    Outcome.INVALID: Status.INVALID,
    Outcome.REJECTED: Status.REJECTED,
    Outcome.FAILED: Status.FAILED,
    Outcome.UNDELIVERED: Status.UNDELIVERED,
    Outcome.DELIVERED: Status.DELIVERED,
    Outcome.OPENED: Status.OPENED,
    Outcome.CLICKED: Status.CLICKED,
    Outcome.BOUNCED: Status.BOUNCED,
    Outcome.COMPLAINED: Status.COMPLAINED,
    Outcome.DELAYED: Status.SENT,
    Outcome.SOFT_BOUNCED: Status.SENT,
    Outcome.UNSUBSCRIBED: Status.SENT,
    Outcome.NOT_SPAM: None,
    Outcome.SUBSCRIBED: None,
    Outcome.OPTED_OUT: None,
    Outcome.OPTED_IN: None,
    Outcome.INBOUND: None,
    Outcome.UNKNOWN: None,
}
"""The one table from outcome to status: the status that a fact of this outcome supports; the highest one wins.

Who unsubscribed by a message's own link was sent it, and more the status does not say. None = recorded as an event,
never folded: it says nothing about what became of a message.
"""

COUNTS = (
    "sent",
    "delivered",
    "opened",
    "human_opened",
    "clicked",
    "human_clicked",
    "bounced",
    "soft_bounced",
    "complained",
    "unsubscribed",
    "undelivered",
    "rejected",
    "failed",
    "canceled",
    "skipped",
    "invalid",
    "queued",
)
"""What is counted in rates, what `reached=` takes, and the members of `reached` in a published status: one
definition, so that every figure can be clicked down to its rows. Their order is that of the bits of `reached_bits` in the
store: a new one comes last, with a migration (schemas/clickhouse/0014_reached_bits.sql)."""

CHANNELS = ("email", "sms")
VOCABULARIES = ("waybill", "iclasspro", "class-manager")


@dataclass(frozen=True, slots=True)
class Wording:
    """How a status is told to people."""

    label: str
    meaning: str
    next_step: str


WORDINGS: dict[Status, Wording] = {
    Status.QUEUED: Wording(
        "Queued",
        "Registered or accepted, and not yet handed on.",
        "Wait; if it stays so, check whether sending has stopped.",
    ),
    Status.SKIPPED: Wording(
        "Skipped",
        "Not attempted: the address opted out.",
        "The recipient can opt in again, or staff can with evidence.",
    ),
    Status.CANCELED: Wording("Canceled", "Withdrawn before an attempt.", "Send again if it is still wanted."),
    Status.SENT: Wording(
        "Sent",
        "Handed over; nothing final is known yet. It stays so through delays and soft bounces.",
        "Wait for the recipient's server; if it gave up after a soft bounce, read the reason and try again later.",
    ),
    Status.INVALID: Wording(
        "Invalid",
        "Not attempted: the address is suppressed after a hard bounce, a complaint or repeated soft bounces.",
        "Correct the address, or reset it once the cause is gone.",
    ),
    Status.REJECTED: Wording(
        "Rejected",
        "Refused before delivery, by the provider or by a carrier's filter.",
        "Read the reason and change the content.",
    ),
    Status.FAILED: Wording(
        "Failed", "It could not be sent.", "Read the error, fix the cause and send again."
    ),
    Status.UNDELIVERED: Wording(
        "Undelivered",
        "The carrier could not deliver it, most often a wrong or unsuitable number.",
        "Look at the error code and check the number.",
    ),
    Status.DELIVERED: Wording(
        "Delivered",
        "Accepted by the recipient's server or handset.",
        "If it was not seen: look in spam, promotions and other tabs, and search by the exact sender.",
    ),
    Status.OPENED: Wording("Opened", "Opened (email) or read (messaging).", "Nothing to do."),
    Status.CLICKED: Wording("Clicked", "A link in it was clicked.", "Nothing to do."),
    Status.BOUNCED: Wording(
        "Bounced",
        "Refused for good by the recipient's server.",
        "Correct the address, or ask the recipient for another one.",
    ),
    Status.COMPLAINED: Wording(
        "Complained",
        "The recipient reported it as spam.",
        "Stop writing to this address, except for transactional messages.",
    ),
}

_LABELS: dict[tuple[str, str], dict[Status, str]] = {
    ("iclasspro", "email"): {
        Status.QUEUED: "Sent",
        Status.DELIVERED: "Delivery",
        Status.OPENED: "Open",
        Status.CLICKED: "Click",
        Status.BOUNCED: "Bounce",
        Status.COMPLAINED: "Complaint",
    },
    ("iclasspro", "sms"): {
        Status.QUEUED: "Delivery",
        Status.OPENED: "Received",
        Status.BOUNCED: "Bounce",
        Status.COMPLAINED: "Complaint",
    },
    ("class-manager", "email"): {Status.INVALID: "Dropped", Status.COMPLAINED: "Complaint"},
    ("class-manager", "sms"): {Status.INVALID: "Dropped", Status.COMPLAINED: "Complaint"},
}


def label(status: Status, channel: str, *, gave_up: bool = False, vocabulary: str = "waybill") -> str:
    """The word that people of this vocabulary know for a status; never empty."""
    if vocabulary == "class-manager" and status is Status.SENT and gave_up:
        return "Bounced"
    return _LABELS.get((vocabulary, channel), {}).get(status) or WORDINGS[status].label
