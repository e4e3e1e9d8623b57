"""The status and everything else that is published of a message's facts: pure functions of the facts."""

from typing import Any

import orjson

from processors.facts import OUT_OF_OFFICE, WHY, MessageFacts, word_of_why
from processors.machine_opens import by_context
from processors.sketches import overflowed, short_identity, sketch_count
from schemas.addresses import domain_of
from schemas.status import RANK, SUPPORTS, Outcome, Status
from schemas.times import format_optional, format_time

SCHEMA = "message-status/1"

_RANKS = {outcome.value: RANK[status] for outcome, status in SUPPORTS.items() if status is not None}
_STATUSES = tuple(Status)
_NOT_ATTEMPTED = frozenset({Status.QUEUED, Status.SKIPPED, Status.INVALID, Status.CANCELED})
_BY_STATUS_ALONE = _NOT_ATTEMPTED | {Status.REJECTED, Status.FAILED, Status.UNDELIVERED}
"""Statuses that are counted where they are final and not where something higher was heard since."""
_IMPLY_DELIVERY = (
    Outcome.DELIVERED,
    Outcome.OPENED,
    Outcome.CLICKED,
    Outcome.COMPLAINED,
    Outcome.UNSUBSCRIBED,
)


def status_of(facts: MessageFacts) -> Status:
    """The highest status that a fact supports."""
    return _STATUSES[max(_RANKS[outcome] for outcome in facts.times)]


def has_arrived(facts: MessageFacts) -> bool:
    """Whether a fact tells of a delivery or implies one."""
    return any(outcome in facts.times for outcome in _IMPLY_DELIVERY)


class Engagement:
    """Opens or clicks: how many, how many of them by people, and when; `unmasked` tells by identity hash why one is a
    machine's whose agent does not say so. Beyond 64 distinct ones, what is said of people and machines is drawn from the
    64 that are kept."""

    __slots__ = ("count", "first_human", "human_count", "overflowed", "unmasked")

    def __init__(self, facts: MessageFacts, outcome: Outcome) -> None:
        sketch = facts.sketches.get(outcome)
        self.count = sketch_count(sketch)
        self.overflowed = overflowed(sketch)
        self.human_count = 0
        self.first_human: int | None = None
        self.unmasked: dict[int, str] = {}
        if sketch is None:
            return
        kept = sketch[0]
        self.unmasked = unmasked = by_context(outcome, kept, _taken_at(facts))
        human = [seen[1] for seen in kept if not seen[2] and seen[0] not in unmasked]
        if human:
            self.human_count = round(self.count * len(human) / len(kept))
            self.first_human = min(human)


def _taken_at(facts: MessageFacts) -> int | None:
    """When the recipient's mail server took the message, in ms, where a provider gave the time."""
    delivered = facts.times.get(Outcome.DELIVERED) if facts.channel == "email" else None
    return delivered[0] if delivered and delivered[1] else None


class View:
    """What is derived from facts, each thing once."""

    __slots__ = ("arrived", "clicks", "facts", "gave_up", "opens", "reached", "soft_bounces", "status")

    def __init__(self, facts: MessageFacts) -> None:
        times = facts.times
        self.facts = facts
        self.status = status_of(facts)
        self.opens = Engagement(facts, Outcome.OPENED)
        self.clicks = Engagement(facts, Outcome.CLICKED)
        self.arrived = arrived = has_arrived(facts)
        self.soft_bounces = sketch_count(facts.sketches.get(Outcome.SOFT_BOUNCED))
        if not arrived:
            self.soft_bounces += sketch_count(facts.sketches.get(OUT_OF_OFFICE))
        self.gave_up = self.soft_bounces > 0 and not arrived and Outcome.BOUNCED not in times
        self.reached = self._reached()

    def _reached(self) -> list[str]:
        status = self.status
        found: list[str] = [] if status in _NOT_ATTEMPTED else ["sent"]
        if status in _BY_STATUS_ALONE:
            found.append(status)
        elif status is Status.BOUNCED:
            found.append("bounced")
        elif self.arrived:
            found += self._reached_by_delivery()
        if self.gave_up and status not in _NOT_ATTEMPTED:
            found.append("soft_bounced")
        return found

    def _reached_by_delivery(self) -> list[str]:
        times = self.facts.times
        found = ["delivered"]
        clicked, human_clicked = Outcome.CLICKED in times, self.clicks.first_human is not None
        if clicked or Outcome.OPENED in times:
            found.append("opened")
            if human_clicked or self.opens.first_human is not None:
                found.append("human_opened")
        if clicked:
            found.append("clicked")
            if human_clicked:
                found.append("human_clicked")
        if Outcome.COMPLAINED in times:
            found.append("complained")
        if Outcome.UNSUBSCRIBED in times:
            found.append("unsubscribed")
        return found


def reached(facts: MessageFacts) -> list[str]:
    """What counts this pair of message and recipient in rates: members of schemas.status.COUNTS.

    A click implies an open; an open, a complaint or an unsubscription implies a delivery. A pair that ended bounced is
    no delivery, and nothing that follows from one; of what ended the message before, only the status counts.
    """
    return View(facts).reached


