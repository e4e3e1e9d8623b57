"""What waits for Kafka: envelopes by partition, in batches that share one answer, bounded in bytes and in time."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

from ingest.refusals import unavailable

_OPEN_S = 0.1
"""How long a batch that is not written takes more: its requests share one deadline, that of the first of them."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds, sizes in bytes of envelopes as JSON lines."""

    store_timeout_s: float = 3.0
    wait_s: float = 0.01
    batch_bytes: int = 512 * 1024
    waiting_bytes: int = 64 * 1024 * 1024


@dataclass(slots=True, eq=False)
class Batch:
    """Lines of one partition that arrived within _OPEN_S of each other, and the answer that their requests await.

    `stored` becomes True when Kafka has them, and False when their requests are told to come again.
    """

    partition: int
    opened: float
    stored: asyncio.Future[bool]
    lines: list[bytes] = field(default_factory=list)
    size: int = 0
    deadline: asyncio.TimerHandle | None = None

    def answer(self, stored: bool) -> None:
        """Answers all requests of the batch, unless they have their answer."""
        if not self.stored.done():
            self.stored.set_result(stored)
        if self.deadline is not None:
            self.deadline.cancel()


@dataclass(frozen=True, slots=True)
class Write:
    """The batches of one partition that become one record."""

    partition: int
    batches: list[Batch]

    def value(self) -> bytes:
        """The record's value: JSON lines."""
        return b"\n".join([line for batch in self.batches for line in batch.lines])

    def envelopes(self) -> int:
        """How many envelopes the record has."""
        return sum(len(batch.lines) for batch in self.batches)


class Waiting:
    """The queues. A batch counts from its first line until it is written, or given up.

    `something` is set while there is something to take; `nothing` while nothing waits and nothing is being written.
    """

    def __init__(self, limits: Limits) -> None:
        """Create it in the event loop."""
        self.limits = limits
        self.bytes = 0
        self.envelopes = 0
        self.something = asyncio.Event()
        self.nothing = asyncio.Event()
        self.nothing.set()
        self._loop = asyncio.get_running_loop()
        self._queues: dict[int, deque[Batch]] = {}

    def add(self, partition: int, line: bytes) -> asyncio.Future[bool]:
        """Queues a line. Raises ProblemError `unavailable` where too much is waiting."""
        size = len(line) + 1
        if self.bytes + size > self.limits.waiting_bytes:
            raise unavailable("too much is waiting for Kafka")
        queue = self._queues.get(partition)
        batch = queue[-1] if queue else None
        now = self._loop.time()
        if batch is None or batch.size + size > self.limits.batch_bytes or now - batch.opened > _OPEN_S:
            batch = self._open(partition, now)
        batch.lines.append(line)
        batch.size += size
        self.bytes += size
        self.envelopes += 1
        return batch.stored

    def take(self) -> list[Write]:
        """One write for each partition with something in it: its oldest batches, as many as one record may have."""
        writes = [
            Write(partition, self._take_from(queue)) for partition, queue in self._queues.items() if queue
        ]
        if not any(self._queues.values()):
            self.something.clear()
        return writes

    def done(self, write: Write, stored: bool) -> None:
        """That write is over: its requests are answered, its memory is free."""
        for batch in write.batches:
            batch.answer(stored)
            self._release(batch)

    def put_back(self, write: Write) -> None:
        """That write is to be tried again; batches whose requests have been answered meanwhile are given up."""
        queue = self._queues[write.partition]
        for batch in reversed(write.batches):
            if batch.stored.done():
                self._release(batch)
            else:
                queue.appendleft(batch)
                self.something.set()

    def _open(self, partition: int, now: float) -> Batch:
        batch = Batch(partition, now, self._loop.create_future())
        batch.deadline = self._loop.call_at(now + self.limits.store_timeout_s, self._expire, batch)
        self._queues.setdefault(partition, deque()).append(batch)
        self.nothing.clear()
        self.something.set()
        return batch

    def _take_from(self, queue: deque[Batch]) -> list[Batch]:
        taken = [queue.popleft()]
        size = taken[0].size
        while queue and size + queue[0].size <= self.limits.batch_bytes:
            size += queue[0].size
            taken.append(queue.popleft())
        return taken

    def _expire(self, batch: Batch) -> None:
        """The requests have waited long enough. What is being written stays until that is over."""
        batch.answer(False)
        queue = self._queues[batch.partition]
        while queue and queue[0].stored.done():
            self._release(queue.popleft())

    def _release(self, batch: Batch) -> None:
        self.bytes -= batch.size
        self.envelopes -= len(batch.lines)
        if not self.envelopes:
            self.nothing.set()
