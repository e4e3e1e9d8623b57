"""Limits of sending: how many recipients an hour, by tenant and by the mailbox provider of their domains. Pure.

The figures, each with its source, are in limits.toml, or in an operator's own file of that form.
"""

import tomllib
from collections import deque
from collections.abc import Iterable, Iterator
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

HOUR_MS = 3_600_000

Most = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0, le=1)]


class LimitsFault(ValueError):
    """A file of limits that is refused; the message says where and what was expected."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PerMessage(_Table):
    """Most recipients of one message, by channel."""

    email: Most
    sms: Most


class PerHour(_Table):
    """Most recipients within an hour."""

    recipients_per_hour: Most


class Group(PerHour):
    """Domains of one mailbox provider, which counts them together."""

    name: str = Field(min_length=1)
    domains: list[str] = Field(min_length=1)


class HistoryRules(_Table):
    """What a tenant's history is, and by how much it changes its limits."""

    days: int = Field(ge=1)
    good: float = Field(gt=0)
    none: float = Field(gt=0)
    complaints: float = Field(gt=0)
    least_delivered: int = Field(ge=0)
    good_delivered: int = Field(ge=0)
    good_bounce_rate: Rate
    good_complaint_rate: Rate


class Accepted(_Table):
    """From which rate on a sender is warned, from which blocked, and how many cases it takes."""

    warn: Rate
    block: Rate
    least_cases: int = Field(ge=1)

    @model_validator(mode="after")
    def _warned_first(self) -> "Accepted":
        if self.warn > self.block:
            raise ValueError("expected warn to be no more than block")
        return self


class Health(_Table):
    """Which rates are accepted, over which days, and from how many recipients on they say something."""

    days: int = Field(ge=1)
    least_sent: int = Field(ge=1)
    complaint: Accepted
    bounce: Accepted


class Limits(_Table):
    """The whole file."""

    version: str
    message: PerMessage
    tenant: PerHour
    domain: PerHour
    group: list[Group] = []
    history: HistoryRules
    health: Health

    def group_of(self) -> dict[str, str]:
        """The group's name by domain, for the domains that belong to one."""
        return {domain: group.name for group in self.group for domain in group.domains}


class History(StrEnum):
    """What a tenant's mail of the last days says of it."""

    GOOD = "good"
    FAIR = "fair"
    NONE = "none"
    COMPLAINTS = "complaints"


def parse_limits(text: str) -> Limits:
    """The limits of a file's text. Raises LimitsFault."""
    try:
        return Limits.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as fault:
        raise LimitsFault(f"expected TOML: {fault}") from None
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise LimitsFault("; ".join(faults)) from None


def read_limits(path: Path | None) -> Limits:
    """The limits of that file, or of limits.toml. Raises LimitsFault, also where it cannot be read."""
    source = files(__package__).joinpath("limits.toml") if path is None else path
    try:
        return parse_limits(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as fault:
        raise LimitsFault(f"expected a readable UTF-8 file: {fault}") from None


def scaled(most: int, history: History, rules: HistoryRules) -> int:
    """A default limit for a tenant of that history, at least 1."""
    factor = {History.GOOD: rules.good, History.NONE: rules.none, History.COMPLAINTS: rules.complaints}
    return max(1, int(most * factor.get(history, 1.0)))


class Window:
    """One limit over the last hour: how many may still be written to now, and when the next of the others may.

    `sent` is what was sent, as (when it leaves the hour, in ms; recipients), in time order. `left` is how many more may be
    written to; whoever decides that somebody is takes one off it. `used` is what was sent before.
    """

    __slots__ = ("_later", "_leaving", "_now", "left", "most", "reason", "used")

    def __init__(self, reason: str, most: int, sent: Iterable[tuple[int, int]], now: int) -> None:
        self.reason = reason
        self.most = most
        self._now = now
        # What was sent in the present minute counts until that minute's end, an hour later, and no longer than what is sent now.
        self._leaving = [(min(at, now + HOUR_MS), many) for at, many in sent if at > now]
        self.used = sum([recipients for _, recipients in self._leaving])
        self.left = most - self.used
        self._later: Iterator[int] | None = None

    def opens_at(self) -> int:
        """When the next of those who must wait may be written to, in ms, if all who wait before are, and nobody else is.

        Ask only where none are left: it counts that one as waiting from then on.
        """
        if self._later is None:
            self._later = self._places()
        return next(self._later)

    def _places(self) -> Iterator[int]:
        """When each of those who wait may be written to."""
        leaving = deque(self._leaving)
        if taken := self.most - self.used - self.left:
            leaving.append((self._now + HOUR_MS, taken))
        at, left = self._now, self.left
        while True:
            while left <= 0:
                at, recipients = leaving.popleft()
                left += recipients
            leaving.append((at + HOUR_MS, 1))
            left -= 1
            yield at


def tight(windows: Iterable[Window], asked: int) -> list[Window]:
    """Those that may be used up before so many are decided about; of the others nothing need be counted."""
    return [window for window in windows if window.left < asked]
