"""The tenant's own application: messages it registered, consents, customers, suppressions and resets.

Ingest has looked at everything that comes this way and answered faults, so what cannot be read here is not expected and
becomes a dead letter. The body of a receipt is {"type": one of the readers below, <type>: {...}}: docs/data-model.md.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import orjson

from processors.providers.reading import (
    AHEAD_BELIEVED,
    MAX_RECIPIENTS,
    NAME_LIMIT,
    Incomprehensible,
    listed,
    moment,
    said,
    scalar,
    table,
    text,
)
from processors.providers.told import Told
from schemas.activity import Activity, Mark, Reset
from schemas.addresses import normalise
from schemas.consent import EVIDENCE_METHODS, IN, OUT, SOURCES, ConsentChange
from schemas.customers import KINDS, Customer, CustomerAddress
from schemas.envelope import Envelope
from schemas.events import Descriptors, Event, event_identity
from schemas.message_ids import load_json
from schemas.registration_fields import EARLIEST_CREATED_MS
from schemas.standing import IMPORTED, Reason
from schemas.status import CHANNELS, Outcome
from schemas.times import parse_time
from schemas.twilio_errors import ERRORS

Read = Told | Incomprehensible

_STATUSES = {
    "queued": Outcome.QUEUED,
    "skipped": Outcome.SKIPPED,
    "invalid": Outcome.INVALID,
    "failed": Outcome.FAILED,
    "canceled": Outcome.CANCELED,
}
"""What an application may say of a message; one that says nothing was queued."""

MAX_ADDRESSES = 1000
"""More addresses of one customer are not believed."""


def adapt(envelope: Envelope, tenant: str) -> Read:
    """What one receipt of an application says."""
    try:
        body = load_json(envelope.body)
    except ValueError:
        return Incomprehensible("not_json", "expected a JSON body")
    kind = table(body).get("type")
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        return Incomprehensible("unknown_type", f"expected type to be one of {', '.join(_READERS)}")
    part = body.get(kind)
    if not isinstance(part, dict):
        return Incomprehensible("no_content", f"expected an object {kind}")
    return reader(envelope, tenant, part)


def _message(envelope: Envelope, tenant: str, part: dict[str, Any]) -> Read:
    """A registered message: an event for each recipient. Said again in the same words it is the same event, unless the
    application gave it another time."""
    message_id, channel = text(part.get("id"), NAME_LIMIT), part.get("channel")
    if message_id is None or channel not in CHANNELS:
        return Incomprehensible("no_message_id", "expected id, and channel to be email or sms")
    outcome = _STATUSES.get(part.get("status") or "queued")
    if outcome is None:
        return Incomprehensible("unknown_status", f"expected status to be one of {', '.join(_STATUSES)}")
    recipients = _recipients(channel, part)
    if isinstance(recipients, Incomprehensible):
        return recipients
    code = scalar(part.get("error_code"), 64)
    if channel == "sms" and outcome is Outcome.FAILED and code in ERRORS:
        # Twilio refuses some numbers at once, before there is a message that it could call back about.
        outcome = ERRORS[code].outcome or outcome
    detail = said(reason=text(part.get("reason")), error_code=code, error=text(part.get("error")))
    descriptors = _descriptors(channel, part)
    at = _at(part, envelope)
    words = orjson.dumps((msgspec.structs.asdict(descriptors), detail)).decode()
    given_at = None if at == envelope.received_at else at
    events = [
        Event(
            event_id=event_identity("app", tenant, message_id, recipient, outcome, given_at, words),
            tenant=tenant,
            provider="app",
            channel=channel,
            message_id=message_id,
            recipient=recipient,
            recipient_as_given=given,
            outcome=outcome,
            at=at,
            timed=True,
            received_at=envelope.received_at,
            receipt_id=envelope.receipt_id,
            descriptors=descriptors,
            detail=detail,
        )
        for recipient, given in recipients.items()
    ]
    return Told(events, key=_key(envelope))


def _recipients(channel: str, part: dict[str, Any]) -> dict[str, str] | Incomprehensible:
    """The recipients as they were given, by normalised address."""
    entries = listed(part.get("recipients")) or [part.get("recipient")]
    if len(entries) > MAX_RECIPIENTS:
        return Incomprehensible("too_many_recipients", f"expected at most {MAX_RECIPIENTS} recipients")
    found: dict[str, str] = {}
    for given in entries:
        address = _address(channel, given)
        if address is None:
            return Incomprehensible("no_recipients", "expected recipients, each an address")
        found.setdefault(address, given)
    return found


def _descriptors(channel: str, part: dict[str, Any]) -> Descriptors:
    sender = text(part.get("sender"), NAME_LIMIT)
    return Descriptors(
        sender=normalise(channel, sender) or None if sender else None,
        subject=text(part.get("subject")),
        text=text(part.get("text")),
        campaign=text(part.get("campaign"), NAME_LIMIT),
        customer=scalar(part.get("customer")),
        category=text(part.get("category"), NAME_LIMIT),
        document=scalar(part.get("document")),
        method=text(part.get("method"), NAME_LIMIT),
        link=text(part.get("link")),
        tracking="none" if part.get("tracking") == "none" else None,
    )


def _consent(envelope: Envelope, tenant: str, part: dict[str, Any]) -> Read:
    channel, category, consent = part.get("channel"), text(part.get("category"), 64), part.get("consent")
    address, actor = _address(channel, part.get("address")), text(part.get("actor"), NAME_LIMIT)
    source = part.get("source")
    if address is None or not (category and actor) or consent not in (IN, OUT) or source not in SOURCES:
        return Incomprehensible(
            "not_a_consent", "expected address, channel, category, consent, source and actor"
        )
    sender = text(part.get("sender"), NAME_LIMIT)
    told = table(part.get("evidence"))
    method = told.get("method")
    evidence = {
        "method": method if method in EVIDENCE_METHODS else None,
        "wording": text(told.get("wording")),
        "reference": text(told.get("reference"), NAME_LIMIT),
    }
    sender = normalise(str(channel), sender) or None if sender else None
    reason, at = text(part.get("reason")), _at(part, envelope)
    content = (tenant, channel, address, category, sender, consent, source, actor, reason, at)
    change = ConsentChange(
        entry_id=event_identity("app", "consent", *content, *evidence.values()),
        category=category,
        sender=sender,
        consent=consent,
        source=source,
        actor=actor,
        evidence=evidence if any(evidence.values()) else None,
        reason=reason,
        at=at,
        recorded_by=_key(envelope),
        message_id=text(part.get("message_id"), NAME_LIMIT),
    )
    return Told(activity=[_activity(envelope, tenant, str(channel), address, change)])


def _reset(envelope: Envelope, tenant: str, part: dict[str, Any]) -> Read:
    channel = part.get("channel")
    address = _address(channel, part.get("address"))
    actor, reason = text(part.get("actor"), NAME_LIMIT), text(part.get("reason"))
    if address is None or not (actor and reason):
        return Incomprehensible("not_a_reset", "expected address, channel, actor and reason")
    at, key = _at(part, envelope), _key(envelope)
    identity = event_identity("app", "reset", tenant, str(channel), address, actor, reason, at)
    return Told(
        activity=[_activity(envelope, tenant, str(channel), address, Reset(identity, at, actor, reason, key))]
    )


def _suppression(envelope: Envelope, tenant: str, part: dict[str, Any]) -> Read:
    """A mark like those of providers, though no message made it."""
    channel, reason = part.get("channel"), part.get("reason")
    address, actor = _address(channel, part.get("address")), text(part.get("actor"), NAME_LIMIT)
    if address is None or not actor or reason not in _SUPPRESSING:
        return Incomprehensible("not_a_suppression", "expected address, channel, reason and actor")
    note, at = text(part.get("note")), _at(part, envelope)
    identity = event_identity("app", "suppression", tenant, str(channel), address, reason, actor, note, at)
    mark = Mark(reason, at, identity, None, None, IMPORTED, note or f"told by {actor}")
    return Told(activity=[_activity(envelope, tenant, str(channel), address, mark)])


_SUPPRESSING = frozenset(Reason) - {Reason.REPEATED_SOFT_BOUNCES}
"""Reasons that a single mark has."""


def _customer(envelope: Envelope, tenant: str, part: dict[str, Any]) -> Read:
    customer, kind = scalar(part.get("customer")), part.get("kind")
    entries = listed(part.get("addresses"))
    if customer is None or kind not in KINDS or len(entries) > MAX_ADDRESSES:
        return Incomprehensible("not_a_customer", f"expected customer and kind, one of {', '.join(KINDS)}")
    addresses: dict[tuple[str, str], CustomerAddress] = {}
    for entry in map(table, entries):
        channel, given = entry.get("channel"), entry.get("address")
        address = _address(channel, given)
        if address is None:
            return Incomprehensible(
                "not_a_customer", "expected each of addresses to have address and channel"
            )
        one = CustomerAddress(address, str(given), str(channel), entry.get("primary") is True)
        addresses.setdefault((one.channel, address), one)
    return Told(
        customers=[
            Customer(
                tenant,
                customer,
                kind,
                text(part.get("name")),
                _created_at(part.get("created_at"), envelope.received_at),
                tuple(addresses.values()),
                _at(part, envelope),
            )
        ]
    )


def _created_at(given: object, received_at: int) -> int | None:
    """When the customer came, in ms since the epoch, which may have been long before there was any Waybill."""
    try:
        at = parse_time(given) if isinstance(given, str) else None
    except ValueError:
        return None
    return at if at is not None and EARLIEST_CREATED_MS <= at <= received_at + AHEAD_BELIEVED else None


_READERS: dict[str, Callable[[Envelope, str, dict[str, Any]], Read]] = {
    "message": _message,
    "consent": _consent,
    "suppression": _suppression,
    "reset": _reset,
    "customer": _customer,
}


def _activity(
    envelope: Envelope, tenant: str, channel: str, address: str, what: ConsentChange | Mark | Reset
) -> Activity:
    return Activity(tenant, channel, address, envelope.received_at, envelope.receipt_id, what)


def _address(channel: object, given: object) -> str | None:
    if channel not in CHANNELS or not isinstance(given, str) or len(given) > NAME_LIMIT:
        return None
    return normalise(str(channel), given) or None


def _at(part: dict[str, Any], envelope: Envelope) -> int:
    """The application's time in ms; when it was received where it gave none that can be believed."""
    at = moment(part.get("at"), envelope.received_at)
    return envelope.received_at if at is None else at


def _key(envelope: Envelope) -> str | None:
    """Name of the key that the receipt was posted with; an operator's is told apart from a tenant's of the same name."""
    name = text(envelope.verified.get("key"), NAME_LIMIT)
    return f"operator:{name}" if name and envelope.verified.get("operator") is True else name
