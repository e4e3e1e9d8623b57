"""Times as people read them: in the reader's own zone, and never to be mistaken for another day."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from schemas.times import format_time, parse_time

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def local(value: str | int, zone: str) -> datetime:
    """A time (RFC 3339, or ms since the epoch) in a zone by its IANA name. Raises ValueError where it is none."""
    ms = value if isinstance(value, int) else parse_time(value)
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)).astimezone(ZoneInfo(zone))


def day(moment: date) -> str:
    """27 Nov 2026"""
    return f"{moment.day} {MONTHS[moment.month - 1]} {moment.year}"


def day_and_month(moment: date) -> str:
    """27 Nov, where the year is plain."""
    return f"{moment.day} {MONTHS[moment.month - 1]}"


def minute(moment: datetime) -> str:
    """27 Nov 2026 14:03"""
    return f"{day(moment)} {moment:%H:%M}"


def second(moment: datetime) -> str:
    """27 Nov 2026 14:03:07 CET"""
    return f"{minute(moment)}:{moment:%S} {moment:%Z}"


def span(ms: int) -> str:
    """How long that is, in its two largest units: 850 ms, 4 s, 3 min 20 s, 2 h 5 min, 3 d 4 h. Never negative."""
    if ms < 1000:
        return f"{max(ms, 0)} ms"
    left, told = ms // 1000, []
    for name, seconds in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        if many := left // seconds:
            told.append(f"{many} {name}")
        elif told:
            break
        left %= seconds
    return " ".join(told[:2])


def since(begun: str | None, value: str) -> str:
    """How long after `begun` a time is: “+ 3 s”, or “4 s before”. Nothing where they are the same, or where none is known."""
    ms = parse_time(value) - parse_time(begun) if begun is not None else 0
    if ms == 0:
        return ""
    return f"+\N{NO-BREAK SPACE}{span(ms)}" if ms >= 0 else f"{span(-ms)} before"


def from_field(text: str, zone: str, *, ends: bool = False) -> str:
    """What a date (2026-11-27) or local time (2026-11-27T14:03) of a form means, in RFC 3339.

    A date is its first instant in the zone; with `ends` the first one after it, since ranges are half-open. What is
    neither stays as it is: it may be RFC 3339 already, and else whoever reads it tells what was expected.
    """
    try:
        if len(text) == len("2026-11-27"):
            first = date.fromisoformat(text) + timedelta(days=ends)
            return _utc(datetime.combine(first, time(), ZoneInfo(zone)))
        moment = datetime.fromisoformat(text)
        return text if moment.tzinfo else _utc(moment.replace(tzinfo=ZoneInfo(zone)))
    except (ValueError, OverflowError):
        return text


def to_field(text: str, zone: str, *, ends: bool = False) -> tuple[str, str]:
    """Kind (date or datetime-local) and value of the form's field that shows a time; the inverse of `from_field`."""
    try:
        moment = local(text, zone)
        if moment.timetz().replace(tzinfo=None) == time():
            return "date", (moment.date() - timedelta(days=ends)).isoformat()
    except (ValueError, OverflowError):
        return "text", text
    return "datetime-local", f"{moment:%Y-%m-%dT%H:%M}"


def _utc(moment: datetime) -> str:
    return format_time(int(moment.timestamp() * 1000))