def published(facts: MessageFacts) -> bytes:
    """The value of a record of `waybill-message-status`: schemas/json/waybill-message-status/v1.schema.json."""
    view = View(facts)
    status, opens, clicks, times = view.status, view.opens, view.clicks, facts.times
    said = {name: word[2] for name, word in facts.descriptors.items()}
    why = _why(facts, status)
    opened, clicked = times.get(Outcome.OPENED), times.get(Outcome.CLICKED)
    sent = facts.sent_at if facts.sent_at is not None else _first(facts, Outcome.SENT)
    return orjson.dumps(
        {
            "schema": SCHEMA,
            "tenant": facts.tenant,
            "message_id": facts.message_id,
            "recipient": facts.recipient or None,
            "recipient_as_given": said.get("recipient_as_given"),
            "channel": facts.channel,
            "provider": facts.provider,
            "status": status,
            "rank": RANK[status],
            "previous_status": facts.previous_status,
            "changed_at": format_time(facts.changed_at),
            "event_id": facts.changed_by,
            "revision": facts.revision,
            "filed_at": format_time(facts.filed_at),
            "updated_at": format_time(facts.updated_at),
            "domain": domain_of(facts.recipient) or None,
            "sender": said.get("sender"),
            "subject": said.get("subject"),
            "text": said.get("text"),
            "campaign": said.get("campaign"),
            "customer": said.get("customer"),
            "category": said.get("category"),
            "document": said.get("document"),
            "method": said.get("method"),
            "link": said.get("link"),
            "tracking": said.get("tracking"),
            "reason": why.get("reason"),
            "sent_at": None if status in _NOT_ATTEMPTED else format_optional(sent),
            "delivered_at": format_optional(_first(facts, Outcome.DELIVERED)),
            "first_opened_at": format_time(opened[0]) if opened else None,
            "last_opened_at": format_time(opened[1] or opened[0]) if opened else None,
            "first_human_opened_at": format_optional(opens.first_human),
            "first_clicked_at": format_time(clicked[0]) if clicked else None,
            "last_clicked_at": format_time(clicked[1] or clicked[0]) if clicked else None,
            "first_human_clicked_at": format_optional(clicks.first_human),
            "bounced_at": format_optional(_first(facts, Outcome.BOUNCED)),
            "complained_at": format_optional(_first(facts, Outcome.COMPLAINED)),
            "unsubscribed_at": format_optional(_first(facts, Outcome.UNSUBSCRIBED)),
            "opens": opens.count,
            "human_opens": opens.human_count,
            "clicks": clicks.count,
            "human_clicks": clicks.human_count,
            "unmasked": _unmasked(view),
            "soft_bounces": view.soft_bounces,
            "approximate": opens.overflowed
            or clicks.overflowed
            or overflowed(facts.sketches.get(Outcome.SOFT_BOUNCED))
            or overflowed(facts.sketches.get(OUT_OF_OFFICE)),
            "gave_up": view.gave_up,
            "soft_bounce": _soft_bounce(view),
            "delay": _delay(facts),
            "bounce": _bounce(facts, Outcome.BOUNCED, "hard"),
            "complaint": _complaint(facts),
            "error_code": why.get("error_code"),
            "error": why.get("error") or why.get("diagnostic"),
            "reached": view.reached,
        }
    )


def _unmasked(view: View) -> dict[str, list[str]]:
    """By reason the beginnings of the identities of opens and clicks that are machines' by what stands around them."""
    found: dict[str, list[str]] = {}
    if not (view.opens.unmasked or view.clicks.unmasked):
        return found
    for identity, reason in (*view.opens.unmasked.items(), *view.clicks.unmasked.items()):
        found.setdefault(reason, []).append(short_identity(identity))
    return {reason: sorted(found[reason]) for reason in sorted(found)}


def _why(facts: MessageFacts, status: Status) -> dict[str, Any]:
    """Why the message ended like that: the application's words, else those of the provider's latest report."""
    if status not in _BY_STATUS_ALONE:
        return {}
    latest = facts.latest.get(status)
    why: dict[str, Any] = dict(latest[2]) if latest else {}
    for name in WHY:
        if word := facts.descriptors.get(word_of_why(status, name)):
            why[name] = word[2]
    return why


def _first(facts: MessageFacts, outcome: Outcome) -> int | None:
    times = facts.times.get(outcome)
    return times[0] if times else None


def _told_at(facts: MessageFacts, outcome: Outcome, at: int) -> str:
    """When the latest of an outcome was; of one without a time of its own, when its like was first heard of."""
    return format_time(at or facts.times[outcome][0])


def _bounce(facts: MessageFacts, kind: str, hardness: str) -> dict[str, Any] | None:
    latest = facts.latest.get(kind)
    if latest is None:
        return None
    at, _, detail = latest
    return {
        "type": hardness,
        "subtype": detail.get("subtype"),
        "code": detail.get("code"),
        "cause": detail.get("cause"),
        "diagnostic": detail.get("diagnostic"),
        "at": _told_at(facts, Outcome.BOUNCED if hardness == "hard" else Outcome.SOFT_BOUNCED, at),
    }


def _soft_bounce(view: View) -> dict[str, Any] | None:
    """The latest soft bounce; out-of-office replies only where nothing arrived."""
    facts = view.facts
    kinds = [kind for kind in (Outcome.SOFT_BOUNCED, OUT_OF_OFFICE) if kind in facts.latest]
    if view.arrived:
        kinds = [kind for kind in kinds if kind != OUT_OF_OFFICE]
    if not kinds:
        return None
    return _bounce(facts, max(kinds, key=lambda kind: facts.latest[kind][:2]), "soft")


def _delay(facts: MessageFacts) -> dict[str, Any] | None:
    latest = facts.latest.get(Outcome.DELAYED)
    if latest is None:
        return None
    at, _, detail = latest
    return {
        "type": detail.get("type"),
        "code": detail.get("code"),
        "diagnostic": detail.get("diagnostic"),
        "at": _told_at(facts, Outcome.DELAYED, at),
        "expires_at": detail.get("expires_at"),
    }


def _complaint(facts: MessageFacts) -> dict[str, Any] | None:
    latest = facts.latest.get(Outcome.COMPLAINED)
    if latest is None:
        return None
    return {"type": latest[2].get("type"), "at": _told_at(facts, Outcome.COMPLAINED, latest[0])}
