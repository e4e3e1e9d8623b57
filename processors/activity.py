"""What receipts tell about addresses: marks and changes of consent by single events, verdicts by a message's facts. Pure.

Only with a recipient: what cannot be attributed touches no address.
"""

from collections.abc import Iterable
from dataclasses import replace

from processors.consent_events import consent_changes
from processors.facts import COUNTING_SOFT, MessageFacts
from processors.status import has_arrived
from schemas.activity import DELIVERED, SOFT, Activity, Mark, SoftBounce, Verdict
from schemas.consent import ConsentChange
from schemas.events import Event
from schemas.standing import SPARING_CAUSES, Reason
from schemas.status import Outcome
from schemas.twilio_errors import ERRORS


def activity_of(event: Event, key: str | None = None) -> list[Activity]:
    """What one event tells about its recipient's address by itself; `key` is the name of the key that it was posted with.
    Also one that is late for its message: a complaint or an opt-out counts whenever it comes."""
    if event.recipient is None or event.outcome in _SILENT:
        return []
    mark = mark_of(event)
    told: list[Mark | ConsentChange] = [replace(one, recorded_by=key) for one in consent_changes(event)]
    return [_of(event, what) for what in ([mark, *told] if mark else told)]


_SILENT = frozenset({Outcome.SENT, Outcome.DELIVERED, Outcome.OPENED, Outcome.CLICKED, Outcome.DELAYED})
"""What nearly all events tell, and which tells nothing of the address by itself."""


def verdict_of(facts: MessageFacts, events: Iterable[Event]) -> Activity | None:
    """A message's verdict, where one of these events, just folded into its facts, may have changed it: changed or not,
    since the record may be a repeat of one whose outputs never left.

    So a delivery is told by what reports it. Opens and clicks tell it only where nothing else does. A text message has
    no soft bounces, so that its delivery ends no row of them and is not told.
    """
    if facts.channel != "email" or not facts.recipient:
        return None
    hearsay = _DELIVERED not in facts.times and has_arrived(facts)
    telling = [event for event in events if hearsay or event.outcome in _TELLING]
    if not telling:
        return None
    verdict = _verdict(facts)
    return _of(telling[-1], verdict) if verdict else None


_DELIVERED = Outcome.DELIVERED
_TELLING = frozenset({Outcome.DELIVERED, Outcome.SOFT_BOUNCED})


def _verdict(facts: MessageFacts) -> Verdict | None:
    arrived, soft = has_arrived(facts), _soft_bounce(facts)
    if not arrived and soft is None:
        return None
    # Not `filed_at` where the time is known: an application may have registered the message long before or after.
    sent_at = facts.filed_at if facts.sent_at is None else facts.sent_at
    return Verdict(facts.message_id, sent_at, DELIVERED if arrived else SOFT, soft)


def _soft_bounce(facts: MessageFacts) -> SoftBounce | None:
    soft = facts.latest.get(COUNTING_SOFT)
    if soft is None:
        return None
    at, _, detail = soft
    return SoftBounce(
        at or facts.times[Outcome.SOFT_BOUNCED][0],
        detail["event_id"],
        detail.get("subtype"),
        detail.get("code"),
        detail.get("cause"),
        detail.get("diagnostic"),
    )


def mark_of(event: Event) -> Mark | None:
    """What an event says against its recipient's address, if anything."""
    reason = _reason(event)
    if reason is None:
        return None
    detail, number = event.detail, event.channel == "sms"
    return Mark(
        reason,
        event.at,
        event.event_id,
        event.message_id,
        detail.get("error_code") if number else detail.get("code"),
        detail.get(_CAUSE.get(event.outcome, "")),
        detail.get("error") if number else detail.get("diagnostic"),
    )


_CAUSE = {Outcome.BOUNCED: "cause", Outcome.COMPLAINED: "type", Outcome.INVALID: "reason"}
"""Where an event says the bounce's cause, the complaint's type or why the provider suppressed the address."""


def _reason(event: Event) -> Reason | None:
    match event.outcome:
        case Outcome.BOUNCED:
            return None if event.detail.get("cause") in SPARING_CAUSES else Reason.HARD_BOUNCE
        case Outcome.COMPLAINED:
            return Reason.COMPLAINT
        case Outcome.INVALID:
            # What the application did not send was held back for what is known here already.
            return None if event.provider == "app" else Reason.PROVIDER_SUPPRESSED
        case Outcome.UNDELIVERED | Outcome.FAILED if event.channel == "sms":
            known = ERRORS.get(event.detail.get("error_code", ""))
            return Reason(known.standing) if known and known.standing else None
        case _:
            return None


def _of(event: Event, what: Verdict | Mark | ConsentChange) -> Activity:
    return Activity(
        event.tenant, event.channel, event.recipient or "", event.received_at, event.receipt_id, what
    )
