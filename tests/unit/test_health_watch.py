"""Who judges tenants, and from what: nobody whose memory is stale, and nothing that was counted before a release."""

from collections.abc import Callable, Mapping
from typing import Any

from query.health_watch import HealthWatch
from query.limits import read_limits
from query.standing_cache import StandingCache
from query.tenant_health import released
from schemas.tenant_log import WARNED, TenantNote
from schemas.topics import TENANT_LOG

NOW = 1_800_000_000_000
AWFUL = {
    "tenant": "acme",
    "sender": "news@ses.example.com",
    **dict.fromkeys(("sent", "h_sent"), 1000),
    **dict.fromkeys(("delivered", "h_delivered"), 800),
    **dict.fromkeys(("bounced", "h_bounced"), 200),
    **dict.fromkeys(("complained", "h_complained"), 0),
}


class Watched:
    """A watch over a store that always says the same, and what it wrote. `meanwhile` happens while the store answers."""

    def __init__(
        self, is_known: bool = True, meanwhile: Callable[["Watched"], None] = lambda _: None
    ) -> None:
        self.cache = StandingCache()
        self.written: list[TenantNote] = []
        self.asked = 0
        self._meanwhile = meanwhile
        self.watch = HealthWatch(self._rows, read_limits(None), self.cache, self._write, lambda: is_known)

    async def _rows(self, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        self.asked += 1
        self._meanwhile(self)
        return [AWFUL]

    async def _write(self, note: TenantNote) -> None:
        self.written.append(note)

    def release(self) -> None:
        """Somebody releases the tenant, and this server reads it."""
        note = released("acme", "Olga Ops", "all clear", "ops", NOW)
        self.cache.appliers[TENANT_LOG.name](b"acme", note.to_json())


async def test_a_bad_rate_is_written_down_for_the_tenant_and_its_sender() -> None:
    watched = Watched()
    await watched.watch.look()
    assert watched.watch.is_known
    assert [(note.kind, note.sender) for note in watched.written] == [
        (WARNED, None),
        (WARNED, "news@ses.example.com"),
    ]


async def test_nobody_judges_whose_memory_is_stale() -> None:
    watched = Watched(is_known=False)
    await watched.watch.look()
    assert (watched.asked, watched.written, watched.watch.is_known) == (0, [], False)


async def test_nothing_follows_from_what_was_counted_before_a_release() -> None:
    watched = Watched(meanwhile=Watched.release)
    await watched.watch.look()
    assert watched.written == []
