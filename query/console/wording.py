"""How statuses and figures look to people: a tone and a sign for each status, numbers and rates as text."""

from schemas.status import WORDINGS, Status

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
    return WORDINGS[Status(status)].meaning


def next_step(status: str) -> str:
    """What to do about a status."""
    return WORDINGS[Status(status)].next_step


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
