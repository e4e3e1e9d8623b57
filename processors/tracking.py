"""From records of receipts to everything that is to be written for them. Pure: values in, values out.

A record holds many envelopes. All are adapted first, then the facts of all keys that they touch are read at once, then
all events are folded. What one envelope does wrong stays with that envelope: it becomes a dead letter, whole, and the
others go on.
"""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from processors.activity import activity_of, verdict_of
from processors.dead_letters import INTERNAL_ERROR, MALFORMED_LINE, TOO_LARGE, Place, dead_letter
from processors.facts import MessageFacts, fold, folds
from processors.providers import Incomprehensible
from processors.providers import read as read_receipt
from processors.status import published
from schemas.activity import Activity
from schemas.envelope import Envelope, EnvelopeFault, parse_line
from schemas.events import Event
from schemas.partition import partition_of
from schemas.topics import MAX_RECORD_BYTES, address_key, customer_key, key_part, message_key

log = logging.getLogger(__name__)

STAGE = "track"
DAY_MS = 86_400_000

_LARGEST_VALUE = MAX_RECORD_BYTES - 64 * 1024

Entry = tuple[bytes, bytes]
"""Key and value of a record to be written."""

Records = Sequence[tuple[int, bytes]]
"""Offsets and values of records that follow each other in a partition."""

ReadFacts = Callable[[Sequence[bytes]], Sequence[bytes | None]]
"""Gives the stored facts of keys, None where there are none yet."""


@dataclass(slots=True)
class Written:
    """What is to be written for some records of receipts: of each key its facts and its status once, as they are after.

    `activity` is by partition of the addresses.
    """

    facts: dict[bytes, bytes] = field(default_factory=dict)
    events: list[Entry] = field(default_factory=list)
    statuses: list[Entry] = field(default_factory=list)
    activity: dict[int, list[bytes]] = field(default_factory=dict)
    customers: list[Entry] = field(default_factory=list)
    dead_letters: list[Entry] = field(default_factory=list)
    envelopes: int = 0
    late: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)


class _Understood(msgspec.Struct):
    """An envelope with its events; `folded` are those that change facts, with the keys of these. `activity` is what it
    tells of addresses by itself, with their partitions; `customers` are ready to be written."""

    place: Place
    envelope: Envelope
    events: list[Entry] = msgspec.field(default_factory=list)
    outcomes: list[str] = msgspec.field(default_factory=list)
    folded: list[tuple[bytes, Event]] = msgspec.field(default_factory=list)
    late: int = 0
    activity: list[tuple[int, bytes]] = msgspec.field(default_factory=list)
    customers: list[Entry] = msgspec.field(default_factory=list)


class TooLargeError(ValueError):
    """Something that would be published of this envelope does not fit into a record."""


def revision_of(epoch: int, offset: int) -> int:
    """The revision that a source record gives to what it touches: epoch · 2^40 + offset."""
    return (epoch << 40) + offset


