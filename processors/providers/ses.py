"""Amazon SES: from an SNS notification to events.

Both styles are read: event publishing (`eventType`, with tags) and feedback notifications (`notificationType`).
Shapes: https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html and
https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html.

An entry of a payload's list of recipients that cannot be read spoils only itself: the others become their events,
and one of outcome `unknown` tells how many were left out. With none readable the receipt is incomprehensible.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypedDict

import msgspec

from processors.machine_opens import judge
from processors.providers.bounces import classify
from processors.providers.reading import (
    MAX_RECIPIENTS,
    NAME_LIMIT,
    Incomprehensible,
    excerpt,
    listed,
    said,
    table,
    text,
    told_time,
)
from processors.providers.ses_mail import NOBODY, Mail, MailFields, Place, read_mail, readable_address
from schemas.envelope import Envelope
from schemas.events import Event
from schemas.message_ids import load_json
from schemas.status import Outcome

Read = list[Event] | Incomprehensible

_SETUP_TEXT = "Successfully validated SNS topic"
_SETUP_TYPE = "AmazonSnsSubscriptionSucceeded"
"""How SES tells that a topic was set up: as plain text, or, for an identity's feedback notifications, as JSON
without a `mail` object."""


def adapt(envelope: Envelope, tenant: str) -> Read:
    """Events of one SNS message. What only sets a subscription up is recorded and means nothing further: []."""
    try:
        notice = load_json(envelope.body)
    except ValueError:
        return Incomprehensible("not_json", "expected the JSON of an SNS message")
    if not isinstance(notice, dict):
        return Incomprehensible("not_an_object", "expected an SNS message to be a JSON object")
    kind = notice.get("Type")
    if kind in ("SubscriptionConfirmation", "UnsubscribeConfirmation"):
        return []
    if kind != "Notification":
        return Incomprehensible(
            "unknown_sns_type", "expected Type to be Notification or one of the confirmations"
        )
    message = notice.get("Message")
    if not isinstance(message, str):
        return Incomprehensible("no_message", "expected the notification to have a Message")
    if message.startswith(_SETUP_TEXT):
        return []
    try:
        payload = _load(message)
    except ValueError:
        return Incomprehensible("not_ses", "expected the Message to be the JSON of an SES event")
    if not isinstance(payload, dict):
        return Incomprehensible("not_ses", "expected the Message to be a JSON object")
    return _read(envelope, tenant, payload)


class _Payload(TypedDict, total=False):
    """What is read of a payload whose kind is known."""

    eventType: Any
    notificationType: Any
    mail: MailFields
    send: Any
    delivery: Any
    deliveryDelay: Any
    bounce: Any
    complaint: Any
    open: Any
    click: Any
    reject: Any
    failure: Any
    subscription: Any


_payloads = msgspec.json.Decoder(_Payload)


def _load(message: str) -> Any:
    """The payload without what is not read of it, which is most: that takes half of the time that load_json does. Where it is
    of an unknown kind or has another shape than it should, all that load_json makes of it. Raises ValueError where that is
    nothing."""
    try:
        payload = _payloads.decode(message)
    except (msgspec.DecodeError, RecursionError):
        return load_json(message)
    return payload if _kind(payload) in _KINDS else load_json(message)


def _kind(payload: Mapping[str, Any]) -> str | None:
    return text(payload.get("eventType"), NAME_LIMIT) or text(payload.get("notificationType"), NAME_LIMIT)


def _read(envelope: Envelope, tenant: str, payload: dict[str, Any]) -> Read:
    kind = _kind(payload)
    if kind is None:
        return Incomprehensible("no_event_type", "expected eventType or notificationType")
    if kind == _SETUP_TYPE:
        return []
    if not isinstance(payload.get("mail"), dict):
        return Incomprehensible("no_mail", "expected a mail object")
    mail = read_mail(envelope, tenant, payload["mail"])
    if isinstance(mail, Incomprehensible):
        return mail
    if kind not in _KINDS:
        return _unknown(mail, kind, payload)
    part, reader = _KINDS[kind]
    return reader(mail, table(payload.get(part)))


def _to_all(mail: Mail, outcome: Outcome, detail: dict[str, Any]) -> Read:
    """Events that SES reports of a message as a whole. They have no time of their own: it is the message's."""
    return [mail.event(outcome, place, mail.sent_at, detail) for place in mail.places.values()]


