"""How things look to people: a tone and a sign for each status, standings and consents in words, numbers and rates as text."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from query.diagnosis import SEVERITIES, Severity, by_reset
from schemas.consent import EVERY_CATEGORY, MARKETING, NOTIFICATION, TRANSACTIONAL
from schemas.providers import PROVIDERS
from schemas.standing import Reason
from schemas.status import WORDINGS, Status
from schemas.tenants import Scope
from schemas.twilio_errors import ERRORS

TONES: dict[Status, tuple[str, str]] = {
    Status.QUEUED: ("quiet", "◷"),
    Status.SKIPPED: ("quiet", "–"),
    Status.CANCELED: ("quiet", "–"),
    Status.SENT: ("plain", "→"),
    Status.INVALID: ("warn", "⊘"),
    Status.REJECTED: ("bad", "✕"),
    Status.FAILED: ("bad", "✕"),
    Status.UNDELIVERED: ("bad", "✕"),
    Status.DELIVERED: ("good", "✓"),
    Status.OPENED: ("good", "✓"),
    Status.CLICKED: ("good", "✓"),
    Status.BOUNCED: ("bad", "✕"),
    Status.COMPLAINED: ("bad", "!"),
}
"""Tone (a CSS class) and sign, so that nobody has to tell colours apart."""


def tone(status: str) -> str:
    """The tone of a status."""
    return TONES[Status(status)][0]


def sign(status: str) -> str:
    """The sign before its label."""
    return TONES[Status(status)][1]


def meaning(status: str) -> str:
    """What a status means, for its tooltip."""
    return _typeset(WORDINGS[Status(status)].meaning)


def next_step(status: str) -> str:
    """What to do about a status."""
    return _typeset(WORDINGS[Status(status)].next_step)


def _typeset(text: str) -> str:
    return text.replace("'", "’")


def number(value: int) -> str:
    """12 345: thin spaces, which no language takes for a decimal point."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def percent(rate: float) -> str:
    """A rate of 0 to 1 as text. What is neither none nor all never looks like it: 0.04 % is 0.04 %, 99.97 % is 99.97 %."""
    shown = 100 * rate
    digits = 1 if 1 <= shown <= 99 or shown in (0, 100) else 2
    text = f"{shown:.{digits}f}"
    if rate < 1 and text == "100.00":
        text = "99.99"
    if rate > 0 and text == "0.00":
        return "<\N{NARROW NO-BREAK SPACE}0.01\N{NO-BREAK SPACE}%"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}\N{NO-BREAK SPACE}%"


class Told(NamedTuple):
    """A word of the API as people read it: a name for it, and what it means."""

    label: str
    meaning: str


STANDING_REASONS: dict[str, Told] = {
    Reason.HARD_BOUNCE: Told(
        "Hard bounce", "A message came back for good: the mailbox, or its domain, takes no mail."
    ),
    Reason.INVALID_NUMBER: Told("Invalid number", "The provider says that there is no such number in use."),
    Reason.LANDLINE: Told("Landline", "The number is one of a landline, which takes no text messages."),
    Reason.UNREACHABLE_CARRIER: Told(
        "Unreachable carrier", "The number is a landline’s, or its carrier cannot be reached."
    ),
    Reason.PROVIDER_SUPPRESSED: Told(
        "On the provider’s list",
        "The provider has the address on its own suppression list and attempts nothing.",
    ),
    Reason.REPEATED_SOFT_BOUNCES: Told(
        "Repeated soft bounces", "The last messages in a row were all given up after soft bounces."
    ),
    Reason.COMPLAINT: Told(
        "Complaint", "The recipient reported a message as spam. Transactional messages still go out."
    ),
}
"""Why an address is not to be written to."""

CATEGORIES: dict[str, Told] = {
    MARKETING: Told("Marketing", "Newsletters and other mailings: only to whoever opted in."),
    NOTIFICATION: Told("Notifications", "News of what somebody takes part in."),
    TRANSACTIONAL: Told(
        "Transactional", "Receipts, statements, confirmations: always sent, whatever was consented to."
    ),
    EVERY_CATEGORY: Told("Everything", "Everything that this sender sends, as STOP says it."),
}
"""What messages are sent for."""

CONSENT_SOURCES = {
    "customer": "the customer",
    "staff": "staff, for the customer",
    "import": "an import",
    **PROVIDERS,
}
"""From where a consent is known."""


def posted_by(provider: str) -> str:
    """Who posted a receipt; one of a later version says its code."""
    return {**PROVIDERS, "app": "An application"}.get(provider, provider)


EVIDENCE_METHODS = {
    "portal": "in the portal",
    "link": "by a link",
    "verbal": "verbally",
    "written": "in writing",
}
"""How somebody consented."""

SCOPES: dict[Scope, str] = {
    "read": "read here",
    "write": "record consents",
    "reset": "reset addresses",
    "admin": "release tenants",
}
"""What a key may do with a scope, behind “may not”."""

DECISIONS: dict[str, tuple[str, str]] = {
    "allow": ("good", "Yes"),
    "skip": ("quiet", "No"),
    "invalid": ("warn", "No"),
    "hold": ("quiet", "Later"),
    "block": ("bad", "No"),
}
"""Tone and word of the answers to “May we send?”."""

