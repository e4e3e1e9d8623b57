"""One table's way into ClickHouse: a buffer, one insert at a time, and what to do when it is not taken.

An insert starts as soon as there is something and the last one began long enough ago, so a lone row is visible at
once, and under load batches grow instead of their number: parts in ClickHouse stay few.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from processors.sink.lines import Line, Record, halves, joined, lines_of, row_count
from runtime import metrics
from runtime.clickhouse import ClickHouse, ClickHouseAway, ClickHouseRefused

log = logging.getLogger(__name__)

Partition = tuple[str, int]
Poison = Callable[[Line, str], Awaitable[None]]
"""Puts one refused line aside, for good."""
Stored = Callable[[dict[Partition, int], int], None]
"""Told the next offset of each partition, and the epoch of the assignment, once everything before it is stored."""

_ROW_REFUSED = frozenset(
    (
        6,
        25,
        26,
        27,
        33,
        34,
        36,
        38,
        41,
        43,
        53,
        69,
        70,
        72,
        117,
        128,
        130,
        131,
        306,
        321,
        349,
        407,
        441,
        457,
        467,
    )
)
"""ClickHouse's errors that a row can cause: cannot parse, cannot read, incorrect data, out of bounds, too deep and the like."""

FIRST_DELAY_S, LONGEST_DELAY_S = 0.1, 5.0
_TOLERATED = 100
"""Rows of one batch that may be put aside in any case; beyond it, at most a fifth of the batch."""


LONGEST_PAUSE_S = 1.25
_SHARE = 6


class TooMuchPoison(Exception):
    """So much of a batch is refused that the fault is not the rows': nothing more of it is put aside."""


