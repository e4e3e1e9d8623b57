"""The status and everything else that is published of a message's facts: pure functions of the facts."""

from typing import Any

import orjson

from processors.facts import OUT_OF_OFFICE, WHY, MessageFacts, word_of_why
from processors.machine_opens import by_context
from processors.sketches import Sketch, overflowed, short_identity, sketch_count
from schemas.addresses import domain_of
from schemas.status import RANK, SUPPORTS, Outcome, Status
from schemas.times import format_optional, format_time

SCHEMA = "message-status/1"

# Bound here, because Python 3.11 takes a quarter of a microsecond to find a member of an enumeration by its name.
_DELIVERED, _OPENED, _CLICKED, _COMPLAINED, _UNSUBSCRIBED = (
    Outcome.DELIVERED,
    Outcome.OPENED,
    Outcome.CLICKED,
    Outcome.COMPLAINED,
    Outcome.UNSUBSCRIBED,
)
_SENT, _DELAYED, _SOFT_BOUNCED, _BOUNCED = (
    Outcome.SENT,
    Outcome.DELAYED,
    Outcome.SOFT_BOUNCED,
    Outcome.BOUNCED,
)
_ENDED_BOUNCED = Status.BOUNCED

_RANKS = {outcome.value: RANK[status] for outcome, status in SUPPORTS.items() if status is not None}
_STATUSES = tuple(Status)
_NOT_ATTEMPTED = frozenset({Status.QUEUED, Status.SKIPPED, Status.INVALID, Status.CANCELED})
_BY_STATUS_ALONE = _NOT_ATTEMPTED | {Status.REJECTED, Status.FAILED, Status.UNDELIVERED}
"""Statuses that are counted where they are final and not where something higher was heard since."""
_IMPLY_DELIVERY = frozenset({_DELIVERED, _OPENED, _CLICKED, _COMPLAINED, _UNSUBSCRIBED})


def status_of(facts: MessageFacts) -> Status:
    """The highest status that a fact supports."""
    return _STATUSES[max(map(_RANKS.__getitem__, facts.times))]


def has_arrived(facts: MessageFacts) -> bool:
    """Whether a fact tells of a delivery or implies one."""
    return not _IMPLY_DELIVERY.isdisjoint(facts.times)


class Engagement:
    """Opens or clicks: how many, how many of them by people, and when; `unmasked` tells by identity hash why one is a
    machine's whose agent does not say so. Beyond 64 distinct ones, what is said of people and machines is drawn from the
    64 that are kept."""

    __slots__ = ("count", "first_human", "human_count", "unmasked")

    def __init__(self, sketch: Sketch | None, outcome: Outcome, taken_at: int | None) -> None:
        self.count = sketch_count(sketch)
        self.human_count = 0
        self.first_human: int | None = None
        self.unmasked: dict[int, str] = {}
        if sketch is None:
            return
        kept = sketch[0]
        self.unmasked = unmasked = by_context(outcome, kept, taken_at)
        human = [seen[1] for seen in kept if not seen[2] and seen[0] not in unmasked]
        if human:
            self.human_count = round(self.count * len(human) / len(kept))
            self.first_human = min(human)


_NO_OPENS = Engagement(None, _OPENED, None)
_NO_CLICKS = Engagement(None, _CLICKED, None)


def _taken_at(facts: MessageFacts) -> int | None:
    """When the recipient's mail server took the message, in ms, where a provider gave the time."""
    delivered = facts.times.get(_DELIVERED) if facts.channel == "email" else None
    return delivered[0] if delivered and delivered[1] else None


