"""The `mail` object that every SES payload carries: whose message it was, to whom it went, and what describes it.

Shape: https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html, “Mail object”.
"""

from email.errors import HeaderParseError
from email.header import decode_header, make_header
from functools import lru_cache
from typing import Any, TypedDict

import msgspec

from processors.providers.reading import (
    MAX_RECIPIENTS,
    NAME_LIMIT,
    TEXT_LIMIT,
    Incomprehensible,
    listed,
    moment,
    table,
    text,
)
from schemas.addresses import normalise_email
from schemas.envelope import Envelope
from schemas.events import Descriptors, Event, event_identity
from schemas.message_ids import load_json, ses_message_id
from schemas.status import Outcome

_CommonHeaders = TypedDict("_CommonHeaders", {"from": Any, "subject": Any}, total=False)


class _Tags(TypedDict, total=False):
    campaign: Any
    category: Any
    customer: Any
    document: Any
    method: Any
    tracking: Any


class MailFields(TypedDict, total=False):
    """What is read of a `mail` object, for a decoder that passes over the rest. The many headers stay JSON until one of them is
    looked for."""

    commonHeaders: _CommonHeaders
    destination: Any
    headers: msgspec.Raw
    messageId: Any
    source: Any
    tags: _Tags
    timestamp: Any


class Place(msgspec.Struct, frozen=True, gc=False):
    """Whom a fact is about: the normalised recipient, as it was given, and the address that the report named
    where that was another one. No recipient = unattributed."""

    recipient: str | None
    as_given: str | None
    reported: str | None = None


NOBODY = Place(None, None)


class Mail(msgspec.Struct, frozen=True):
    """What one payload says of its message. `places` has its readable destinations by normalised address; `only`
    is the single destination, None where there are several."""

    envelope: Envelope
    tenant: str
    message_id: str
    sent_at: int | None
    places: dict[str, Place]
    only: Place | None
    descriptors: Descriptors

    def place(self, address: str) -> Place:
        """Whom a report about a normalised address is about.

        It may be where the mail was forwarded to: with one destination that one is meant; with several nobody can
        say, and an outsider's standing must not be touched.
        """
        if found := self.places.get(address):
            return found
        if self.only:
            return Place(self.only.recipient, self.only.as_given, address)
        return Place(None, None, address)

    def when(self, part: dict[str, Any]) -> int | None:
        """The time of a part of the payload, such as its `bounce`."""
        return moment(part.get("timestamp"), self.envelope.received_at)

    def event(
        self,
        outcome: Outcome,
        place: Place,
        at: int | None,
        detail: dict[str, Any],
        *distinct: str | None,
        machine: bool | None = None,
        machine_reason: str | None = None,
    ) -> Event:
        """An event of this message. `at` is None where the provider told no time that can be believed, `distinct`
        is what sets it apart from another of the same outcome, recipient and time.

        Its identity holds only what event publishing and feedback notifications both tell, so that one fact that
        comes by both is one.
        """
        received_at = self.envelope.received_at
        identity = event_identity(
            "ses",
            self.tenant,
            self.message_id,
            place.recipient,
            outcome,
            at,
            place.reported,
            *distinct,
        )
        return Event(
            event_id=identity,
            tenant=self.tenant,
            provider="ses",
            channel="email",
            message_id=self.message_id,
            recipient=place.recipient,
            recipient_as_given=place.as_given,
            outcome=outcome,
            at=received_at if at is None else at,
            timed=at is not None,
            received_at=received_at,
            receipt_id=self.envelope.receipt_id,
            sent_at=self.sent_at,
            reported_recipient=place.reported,
            descriptors=self.descriptors,
            detail=detail,
            machine=machine,
            machine_reason=machine_reason,
        )