def _send(mail: Mail, _part: dict[str, Any]) -> Read:
    return _to_all(mail, Outcome.SENT, {})


def _reject(mail: Mail, part: dict[str, Any]) -> Read:
    return _to_all(mail, Outcome.REJECTED, said(reason=text(part.get("reason"))))


def _rendering_failure(mail: Mail, part: dict[str, Any]) -> Read:
    detail = said(
        error_code="rendering_failure",
        error=text(part.get("errorMessage")),
        template=text(part.get("templateName"), NAME_LIMIT),
    )
    return _to_all(mail, Outcome.FAILED, detail)


def _each(mail: Mail, entries: object, make: Callable[[Place, dict[str, Any]], Event]) -> Read:
    """The events of a list of recipients, plain addresses or objects with an `emailAddress`."""
    found = listed(entries)
    if len(found) > MAX_RECIPIENTS:
        return Incomprehensible("too_many_recipients", f"expected at most {MAX_RECIPIENTS} recipients")
    events: dict[str, Event] = {}
    unreadable = 0
    for entry in found:
        address = readable_address(entry.get("emailAddress") if isinstance(entry, dict) else entry)
        if address is None:
            unreadable += 1
            continue
        event = make(mail.place(address), table(entry))
        events.setdefault(event.event_id, event)
    if not events:
        return Incomprehensible("no_recipients", "expected at least one recipient with an address")
    if unreadable:
        detail = {"provider_type": "unreadable_recipients", "count": unreadable}
        lost = mail.event(Outcome.UNKNOWN, NOBODY, None, detail, next(iter(events)))
        events[lost.event_id] = lost
    return list(events.values())


def _delivery(mail: Mail, part: dict[str, Any]) -> Read:
    at = mail.when(part)
    response = text(part.get("smtpResponse"))

    def make(place: Place, _entry: dict[str, Any]) -> Event:
        return mail.event(Outcome.DELIVERED, place, at, said(response=response))

    return _each(mail, part.get("recipients"), make)


def _delivery_delay(mail: Mail, part: dict[str, Any]) -> Read:
    at = mail.when(part)
    kind = text(part.get("delayType"), NAME_LIMIT)
    expires_at = told_time(part.get("expirationTime"))

    def make(place: Place, entry: dict[str, Any]) -> Event:
        detail = said(
            type=kind,
            code=text(entry.get("status"), 16),
            diagnostic=text(entry.get("diagnosticCode")),
            expires_at=expires_at,
        )
        return mail.event(Outcome.DELAYED, place, at, detail)

    return _each(mail, part.get("delayedRecipients"), make)


def _bounce(mail: Mail, part: dict[str, Any]) -> Read:
    at = mail.when(part)
    label = text(part.get("bounceType"), NAME_LIMIT)
    subtype = text(part.get("bounceSubType"), NAME_LIMIT)
    mta = text(part.get("reportingMTA"), NAME_LIMIT)

    def make(place: Place, entry: dict[str, Any]) -> Event:
        diagnostic = text(entry.get("diagnosticCode"))
        verdict = classify(label, subtype, text(entry.get("status"), 64), diagnostic)
        detail = said(
            type=label,
            subtype=subtype,
            code=verdict.code,
            cause=verdict.cause,
            diagnostic=diagnostic,
            reason=verdict.reason,
            action=text(entry.get("action"), NAME_LIMIT),
            reporting_mta=mta,
        )
        return mail.event(verdict.outcome, place, at, detail)

    return _each(mail, part.get("bouncedRecipients"), make)


def _complaint(mail: Mail, part: dict[str, Any]) -> Read:
    """A complaint. `complainedRecipients` may list everybody at the domain that complained, so that of several
    nobody knows who it was: https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html."""
    at = mail.when(part)
    kind = text(part.get("complaintFeedbackType"), NAME_LIMIT)
    detail = said(type=kind, agent=text(part.get("userAgent"), NAME_LIMIT))
    outcome = Outcome.NOT_SPAM if kind == "not-spam" else Outcome.COMPLAINED
    if text(part.get("complaintSubType")) == "OnAccountSuppressionList":
        outcome = Outcome.INVALID
        detail |= {"subtype": "OnAccountSuppressionList", "reason": "suppressed_after_complaint"}

    def make(place: Place, _entry: dict[str, Any]) -> Event:
        return mail.event(outcome, place, at, detail)

    several = listed(part.get("complainedRecipients"))
    read = _each(mail, several, make)
    # Who is on SES's own list is known of each of them: nothing was sent, and nobody had to be guessed.
    if isinstance(read, Incomprehensible) or len(read) < 2 or outcome is Outcome.INVALID:
        return read
    suspects = sorted(event.recipient or event.reported_recipient or "" for event in read)
    return [mail.event(outcome, NOBODY, at, detail | {"listed": len(several)}, *suspects)]


