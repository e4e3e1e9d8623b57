"""How a figure differs from the one before it, in words: pure."""

from dataclasses import dataclass
from typing import Literal

from query.console.wording import number, percent

Better = Literal["more", "less", ""]
"""Which way a figure should go; '' where neither is better."""


@dataclass(frozen=True, slots=True)
class Change:
    """`arrow` is ▲, ▼ or ''; `text` says how much, `before` what it was; `tone` is good, bad or quiet."""

    arrow: str
    text: str
    before: str
    tone: str


def change_of_count(now: int, before: int, better: Better = "") -> Change:
    """How a count differs from the one before."""
    was = number(before)
    if now == before:
        return Change("", "as before", was, "quiet")
    if before == 0:
        return _changed("none before", was, now > 0, better)
    return _changed(_share(abs(now - before) / before), was, now > before, better)


def change_of_rate(now: float | None, before: float | None, better: Better = "") -> Change | None:
    """How a rate of 0 to 1 differs from the one before, in percentage points; None where one of them is over nothing."""
    if now is None or before is None:
        return None
    points = f"{abs(now - before) * 100:.1f}"
    if points == "0.0":
        points = f"{abs(now - before) * 100:.2f}"
    if points == "0.00":
        return Change("", "as before", percent(before), "quiet")
    return _changed(f"{points.removesuffix('.0')} pts", percent(before), now > before, better)


def _changed(text: str, before: str, is_more: bool, better: Better) -> Change:
    tone = "good" if (better == "more") is is_more else "bad"
    return Change("▲" if is_more else "▼", text, before, tone if better else "quiet")


def _share(share: float) -> str:
    """By how much, of what it was; what is many times as much is told as that."""
    if share >= 9.95:
        return f"{number(round(share + 1))} times as many"
    return percent(round(share, 2)) if share >= 0.01 else "under 1\N{NO-BREAK SPACE}%"