class View:
    """What is derived from facts, each thing once."""

    __slots__ = ("arrived", "clicks", "facts", "gave_up", "opens", "reached", "soft_bounces", "status")

    def __init__(self, facts: MessageFacts) -> None:
        sketches = facts.sketches
        self.facts = facts
        self.status = status_of(facts)
        opens, clicks = sketches.get(_OPENED), sketches.get(_CLICKED)
        self.opens = Engagement(opens, _OPENED, _taken_at(facts)) if opens else _NO_OPENS
        self.clicks = Engagement(clicks, _CLICKED, _taken_at(facts)) if clicks else _NO_CLICKS
        self.arrived = arrived = has_arrived(facts)
        self.soft_bounces = sketch_count(sketches.get(_SOFT_BOUNCED))
        if not arrived:
            self.soft_bounces += sketch_count(sketches.get(OUT_OF_OFFICE))
        self.gave_up = self.soft_bounces > 0 and not arrived and _BOUNCED not in facts.times
        self.reached = self._reached()

    def _reached(self) -> list[str]:
        status = self.status
        found: list[str] = [] if status in _NOT_ATTEMPTED else ["sent"]
        if status in _BY_STATUS_ALONE:
            found.append(status)
        elif status is _ENDED_BOUNCED:
            found.append("bounced")
        elif self.arrived:
            found += self._reached_by_delivery()
        if self.gave_up and status not in _NOT_ATTEMPTED:
            found.append("soft_bounced")
        return found

    def _reached_by_delivery(self) -> list[str]:
        times = self.facts.times
        found = ["delivered"]
        clicked, human_clicked = _CLICKED in times, self.clicks.first_human is not None
        if clicked or _OPENED in times:
            found.append("opened")
            if human_clicked or self.opens.first_human is not None:
                found.append("human_opened")
        if clicked:
            found.append("clicked")
            if human_clicked:
                found.append("human_clicked")
        if _COMPLAINED in times:
            found.append("complained")
        if _UNSUBSCRIBED in times:
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
    first = {outcome: format_time(pair[0]) for outcome, pair in times.items()}
    opened, clicked = times.get(_OPENED), times.get(_CLICKED)
    sent = first.get(_SENT) if facts.sent_at is None else format_time(facts.sent_at)
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
            "sent_at": None if status in _NOT_ATTEMPTED else sent,
            "delivered_at": first.get(_DELIVERED),
            "first_opened_at": first.get(_OPENED),
            "last_opened_at": format_time(opened[1] or opened[0]) if opened else None,
            "first_human_opened_at": format_optional(opens.first_human),
            "first_clicked_at": first.get(_CLICKED),
            "last_clicked_at": format_time(clicked[1] or clicked[0]) if clicked else None,
            "first_human_clicked_at": format_optional(clicks.first_human),
            "bounced_at": first.get(_BOUNCED),
            "complained_at": first.get(_COMPLAINED),
            "unsubscribed_at": first.get(_UNSUBSCRIBED),
            "opens": opens.count,
            "human_opens": opens.human_count,
            "clicks": clicks.count,
            "human_clicks": clicks.human_count,
            "unmasked": _unmasked(view),
            "soft_bounces": view.soft_bounces,
            "approximate": any(map(overflowed, facts.sketches.values())),
            "gave_up": view.gave_up,
            "soft_bounce": _soft_bounce(view),
            "delay": _delay(facts),
            "bounce": _bounce(facts, _BOUNCED, "hard"),
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
        "at": _told_at(facts, _BOUNCED if hardness == "hard" else _SOFT_BOUNCED, at),
    }


def _soft_bounce(view: View) -> dict[str, Any] | None:
    """The latest soft bounce; out-of-office replies only where nothing arrived."""
    facts = view.facts
    if not facts.latest:
        return None
    kinds = [kind for kind in (_SOFT_BOUNCED, OUT_OF_OFFICE) if kind in facts.latest]
    if view.arrived:
        kinds = [kind for kind in kinds if kind != OUT_OF_OFFICE]
    if not kinds:
        return None
    return _bounce(facts, max(kinds, key=lambda kind: facts.latest[kind][:2]), "soft")


def _delay(facts: MessageFacts) -> dict[str, Any] | None:
    latest = facts.latest.get(_DELAYED)
    if latest is None:
        return None
    at, _, detail = latest
    return {
        "type": detail.get("type"),
        "code": detail.get("code"),
        "diagnostic": detail.get("diagnostic"),
        "at": _told_at(facts, _DELAYED, at),
        "expires_at": detail.get("expires_at"),
    }


def _complaint(facts: MessageFacts) -> dict[str, Any] | None:
    latest = facts.latest.get(_COMPLAINED)
    if latest is None:
        return None
    return {"type": latest[2].get("type"), "at": _told_at(facts, _COMPLAINED, latest[0])}
