"""Asks the DNS for what senders publish, remembers it for a while, and says why where it cannot be asked."""

import asyncio
import time
from collections.abc import Iterable

import dns.asyncresolver
import dns.exception
import dns.resolver

from query.sender_authentication import Records

OFF, SYSTEM = "off", "system"

_QUESTION_S = 1.5
"""How long one question may take, all name servers together."""
_ALL_S = 3.0
"""How long an answer to whoever asks for the report may wait for the DNS."""
_REMEMBERED_S = 3600.0
_AWAY_S = 60.0
"""How long what was told is remembered, and that nothing could be."""
_AT_ONCE = 50
_MOST_NAMES = 100_000
_LONGEST = 300
"""Characters of an error."""

_SWITCHED_OFF = "the DNS is not asked: WAYBILL_DNS is off"
_NOT_YET = "the DNS has not told in time; ask again"


class SenderDns:
    """The TXT records of names. `server` is `system` (this machine's name servers), `off`, or an IP address, `#` and a port
    behind it where that is not 53."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._known: dict[str, tuple[float, tuple[str, ...] | str]] = {}
        self._away_until = 0.0
        self._away = ""
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def ask(self, names: Iterable[str]) -> None:
        """Asks for what is not known, no longer than a few seconds; `records` tells."""
        if self._server == OFF:
            return
        now = time.monotonic()
        missing = [name for name in dict.fromkeys(names) if self._known.get(name, (0.0,))[0] <= now]
        if not missing or now < self._away_until:
            return
        try:
            resolver = self._resolver()
        except (dns.resolver.NoResolverConfiguration, OSError) as fault:
            self._is_away(f"this machine has no name server: {fault}")
            return
        tasks = [asyncio.create_task(self._ask(resolver, name)) for name in missing]
        done, late = await asyncio.wait(tasks, timeout=_ALL_S)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        if not any(task.result() for task in done):
            self._is_away("the name servers do not answer")

    def records(self, names: Iterable[str]) -> Records:
        """What is known of these names."""
        if self._server == OFF:
            return dict.fromkeys(names, _SWITCHED_OFF)
        otherwise = self._away if time.monotonic() < self._away_until else _NOT_YET
        return {name: self._known[name][1] if name in self._known else otherwise for name in names}

    def _resolver(self) -> dns.asyncresolver.Resolver:
        resolver = dns.asyncresolver.Resolver(configure=self._server == SYSTEM)
        if self._server != SYSTEM:
            address, _, port = self._server.partition("#")
            resolver.nameservers, resolver.port = [address], int(port or 53)
        resolver.lifetime = _QUESTION_S
        return resolver

    async def _ask(self, resolver: dns.asyncresolver.Resolver, name: str) -> bool:
        """Whether anybody answered at all."""
        async with self._slots:
            try:
                answer = await resolver.resolve(f"{name}.", "TXT")
            except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
                self._remember(name, (), _REMEMBERED_S)
            except dns.exception.Timeout:
                self._remember(name, "the name servers do not answer", _AWAY_S)
                return False
            except (dns.exception.DNSException, OSError, UnicodeError) as fault:
                self._remember(name, f"the name servers cannot tell: {fault}"[:_LONGEST], _AWAY_S)
            else:
                # Name servers give the records of a name in any order.
                found = sorted(b"".join(record.strings).decode(errors="replace") for record in answer)
                self._remember(name, tuple(found), _REMEMBERED_S)
        return True

    def _remember(self, name: str, found: tuple[str, ...] | str, seconds: float) -> None:
        if len(self._known) >= _MOST_NAMES:
            self._known.clear()
        self._known[name] = (time.monotonic() + seconds, found)

    def _is_away(self, why: str) -> None:
        self._away, self._away_until = why[:_LONGEST], time.monotonic() + _AWAY_S
