"""The newest verdicts of an address: which of its last messages arrived, and which gave up after a soft bounce.

Kept are the newest 64 by the time the messages were sent. Inside that window a late delivery still revises a soft bounce;
what is older has left it for good, and of that only runs of soft bounces are remembered, with the times of their messages,
since a reset that lies within a run takes away only what was sent until then. So up to 64 messages any order, any repetition
and any split of what was told give the same; beyond that what left in one order has left.
"""

from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

KEPT = 64
"""Verdicts in the window, and the longest run that is counted: no limit of a tenant is higher."""

Soft = list[Any]
"""A soft bounce: [time in ms, event id, message id, subtype, code, cause, diagnostic]."""

Entry = list[Any]
"""One message: [time it was sent in ms, hash of its id] where it arrived, and its soft bounce as a third where not."""

Run = list[Any]
"""Soft bounces in a row that have left the window: [times in ms their messages were sent, of the newest 64; the last soft
bounce]."""


@dataclass(slots=True)
class Window:
    """`entries` by time; `edge` is the newest that has left, `run` the soft bounces in a row right up to it. `left` are
    earlier runs that left: the newest one, and each older one that is longer than all after it. Never changed in
    place."""

    entries: list[Entry]
    edge: Entry | None
    run: Run | None
    left: list[Run]


EMPTY = Window([], None, None, [])


@dataclass(frozen=True, slots=True)
class Row:
    """Soft bounces in a row, oldest first: `before` has left the window, if anything has; `softs` are in it.

    `newest` says that no later message arrived.
    """

    before: Run | None
    softs: list[Soft]
    newest: bool = False

    @property
    def count(self) -> int:
        """How many, to 64."""
        return min(KEPT, self._left + len(self.softs))

    @property
    def last(self) -> Soft:
        """The newest of them."""
        return self.soft(self._left + len(self.softs))

    def soft(self, number: int) -> Soft:
        """The soft bounce of that number from 1; of those that left the window the last one answers for all."""
        found: Soft = (
            self.before[1] if self.before and number <= self._left else self.softs[number - self._left - 1]
        )
        return found

    @property
    def _left(self) -> int:
        return len(self.before[0]) if self.before else 0


def message_hash(message_id: str) -> int:
    """48 bits of a message's id: enough among 64, and small to store."""
    return int.from_bytes(blake2b(message_id.encode(errors="surrogatepass"), digest_size=6).digest())


def window_add(window: Window, entry: Entry) -> Window:
    """The window with one more verdict. A message that is in it already keeps its earlier time, its delivery rather
    than a soft bounce, and of two soft bounces the later."""
    if window.edge is not None and entry[:2] <= window.edge:
        return window
    entries = window.entries.copy()
    for place, known in enumerate(entries):
        if known[1] == entry[1]:
            if known == entry:
                return window
            del entries[place]
            entry = _merged(known, entry)
            break
    insort(entries, entry, key=_order)
    return _trimmed(entries, window.edge, window.run, window.left)


def window_join(left: Window, right: Window) -> Window:
    """The window of all that either was told. What one has let go does not come back from the other."""
    ahead, behind = (left, right) if _progress(left) >= _progress(right) else (right, left)
    known = {entry[1]: entry for entry in ahead.entries}
    for entry in behind.entries:
        if ahead.edge is None or entry[:2] > ahead.edge:
            other = known.get(entry[1])
            known[entry[1]] = _merged(other, entry) if other else entry
    runs = ahead.left
    for run in behind.left:
        runs = _remembered(runs, run)
    return _trimmed(sorted(known.values(), key=_order), ahead.edge, ahead.run, runs)


def rows(window: Window, after: int, until: int) -> Iterator[Row]:
    """All soft bounces in a row among messages that were sent after and until those times (ms), oldest first."""

    def between(run: Run | None) -> Run | None:
        times = [at for at in run[0] if after < at <= until] if run else []
        return [times, run[1]] if run and times else None

    for run in reversed(window.left):
        if found := between(run):
            yield Row(found, [])
    before = between(window.run)
    softs: list[Soft] = []
    for at, _, *soft in window.entries:
        if not after < at <= until:
            continue
        if soft:
            softs.append(soft[0])
        else:
            if before or softs:
                yield Row(before, softs)
            before, softs = None, []
    if before or softs:
        yield Row(before, softs, newest=True)


def _order(entry: Entry) -> tuple[int, int]:
    return entry[0], entry[1]


def _merged(known: Entry, entry: Entry) -> Entry:
    first = min(known, entry, key=_order)[:2]
    softs = [one[2] for one in (known, entry) if len(one) > 2]
    return [*first, max(softs, key=_soft_order)] if len(softs) == 2 else first


def _soft_order(soft: Soft) -> tuple[Any, ...]:
    return tuple("" if part is None else part for part in soft)


def _trimmed(entries: list[Entry], edge: Entry | None, run: Run | None, left: list[Run]) -> Window:
    """The window of these, without what has become too old for it."""
    for at, message, *soft in entries[:-KEPT]:
        edge = [at, message]
        if soft:
            run = [[*(run[0] if run else ()), at][-KEPT:], soft[0]]
        elif run:
            left, run = _remembered(left, run), None
    return Window(entries[-KEPT:], edge, run, left)


def _remembered(left: list[Run], run: Run) -> list[Run]:
    """The runs that left, newest first, without any that another one is both newer and as long as."""
    runs: list[Run] = []
    for one in sorted([*left, run], key=_run_order, reverse=True):
        if not runs or len(one[0]) > len(runs[-1][0]):
            runs.append(one)
    return runs


def _run_order(run: Run) -> tuple[Any, ...]:
    return run[0], _soft_order(run[1])


def _progress(window: Window) -> tuple[Any, ...]:
    """Of two windows of one address the one that has let go of more; of equals, any order that is always the same."""
    return window.edge or [0, 0], _run_order(window.run) if window.run else ()
