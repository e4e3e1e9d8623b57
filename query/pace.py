"""How work goes on beside the requests: again and again at a pace that leaves the store to those who ask, and side by side."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine

from aiokafka.errors import KafkaError

from runtime.clickhouse import ClickHouseAway, ClickHouseRefused

log = logging.getLogger(__name__)


async def repeat(
    work: Callable[[], Awaitable[None]], name: str, least_s: float, most_s: float, share: float
) -> None:
    """Does the work until it is cancelled, with a pause between `least_s` and `most_s` seconds, so long that the work takes
    no more than that share of the time. A failure is told once, until it succeeds again; none ends the work, since nobody
    would begin it anew."""
    failed = False
    while True:
        begun = time.monotonic()
        try:
            await work()
        except (ClickHouseAway, ClickHouseRefused, KafkaError, OSError, TimeoutError) as fault:
            if not failed:
                log.warning("%s failed, trying again: %s", name, fault)
            failed = True
        except Exception:
            if not failed:
                log.exception("%s failed in an unforeseen way, trying again", name)
            failed = True
        else:
            failed = False
        took = time.monotonic() - begun
        await asyncio.sleep(min(most_s, max(least_s, took / share)))


async def first_end(*works: Coroutine[None, None, None]) -> None:
    """Runs them side by side, each as a task of its own, until one of them ends; raises what it ended with.

    aiokafka cancels whoever waits for a connection that it gives up. Such a cancellation is a ConnectionError here: it
    must not look as if this task had been told to end.
    """
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        if task.cancelled():
            raise ConnectionError("given up by the Kafka client")
        task.result()
