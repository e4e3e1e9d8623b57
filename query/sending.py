"""What a decision about sending rests on, kept up to date: addresses and tenants from Kafka, counts from the store.

Addresses, consents and the tenants' log are followed from their topics and are as fresh as Kafka. Counts of what was sent
and how it was received are asked of ClickHouse every few seconds, of all tenants at once, so that no answer waits for it.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from aiohttp import web

from query.following import Follower
from query.health_watch import HealthWatch
from query.limits import Limits, Window, scaled, tight
from query.sendability import DOMAIN_LIMIT, SENDER_BLOCKED, TENANT_BLOCKED, TENANT_LIMIT, Known, Rules
from query.sender_dns import SenderDns
from query.sent_counts import SentCounts
from query.sql.sending import Rows
from query.standing_cache import StandingCache
from query.tenant_health import Standing, TenantRecord
from query.tenants_log import TenantsLog
from runtime import metrics
from schemas.addresses import domain_of
from schemas.consent import MARKETING
from schemas.problems import UNAVAILABLE, ProblemError
from schemas.tenants import Tenant

_RETRY_AFTER_S = 2
_MEASURE_EVERY_S = 1.0


class Sending:
    """The memory of a query server and what keeps it fresh. Create it in the running event loop, then `start` it."""

    def __init__(self, bootstrap: str, rows: Rows, limits: Limits, stale_s: float, name_server: str) -> None:
        """`stale_s` is how old, in seconds, what is known of addresses may be before nothing is decided; `name_server` is
        that of WAYBILL_DNS."""
        self.limits = limits
        self.cache = StandingCache()
        self.follower = Follower(bootstrap, self.cache.appliers, self.cache.clear)
        self.sent = SentCounts(rows, limits)
        self.tenants_log = TenantsLog(bootstrap)
        self.health = HealthWatch(rows, limits, self.cache, self.tenants_log.write, lambda: self.is_fresh)
        self.dns = SenderDns(name_server)
        self._stale_s = stale_s
        self._groups = limits.group_of()
        self._tasks: Sequence[asyncio.Task[None]] = ()

    def start(self) -> None:
        """Begins to follow, to count and to watch."""
        works = (self.follower.run(), self.sent.keep(), self.health.keep(), self._measure())
        self._tasks = [asyncio.create_task(work) for work in works]

    async def close(self) -> None:
        """Ends all of it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.tenants_log.close()

    @property
    def is_fresh(self) -> bool:
        """Whether what is known of addresses and tenants is of now, but for the bound."""
        age = self.follower.age_s
        return age is not None and age <= self._stale_s

    def document(self) -> dict[str, Any]:
        """How it stands, for /readyz."""
        age, counted = self.follower.age_s, self.sent.age_s
        return {
            "able": self.is_fresh and self.health.is_known and self.sent.is_known,
            "caught_up": age is not None,
            "age_s": None if age is None else round(age, 1),
            "behind_records": self.follower.behind,
            "counts_age_s": None if counted is None else round(counted, 1),
            **self.cache.sizes,
        }

    def check(self, *, counts: bool = True) -> None:
        """Raises ProblemError `unavailable` where a decision would rest on what is no longer, or not yet, known."""
        if self.follower.age_s is None:
            raise _unavailable("standings and consents are still being read from Kafka")
        if not self.is_fresh:
            raise _unavailable(f"standings and consents are {self.follower.age_s:.0f} s old, Kafka is away")
        if not self.health.is_known:
            raise _unavailable("how the mail of tenants was received has not been counted since the start")
        if counts and not self.sent.is_known:
            raise _unavailable("what was sent within the last hour could not be counted in the last minute")

    def rules(self, name: str, tenant: Tenant, category: str, sender: str | None) -> Rules:
        """What all addresses of a question of that tenant have in common; `sender` is normalised."""
        record = self.cache.tenants.get(name) or TenantRecord()
        stopped = None
        if record.state(None).standing is Standing.BLOCKED:
            stopped = TENANT_BLOCKED
        elif sender is not None and record.state(sender).standing is Standing.BLOCKED:
            stopped = SENDER_BLOCKED
        setting = tenant.marketing_consent if category == MARKETING else tenant.notification_consent
        return Rules(category, setting == "opt-in", stopped)

    def known(
        self,
        name: str,
        tenant: Tenant,
        channel: str,
        category: str,
        sender: str | None,
        *,
        asked: int,
        now: int,
    ) -> Known:
        """What is known of the addresses of that tenant, and the limits that so many that are asked about may use up, at
        `now` in ms."""
        whole = tight([self.window_of_tenant(name, tenant, now)], asked)
        return Known(
            self.cache.reason_of(name, channel),
            self.cache.consent_of(name, channel, category, sender),
            self._windows_of_email(name, whole, asked, now) if channel == "email" else lambda _: whole,
        )

    def _windows_of_email(
        self, name: str, whole: Sequence[Window], asked: int, now: int
    ) -> Callable[[str], Sequence[Window]]:
        """Asks for the limits of an email address: that of the tenant as a whole, and the one at its domain."""
        groups = self._groups
        usual = self._scaled(name, self.limits.domain.recipients_per_hour)
        hourly = {group.name: self._scaled(name, group.recipients_per_hour) for group in self.limits.group}

        @cache
        def at_place(place: str) -> Sequence[Window]:
            most = hourly.get(place, usual)
            window = Window(DOMAIN_LIMIT, most, self.sent.of_domain(name, place), now)
            return *whole, *tight([window], asked)

        @cache
        def at_domain(domain: str) -> Sequence[Window]:
            return at_place(groups.get(domain, domain))

        return lambda address: at_domain(domain_of(address))

    def window_of_tenant(self, name: str, tenant: Tenant, now: int) -> Window:
        """The limit of all that a tenant sends: its own of the tenants file, else the default for its history."""
        most = tenant.limits.recipients_per_hour
        if most is None:
            most = self._scaled(name, self.limits.tenant.recipients_per_hour)
        return Window(TENANT_LIMIT, most, self.sent.of_tenant(name), now)

    def _scaled(self, name: str, most: int) -> int:
        return scaled(most, self.health.history(name), self.limits.history)

    async def _measure(self) -> None:
        while True:
            for kind, size in self.cache.sizes.items():
                metrics.KNOWN.labels(kind).set(size)
            if (age := self.follower.age_s) is not None:
                metrics.KNOWN_AGE_SECONDS.set(age)
            await asyncio.sleep(_MEASURE_EVERY_S)


def _unavailable(detail: str) -> ProblemError:
    return ProblemError(UNAVAILABLE, detail, retry_after=_RETRY_AFTER_S)


SENDING = web.AppKey("sending", Sending)
