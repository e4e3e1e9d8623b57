"""What events of providers say about consent: SES's Subscription, Twilio's STOP, START and error 21610. Pure."""

from typing import Any

from schemas.addresses import normalise
from schemas.consent import EVERY_CATEGORY, IN, MARKETING, NOTIFICATION, OUT, ConsentChange
from schemas.events import Event, event_identity
from schemas.status import Outcome

OPTED_OUT_CODE = "21610"
"""Twilio did not send, because the recipient had opted out of this sender: https://www.twilio.com/docs/api/errors/21610."""

_SUBSCRIPTION = {Outcome.UNSUBSCRIBED: OUT, Outcome.SUBSCRIBED: IN}
_STOP_START = {Outcome.OPTED_OUT: OUT, Outcome.OPTED_IN: IN}


def consent_changes(event: Event) -> list[ConsentChange]:
    """The changes of consent that an event tells; none where it cannot be attributed to a recipient."""
    if event.recipient is None:
        return []
    if event.outcome in _SUBSCRIPTION:
        return _subscription(event)
    if event.outcome in _STOP_START:
        evidence = {"method": "written", "wording": _said(event, "text"), "reference": None}
        return _of_senders(event, _STOP_START[event.outcome], evidence, None)
    if (
        event.channel == "sms"
        and event.outcome is Outcome.SKIPPED
        and _said(event, "error_code") == OPTED_OUT_CODE
    ):
        evidence = {"method": None, "wording": _said(event, "error"), "reference": OPTED_OUT_CODE}
        return _of_senders(
            event, OUT, evidence, "a message was refused, because the number had opted out before"
        )
    return []


def _subscription(event: Event) -> list[ConsentChange]:
    """SES names topics of a contact list. One that is called as a category is that category; all others belong to the
    category of the mail, marketing unless it was a notification. Of two that differ the opt-out counts."""
    own = NOTIFICATION if event.descriptors.category == NOTIFICATION else MARKETING
    told: dict[str, str] = {}
    topics = event.detail.get("topics") or {}
    if event.detail.get("all") is True:
        told = {MARKETING: OUT, NOTIFICATION: OUT}
    else:
        for topic, status in topics.items():
            category = topic.lower() if topic.lower() in (MARKETING, NOTIFICATION) else own
            if status in ("OptIn", "OptOut") and told.get(category) != OUT:
                told[category] = IN if status == "OptIn" else OUT
    evidence = {
        "method": "link",
        "wording": ", ".join(f"{topic}: {status}" for topic, status in topics.items()) or None,
        "reference": _said(event, "contact_list"),
    }
    return [
        _change(event, category, None, consent, "ses", evidence, None)
        for category, consent in (told or {own: _SUBSCRIPTION[event.outcome]}).items()
    ]


def _of_senders(
    event: Event, consent: str, evidence: dict[str, Any], reason: str | None
) -> list[ConsentChange]:
    """Of the number that was written to or from and, where it belongs to a messaging service, of that service: Twilio
    keeps opt-outs for the whole of it (https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out)."""
    service = _said(event, "messaging_service")
    senders = dict.fromkeys((event.descriptors.sender, service and normalise(event.channel, service)))
    return [
        _change(event, EVERY_CATEGORY, sender, consent, "twilio", evidence, reason)
        for sender in senders
        if sender
    ]


def _change(
    event: Event,
    category: str,
    sender: str | None,
    consent: str,
    source: str,
    evidence: dict[str, Any],
    reason: str | None,
) -> ConsentChange:
    return ConsentChange(
        entry_id=event_identity(event.event_id, category, sender),
        category=category,
        sender=sender,
        consent=consent,
        source=source,
        actor=event.recipient or "",
        evidence=evidence,
        reason=reason,
        at=event.at,
        recorded_by=None,
        message_id=event.message_id,
    )


def _said(event: Event, name: str) -> str | None:
    said = event.detail.get(name)
    return said if isinstance(said, str) else None
