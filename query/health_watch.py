"""Watches how the mail of all tenants is received, and writes into the tenants' log whom that warns, blocks or clears.

Every query server watches, and none leads: the entries of two that decide the same are one entry, and of two that decide
differently at once the first one in the log counts (docs/decisions/0010-…). So it goes on whichever of them runs.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

from query.limits import Health, History, Limits
from query.pace import repeat
from query.sql.sending import Rows, received_sql
from query.standing_cache import StandingCache
from query.tenant_health import Counts, Sender, TenantRecord, history_of, next_step, senders_of
from runtime import metrics
from schemas.tenant_log import TenantNote

log = logging.getLogger(__name__)

_LEAST_S, _MOST_S, _SHARE = 10.0, 30.0, 0.01
_BEGIN_S = 0.1
_DAY_MS = 86_400_000

Write = Callable[[TenantNote], Awaitable[None]]
"""Writes an entry of the tenants' log. Raises KafkaError, OSError or TimeoutError."""


class HealthWatch:
    """What the store said last of each tenant's mail. `keep` watching as a task."""

    def __init__(
        self, rows: Rows, limits: Limits, cache: StandingCache, write: Write, log_is_known: Callable[[], bool]
    ) -> None:
        self._rows = rows
        self._limits = limits
        self._cache = cache
        self._write = write
        self._log_is_known = log_is_known
        self.is_known = False
        """Whether the store has told since the start; what it told then changes slowly."""
        self.counts: dict[str, dict[Sender, Counts]] = {}
        self._histories: dict[str, History] = {}

    async def keep(self) -> None:
        """Watches until it is cancelled, from when the tenants' log is known."""
        while not self._log_is_known():  # noqa: ASYNC110 - it is time that makes it known no longer
            await asyncio.sleep(_BEGIN_S)
        await repeat(self.look, "watching the health of tenants", _LEAST_S, _MOST_S, _SHARE)

    def history(self, tenant: str) -> History:
        """What the tenant's mail of the last days says of it."""
        return self._histories.get(tenant, History.NONE)

    def since(self, tenant: str, now: int) -> int:
        """From when on mail of the tenant counts, in ms: the begin of the window, or its latest release."""
        record = self._cache.tenants.get(tenant)
        return max(now - self._limits.health.days * _DAY_MS, record.released_at if record else 0)

    async def look(self) -> None:
        """Asks the store, and writes what follows from its answer. Raises what `rows` and `write` raise."""
        if not self._log_is_known():
            return  # somebody may have been released meanwhile
        now = int(time.time() * 1000)
        limits = self._limits
        health, history = limits.health, limits.history
        released = {
            tenant: record.released_at for tenant, record in self._cache.tenants.items() if record.released_at
        }
        rows = await self._rows(
            *received_sql(now - health.days * _DAY_MS, now - history.days * _DAY_MS, released)
        )
        self.counts, histories = _counts_of(rows)
        self._histories = {tenant: history_of(counts, limits) for tenant, counts in histories.items()}
        self.is_known = True
        for tenant in dict.fromkeys((*self.counts, *self._cache.tenants)):
            await self._judge(tenant, released.get(tenant, 0), health, now)

    async def _judge(self, tenant: str, released_at: int, health: Health, now: int) -> None:
        record = self._cache.tenants.get(tenant) or TenantRecord()
        if record.released_at != released_at:
            return  # the counts are from before its release
        counts = self.counts.get(tenant, {})
        since = self.since(tenant, now)
        for sender in senders_of(counts, record):
            note = next_step(
                tenant, sender, record.state(sender), counts.get(sender, Counts()), health, since, now
            )
            if note is not None:
                log.warning(
                    "tenant %s, sender %s: %s, %s %s",
                    tenant,
                    sender or "all",
                    note.kind,
                    note.reason,
                    note.figures,
                )
                await self._write(note)
                metrics.TENANT_STEPS.labels(note.kind).inc()


def _counts_of(rows: list[dict[str, Any]]) -> tuple[dict[str, dict[Sender, Counts]], dict[str, Counts]]:
    """By tenant and sender the counts of the window, the tenant's sum under None; and by tenant those of its history."""
    windows: dict[str, dict[Sender, Counts]] = defaultdict(lambda: {None: Counts()})
    histories: dict[str, Counts] = defaultdict(Counts)
    for row in rows:
        tenant, sender = row["tenant"], row["sender"]
        counts = Counts(row["sent"], row["delivered"], row["bounced"], row["complained"])
        windows[tenant][None] += counts
        if sender:
            windows[tenant][sender] = counts
        histories[tenant] += Counts(row["h_sent"], row["h_delivered"], row["h_bounced"], row["h_complained"])
    return dict(windows), dict(histories)