class TableWriter:
    """Buffers and inserts the rows of one topic into one table. `run()` is its one task."""

    def __init__(
        self,
        table: str,
        store: ClickHouse,
        poison: Poison,
        stored: Stored,
        *,
        rows: int,
        size: int,
        wait_s: float,
    ) -> None:
        """A batch has at most about `rows` rows and `size` bytes, and begins about `wait_s` seconds after the one before."""
        self.table = table
        self.epoch = 0
        """Of the assignment that the records come from; set by whoever adds them."""
        self._store, self._poison, self._stored = store, poison, stored
        self._rows, self._size, self._wait_s = rows, size, wait_s
        self._buffer: deque[tuple[Record, int]] = deque()
        """Records and how many rows each has: counting them means to look at every byte, so it is done once."""
        self._buffered_rows = self._buffered_bytes = 0
        self._last_begun = self._last_took = 0.0
        self._some, self._full = asyncio.Event(), asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def buffered_bytes(self) -> int:
        """Bytes that wait for an insert."""
        return self._buffered_bytes

    def add(self, records: Sequence[Record]) -> None:
        """Takes records in the order of their offsets."""
        for record in records:
            rows = row_count(record)
            self._buffer.append((record, rows))
            self._buffered_rows += rows
            self._buffered_bytes += len(record.value or b"")
        if self._buffer:
            self._some.set()
        if self._buffered_rows >= self._rows or self._buffered_bytes >= self._size:
            self._full.set()

    def drop(self) -> None:
        """Forgets what waits: it is uncommitted and will be read again, here or elsewhere."""
        self._buffer.clear()
        self._buffered_rows = self._buffered_bytes = 0
        self._some.clear()
        self._full.clear()

    async def settle(self) -> None:
        """Returns when no insert is under way."""
        await self._idle.wait()

    async def run(self) -> None:
        """Inserts until cancelled."""
        while True:
            await self._some.wait()
            await self._pace()
            (batch, rows), epoch = self._take(), self.epoch
            if not batch:
                continue
            self._idle.clear()
            try:
                await self._until_stored(batch, rows)
                self._last_took = time.monotonic() - self._last_begun
                self._stored(_next_offsets(batch), epoch)
            finally:
                self._idle.set()

    async def _pace(self) -> None:
        remaining = self._last_begun + interval_s(self._wait_s, self._last_took) - time.monotonic()
        if remaining > 0:
            try:
                async with asyncio.timeout(remaining):
                    await self._full.wait()
            except TimeoutError:
                pass
        self._last_begun = time.monotonic()

    def _take(self) -> tuple[list[Record], int]:
        """The records of the next batch, and how many rows they have."""
        batch: list[Record] = []
        rows = size = 0
        while self._buffer and rows < self._rows and size < self._size:
            record, of_record = self._buffer.popleft()
            batch.append(record)
            rows += of_record
            size += len(record.value or b"")
        self._buffered_rows -= rows
        self._buffered_bytes -= size
        if not self._buffer:
            self._some.clear()
        if self._buffered_rows < self._rows and self._buffered_bytes < self._size:
            self._full.clear()
        return batch, rows

    async def _until_stored(self, batch: list[Record], rows: int) -> None:
        """Tries the whole batch again for as long as it takes: what it inserts twice, the table takes as one."""
        delay = FIRST_DELAY_S
        while True:
            try:
                await self._insert_batch(batch, rows)
                return
            except ClickHouseAway as away:
                log.warning("%s: ClickHouse is away, next try in %.1f s: %s", self.table, delay, away)
            except (ClickHouseRefused, TooMuchPoison) as refused:
                log.error("%s: refused, next try in %.1f s: %s", self.table, delay, refused)
            metrics.SINK_RETRIES.labels(self.table).inc()
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_DELAY_S)

    async def _insert_batch(self, batch: list[Record], rows: int) -> None:
        body = joined(batch)
        if not body:
            return
        try:
            await self._insert(body, rows)
        except ClickHouseRefused as refused:
            if refused.code not in _ROW_REFUSED:
                raise
            lines = lines_of(batch)
            log.warning(
                "%s: a batch of %d rows is refused, looking for the ones at fault: %s",
                self.table,
                len(lines),
                refused,
            )
            await self._bisect(lines, _Patience(max(_TOLERATED, len(lines) // 5)))

    async def _bisect(self, lines: Sequence[Line], patience: "_Patience") -> None:
        """Inserts what is taken, and puts aside each line that is refused by itself."""
        if not lines:
            return
        try:
            await self._insert(b"\n".join([line.text for line in lines]), len(lines))
        except ClickHouseRefused as refused:
            if refused.code not in _ROW_REFUSED:
                raise
            if len(lines) > 1:
                for half in halves(lines):
                    await self._bisect(half, patience)
                return
            patience.spend()
            await self._poison(lines[0], f"{refused}")

    async def _insert(self, body: bytes, rows: int) -> None:
        begun = time.monotonic()
        await self._store.insert_lines(self.table, body)
        metrics.SINK_INSERT_SECONDS.labels(self.table).observe(time.monotonic() - begun)
        metrics.SINK_ROWS.labels(self.table).inc(rows)


def interval_s(wait_s: float, last_took_s: float) -> float:
    """Seconds from the begin of one insert to that of the next: `wait_s`, or six times what the last one took.

    Most of an insert's cost does not depend on its rows (half as many inserts cost half as much, measured), so
    where ClickHouse is busy, fewer and larger batches get it going again. At most LONGEST_PAUSE_S, unless `wait_s` is
    longer itself.
    """
    return max(wait_s, min(_SHARE * last_took_s, LONGEST_PAUSE_S))


class _Patience:
    """How many more rows of a batch may be put aside."""

    def __init__(self, rows: int) -> None:
        self._left = rows

    def spend(self) -> None:
        if self._left == 0:
            raise TooMuchPoison("too many rows of one batch are refused; the tables may not fit the topics")
        self._left -= 1


def _next_offsets(batch: list[Record]) -> dict[Partition, int]:
    return {(record.topic, record.partition): record.offset + 1 for record in batch}
