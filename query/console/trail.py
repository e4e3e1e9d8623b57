"""The trail of a message in plain words: what each event says happened, and what the provider said of it. Pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from query.console import wording
from query.console.agents import family
from query.diagnosis.troubles import CAUSES, DELAYS
from schemas.machine_reasons import MACHINE_REASONS, MachineReason
from schemas.status import SUPPORTS, Outcome
from schemas.times import parse_time

Event = Mapping[str, Any]
Detail = Mapping[str, Any]

_HEARD_LATE_MS = 60_000
"""Providers tell most things within seconds; what took longer is told."""


class Fact(NamedTuple):
    """One more thing about a step. `kind`: text, code, or time (RFC 3339)."""

    name: str
    value: str
    kind: str = "text"


@dataclass(frozen=True, slots=True)
class Step:
    """One event as a page tells it. `said` are others' own words: of a server, a person, an application; `sent_at` tells when
    its message was sent, where that is known."""

    event: Event
    text: str
    said: str | None
    facts: tuple[Fact, ...]
    tone: str
    sign: str
    machine: MachineReason | None
    """Why a machine is thought to have opened or clicked it; None of people and of everything else."""
    sent_at: str | None


def step_of(event: Event, channel: str, sent_at: str | None = None) -> Step:
    """What one event says, in words."""
    outcome, detail = event["outcome"], event["detail"]
    text = _TEXTS.get(outcome, _plain(outcome))(detail, channel)
    machine = _machine(event)
    tone, sign = _MACHINES_LOOK if machine else _look(outcome)
    return Step(event, text, _said(detail), tuple(_facts(event, detail)), tone, sign, machine, sent_at)


def _look(outcome: str) -> tuple[str, str]:
    if outcome in _LOOKS:
        return _LOOKS[outcome]
    supported = SUPPORTS.get(Outcome(outcome)) if outcome in set(Outcome) else None
    return (wording.tone(supported), wording.sign(supported)) if supported else ("quiet", "·")


_LOOKS: dict[str, tuple[str, str]] = {
    Outcome.DELAYED: ("warn", "◷"),
    Outcome.SOFT_BOUNCED: ("warn", "↩"),
    Outcome.UNSUBSCRIBED: ("warn", "–"),
    Outcome.OPTED_OUT: ("warn", "–"),
    Outcome.NOT_SPAM: ("good", "✓"),
}
"""Tone and sign of what looks otherwise than the status that it supports."""

_MACHINES_LOOK = ("quiet", "⚙")


def _machine(event: Event) -> MachineReason | None:
    if not event["machine"]:
        return None
    reason = event["machine_reason"] or ""
    return MACHINE_REASONS.get(reason) or MachineReason(reason.replace("_", " ") or "Machine", "")


def _plain(outcome: str) -> Callable[[Detail, str], str]:
    """An outcome that has been added since."""
    return lambda _detail, _channel: outcome.replace("_", " ").capitalize()


def _queued(detail: Detail, _channel: str) -> str:
    status = detail.get("provider_status")
    return f"Accepted by the provider ({status})" if status else "Registered by the application"


def _sent(detail: Detail, channel: str) -> str:
    if detail.get("provider_status") == "partially_delivered":
        return "Sent: a part of it was delivered"
    return "Sent: the provider took it" if channel == "email" else "Sent to the carrier"


def _delivered(_detail: Detail, channel: str) -> str:
    return "Delivered: the recipient’s server took it" if channel == "email" else "Delivered to the handset"


def _delayed(detail: Detail, _channel: str) -> str:
    return _because("Delayed, the provider goes on trying", DELAYS.get(detail.get("type") or ""))


def _soft_bounced(detail: Detail, _channel: str) -> str:
    if (detail.get("type"), detail.get("subtype")) == ("Transient", "General") and not detail.get("code"):
        return "Soft bounce, often only an out-of-office reply"
    return _because("Soft bounce: the provider gave up for now", CAUSES.get(detail.get("cause") or ""))


def _bounced(detail: Detail, _channel: str) -> str:
    return _because("Hard bounce: refused for good", CAUSES.get(detail.get("cause") or ""))


def _invalid(detail: Detail, _channel: str) -> str:
    return _because("Not attempted: the address is suppressed", CAUSES.get(detail.get("reason") or ""))


def _opened(detail: Detail, channel: str) -> str:
    if channel == "sms":
        return "Read"
    program = family(detail.get("user_agent") or "")
    return f"Opened in {program}" if program else "Opened"


def _clicked(detail: Detail, _channel: str) -> str:
    program = family(detail.get("user_agent") or "")
    return f"Clicked a link in {program}" if program else "Clicked a link"


def _unknown(detail: Detail, _channel: str) -> str:
    if detail.get("provider_type") == "unreadable_recipients":
        return f"Recipients of the report that could not be read: {detail.get('count')}"
    return f"The provider told something that Waybill does not know: {detail.get('provider_type')}"


def _always(text: str) -> Callable[[Detail, str], str]:
    return lambda _detail, _channel: text


_TEXTS: dict[str, Callable[[Detail, str], str]] = {
    Outcome.QUEUED: _queued,
    Outcome.SKIPPED: _always("Not attempted: the address opted out"),
    Outcome.CANCELED: _always("Withdrawn before an attempt"),
    Outcome.SENT: _sent,
    Outcome.INVALID: _invalid,
    Outcome.REJECTED: _always("Refused before delivery"),
    Outcome.FAILED: _always("It could not be sent"),
    Outcome.UNDELIVERED: _always("The carrier could not deliver it"),
    Outcome.DELIVERED: _delivered,
    Outcome.OPENED: _opened,
    Outcome.CLICKED: _clicked,
    Outcome.BOUNCED: _bounced,
    Outcome.COMPLAINED: _always("Reported as spam"),
    Outcome.DELAYED: _delayed,
    Outcome.SOFT_BOUNCED: _soft_bounced,
    Outcome.NOT_SPAM: _always("Reported as no spam"),
    Outcome.UNSUBSCRIBED: _always("Unsubscribed through this message"),
    Outcome.SUBSCRIBED: _always("Joined a list"),
    Outcome.OPTED_OUT: _always("Opted out by a text message"),
    Outcome.OPTED_IN: _always("Opted in by a text message"),
    Outcome.INBOUND: _always("Wrote back"),
    Outcome.UNKNOWN: _unknown,
}


def _because(text: str, why: str | None) -> str:
    return f"{text}; {why}" if why else text


def _said(detail: Detail) -> str | None:
    """Others' own words."""
    return next(
        (detail[name] for name in ("diagnostic", "response", "error", "text") if detail.get(name)), None
    )


_FACTS = (
    ("link", "Link", "code"),
    ("reason", "Reason", "text"),
    ("expires_at", "Tries until", "time"),
    ("error_code", "Error", "code"),
    ("code", "Code", "code"),
    ("subtype", "Kind", "text"),
    ("reporting_mta", "Told by", "code"),
    ("contact_list", "List", "text"),
    ("agent", "Told by", "text"),
    ("template", "Template", "text"),
    ("user_agent", "Program", "code"),
    ("ip", "From", "code"),
)
"""Members of an event's detail that are told, in this order."""


def _facts(event: Event, detail: Detail) -> Iterator[Fact]:
    for name, label, kind in _FACTS:
        if value := detail.get(name):
            text = str(value)
            yield Fact(label, text.replace("_", " ") if name == "reason" else text, kind)
    if event["reported_recipient"]:
        yield Fact("Reported for", event["reported_recipient"], "code")
    if not event["timed"]:
        yield Fact("Time", "of receipt; the provider gives none")
    elif parse_time(event["received_at"]) - parse_time(event["at"]) > _HEARD_LATE_MS:
        yield Fact("Received", event["received_at"], "time")
