"""Time as Waybill keeps it: integer milliseconds since the Unix epoch, UTC; RFC 3339 with milliseconds on the wire."""

from datetime import UTC, datetime
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST = -62_135_596_800_000  # 0001-01-01, the first instant datetime can hold
LATEST = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z


def parse_time(text: str) -> int:
    """Milliseconds since the epoch of an RFC 3339 or ISO 8601 time. One without a zone is taken as UTC.

    Raises ValueError, naming what was expected, where `text` is not such a time.
    """
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise ValueError(
            f"expected an RFC 3339 time such as 2026-11-22T09:28:17.123Z, got {text!r:.60}"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


@lru_cache(maxsize=4096)
def format_time(ms: int) -> str:
    """RFC 3339 in UTC with milliseconds, as in 2026-11-22T09:28:17.123Z.

    Of the ten times that an event and its status carry, most are the same, and the same as those of the callback before.
    """
    seconds, millis = divmod(ms, 1000)
    return f"{_second(seconds)}{millis:03d}Z"


@lru_cache(maxsize=16_384)
def _second(seconds: int) -> str:
    """The part of a time up to its milliseconds. Making it costs ten times what the rest does, and most times fall into
    the same seconds as those of the messages around them."""
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}."


def format_optional(ms: int | None) -> str | None:
    """As `format_time`, null stays null."""
    return None if ms is None else format_time(ms)
