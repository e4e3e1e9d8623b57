"""How long tests wait for what is to come, and the waiting in those that run in an event loop."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

PATIENCE = 3.0
"""Every limit is what a quiet machine needs at most, and is waited for so many times as long before a test fails: `make test`
runs two processes of tests with their servers on what may be two slow cores."""


async def eventually(condition: Callable[[], Any], seconds: float, what: str) -> None:
    """Waits until the condition, plain or async, holds. Raises AssertionError after so many seconds."""
    deadline = time.monotonic() + PATIENCE * seconds
    while True:
        holds = condition()
        if asyncio.iscoroutine(holds):
            holds = await holds
        if holds:
            return
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        await asyncio.sleep(0.05)