def _open(mail: Mail, part: dict[str, Any]) -> Read:
    return _engagement(mail, Outcome.OPENED, part, None)


def _click(mail: Mail, part: dict[str, Any]) -> Read:
    return _engagement(mail, Outcome.CLICKED, part, text(part.get("link")))


def _engagement(mail: Mail, outcome: Outcome, part: dict[str, Any], link: str | None) -> Read:
    """An open or a click. SES names no recipient: with one destination that one is meant, else nobody knows."""
    agent = text(part.get("userAgent"))
    ip = text(part.get("ipAddress"), 64)
    verdict = judge(outcome, agent)
    return [
        mail.event(
            outcome,
            mail.only or NOBODY,
            mail.when(part),
            said(user_agent=agent, ip=ip, link=link),
            ip,
            agent,
            link,
            machine=verdict.machine,
            machine_reason=verdict.reason,
        )
    ]


def _subscription(mail: Mail, part: dict[str, Any]) -> Read:
    """A change of the recipient's preferences in an SES contact list, by the unsubscribe header or footer link:
    https://docs.aws.amazon.com/ses/latest/dg/sending-email-subscription-management.html."""
    old = table(part.get("oldTopicPreferences"))
    new = table(part.get("newTopicPreferences"))
    was, now = _topics(old), _topics(new)
    changed = {topic: status for topic, status in now.items() if was.get(topic) != status} or now
    left = new.get("unsubscribeAll") is True or "OptOut" in changed.values()
    joined = "OptIn" in changed.values() or (
        old.get("unsubscribeAll") is True and new.get("unsubscribeAll") is False
    )
    outcome = Outcome.UNSUBSCRIBED if left else Outcome.SUBSCRIBED if joined else Outcome.UNKNOWN
    detail = said(
        contact_list=text(part.get("contactList"), NAME_LIMIT),
        source=text(part.get("source"), NAME_LIMIT),
        all=new.get("unsubscribeAll") if isinstance(new.get("unsubscribeAll"), bool) else None,
        topics=changed or None,
        provider_type="Subscription" if outcome is Outcome.UNKNOWN else None,
    )
    return [mail.event(outcome, mail.only or NOBODY, mail.when(part), detail, detail.get("contact_list"))]


def _topics(preferences: dict[str, Any]) -> dict[str, str]:
    """Status by topic; contact lists have at most 20 topics."""
    found = {}
    for entry in listed(preferences.get("topicSubscriptionStatus"))[:100]:
        name = text(table(entry).get("topicName"), NAME_LIMIT)
        status = text(table(entry).get("subscriptionStatus"), NAME_LIMIT)
        if name and status:
            found[name] = status
    return found


def _unknown(mail: Mail, kind: str, payload: dict[str, Any]) -> Read:
    """A type that SES has added since: kept for people to read, never an error."""
    rest = {
        name: value
        for name, value in payload.items()
        if name not in ("mail", "eventType", "notificationType")
    }
    at = next((mail.when(part) for part in rest.values() if isinstance(part, dict)), None)
    payload_text = excerpt(rest)
    detail = said(provider_type=kind, payload=payload_text)
    return [mail.event(Outcome.UNKNOWN, mail.only or NOBODY, at, detail, kind, payload_text)]


_KINDS: dict[str, tuple[str, Callable[[Mail, dict[str, Any]], Read]]] = {
    "Send": ("send", _send),
    "Delivery": ("delivery", _delivery),
    "DeliveryDelay": ("deliveryDelay", _delivery_delay),
    "Bounce": ("bounce", _bounce),
    "Complaint": ("complaint", _complaint),
    "Open": ("open", _open),
    "Click": ("click", _click),
    "Reject": ("reject", _reject),
    "Rendering Failure": ("failure", _rendering_failure),
    "Subscription": ("subscription", _subscription),
}
"""What SES reports: the payload's part that tells of it, and how it is read."""
