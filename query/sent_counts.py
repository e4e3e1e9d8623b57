"""How many recipients were written to within the last hour, by tenant and by mailbox provider, as the store has it.

One question for all tenants every few seconds: a question for each answer would make it wait for the store, and counting
the status topic in memory would need every recipient of the hour once more (docs/decisions/0009-…).
"""

import time
from collections import defaultdict

from query.limits import HOUR_MS, Limits
from query.pace import repeat
from query.sql.sending import Rows, sent_sql

_LEAST_S, _MOST_S, _SHARE = 3.0, 20.0, 0.02
STALE_S = 60.0
"""Older counts are not counted on."""

_MINUTE_MS = 60_000
_INEXACT = 10
"""Domains with fewer recipients within the hour than this part of the smallest limit count as none: there are many, and
they are far from any limit."""

Sent = list[tuple[int, int]]
"""(when it leaves the hour, in ms; recipients), in time order."""


class SentCounts:
    """The counts as they were last asked for. `keep` them up to date as a task."""

    def __init__(self, rows: Rows, limits: Limits) -> None:
        self._rows = rows
        self._groups = limits.group_of()
        history = limits.history
        smallest = min(
            limits.domain.recipients_per_hour, *(each.recipients_per_hour for each in limits.group)
        )
        self._least = max(
            1, int(smallest * min(history.good, history.none, history.complaints, 1.0)) // _INEXACT
        )
        self._totals: dict[str, Sent] = {}
        self._domains: dict[tuple[str, str], Sent] = {}
        self._asked_at: float | None = None

    async def keep(self) -> None:
        """Asks again and again, until it is cancelled."""
        await repeat(self.ask, "counting what was sent", _LEAST_S, _MOST_S, _SHARE)

    async def ask(self) -> None:
        """Asks the store. Raises ClickHouseAway or ClickHouseRefused."""
        asked_at = time.monotonic()
        now = int(time.time() * 1000)
        rows = await self._rows(*sent_sql(now - HOUR_MS - _MINUTE_MS, self._groups, self._least))
        totals: dict[str, dict[int, int]] = defaultdict(dict)
        domains: dict[tuple[str, str], dict[int, int]] = defaultdict(dict)
        for row in rows:
            leaves_at = row["minute"] * 1000 + _MINUTE_MS + HOUR_MS
            found = totals[row["tenant"]] if row["is_total"] else domains[row["tenant"], row["domain"]]
            found[leaves_at] = row["recipients"]
        self._totals = {tenant: sorted(sent.items()) for tenant, sent in totals.items()}
        self._domains = {key: sorted(sent.items()) for key, sent in domains.items()}
        self._asked_at = asked_at

    @property
    def age_s(self) -> float | None:
        """How old the counts are, in seconds; None as long as there are none."""
        return None if self._asked_at is None else time.monotonic() - self._asked_at

    @property
    def is_known(self) -> bool:
        """Whether the counts can be counted on."""
        return self.age_s is not None and self.age_s <= STALE_S

    def of_tenant(self, tenant: str) -> Sent:
        """All of a tenant's recipients, whatever the channel."""
        return self._totals.get(tenant, [])

    def of_domain(self, tenant: str, domain: str) -> Sent:
        """A tenant's recipients at a domain, or at the group's of that name."""
        return self._domains.get((tenant, domain), [])