class Tracker:
    """Tracks what became of messages. `state_days` is the age from which an event counts as late, `partitions` how many
    each topic has."""

    def __init__(self, epoch: int, state_days: int, partitions: int) -> None:
        self._epoch = epoch
        self._state_ms = state_days * DAY_MS
        self._partitions = partitions

    def track(
        self, value: bytes, *, topic: str, partition: int, offset: int, now: int, read: ReadFacts
    ) -> Written:
        """Everything to be written for one record of receipts; see `track_many`."""
        return self.track_many([(offset, value)], topic=topic, partition=partition, now=now, read=read)

    def track_many(
        self,
        records: Records,
        *,
        topic: str,
        partition: int,
        now: int,
        read: ReadFacts,
    ) -> Written:
        """Everything to be written for records of receipts. `now` in ms is when their dead letters failed."""
        written = Written()
        understood: list[_Understood] = []
        for offset, value in records:
            for index, line in enumerate(value.split(b"\n")):
                if line:
                    written.envelopes += 1
                    self._understand(written, understood, line, Place(topic, partition, offset, index), now)
        if understood:
            self._fold(written, understood, now, read)
        return written

    def _understand(
        self, written: Written, understood: list[_Understood], line: bytes, place: Place, now: int
    ) -> None:
        try:
            envelope = parse_line(line)
        except EnvelopeFault as fault:
            _give_up(written, MALFORMED_LINE, str(fault), place, now, raw=line)
            return
        try:
            adapted = self._adapt(place, envelope)
        except Exception as error:
            _fail(written, error, envelope, place, now)
            return
        if isinstance(adapted, Incomprehensible):
            _give_up(written, adapted.reason, adapted.detail, place, now, envelope=envelope)
        else:
            understood.append(adapted)

    def _adapt(self, place: Place, envelope: Envelope) -> _Understood | Incomprehensible:
        told = read_receipt(envelope)
        if isinstance(told, Incomprehensible):
            return told
        understood = _Understood(place, envelope)
        activity = list(told.activity)
        for event in told.events:
            activity += activity_of(event, told.key)
            began = event.at if event.sent_at is None else event.sent_at
            late = event.received_at - began > self._state_ms
            if late:
                understood.late += 1
                event = msgspec.structs.replace(event, late=True)
            message = message_key(event.tenant, event.message_id)
            understood.events.append((message.encode(), fitting(event.to_json())))
            understood.outcomes.append(event.outcome)
            if not late and folds(event):
                key = f"{message}/{key_part(event.recipient or '')}"
                understood.folded.append((key.encode(), event))
        understood.activity = [self._placed(one) for one in activity]
        revision = revision_of(self._epoch, place.offset)
        for customer in told.customers:
            key = customer_key(customer.tenant, customer.customer)
            understood.customers.append((key.encode(), fitting(customer.to_json(revision))))
        return understood

    def _placed(self, activity: Activity) -> tuple[int, bytes]:
        """The partition of the address, and the line to be written to it."""
        key = address_key(activity.tenant, activity.channel, activity.address)
        return partition_of(key, self._partitions), fitting(activity.to_line())

    def _fold(self, written: Written, understood: list[_Understood], now: int, read: ReadFacts) -> None:
        keys = list(dict.fromkeys(key for one in understood for key, _ in one.folded))
        stored = dict(zip(keys, read(keys), strict=True)) if keys else {}
        facts: dict[bytes, MessageFacts] = {}
        touched_by: dict[bytes, list[tuple[_Understood, Event]]] = {}
        for one in understood:
            try:
                touched = _fold_one(one, facts, stored, revision_of(self._epoch, one.place.offset))
            except Exception as error:
                _fail(written, error, one.envelope, one.place, now)
                continue
            facts.update(touched)
            for key, event in one.folded:
                touched_by.setdefault(key, []).append((one, event))
            for partition, line in one.activity:
                written.activity.setdefault(partition, []).append(line)
            written.events += one.events
            written.customers += one.customers
            written.outcomes.update(one.outcomes)
            written.late += one.late
        for key, known in facts.items():
            try:
                encoded, status = fitting(known.encode()), fitting(published(known))
                verdict = verdict_of(known, (event for _, event in touched_by[key]))
                placed = self._placed(verdict) if verdict else None
            except Exception as error:
                for one in {one.place: one for one, _ in touched_by[key]}.values():
                    _fail(written, error, one.envelope, one.place, now)
            else:
                written.facts[key] = encoded
                written.statuses.append((key, status))
                if placed:
                    written.activity.setdefault(placed[0], []).append(placed[1])


def _fold_one(
    one: _Understood, facts: dict[bytes, MessageFacts], stored: dict[bytes, bytes | None], revision: int
) -> dict[bytes, MessageFacts]:
    """The facts of the keys that this envelope touches, after it; `facts` stays as it is, so that all of it counts
    or nothing."""
    touched: dict[bytes, MessageFacts] = {}
    for key, event in one.folded:
        known = touched[key] if key in touched else facts.get(key)
        if known is None and (encoded := stored[key]) is not None:
            known = MessageFacts.decode(encoded)
        touched[key] = fold(known, event, revision)
    return touched


def fitting(value: bytes) -> bytes:
    """The value, where a record can take it. Raises TooLargeError."""
    if len(value) > _LARGEST_VALUE:
        raise TooLargeError(f"{len(value)} bytes do not fit into a record")
    return value


def _fail(written: Written, error: Exception, envelope: Envelope, place: Place, now: int) -> None:
    reason = TOO_LARGE if isinstance(error, TooLargeError) else INTERNAL_ERROR
    log.error(
        "receipt %s of %s cannot be processed (%s), dead letter %s: %r",
        envelope.receipt_id,
        envelope.provider,
        f"{place.topic}[{place.partition}]@{place.offset}",
        reason,
        error,
        exc_info=error if reason == INTERNAL_ERROR else None,
    )
    _give_up(written, reason, repr(error), place, now, envelope=envelope)


def _give_up(
    written: Written,
    reason: str,
    detail: str,
    place: Place,
    now: int,
    *,
    envelope: Envelope | None = None,
    raw: bytes | None = None,
) -> None:
    written.reasons[reason] += 1
    written.dead_letters.append(
        dead_letter(
            stage=STAGE, reason=reason, detail=detail, place=place, failed_at=now, envelope=envelope, raw=raw
        )
    )
