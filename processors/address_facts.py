"""The facts of one address, folded from its activity: what its standing is derived from.

Merging is commutative, associative and idempotent; of verdicts as far as processors/verdicts.py says. Bounded whatever
comes: texts are cut, of each kind of mark the earliest and the newest 8 stay, and the newest 8 resets. Usual facts encode
to some 300 bytes, the largest possible to less than MAX_BYTES.
"""

from typing import Any

import orjson

from processors.verdicts import EMPTY, Entry, Window, message_hash, window_add, window_join
from schemas.activity import SOFT, Activity, Mark, Reset, Verdict

SCHEMA = "address-facts/1"
MAX_BYTES = 1024 * 1024

KEPT = 8
"""Marks of a kind and resets that stay, the newest ones."""

DIAGNOSTIC_LIMIT = 300
NAME_LIMIT = 256
WORD_LIMIT = 64
"""Longest texts in the state, in characters; the events keep more."""

KeptMark = list[Any]
"""[time in ms, event id, message id, code, cause, diagnostic]."""

KeptReset = list[Any]
"""[time in ms, its identity, actor, reason, name of the key]."""


class AddressFacts:
    """Facts of one address. Times are ms since the epoch. Its collections are never changed in place.

    `marks`: by reason what makes the address invalid by itself. `noted`: whether anything but deliveries was ever told;
    an address of which nothing was is published nowhere. `revision` is the greatest of all source records.
    """

    __slots__ = (
        "address",
        "channel",
        "marks",
        "noted",
        "resets",
        "revision",
        "tenant",
        "updated_at",
        "window",
    )

    tenant: str
    channel: str
    address: str
    window: Window
    marks: dict[str, list[KeptMark]]
    resets: list[KeptReset]
    noted: bool
    revision: int
    updated_at: int

    @classmethod
    def decode(cls, encoded: bytes) -> "AddressFacts":
        """The facts of `encode`. Raises ValueError where these are not facts of this version."""
        try:
            raw = orjson.loads(encoded)
            if raw["schema"] != SCHEMA:
                raise ValueError(f"expected {SCHEMA}, got {raw['schema']!r:.40}")
            facts = cls.__new__(cls)
            facts.tenant, facts.channel, facts.address = raw["key"]
            facts.window = Window(*raw["verdicts"])
            facts.marks = raw["marks"]
            facts.resets = raw["resets"]
            facts.noted, facts.revision, facts.updated_at = raw["at"]
        except (KeyError, TypeError, orjson.JSONDecodeError) as fault:
            raise ValueError(f"expected {SCHEMA}: {fault!r:.200}") from None
        return facts

    def encode(self) -> bytes:
        """The facts as the table and its changelog keep them: compact JSON, `address-facts/1`."""
        window = self.window
        return orjson.dumps(
            {
                "schema": SCHEMA,
                "key": (self.tenant, self.channel, self.address),
                "verdicts": (window.entries, window.edge, window.run, window.left),
                "marks": self.marks,
                "resets": self.resets,
                "at": (self.noted, self.revision, self.updated_at),
            }
        )

    @property
    def reset_at(self) -> int:
        """The time of the latest reset in ms, before all times where there was none."""
        at: int = self.resets[-1][0] if self.resets else NEVER
        return at


NEVER = -(2**53)
"""A time in ms before all others."""


def fold(facts: AddressFacts | None, activity: Activity, revision: int) -> AddressFacts:
    """The facts with one more activity, from the source record of that revision; `facts` stays as it is.

    Raises ValueError for a change of consent, which is no fact of the address's standing.
    """
    new = _begun(activity) if facts is None else _copied(facts)
    new.revision = max(new.revision, revision)
    new.updated_at = max(new.updated_at, activity.received_at)
    what = activity.what
    if isinstance(what, Verdict):
        _judge(new, what)
    elif isinstance(what, Mark):
        reason = str(what.reason)
        new.marks[reason] = _kept_marks([*new.marks.get(reason, []), _kept_mark(what)])
        new.noted = True
    elif isinstance(what, Reset):
        reset = [
            what.at,
            what.reset_id,
            _cut(what.actor),
            _cut(what.reason, DIAGNOSTIC_LIMIT),
            _cut(what.key),
        ]
        new.resets = _kept_resets([*new.resets, reset])
        new.noted = True
    else:
        raise ValueError("a change of consent is not folded into an address's standing")
    return new


