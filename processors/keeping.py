"""From records of address activity to everything that is to be written for them. Pure: values in, values out.

A record holds many lines. The facts of all addresses and consents that they touch are read at once, then all lines are
folded. A line that cannot be becomes a dead letter, and the others go on.
"""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, Self, TypeVar

import msgspec

from processors import address_facts, consent, standing
from processors.address_facts import AddressFacts
from processors.consent import ConsentFacts
from processors.dead_letters import INTERNAL_ERROR, MALFORMED_LINE, TOO_LARGE, Place, dead_letter
from processors.tracking import Entry, ReadFacts, Records, TooLargeError, fitting, revision_of
from schemas.activity import Activity, ActivityFault, parse_activity
from schemas.consent import ConsentChange
from schemas.topics import address_key, consent_key

log = logging.getLogger(__name__)

STAGE = "standing"


class _Facts(Protocol):
    @classmethod
    def decode(cls, encoded: bytes) -> Self: ...

    def encode(self) -> bytes: ...


F = TypeVar("F", bound=_Facts)


class _Line(msgspec.Struct, frozen=True):
    """An understood line: where it stood, what it says, and the key of the facts that it changes; of a change of consent
    also its entry in the audit log."""

    place: Place
    raw: bytes
    activity: Activity
    key: bytes
    revision: int
    entry: bytes | None


@dataclass(slots=True)
class Kept:
    """What is to be written for some records of address activity: of each key its facts and its value once, as they are
    after."""

    addresses: dict[bytes, bytes] = field(default_factory=dict)
    consents: dict[bytes, bytes] = field(default_factory=dict)
    standings: list[Entry] = field(default_factory=list)
    states: list[Entry] = field(default_factory=list)
    log: list[Entry] = field(default_factory=list)
    dead_letters: list[Entry] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)


class Keeper:
    """Keeps standing and consent of addresses. `soft_bounce_limit` gives that of a tenant as it is now."""

    def __init__(self, epoch: int, soft_bounce_limit: Callable[[str], int]) -> None:
        self._epoch = epoch
        self._soft_bounce_limit = soft_bounce_limit
        self._addresses = _Table(AddressFacts, address_facts.fold, self._publish_standing)
        self._consents = _Table(ConsentFacts, consent.fold, _publish_consent)

    def keep_many(
        self,
        records: Records,
        *,
        topic: str,
        partition: int,
        now: int,
        read_addresses: ReadFacts,
        read_consents: ReadFacts,
    ) -> Kept:
        """Everything to be written for records of address activity. `now` in ms is when their dead letters failed."""
        kept = Kept()
        failures = _Failures(kept, now)
        addresses: list[_Line] = []
        consents: list[_Line] = []
        for offset, value in records:
            for index, raw in enumerate(value.split(b"\n")):
                line = self._read(raw, Place(topic, partition, offset, index), failures) if raw else None
                if line is None:
                    continue
                kept.kinds[line.activity.kind] += 1
                if line.entry is None:
                    addresses.append(line)
                else:
                    consents.append(line)
                    kept.log.append((_address_of(line.activity), line.entry))
        kept.addresses, kept.standings = self._addresses.fold_all(failures, addresses, read_addresses)
        kept.consents, kept.states = self._consents.fold_all(failures, consents, read_consents)
        return kept

    def _read(self, raw: bytes, place: Place, failures: "_Failures") -> _Line | None:
        try:
            activity = parse_activity(raw)
            key, entry, what = _address_of(activity), None, activity.what
            if isinstance(what, ConsentChange):
                own = (activity.tenant, activity.channel, activity.address, what.category, what.sender)
                key, entry = consent_key(*own).encode(), fitting(consent.logged(activity))
            return _Line(place, raw, activity, key, revision_of(self._epoch, place.offset), entry)
        except ActivityFault as fault:
            failures.give_up(place, raw, MALFORMED_LINE, str(fault))
        except Exception as error:
            failures.fail(place, raw, error)
        return None

    def _publish_standing(self, facts: AddressFacts) -> bytes | None:
        # Where nothing but deliveries was ever told there is nothing that a reader must know.
        return standing.published(facts, self._soft_bounce_limit(facts.tenant)) if facts.noted else None


def _address_of(activity: Activity) -> bytes:
    return address_key(activity.tenant, activity.channel, activity.address).encode()


def _publish_consent(facts: ConsentFacts) -> bytes:
    return consent.published(facts)


@dataclass(frozen=True, slots=True)
class _Failures:
    """Where lines go that cannot be processed."""

    kept: Kept
    now: int

    def fail(self, place: Place, raw: bytes, error: Exception, key: bytes | None = None) -> None:
        """Puts a line aside that could not be processed."""
        reason = TOO_LARGE if isinstance(error, TooLargeError) else INTERNAL_ERROR
        log.error(
            "line %d of %s cannot be processed, dead letter %s: %r",
            place.index,
            f"{place.topic}[{place.partition}]@{place.offset}",
            reason,
            error,
            exc_info=error if reason == INTERNAL_ERROR else None,
        )
        self.give_up(place, raw, reason, repr(error), key)

    def give_up(self, place: Place, raw: bytes, reason: str, detail: str, key: bytes | None = None) -> None:
        """Makes a line a dead letter."""
        self.kept.reasons[reason] += 1
        self.kept.dead_letters.append(
            dead_letter(
                stage=STAGE, reason=reason, detail=detail, place=place, failed_at=self.now, raw=raw, key=key
            )
        )


class _Table(Generic[F]):
    """How the facts of one table are folded and published."""

    def __init__(
        self,
        facts: type[F],
        fold: Callable[[F | None, Activity, int], F],
        publish: Callable[[F], bytes | None],
    ) -> None:
        self._facts = facts
        self._fold = fold
        self._publish = publish

    def fold_all(
        self, failures: _Failures, lines: Sequence[_Line], read: ReadFacts
    ) -> tuple[dict[bytes, bytes], list[Entry]]:
        """The encoded facts of all keys that the lines touch, and what is published of them."""
        by_key: dict[bytes, list[_Line]] = {}
        for line in lines:
            by_key.setdefault(line.key, []).append(line)
        stored = read(list(by_key)) if by_key else []
        encoded: dict[bytes, bytes] = {}
        values: list[Entry] = []
        for (key, told), known in zip(by_key.items(), stored, strict=True):
            try:
                facts = self._folded(failures, known, told)
                if facts is None:
                    continue
                new, value = fitting(facts.encode()), self._publish(facts)
                if value is not None:
                    values.append((key, fitting(value)))
                encoded[key] = new
            except Exception as error:
                for line in told:
                    failures.fail(line.place, line.raw, error, key)
        return encoded, values

    def _folded(self, failures: _Failures, known: bytes | None, told: list[_Line]) -> F | None:
        """The facts with all lines that can be folded; None where there are none."""
        facts = None if known is None else self._facts.decode(known)
        for line in told:
            try:
                facts = self._fold(facts, line.activity, line.revision)
            except Exception as error:
                failures.fail(line.place, line.raw, error, line.key)
        return facts
