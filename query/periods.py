"""Spans of time as people name them, in a time zone, as half-open ranges of `at`."""

from contextlib import suppress
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_EARLIEST, _LATEST = date(1900, 1, 1), date(2299, 12, 30)
"""What the store holds."""

Span = tuple[int | None, int | None]
"""From, and to exclusive, in ms since the epoch; None leaves an end open."""


def read_day(text: str) -> date:
    """The day of text such as 2026-11-22. Raises ValueError, saying what was expected."""
    day: date | None = None
    with suppress(ValueError):
        day = date.fromisoformat(text)
    if day is None or day.isoformat() != text or not _EARLIEST <= day <= _LATEST:
        raise ValueError(f"expected a date such as 2026-11-22, from {_EARLIEST} to {_LATEST}")
    return day


def day_span(day: date, zone: str) -> tuple[int, int]:
    """The day as people in that zone have it: 23 or 25 hours long where the clocks are changed, empty where it was left out."""
    return _midnight(day, zone), _midnight(day + timedelta(days=1), zone)


def _midnight(day: date, zone: str) -> int:
    return int(datetime.combine(day, time(), ZoneInfo(zone)).timestamp()) * 1000


def common(*spans: Span) -> Span:
    """What lies in all of these."""
    begins = [begin for begin, _ in spans if begin is not None]
    ends = [end for _, end in spans if end is not None]
    return max(begins, default=None), min(ends, default=None)