def read_mail(envelope: Envelope, tenant: str, mail: dict[str, Any]) -> Mail | Incomprehensible:
    """What the `mail` object of a payload says, or why it cannot be used."""
    message_id = ses_message_id(mail)
    if message_id is None:
        return Incomprehensible("no_message_id", "expected mail.messageId, the id that SES gave the message")
    destination = listed(mail.get("destination"))
    if len(destination) > MAX_RECIPIENTS:
        return Incomprehensible(
            "too_many_recipients", f"expected at most {MAX_RECIPIENTS} in mail.destination"
        )
    places, all_readable = _places(destination)
    if not places:
        return Incomprehensible(
            "no_destination", "expected mail.destination to list the message's recipients"
        )
    return Mail(
        envelope,
        tenant,
        message_id,
        moment(mail.get("timestamp"), envelope.received_at),
        places,
        next(iter(places.values())) if len(places) == 1 and all_readable else None,
        _descriptors(mail),
    )


def readable_address(given: object) -> str | None:
    """The normalised address of a text that could be one; None of anything else."""
    if not isinstance(given, str) or len(given) > NAME_LIMIT:
        return None
    return normalise_email(given) or None


def _places(destination: list[Any]) -> tuple[dict[str, Place], bool]:
    """The readable destinations by normalised address, and whether all are."""
    places: dict[str, Place] = {}
    all_readable = True
    for given in destination:
        address = readable_address(given)
        if address is None:
            all_readable = False
        else:
            places[address] = Place(address, given)
    return places, all_readable


def _descriptors(mail: dict[str, Any]) -> Descriptors:
    common = table(mail.get("commonHeaders"))
    tags = mail.get("tags")
    if not isinstance(tags, dict):
        tags = _tags_header(mail)
    sender = _first(listed(common.get("from"))) or _header(mail, "from") or text(mail.get("source"))
    subject = text(common.get("subject")) or _header(mail, "subject")
    tracking = _tag(tags, "tracking")
    return Descriptors(
        sender=_sender(sender) if sender else None,
        subject=_decoded(subject) if subject else None,
        campaign=_tag(tags, "campaign"),
        customer=_tag(tags, "customer"),
        category=_tag(tags, "category"),
        document=_tag(tags, "document"),
        method=_tag(tags, "method"),
        tracking="none" if tracking and tracking.lower() == "none" else None,
    )


def _tag(tags: dict[str, Any], name: str) -> str | None:
    """The first value of a tag that says something; SES maps a name to a list of values."""
    values = tags.get(name)
    if values is None:
        return None
    return _first(values, NAME_LIMIT) if isinstance(values, list) else text(values, NAME_LIMIT)


def _first(values: list[Any], limit: int = TEXT_LIMIT) -> str | None:
    """The first of them that is a text and says something."""
    for value in values:
        if said := text(value, limit):
            return said
    return None


def _tags_header(mail: dict[str, Any]) -> dict[str, Any]:
    """Tags of a feedback notification, which has none of its own, from the header that set them.

    https://docs.aws.amazon.com/ses/latest/dg/event-publishing-send-email.html, X-SES-MESSAGE-TAGS.
    """
    header = _header(mail, "x-ses-message-tags") or ""
    pairs = (pair.partition("=") for pair in header.split(","))
    return {name.strip(): value for name, _, value in pairs}


def _header(mail: dict[str, Any], name: str) -> str | None:
    """The first header of that name, in lower case, from the whole list; it may have been cut at 10 KB."""
    for header in _headers(mail):
        if (
            isinstance(header, dict)
            and isinstance(found := header.get("name"), str)
            and found.lower() == name
        ):
            return text(header.get("value"))
    return None


def _headers(mail: dict[str, Any]) -> list[Any]:
    headers = mail.get("headers")
    if isinstance(headers, msgspec.Raw):
        try:
            headers = load_json(bytes(headers))
        except ValueError:  # what msgspec only passes over it does not look at as closely
            headers = None
        mail["headers"] = headers
    return listed(headers)


@lru_cache(maxsize=1024)  # all messages of a mailing have the same
def _sender(given: str) -> str | None:
    return normalise_email(given)[:NAME_LIMIT] or None


def _decoded(header: str) -> str:
    """A header's words as people read them: `=?UTF-8?Q?Caf=C3=A9?=` is `Café` (RFC 2047). What does not decode
    stays as it is."""
    if "=?" not in header:
        return header
    try:
        return (
            str(make_header(decode_header(header)))[:TEXT_LIMIT].encode(errors="replace").decode() or header
        )
    except (HeaderParseError, LookupError, UnicodeError, ValueError):
        return header