_ANSWERS = {
    "opted_out": "opted out",
    "opted_out_of_sender": "opted out of what one sender sends",
    "no_opt_in": "no opt-in",
    "not_an_address": "this is no address",
    "tenant_limit": "the hour’s limit is used up",
    "domain_limit": "the domain’s limit for the hour is used up",
    "tenant_blocked": "nothing may be sent: too many bounces or complaints",
    "sender_blocked": "the sender may not send: too many bounces or complaints",
}


def title_of(message: Mapping[str, Any] | None) -> str:
    """What a message is called: by its subject, or by the text of one to a phone. None where only others name it."""
    if message is None:
        return "The message"
    name = "subject" if message["channel"] == "email" else "text"
    return str(message[name] or f"Message without a known {name}")


def answered(reason: str) -> str:
    """Why “May we send?” is answered as it is."""
    told = STANDING_REASONS.get(reason)
    return told.label.lower() if told else _ANSWERS[reason]


def severity(code: str) -> str:
    """How much a finding explains."""
    return SEVERITIES[Severity(code)]


def done_here(remedy: str, address: str) -> str:
    """A remedy without how the API resets that address: a page has a link that does it."""
    return remedy.replace(by_reset(address), "")


def capitalised(text: str) -> str:
    """The beginning of a sentence; all else stays as it is."""
    return text[:1].upper() + text[1:]


CAUSE_LABELS = {
    "mailbox": "No such mailbox",
    "domain": "No such domain",
    "full": "Mailbox full",
    "blocked": "Blocked as spam or by policy",
    "blocklisted_ip": "Sending server blocklisted",
    "rate_limited": "Too much at once",
    "content": "Content refused",
    "server": "Fault of their server",
    "unknown": "Not known",
    "suppressed_after_bounce": "Suppressed after a bounce",
    "suppressed_after_complaint": "Suppressed after a complaint",
}
"""Causes of bounces and of suppressions, as short as a column is narrow; query.diagnosis.troubles tells them in sentences."""


def cause_of(cause: str) -> str:
    """A cause of bounces or suppressions by itself, or what providers and applications call theirs; '' is one not told."""
    return CAUSE_LABELS.get(cause or "unknown") or cause.replace("_", " ").capitalize()


def error_of(code: str) -> str:
    """What an error of a text message is, to stand before its code; '' is none."""
    if not code:
        return "No error given"
    return ERRORS[code].meaning.removesuffix(".") if code in ERRORS else "Error of the provider"


def by_remedy(findings: Iterable[Mapping[str, Any]], about: str) -> list[list[Mapping[str, Any]]]:
    """Findings of a diagnosis, those of one severity and remedy together: about several addresses the same is often to be done.
    `about` is the address of those that name none."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for one in findings:
        remedy = done_here(one["remedy"], one["address"] or about)
        groups.setdefault((one["severity"], remedy), []).append(one)
    return list(groups.values())


class Why(NamedTuple):
    """Why a message did not get through: in plain words, and in those of the server or carrier that told it; at least one."""

    words: str
    said: str

    @property
    def short(self) -> str:
        """What a list has room for."""
        return self.words or self.said


def why_of(item: Mapping[str, Any]) -> Why | None:
    """Why the message of an item of the log did not get through; None where nothing tells."""
    bounce = item["bounce"] or (item["soft_bounce"] if item["gave_up"] else None) or {}
    cause = item["reason"] or bounce.get("cause")
    why = Why(cause_of(cause) if cause else "", item["error"] or bounce.get("diagnostic") or "")
    return why if why.short else None


def spelled(address: str) -> str:
    """An address as it was given, with a sign for each space and the number of each sign that nobody sees."""
    return "".join(
        "␣" if sign == " " else sign if sign.isprintable() else f"[U+{ord(sign):04X}]" for sign in address
    )


_DIRECTIONS = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])


def undirected(text: str) -> str:
    """Without the marks that turn the direction of all that follows, so that a sentence that quotes somebody stays readable."""
    return text.translate(_DIRECTIONS)


_BREAKS = re.compile(r"(?=@)|(?<=@)|(?<=[._-])(?=[^._@-])")


def breakable(address: str) -> Markup:
    """An address with the places where it may go on on the next line, so that no single letter stands there alone."""
    return Markup("<wbr>").join(part for part in _BREAKS.split(address) if part)


_MARKS = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*")


def prose(text: str) -> Markup:
    """A description of schemas/openapi.yaml as paragraphs, with the two marks that it uses: `code` and **bold**."""
    paragraphs = [paragraph for paragraph in text.split("\n\n") if paragraph.strip()]
    return Markup("").join(Markup("<p>{}</p>").format(_marked(paragraph.strip())) for paragraph in paragraphs)


def _marked(text: str) -> Markup:
    def mark(found: re.Match[str]) -> str:
        code, bold = found.groups()
        return f"<code>{code}</code>" if code is not None else f"<strong>{bold}</strong>"

    return Markup(_MARKS.sub(mark, str(escape(text))))  # noqa: S704 - it is escaped
