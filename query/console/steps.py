"""The part of a long trail that a page shows: so many steps, and the ways to those before and after."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from query.console.trail import Step, step_of
from query.console.visit import Visit
from query.parameters import Parameter
from schemas.times import format_time

MOST_STEPS = 500
"""Steps of a trail on a page; a message to many that was opened by programs over and over has more."""

_STORED_WITHIN_MS = 60_000
"""An event may be stored a little before its receipt; after this time a receipt that is not there has expired."""


def skipped(value: str) -> int:
    """Steps to leave out before the first that is shown."""
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise ValueError("expected a number from 0")
    return int(value)


PARAMETERS = {"skip": Parameter(skipped)}


@dataclass(frozen=True, slots=True)
class Part:
    """Steps that are shown, with how many come before them and how many there are; None as a URL where there are no more."""

    steps: Sequence[Step]
    before: int
    total: int
    earlier_url: str | None
    later_url: str | None

    @property
    def receipt_ids(self) -> list[str]:
        """The receipts behind these steps."""
        return [step.event["receipt_id"] for step in self.steps]


def part_of(
    visit: Visit,
    events: Sequence[Mapping[str, Any]],
    skip: int,
    messages: Mapping[str | None, Mapping[str, Any]],
) -> Part:
    """The events from the one behind `skip` on as steps. `messages` has channel and `sent_at` of each message by the id that
    events name, by None where they name none since they are all of one."""
    shown = events[skip : skip + MOST_STEPS]
    steps = []
    for event in shown:
        message = messages.get(event.get("message_id"), {})
        steps.append(step_of(event, message.get("channel", "email"), message.get("sent_at")))
    end = skip + len(shown)
    return Part(
        steps,
        before=min(skip, len(events)),
        total=len(events),
        earlier_url=visit.here(skip=max(0, skip - MOST_STEPS) or None) if skip else None,
        later_url=visit.here(skip=end) if shown and end < len(events) else None,
    )


def young() -> str:
    """What was received after this time may be about to be stored."""
    return format_time(time.time_ns() // 1_000_000 - _STORED_WITHIN_MS)
