"""The last so many days of a reader, today included, as a range of `at`: pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from query.moments import local
from query.periods import day_span

_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Range:
    """Half-open, in ms; it begins with a day of the reader's zone and ends now, with the minute that is running."""

    from_ms: int
    to_ms: int
    dates: Sequence[date]


def last_days(days: int, zone: str, now_ms: int) -> Range:
    """The range of so many days."""
    today = local(now_ms, zone).date()
    dates = [today - timedelta(days=ago) for ago in reversed(range(days))]
    return Range(day_span(dates[0], zone)[0], now_ms - now_ms % _MINUTE_MS + _MINUTE_MS, dates)
