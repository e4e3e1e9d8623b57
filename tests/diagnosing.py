"""Evidence for tests of the diagnosis: rows as query gathers them."""

from typing import Any

from query.diagnosis import AddressEvidence, CustomerEvidence, Diagnosis, Finding, Use
from schemas.times import format_time

NOW = 1_795_341_600_000  # 2026-11-22T10:00:00Z
HOUR = 3_600_000
DAY = 24 * HOUR

ANN = "ann@example.org"
PHONE = "+15005550123"

_REACHED = {
    "delivered": ["sent", "delivered"],
    "opened": ["sent", "delivered", "opened", "human_opened"],
    "clicked": ["sent", "delivered", "opened", "human_opened", "clicked", "human_clicked"],
    "complained": ["sent", "delivered", "complained"],
    "bounced": ["sent", "bounced"],
    "sent": ["sent"],
}


def message(status: str, days_ago: float = 1, **fields: Any) -> dict[str, Any]:
    """An item of the log about a mail to Ann, with what a diagnosis looks at besides."""
    at = format_time(int(NOW - days_ago * DAY))
    arrived = status in ("delivered", "opened", "clicked", "complained")
    return {
        "message_id": f"m-{status}-{days_ago:g}",
        "channel": "email",
        "recipient": ANN,
        "recipient_as_given": ANN,
        "sender": "acme@ses.example.com",
        "subject": "Class list",
        "text": None,
        "customer": None,
        "category": None,
        "status": status,
        "reason": None,
        "at": at,
        "sent_at": at,
        "updated_at": at,
        "delivered_at": at if arrived else None,
        "first_opened_at": at if status in ("opened", "clicked") else None,
        "first_human_opened_at": at if status in ("opened", "clicked") else None,
        "first_clicked_at": at if status == "clicked" else None,
        "first_human_clicked_at": at if status == "clicked" else None,
        "opens": int(status in ("opened", "clicked")),
        "human_opens": int(status in ("opened", "clicked")),
        "clicks": int(status == "clicked"),
        "soft_bounces": 0,
        "gave_up": False,
        "soft_bounce": None,
        "delay": None,
        "bounce": None,
        "error_code": None,
        "error": None,
        "tracking": None,
        "reached": _REACHED.get(status, [status]),
    } | fields


def text_message(status: str, days_ago: float = 1, **fields: Any) -> dict[str, Any]:
    """The same about a text message."""
    own = {
        "channel": "sms",
        "recipient": PHONE,
        "recipient_as_given": PHONE,
        "sender": "+15005550006",
        "subject": None,
        "text": "Class is canceled",
    }
    return message(status, days_ago, **(own | fields))


def bounce(
    cause: str, code: str = "5.1.1", said: str = "smtp; 550 5.1.1 no", kind: str = "hard"
) -> dict[str, Any]:
    return {
        "type": kind,
        "subtype": "General",
        "code": code,
        "cause": cause,
        "diagnostic": said,
        "at": format_time(NOW - DAY),
    }


def standing(reason: str | None = None, **fields: Any) -> dict[str, Any]:
    """Fields of address-standing/1; invalid where there is a reason."""
    return {
        "standing": "invalid" if reason else "valid",
        "reason": reason,
        "reasons": [reason] if reason else [],
        "complained": reason == "complaint",
        "since": format_time(NOW - 5 * DAY) if reason else None,
        "cause": None,
        "code": None,
        "diagnostic": None,
        "event_id": "e" * 32,
        "message_id": "m-0",
        "hint": None,
        "soft_bounces_in_a_row": 0,
        "soft_bounce": None,
        "reset": None,
    } | fields


def consent(state: str = "out", category: str = "marketing", **fields: Any) -> dict[str, Any]:
    """Fields of consent/1."""
    return {
        "channel": "email",
        "address": ANN,
        "category": category,
        "sender": None,
        "state": state,
        "since": format_time(NOW - 3 * DAY),
        "source": "customer",
        "actor": ANN,
        "evidence": None,
        "reason": None,
        "entry_id": "1" * 32,
        "message_id": None,
    } | fields


def customer(
    *addresses: str,
    primary: str | None = None,
    uses: tuple[tuple[str, int], ...] = (),
    channel: str = "email",
) -> CustomerEvidence:
    """Customer 42 with these addresses on file, never registered without any; messages went to those of `uses`, each so many
    times."""
    row = {
        "customer": "42",
        "kind": "client",
        "name": "Ann",
        "addresses": [
            {"address": each, "address_as_given": each, "channel": channel, "primary": each == primary}
            for each in addresses
        ],
    }
    return CustomerEvidence(
        "42",
        row if addresses else None,
        [Use(channel, address, count, format_time(NOW - DAY)) for address, count in uses],
    )


def ann(*messages: dict[str, Any], **known: Any) -> AddressEvidence:
    """What is known of Ann's mailbox."""
    return AddressEvidence("email", known.pop("address", ANN), NOW, messages=messages, **known)


def phone(*messages: dict[str, Any], **known: Any) -> AddressEvidence:
    """What is known of Ann's phone."""
    return AddressEvidence("sms", PHONE, NOW, messages=messages, **known)


def codes(diagnosis: Diagnosis) -> list[str]:
    return [finding.code for finding in diagnosis.findings]


def the(code: str, diagnosis: Diagnosis) -> Finding:
    """The only finding of that code."""
    (found,) = [finding for finding in diagnosis.findings if finding.code == code]
    return found