def join(left: AddressFacts, right: AddressFacts) -> AddressFacts:
    """The facts of both, as if all their activity had been folded into one; neither is changed. Both must be of the
    same address."""
    new = _copied(left)
    new.window = window_join(left.window, right.window)
    for reason, marks in right.marks.items():
        new.marks[reason] = _kept_marks([*new.marks.get(reason, []), *marks])
    new.resets = _kept_resets([*left.resets, *right.resets])
    new.noted = left.noted or right.noted
    new.revision = max(left.revision, right.revision)
    new.updated_at = max(left.updated_at, right.updated_at)
    return new


def _begun(activity: Activity) -> AddressFacts:
    new = AddressFacts.__new__(AddressFacts)
    new.tenant, new.channel, new.address = activity.tenant, activity.channel, activity.address
    new.window = EMPTY
    new.marks = {}
    new.resets = []
    new.noted = False
    new.revision = 0
    new.updated_at = activity.received_at
    return new


def _copied(facts: AddressFacts) -> AddressFacts:
    new = AddressFacts.__new__(AddressFacts)
    new.tenant, new.channel, new.address = facts.tenant, facts.channel, facts.address
    new.window = facts.window
    new.marks = facts.marks.copy()
    new.resets = facts.resets
    new.noted = facts.noted
    new.revision = facts.revision
    new.updated_at = facts.updated_at
    return new


def _judge(new: AddressFacts, told: Verdict) -> None:
    entry: Entry = [told.message_at, message_hash(told.message_id)]
    soft = told.soft
    # Also a soft bounce that was overcome: whether it was ever told must not depend on what was told together.
    new.noted = new.noted or soft is not None
    if soft is not None and told.verdict == SOFT:
        entry.append(
            [
                soft.at,
                soft.event_id,
                _cut(told.message_id),
                _cut(soft.subtype, WORD_LIMIT),
                _cut(soft.code, WORD_LIMIT),
                _cut(soft.cause, WORD_LIMIT),
                _cut(soft.diagnostic, DIAGNOSTIC_LIMIT),
            ]
        )
    new.window = window_add(new.window, entry)


def _kept_mark(mark: Mark) -> KeptMark:
    return [
        mark.at,
        mark.event_id,
        _cut(mark.message_id),
        _cut(mark.code, WORD_LIMIT),
        _cut(mark.cause, WORD_LIMIT),
        _cut(mark.diagnostic, DIAGNOSTIC_LIMIT),
    ]


def _kept_marks(marks: list[KeptMark]) -> list[KeptMark]:
    """By time, one of each event: the earliest, so that a repeat does not come after a reset; of many the first one and
    the newest."""
    by_event: dict[str, KeptMark] = {}
    for mark in sorted(marks, key=_mark_order):
        by_event.setdefault(mark[1], mark)
    kept = list(by_event.values())
    return kept if len(kept) <= KEPT + 1 else [kept[0], *kept[-KEPT:]]


def _mark_order(mark: KeptMark) -> tuple[Any, ...]:
    return tuple("" if part is None else part for part in mark)


def _kept_resets(resets: list[KeptReset]) -> list[KeptReset]:
    by_identity: dict[str, KeptReset] = {}
    for reset in sorted(resets, key=_mark_order):
        by_identity.setdefault(reset[1], reset)
    return list(by_identity.values())[-KEPT:]


def _cut(text: str | None, limit: int = NAME_LIMIT) -> str | None:
    return text and text[:limit]
