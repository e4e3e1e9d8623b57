"""What a record of receipts tells about addresses: verdicts of messages, marks, changes of consent. Pure.

Only facts with a recipient: what cannot be attributed touches no address.
"""

from collections.abc import Iterable

from processors.consent_events import consent_changes
from processors.facts import COUNTING_SOFT, MessageFacts
from processors.providers.twilio import ERRORS
from processors.status import has_arrived
from schemas.activity import DELIVERED, NEITHER, SOFT, Activity, Mark, SoftBounce, Verdict
from schemas.consent import ConsentChange
from schemas.events import Event
from schemas.standing import SPARING_CAUSES, Reason
from schemas.status import Outcome

_TELLING = frozenset({Outcome.DELIVERED, Outcome.SOFT_BOUNCED})
"""Outcomes that a message's verdict is made of, and with which it is told, changed or not: the record may be a repeat of
one whose outputs never left."""


def activity_of(facts: MessageFacts, events: Iterable[Event]) -> list[Activity]:
    """What a message's facts and those of its events that have just been folded tell about its recipient.

    A delivery is told once for each event that reports it, opens and clicks are not, unless there is nothing else that
    tells of the delivery. A text message has no soft bounces to end, so its delivery is no news.
    """
    told = list(events)
    marks = tuple(mark for event in told if (mark := mark_of(event)))
    found = [_of(event, change) for event in told for change in consent_changes(event)]
    if marks or _may_change_verdict(facts, told):
        verdict = _verdict(facts, marks)
        if marks or verdict.verdict != NEITHER:
            found.append(_of(told[-1], verdict))
    return found


def consents_of(event: Event) -> list[Activity]:
    """What an event that is not folded tells about the consent of an address."""
    return [_of(event, change) for change in consent_changes(event)]


def mark_of(event: Event) -> Mark | None:
    """What an event says against its address, if anything."""
    reason = _reason(event)
    if reason is None or event.recipient is None:
        return None
    detail = event.detail
    number = event.channel == "sms"
    return Mark(
        reason,
        event.at,
        event.event_id,
        detail.get("error_code") if number else detail.get("code"),
        _cause(event),
        detail.get("error") if number else detail.get("diagnostic"),
    )


def _reason(event: Event) -> Reason | None:
    outcome = event.outcome
    if outcome is Outcome.BOUNCED:
        return None if event.detail.get("cause") in SPARING_CAUSES else Reason.HARD_BOUNCE
    if outcome is Outcome.COMPLAINED:
        return Reason.COMPLAINT
    if outcome is Outcome.INVALID:
        # What the application did not send was held back for what is known here already.
        return None if event.provider == "app" else Reason.PROVIDER_SUPPRESSED
    if event.channel == "sms" and outcome in (Outcome.UNDELIVERED, Outcome.FAILED):
        known = ERRORS.get(event.detail.get("error_code", ""))
        return Reason(known.standing) if known and known.standing else None
    return None


def _cause(event: Event) -> str | None:
    """The bounce's cause, the complaint's type or the provider's reason."""
    told: str | None = event.detail.get(_CAUSE.get(event.outcome, ""))
    return told


_CAUSE = {Outcome.BOUNCED: "cause", Outcome.COMPLAINED: "type", Outcome.INVALID: "reason"}


def _may_change_verdict(facts: MessageFacts, told: list[Event]) -> bool:
    if facts.channel != "email":
        return False
    if any(event.outcome in _TELLING for event in told):
        return True
    return Outcome.DELIVERED not in facts.times and has_arrived(facts)


def _verdict(facts: MessageFacts, marks: tuple[Mark, ...]) -> Verdict:
    soft = facts.latest.get(COUNTING_SOFT)
    if facts.channel != "email":
        return Verdict(facts.message_id, facts.filed_at, NEITHER, None, marks)
    if has_arrived(facts):
        return Verdict(facts.message_id, facts.filed_at, DELIVERED, None, marks)
    if soft is None:
        return Verdict(facts.message_id, facts.filed_at, NEITHER, None, marks)
    at, _, detail = soft
    bounce = SoftBounce(
        at or facts.times[Outcome.SOFT_BOUNCED][0],
        detail["event_id"],
        detail.get("subtype"),
        detail.get("code"),
        detail.get("cause"),
        detail.get("diagnostic"),
    )
    return Verdict(facts.message_id, facts.filed_at, SOFT, bounce, marks)


def _of(event: Event, what: Verdict | ConsentChange) -> Activity:
    return Activity(
        event.tenant, event.channel, event.recipient or "", event.received_at, event.receipt_id, what
    )
