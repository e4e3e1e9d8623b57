"""Confirms subscriptions: visits the SubscribeURL of a SubscriptionConfirmation that was verified and stored.

It is done after the answer, with tries of its own: SNS is told 200 for what is stored, and a slow visit must not
turn that into a retry. A confirmation that is lost with the process is asked for again in SNS's console.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from ingest.https import FetchFailed
from ingest.verifiers.sns import is_sns_url
from runtime import metrics

log = logging.getLogger(__name__)

DELAYS_S = (0.0, 1.0, 5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0)
"""Before each try; a token is good for two days."""

MAX_UNDER_WAY = 64


class Subscriptions:
    """The confirmations under way, at most MAX_UNDER_WAY, each URL once."""

    def __init__(
        self, visit: Callable[[str], Awaitable[bytes]], delays_s: Sequence[float] = DELAYS_S
    ) -> None:
        """`visit` gets a page without following redirects and raises FetchFailed."""
        self._visit = visit
        self._delays_s = delays_s
        self._under_way: dict[str, asyncio.Task[None]] = {}

    def confirm(self, url: str, topic: str) -> None:
        """Begins to confirm. `url` and `topic` are of a verified envelope of an allowed topic."""
        if not is_sns_url(url):
            metrics.SUBSCRIPTIONS.labels("refused").inc()
            log.warning("subscription of %s not confirmed: its SubscribeURL is not on SNS's own host", topic)
        elif url not in self._under_way:
            if len(self._under_way) >= MAX_UNDER_WAY:
                metrics.SUBSCRIPTIONS.labels("dropped").inc()
                log.error("subscription of %s not confirmed: %d others are under way", topic, MAX_UNDER_WAY)
                return
            task = asyncio.create_task(self._try(url, topic))
            self._under_way[url] = task
            task.add_done_callback(lambda _: self._under_way.pop(url, None))

    async def _try(self, url: str, topic: str) -> None:
        for delay in self._delays_s:
            await asyncio.sleep(delay)
            try:
                await self._visit(url)
            except FetchFailed as fault:
                log.warning("subscription of %s not confirmed yet: %s", topic, fault)
            else:
                metrics.SUBSCRIPTIONS.labels("confirmed").inc()
                log.info("subscription of %s confirmed", topic)
                return
        metrics.SUBSCRIPTIONS.labels("failed").inc()
        log.error("subscription of %s not confirmed, given up: request it again in SNS", topic)

    async def close(self) -> None:
        """Gives up what is under way."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
