"""Tolerant readers for what providers post: whatever stands there, the answer is a value and never an exception.

A body is authentic by the time it comes here, and may still be absurd: wrong types, missing parts, texts of
hundreds of kilobytes, times in the year 9999.
"""

from dataclasses import dataclass
from typing import Any

import orjson

from schemas.times import format_time, parse_time

TEXT_LIMIT = 4096
"""Longest text in an event, in characters. The receipt keeps the whole; without a limit, one payload that names many
recipients would repeat its subject for each of them."""

NAME_LIMIT = 512
"""Longest message id, address or tag in an event, in characters (an address has at most 320, RFC 3696 errata 1690)."""

MAX_RECIPIENTS = 1000
"""More recipients in one payload are not believed: SES sends to at most 50 at a time
(https://docs.aws.amazon.com/ses/latest/dg/quotas.html)."""

EARLIEST_BELIEVED = 946_684_800_000  # 2000-01-01, before there was any such provider
AHEAD_BELIEVED = 30 * 86_400_000  # ms: clocks differ by less than this, even a laptop's that has just woken


@dataclass(frozen=True, slots=True)
class Incomprehensible:
    """A receipt that means nothing to its adapter and becomes a dead letter.

    `reason` is a stable code in snake_case, `detail` says for people what was expected.
    """

    reason: str
    detail: str


def table(value: object) -> dict[str, Any]:
    """`value` where it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def listed(value: object) -> list[Any]:
    """`value` where it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: object, limit: int = TEXT_LIMIT) -> str | None:
    """`value` where it is a text that says something, without spaces around it and cut at `limit` characters."""
    if not isinstance(value, str):
        return None
    return value.strip()[:limit] or None


def scalar(value: object, limit: int = NAME_LIMIT) -> str | None:
    """As `text`; a whole number is taken as its digits, since JSON bodies write codes either way."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)[:limit]
    return text(value, limit)


def moment(value: object, received_at: int) -> int | None:
    """The provider's time in ms since the epoch; None where there is none, or none that can be believed.

    Believed is what lies between the year 2000 and 30 days after the receipt. An absurd time would otherwise stay
    the latest for good, and file a message where nobody looks.
    """
    if not isinstance(value, str):
        return None
    at = _parsed(value)
    if at is None:
        return None
    return at if EARLIEST_BELIEVED <= at <= received_at + AHEAD_BELIEVED else None


def told_time(value: object) -> str | None:
    """A time that is only told on, such as when retries end, in the form that Waybill writes; None if unreadable."""
    at = _parsed(value) if isinstance(value, str) else None
    return None if at is None else format_time(at)


def _parsed(time: str) -> int | None:
    """Feedback notifications also write `2018-10-08T14:05:45 +0000`, with a space:
    https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html, “Mail object”."""
    try:
        return parse_time(time.replace(" +", "+", 1))
    except ValueError:
        return None


def said(**detail: Any) -> dict[str, Any]:
    """`detail` without what was not said."""
    return {name: value for name, value in detail.items() if value is not None}


def excerpt(value: object) -> str | None:
    """The JSON of `value`, cut to the length of a text, to keep what is not understood beside the event."""
    try:
        return orjson.dumps(value)[: TEXT_LIMIT * 4].decode(errors="replace")[:TEXT_LIMIT]
    except orjson.JSONEncodeError:  # nested deeper than it can write
        return None
