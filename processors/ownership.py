"""Is this process still the one that may write for its partitions?

A worker that was frozen past its session timeout wakes up with outputs in its buffers, while another one has taken
over. So nothing is sent unless the last heartbeat that Kafka confirmed is younger than half the session timeout, and
the process leaves at once when Kafka no longer knows it. See docs/decisions/0006-two-owners-for-a-moment.md.
"""

import asyncio
import logging
import os
import time
from typing import NoReturn

log = logging.getLogger(__name__)

EXIT_STATUS = 70
"""Exit status of a process that must not go on: its state may be inconsistent. The supervisor starts it anew."""

_POLL_S = 0.05


def leave_at_once(reason: str) -> NoReturn:
    """Ends the process without flushing, committing or leaving the group: what was not delivered is done again."""
    log.critical("leaving at once: %s", reason)
    for handler in logging.getLogger().handlers:
        handler.flush()
    os._exit(EXIT_STATUS)


def now_s() -> float:
    """Seconds that also pass while the machine sleeps, where the system can tell."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class Ownership:
    """What Kafka last confirmed about this member of the group.

    `generation` is that of the assignment whose records are taken now, None while there is none. The heartbeats are
    told by the consumer's thread, everything else by the worker's.
    """

    def __init__(self, session_timeout_s: float) -> None:
        self.generation: int | None = None
        self._trusted_for_s = session_timeout_s / 2
        self._confirmed_at = float("-inf")
        self._closing = False

    def confirmed(self, asked_at: float) -> None:
        """Kafka confirmed the membership, to a question asked at that time of now_s()."""
        self._confirmed_at = asked_at

    def lost(self, why: str) -> None:
        """Kafka does not know this member any more: leave, unless nothing is held or the process stops anyway."""
        if self.generation is not None and not self._closing:
            leave_at_once(f"no longer a member of the group: {why}")

    def close(self) -> None:
        """From now on the membership is given up on purpose."""
        self._closing = True

    @property
    def fresh(self) -> bool:
        """Whether the last confirmation is young enough to write on the strength of it."""
        return now_s() - self._confirmed_at < self._trusted_for_s

    async def until_fresh(self) -> None:
        """Waits for a confirmation young enough. After a freeze the next heartbeat brings it, or ends the process."""
        while not self.fresh:  # noqa: ASYNC110 - time makes it stale, another thread makes it fresh
            await asyncio.sleep(_POLL_S)
