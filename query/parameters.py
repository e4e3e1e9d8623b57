"""Query parameters: what each call takes, read once, refused with what was expected."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from multidict import MultiMapping

from schemas.addresses import domain_of, normalise_email
from schemas.problems import BAD_PARAMETER, ProblemError
from schemas.times import parse_time

LONGEST = 1_000
"""Characters of a value."""

Parse = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: how its value is read (ValueError says what was expected), and whether it may stand several times."""

    parse: Parse
    many: bool = False


def read_parameters(given: MultiMapping[str], known: Mapping[str, Parameter]) -> dict[str, Any]:
    """The values of the parameters that were given; a list for those that may stand several times.

    Raises ProblemError `bad_parameter` for unknown names, repeated ones and values that are not taken.
    """
    values: dict[str, Any] = {}
    for name, text in given.items():
        parameter = known.get(name)
        if parameter is None:
            raise refused(name, f"unknown; {_names(known)}")
        if name in values and not parameter.many:
            raise refused(name, "expected once")
        try:
            if len(text) > LONGEST:
                raise ValueError(f"expected at most {LONGEST} characters")
            value = parameter.parse(text)
        except ValueError as fault:
            raise refused(name, str(fault)) from None
        if parameter.many:
            values.setdefault(name, []).append(value)
        else:
            values[name] = value
    return values


def _names(known: Mapping[str, Parameter]) -> str:
    return f"known are {', '.join(sorted(known))}" if known else "no parameters are taken here"


def refused(name: str, expected: str) -> ProblemError:
    """The problem with one parameter."""
    return ProblemError(BAD_PARAMETER, f"{name[:100]}: {expected}", parameter=name[:100])


def text(value: str) -> str:
    """Text as it is."""
    return value


def stripped(value: str) -> str:
    """Text without stray spaces around it."""
    return value.strip()


def domain(value: str) -> str:
    """A domain as those of addresses are compared, an internationalised one in its ASCII form."""
    return domain_of(normalise_email(f"@{value}"))


_SPACE_FOR_PLUS = re.compile(r" (\d\d:?\d\d)$")


def time(value: str) -> int:
    """Milliseconds since the epoch. A plus sign that arrived as a space, for want of encoding, is understood; so are the small
    letters that RFC 3339 allows."""
    if "\0" in value:  # Python reads a time no further than to there
        raise ValueError("expected an RFC 3339 time such as 2026-11-22T09:28:17.123Z")
    return parse_time(_SPACE_FOR_PLUS.sub(r"+\1", value).upper())


def boolean(value: str) -> bool:
    """true or false."""
    if value not in ("true", "false"):
        raise ValueError("expected true or false")
    return value == "true"


def limit(value: str) -> int:
    """Items of a page."""
    if not (value.isascii() and value.isdigit() and 1 <= int(value[:9]) <= 500):
        raise ValueError("expected a number from 1 to 500")
    return int(value)


def choice(*choices: str) -> Parse:
    """One of these words."""

    def parse(value: str) -> str:
        if value not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}")
        return value

    return parse


def zone(value: str) -> str:
    """A time zone by its IANA name."""
    try:
        return ZoneInfo(value).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("expected an IANA time zone such as Europe/Berlin") from None
