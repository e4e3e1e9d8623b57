"""Twilio: from status callbacks and inbound messages to events.

Shapes: https://www.twilio.com/docs/messaging/guides/track-outbound-message-status and
https://www.twilio.com/docs/messaging/guides/webhook-request. Callbacks carry no time of the fact (RawDlrDoneDate has
minutes and no zone: kept, never ordered by), so an event's time is when it was received and its identity is the
status itself.
"""

from dataclasses import dataclass
from urllib.parse import parse_qsl

from processors.providers.reading import NAME_LIMIT, Incomprehensible, excerpt, said, scalar, text
from schemas.addresses import normalise_phone
from schemas.envelope import Envelope
from schemas.events import Descriptors, Event, event_identity
from schemas.message_ids import load_json, twilio_message_id
from schemas.status import Outcome
from schemas.twilio_errors import ERRORS

Read = list[Event] | Incomprehensible
Fields = dict[str, str]

_OUTCOMES = {
    "accepted": Outcome.QUEUED,
    "scheduled": Outcome.QUEUED,
    "queued": Outcome.QUEUED,
    "sending": Outcome.QUEUED,
    "sent": Outcome.SENT,
    "partially_delivered": Outcome.SENT,
    "delivered": Outcome.DELIVERED,
    "undelivered": Outcome.UNDELIVERED,
    "failed": Outcome.FAILED,
    "read": Outcome.OPENED,
    "canceled": Outcome.CANCELED,
    "receiving": Outcome.INBOUND,
    "received": Outcome.INBOUND,
}
"""MessageStatus, and what it says happened."""

_STOP = frozenset({"STOP", "UNSUBSCRIBE", "END", "QUIT", "STOPALL", "REVOKE", "OPTOUT", "CANCEL"})
_START = frozenset({"START", "YES", "UNSTOP"})
"""Words that, alone in a message, opt its sender out or in:
https://help.twilio.com/articles/223134027-Twilio-support-for-opt-out-keywords-SMS-STOP-filtering-"""

_MAX_FIELDS = 200
"""Twilio sends some dozens; with many media attached, two more for each."""


def adapt(envelope: Envelope, tenant: str) -> Read:
    """Events of one callback or inbound message."""
    fields = _fields(envelope)
    if isinstance(fields, Incomprehensible):
        return fields
    message_id = twilio_message_id(fields.get)
    if message_id is None:
        return Incomprehensible("no_message_id", "expected MessageSid")
    status = fields.get("MessageStatus") or fields.get("SmsStatus")
    if status is None and "Body" in fields:
        status = "received"
    if status is None:
        return Incomprehensible("no_status", "expected MessageStatus or SmsStatus")
    outcome = _OUTCOMES.get(status.lower(), Outcome.UNKNOWN)
    callback = _Callback(envelope, tenant, message_id, status.lower(), fields)
    if outcome is Outcome.INBOUND:
        return callback.inbound()
    return callback.outbound(outcome)


def _fields(envelope: Envelope) -> Fields | Incomprehensible:
    """The parameters that say something, by name; of a name given several times, the first."""
    if "json" in envelope.content_type.lower():
        try:
            body = load_json(envelope.body)
        except ValueError:
            return Incomprehensible("not_json", "expected a JSON body, as its content type says")
        if not isinstance(body, dict):
            return Incomprehensible("not_an_object", "expected the body to be a JSON object")
        return {name: value for name, given in body.items() if (value := scalar(given, 4096)) is not None}
    return _pairs(envelope.body.decode(errors="replace")) or Incomprehensible(
        "not_a_form", "expected form fields"
    )


def _pairs(form: str) -> Fields:
    try:
        pairs = parse_qsl(form, max_num_fields=_MAX_FIELDS)
    except ValueError:
        return {}
    fields: Fields = {}
    for name, given in pairs:
        if value := text(given):
            fields.setdefault(name, value)
    return fields


@dataclass(frozen=True, slots=True)
class _Callback:
    envelope: Envelope
    tenant: str
    message_id: str
    status: str
    fields: Fields

    def outbound(self, outcome: Outcome) -> Read:
        """What became of a message to `To`."""
        given = self.fields.get("To")
        recipient = self._number(given)
        if recipient is None:
            return Incomprehensible("no_recipient", "expected To, the number that was written to")
        code = self.fields.get("ErrorCode")
        known = ERRORS.get(code) if code else None
        reason = None
        if known and known.outcome and outcome in (Outcome.UNDELIVERED, Outcome.FAILED):
            outcome, reason = known.outcome, known.reason
        unknown = outcome is Outcome.UNKNOWN
        detail = said(
            provider_status=self.status,
            error_code=code,
            error=self.fields.get("ErrorMessage") or (known.meaning if known else None),
            reason=reason,
            messaging_service=self.fields.get("MessagingServiceSid"),
            raw_dlr_done_date=self.fields.get("RawDlrDoneDate"),
            provider_type=self.status if unknown else None,
            payload=excerpt(self.fields) if unknown else None,
        )
        return [self._event(outcome, recipient, given, self.fields.get("From"), detail, self.status, code)]

    def inbound(self) -> Read:
        """A message from `From` to one of our numbers, and what it says about that number's consent."""
        given = self.fields.get("From")
        number = self._number(given)
        if number is None:
            return Incomprehensible("no_recipient", "expected From, the number that wrote")
        told = self.fields.get("OptOutType")
        ours = self.fields.get("To")
        detail = said(
            provider_status=self.status,
            text=self.fields.get("Body"),
            opt_out_type=told,
            messaging_service=self.fields.get("MessagingServiceSid"),
        )
        events = [self._event(Outcome.INBOUND, number, given, ours, detail)]
        if consent := _consent(told, self.fields.get("Body")):
            events.append(self._event(consent, number, given, ours, detail))
        return events

    @staticmethod
    def _number(given: str | None) -> str | None:
        return normalise_phone(given) or None if given and len(given) <= NAME_LIMIT else None

    def _event(
        self,
        outcome: Outcome,
        recipient: str,
        given: str | None,
        sender: str | None,
        detail: dict[str, str],
        *distinct: str | None,
    ) -> Event:
        said_by_sender = _pairs(self.envelope.query) if self.envelope.query else {}
        return Event(
            event_id=event_identity("twilio", self.tenant, self.message_id, recipient, outcome, *distinct),
            tenant=self.tenant,
            provider="twilio",
            channel="sms",
            message_id=self.message_id,
            recipient=recipient,
            recipient_as_given=given,
            outcome=outcome,
            at=self.envelope.received_at,
            timed=False,
            received_at=self.envelope.received_at,
            receipt_id=self.envelope.receipt_id,
            descriptors=Descriptors(
                sender=normalise_phone(sender[:NAME_LIMIT]) if sender else None,
                campaign=text(said_by_sender.get("campaign"), NAME_LIMIT),
                customer=text(said_by_sender.get("customer"), NAME_LIMIT),
                category=text(said_by_sender.get("category"), NAME_LIMIT),
                document=text(said_by_sender.get("document"), NAME_LIMIT),
            ),
            detail=detail,
        )


def _consent(told: str | None, body: str | None) -> Outcome | None:
    """Opted out or in. Where Advanced Opt-Out says what it took the message for, that counts and nothing else."""
    if told is not None:
        return {"STOP": Outcome.OPTED_OUT, "START": Outcome.OPTED_IN}.get(told.upper())
    word = (body or "").strip().upper()
    return Outcome.OPTED_OUT if word in _STOP else Outcome.OPTED_IN if word in _START else None
