"""What the fields of registrations have in common: their types, their rules, and how their faults are told."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, StringConstraints, ValidationError

from schemas.addresses import AddressFault, normalise
from schemas.message_ids import MAX_MESSAGE_ID
from schemas.times import format_time, parse_time

MAX_NAME = MAX_MESSAGE_ID
"""Longest id, name or address, in characters."""

MAX_TEXT = 65_536
"""Longest text that is taken, in characters; the log shows its beginning."""

MAX_SKEW_MS = 5 * 60_000
"""So much the clock of an application may be ahead; what it tells is of now then. A consent from the future would overrule
all that come until then."""

EARLIEST_MS = (
    946_684_800_000  # 2000-01-01: whatever is told to be older comes from a clock that was never set
)
EARLIEST_CREATED_MS = -2_208_988_800_000  # 1900-01-01, the first day that ClickHouse keeps

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII).fullmatch


def _stripped(value: Any) -> Any:
    """Without spaces around it, by Python's idea of a space as everywhere else; pydantic's own is another."""
    return value.strip() if isinstance(value, str) else value


def _digits(value: Any) -> Any:
    """A number that stands for a name, as a customer's and an error code often do, is its digits."""
    return str(value) if type(value) is int else _stripped(value)


_NAME = StringConstraints(min_length=1, max_length=MAX_NAME)

Name = Annotated[str, _NAME, BeforeValidator(_stripped)]
NumberedName = Annotated[str, _NAME, BeforeValidator(_digits)]
Text = Annotated[str, StringConstraints(max_length=MAX_TEXT)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT), BeforeValidator(_stripped)]
Address = Annotated[str, StringConstraints(max_length=MAX_NAME)]
"""As it was given; whether it is an address, the rules tell of what it stands in."""

Time = Annotated[str, StringConstraints(max_length=64)]
Channel = Literal["email", "sms"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: which thing of a list, from 0; which field, with dots to what is inside; what was expected there."""

    index: int
    field: str
    expected: str


Broken = Iterator[tuple[str, str]]
"""Field and expectation of each rule that is broken."""

_EXPECTED = {
    "missing": "expected, it is required",
    "extra_forbidden": "expected no such field",
    "string_type": "expected text",
    "string_too_short": "expected text that says something",
    "string_too_long": "expected at most {max_length} characters",
    "literal_error": "expected {expected}",
    "bool_type": "expected true or false",
    "list_type": "expected a list",
    "too_short": "expected at least {min_length} of them",
    "too_long": "expected at most {max_length} of them",
    "model_type": "expected an object",
}
"""By pydantic's kind of error (https://docs.pydantic.dev/latest/errors/validation_errors/)."""


def faults_of_shape(index: int, error: ValidationError) -> Iterator[Fault]:
    """What pydantic found in the thing of that index, in our words."""
    for one in error.errors(include_url=False, include_input=False):
        expected = _EXPECTED.get(one["type"], "")
        told = expected.format(**one.get("ctx", {})) if expected else f"expected otherwise: {one['msg']}"
        yield Fault(index, ".".join(map(str, one["loc"])), told)


def faults_of_address(field: str, channel: str, given: str, check: Callable[[str, str], str]) -> Broken:
    """`check` is what raises AddressFault."""
    try:
        check(channel, given)
    except AddressFault as fault:
        yield field, fault.expected


def something_of(channel: str, given: str) -> str:
    """Whatever is not empty, normalised. Raises AddressFault."""
    if address := normalise(channel, given):
        return address
    raise AddressFault("expected text that says something")


def reported_of(channel: str, given: str) -> str:
    """Whatever a provider may have reported as an address, normalised; it need not be one by our rules. Raises
    AddressFault."""
    address = normalise(channel, given)
    if channel == "email" and "@" not in address:
        raise AddressFault("expected an email address, such as ann@example.org")
    if channel == "sms" and not any(c.isdigit() for c in address):
        raise AddressFault("expected a phone number in E.164, such as +15005550006")
    return address


def faults_of_time(field: str, given: str | None, earliest: int, now: int) -> Broken:
    """A time between `earliest` and `now`, ms since the epoch, allowing for clocks that differ."""
    if given is None:
        return
    try:
        at = parse_time(given) if _RFC_3339(given) else None
    except (ValueError, OverflowError):
        at = None
    if at is None:
        yield field, "expected an RFC 3339 time with its zone, such as 2026-11-22T09:28:17.123Z"
    elif at > now + MAX_SKEW_MS:
        yield field, f"expected a time that is not in the future; here it is {format_time(now)}"
    elif at < earliest:
        yield field, f"expected a time since {format_time(earliest)}"
