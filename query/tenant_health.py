"""The health of tenants as senders: judged by their rates, warned, then blocked, and released by an operator. Pure.

ok -> warned -> blocked, one step at a time; warned -> ok when the rates are good again; blocked -> ok by a release alone,
from which on only what is sent later counts. Each step is an entry of the tenants' log, and what stands is the fold of
that log in its order.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from query.limits import Accepted, Health, History, Limits
from schemas.events import event_identity
from schemas.tenant_log import BLOCKED, CLEARED, RELEASED, WARNED, WAYBILL, TenantNote
from schemas.times import format_time

HISTORY = 100
"""Entries of a tenant that are told, the newest; the log on Kafka keeps all."""

Sender = str | None
"""A sender address of a tenant; None stands for the tenant as a whole."""


class Standing(StrEnum):
    """Whether a tenant, or one of its senders, may send."""

    OK = "ok"
    WARNED = "warned"
    BLOCKED = "blocked"


_STEP = {WARNED: Standing.WARNED, BLOCKED: Standing.BLOCKED, CLEARED: Standing.OK}


@dataclass(frozen=True, slots=True)
class Counts:
    """Recipients of email of one sender within a window, by the product's definitions of the counts."""

    sent: int = 0
    delivered: int = 0
    bounced: int = 0
    complained: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.sent + other.sent,
            self.delivered + other.delivered,
            self.bounced + other.bounced,
            self.complained + other.complained,
        )

    @property
    def bounce_rate(self) -> float | None:
        """Hard bounced / sent; None over zero."""
        return self.bounced / self.sent if self.sent else None

    @property
    def complaint_rate(self) -> float | None:
        """Complained / delivered; None over zero."""
        return self.complained / self.delivered if self.delivered else None

    def document(self) -> dict[str, Any]:
        """Counts and rates, as they are told."""
        return {
            "counts": {
                "sent": self.sent,
                "delivered": self.delivered,
                "bounced": self.bounced,
                "complained": self.complained,
            },
            "rates": {"bounce": self.bounce_rate, "complaint": self.complaint_rate},
        }


@dataclass(frozen=True, slots=True)
class State:
    """What stands of a tenant or sender: since when (ms), for which reason, and the entry that made it so."""

    standing: Standing = Standing.OK
    since: int | None = None
    reason: str | None = None
    entry_id: str = ""


@dataclass(slots=True)
class TenantRecord:
    """The fold of a tenant's entries, in the order of the log. An entry that comes again changes nothing, and a step that
    follows another entry than the one that stands is one of two processes that decided at once: it is ignored."""

    states: dict[Sender, State] = field(default_factory=dict)
    released_at: int = 0
    entries: list[TenantNote] = field(default_factory=list)
    _known: set[str] = field(default_factory=set)
    _released: State = field(default_factory=State)

    def state(self, sender: Sender) -> State:
        """What stands."""
        return self.states.get(sender, self._released)

    def apply(self, note: TenantNote) -> None:
        """One entry more."""
        if note.entry_id in self._known:
            return
        if note.kind == RELEASED:
            self._released = State(Standing.OK, note.at, None, note.entry_id)
            self.released_at = max(self.released_at, note.at)
            self.states.clear()
        elif note.kind in _STEP and note.after == self.state(note.sender).entry_id:
            reason = None if note.kind == CLEARED else note.reason
            self.states[note.sender] = State(_STEP[note.kind], note.at, reason, note.entry_id)
        else:
            return
        self._known.add(note.entry_id)
        self.entries = [*self.entries, note][-HISTORY:]


def judged(counts: Counts, health: Health) -> tuple[Standing, str | None]:
    """What the rates alone say, and for which reason. Too little mail, or too few cases, says nothing against anybody."""
    found: tuple[Standing, str | None] = (Standing.OK, None)
    for reason, accepted, cases, rate in (
        ("complaint_rate", health.complaint, counts.complained, counts.complaint_rate),
        ("bounce_rate", health.bounce, counts.bounced, counts.bounce_rate),
    ):
        if rate is None or counts.sent < health.least_sent or cases < accepted.least_cases:
            continue
        if (standing := _beyond(rate, accepted)) is Standing.BLOCKED:
            return standing, reason
        if standing is Standing.WARNED and found[0] is Standing.OK:
            found = standing, reason
    return found


def _beyond(rate: float, accepted: Accepted) -> Standing:
    if rate >= accepted.block:
        return Standing.BLOCKED
    return Standing.WARNED if rate >= accepted.warn else Standing.OK


def next_step(
    tenant: str, sender: Sender, state: State, counts: Counts, health: Health, since: int, now: int
) -> TenantNote | None:
    """The entry that is to be written now; None where all stays as it is. Times in ms; the counts are from `since` on.

    Its identity comes from the entry that it follows and what it does, so that two processes that decide the same write
    the same entry.
    """
    standing, reason = judged(counts, health)
    if state.standing is Standing.BLOCKED or standing is state.standing:
        return None
    kind = BLOCKED if state.standing is Standing.WARNED else WARNED
    if standing is Standing.OK:
        kind, reason = CLEARED, "rates_accepted"
    return TenantNote(
        entry_id=event_identity("tenant", tenant, sender, state.entry_id, kind),
        tenant=tenant,
        kind=kind,
        actor=WAYBILL,
        reason=reason or "",
        at=now,
        recorded_by=None,
        sender=sender,
        after=state.entry_id,
        figures=counts.document() | {"since": format_time(since)},
    )


def history_of(counts: Counts, limits: Limits) -> History:
    """What a tenant's mail of the days of its history says of it."""
    rules, complaint = limits.history, limits.health.complaint
    complaints, bounces = counts.complaint_rate or 0.0, counts.bounce_rate or 0.0
    if counts.complained >= complaint.least_cases and complaints >= complaint.warn:
        return History.COMPLAINTS
    if counts.delivered < rules.least_delivered:
        return History.NONE
    is_good = complaints < rules.good_complaint_rate and bounces < rules.good_bounce_rate
    return History.GOOD if is_good and counts.delivered >= rules.good_delivered else History.FAIR


def released(tenant: str, actor: str, reason: str, key: str, now: int) -> TenantNote:
    """The entry of a release by an operator, `now` in ms; `key` is the name of the key used."""
    identity = event_identity("release", tenant, actor, reason, now)
    return TenantNote(identity, tenant, RELEASED, actor, reason, now, key)


def senders_of(counts: Mapping[Sender, Counts], record: TenantRecord) -> Iterable[Sender]:
    """Whom to judge: the tenant as a whole, all who sent, and all of whom something stands."""
    return dict.fromkeys((None, *counts, *record.states))
