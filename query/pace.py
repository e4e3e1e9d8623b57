"""Work that is done again and again, at a pace that leaves the store to those who ask."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from aiokafka.errors import KafkaError

from runtime.clickhouse import ClickHouseAway, ClickHouseRefused

log = logging.getLogger(__name__)


async def repeat(
    work: Callable[[], Awaitable[None]], name: str, least_s: float, most_s: float, share: float
) -> None:
    """Does the work until it is cancelled, with a pause between `least_s` and `most_s` seconds, so long that the work takes
    no more than that share of the time. A failure is told once, until it succeeds again."""
    failed = False
    while True:
        begun = time.monotonic()
        try:
            await work()
        except (ClickHouseAway, ClickHouseRefused, KafkaError, OSError, TimeoutError) as fault:
            if not failed:
                log.warning("%s failed, trying again: %s", name, fault)
            failed = True
        else:
            failed = False
        took = time.monotonic() - begun
        await asyncio.sleep(min(most_s, max(least_s, took / share)))
