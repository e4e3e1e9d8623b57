"""What a bounce means: hard or soft, or never attempted, and why. The label alone is not believed.

Labels, subtypes: https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html, “Bounce types”.
Codes: RFC 3463 and https://www.iana.org/assignments/smtp-enhanced-status-codes.
"""

import re
import tomllib
from dataclasses import dataclass
from importlib.resources import files

from schemas.status import Outcome

_RULES = tomllib.loads(files(__package__).joinpath("bounce_causes.toml").read_text(encoding="utf-8"))
_STRONG = [(rule["cause"], tuple(rule["any"])) for rule in _RULES["text"] if not rule.get("weak")]
_WEAK = [(rule["cause"], tuple(rule["any"])) for rule in _RULES["text"] if rule.get("weak")]
_CODES: dict[str, str] = _RULES["codes"]["cause"]
_SPECIFIC: dict[str, str] = _RULES["subtypes"]["specific"]
_VAGUE: dict[str, str] = _RULES["subtypes"]["vague"]

CAUSES = frozenset(
    {cause for cause, _ in _STRONG + _WEAK}
    | {*_CODES.values(), *_SPECIFIC.values(), *_VAGUE.values(), "unknown"}
)
"""Every cause that a bounce can have."""

_SUPPRESSED = {"Suppressed", "OnAccountSuppressionList"}
"""Subtypes of what SES never attempted, because the address is on its own or on the account's list."""

_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?!\.?\d)")


@dataclass(frozen=True, slots=True)
class Bounce:
    """What became of one bounced recipient; `reason` is set where nothing was attempted."""

    outcome: Outcome
    code: str | None
    cause: str
    reason: str | None = None


def classify(label: str | None, subtype: str | None, status: str | None, diagnostic: str | None) -> Bounce:
    """What a bounce of this `bounceType`, `bounceSubType`, and of a recipient's `status` and `diagnosticCode` means.

    An enhanced code 4.x.x is soft even under a Permanent label, 5.1.x hard even under a Transient one. An unknown
    label is soft as Undetermined is: nobody should be cut off by a word that nobody knows.
    """
    code = enhanced_code(status, diagnostic)
    cause = cause_of(subtype, code, diagnostic)
    if subtype in _SUPPRESSED:
        return Bounce(Outcome.INVALID, code, cause, "suppressed_after_bounce")
    hard = label == "Permanent"
    if code and code[0] == "4":
        hard = False
    elif code and code.startswith("5.1."):
        hard = True
    return Bounce(Outcome.BOUNCED if hard else Outcome.SOFT_BOUNCED, code, cause)


def enhanced_code(status: str | None, diagnostic: str | None) -> str | None:
    """The enhanced status code (RFC 3463): as the report says it, or, where it says none or only that of a class
    (5.0.0), as the server's own words have it."""
    reported = _ENHANCED.search(status) if status else None
    if reported and not (reported[2] == "0" and reported[3] == "0"):
        return reported[0]
    told = _ENHANCED.search(diagnostic) if diagnostic else None
    if told and (reported is None or told[1] == reported[1]):
        return told[0]
    return reported[0] if reported else None


def cause_of(subtype: str | None, code: str | None, diagnostic: str | None) -> str:
    """Why it bounced, by the rules of bounce_causes.toml."""
    words = diagnostic.lower() if diagnostic else ""
    kind = subtype or ""
    of_address = code is not None and code[1:4] in (".1.", ".2.")
    return (
        _by_text(_STRONG, words)
        or _SPECIFIC.get(kind)
        or (None if of_address else _by_text(_WEAK, words))
        or _by_code(code)
        or _VAGUE.get(kind, "unknown")
    )


def _by_text(rules: list[tuple[str, tuple[str, ...]]], words: str) -> str | None:
    if words:
        for cause, texts in rules:
            if any(found in words for found in texts):
                return cause
    return None


def _by_code(code: str | None) -> str | None:
    if code is None:
        return None
    _, subject, detail = code.split(".")
    return _CODES.get(f"x.{subject}.{detail}") or _CODES.get(f"x.{subject}.*")
