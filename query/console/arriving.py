"""Waits until what somebody changed is in the store, so that the page that follows shows it and nobody has to guess."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from runtime.clickhouse import ClickHouseAway

PATIENCE_S = 8.0
"""Seconds that a page waits; a change usually takes one or two through Kafka, worker and sink."""

_EVERY_S = 0.1

Look = Callable[[], Awaitable[object]]


async def has_changed(look: Look, before: object) -> bool:
    """Whether `look` tells something else than `before` within PATIENCE_S; also False where the store is away meanwhile."""
    deadline = time.monotonic() + PATIENCE_S
    try:
        while await look() == before:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(_EVERY_S)
    except ClickHouseAway:
        return False
    return True


def outcome(done: str, arrived: bool) -> str:
    """What to tell of a change: `done` says what was recorded."""
    if arrived:
        return done
    return f"{done} It has not reached the store yet and shows once it has: load the page anew in a moment."
