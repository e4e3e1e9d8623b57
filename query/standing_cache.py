"""What is known of addresses and tenants, in memory: the compacted topics of standing and consent, and the tenants' log.

Values are applied by key, and a lower revision is ignored, as the contract of these topics has it. Only what differs
from the default is kept: invalid standings, consents in and out, tenants that something was ever noted of. An entry is a
text and one integer in a dict of its kind, some 160 to 190 bytes (docs/operations.md, “Sizing”).
"""

import logging
from collections import OrderedDict
from collections.abc import Callable
from urllib.parse import unquote

import orjson

from query.sendability import OUT_OF_SENDER
from query.tenant_health import TenantRecord
from runtime import metrics
from schemas.consent import EVERY_CATEGORY, IN, OUT
from schemas.standing import Standing
from schemas.tenant_log import parse_note
from schemas.topics import ADDRESS_STANDING, CONSENTS, TENANT_LOG

log = logging.getLogger(__name__)

Slot = dict[str, int]
"""By address: revision · 2^8 + what is known, a small number."""

_BITS = 8
_MASK = (1 << _BITS) - 1

FORGOTTEN = 65_536
"""Revisions that are remembered of what went back to its default. A record of a lower revision follows one of a higher
one only where two workers owned a partition for a moment, so it comes soon after or never."""


class _Slots:
    """Slots by what they are of, and the newest revisions of what is no longer in them."""

    def __init__(self) -> None:
        self.slots: dict[tuple[str | None, ...], Slot] = {}
        self._forgotten: OrderedDict[tuple[tuple[str | None, ...], str], int] = OrderedDict()

    def put(self, slot: tuple[str | None, ...], address: str, revision: int, known: int | None) -> None:
        """`known` is None for the default."""
        kept = self.slots.get(slot)
        before = kept.get(address) if kept is not None else None
        newest = self._forgotten.get((slot, address), -1) if before is None else before >> _BITS
        if revision < newest:
            return
        if known is not None:
            if kept is None:
                kept = self.slots[slot] = {}
            kept[address] = revision << _BITS | known
            self._forgotten.pop((slot, address), None)
        else:
            self._drop(slot, address, revision)

    def erase(self, slot: tuple[str | None, ...], address: str) -> None:
        """A tombstone has no revision: nothing older than what it erased comes back."""
        before = self.slots.get(slot, {}).get(address)
        if before is not None:
            self._drop(slot, address, (before >> _BITS) + 1)

    def _drop(self, slot: tuple[str | None, ...], address: str, revision: int) -> None:
        if kept := self.slots.get(slot):
            kept.pop(address, None)
        self._forgotten[slot, address] = revision
        if len(self._forgotten) > FORGOTTEN:
            self._forgotten.popitem(last=False)

    def __len__(self) -> int:
        return sum(map(len, self.slots.values()))


class StandingCache:
    """Everything that `May we send?` rests on, but counts."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forgets everything, to be filled anew."""
        self._standings = _Slots()
        self._consents = _Slots()
        self._senders: dict[tuple[str, str, str], dict[str | None, None]] = {}
        self._reasons: list[str] = []
        self.tenants: dict[str, TenantRecord] = {}

    @property
    def appliers(self) -> dict[str, Callable[[bytes, bytes | None], None]]:
        """What to do with a record's key and value, by topic."""
        return {
            ADDRESS_STANDING.name: self._sparing(self._apply_standing),
            CONSENTS.name: self._sparing(self._apply_consent),
            TENANT_LOG.name: self._sparing(self._apply_note),
        }

    @property
    def sizes(self) -> dict[str, int]:
        """How much is kept, by kind."""
        return {
            "standings": len(self._standings),
            "consents": len(self._consents),
            "tenants": len(self.tenants),
        }

    def reason_of(self, tenant: str, channel: str) -> Callable[[str], str | None]:
        """Asks why an address of that tenant is invalid, a word of schemas.standing.Reason; None where it is valid."""
        slot, reasons = self._standings.slots.get((tenant, channel), {}), self._reasons

        def reason(address: str) -> str | None:
            known = slot.get(address)
            return None if known is None else reasons[known & _MASK]

        return reason

    def consent_of(
        self, tenant: str, channel: str, category: str, sender: str | None
    ) -> Callable[[str], str | None]:
        """Asks for the consent of an address to a category: IN, OUT, OUT_OF_SENDER, or None.

        `sender` is normalised. Where it is None, an opt-out from any sender counts: whoever it comes from may be that one.
        """
        concerned = [
            (slot, OUT if one is None else OUT_OF_SENDER)
            for each in (category, EVERY_CATEGORY)
            for one in self._senders.get((tenant, channel, each), ())
            if (one is None or sender in (None, one))
            and (slot := self._consents.slots.get((tenant, channel, each, one)))
        ]
        # An opt-out from everybody goes before one from a sender.
        concerned.sort(key=lambda pair: pair[1] == OUT_OF_SENDER)

        def consent(address: str) -> str | None:
            found = None
            for slot, out in concerned:
                if (known := slot.get(address)) is not None:
                    if known & _MASK == _OUT:
                        return out
                    found = IN
            return found

        return consent

    def _apply_standing(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            tenant, channel, address = _parts(key)
            self._standings.erase((tenant, channel), address)
            return
        said = orjson.loads(value)
        known = None if said["standing"] == Standing.VALID else self._number_of(said["reason"])
        self._standings.put((said["tenant"], said["channel"]), said["address"], said["revision"], known)

    def _apply_consent(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            tenant, channel, address, category, *sender = _parts(key)
            self._consents.erase((tenant, channel, category, sender[0] if sender else None), address)
            return
        said = orjson.loads(value)
        tenant, channel, category, sender = said["tenant"], said["channel"], said["category"], said["sender"]
        known: int | None = _OUT if said["state"] == OUT else _IN
        if known == _IN and category == EVERY_CATEGORY:
            known = None  # START lifts a STOP, and is no consent to anything
        self._consents.put((tenant, channel, category, sender), said["address"], said["revision"], known)
        self._senders.setdefault((tenant, channel, category), {})[sender] = None

    def _apply_note(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            return
        note = parse_note(value)
        self.tenants.setdefault(note.tenant, TenantRecord()).apply(note)

    def _number_of(self, reason: str) -> int:
        if reason not in self._reasons:
            if len(self._reasons) > _MASK:
                raise ValueError(f"more reasons than are kept apart, {reason!r:.40} is one too many")
            self._reasons.append(reason)
        return self._reasons.index(reason)

    def _sparing(self, apply: Callable[[bytes, bytes | None], None]) -> Callable[[bytes, bytes | None], None]:
        """One record that cannot be read spoils nothing but itself."""

        def applied(key: bytes, value: bytes | None) -> None:
            try:
                apply(key, value)
            except (ValueError, TypeError, KeyError, AttributeError) as fault:
                metrics.QUERY_UNREADABLE.inc()
                log.error("%.200r cannot be read: %.200r", key, fault)

        return applied


_IN, _OUT = 0, 1


def _parts(key: bytes) -> list[str]:
    return [unquote(part) for part in key.decode().split("/")]
