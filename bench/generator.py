"""Offers requests at a fixed rate, whatever the answers do (open loop), over connections that are kept.

Runs as a process of its own, `python -m bench.generator`, so that its CPU can be told apart. It does as
little as can be done for each request: a slice of a mapped file out, a status line in.
"""

import argparse
import asyncio
import json
import mmap
import time
from array import array
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

import uvloop

TICK_S: Final = 0.002
GRACE_S: Final = 60.0
"""How long answers are waited for after the last request was offered."""


class Offer:
    """One run: which requests are due, over which connections they go, and what came back."""

    def __init__(self, requests: Iterator[bytes], count: int, rate: float) -> None:
        self._requests = requests
        self._count = count
        self._rate = rate
        self._idle: deque[_Connection] = deque()
        self._sent = 0
        self._done = asyncio.Event()
        self.started = 0.0
        self.statuses: Counter[int] = Counter()
        self.lost = 0
        self.seconds = array("d")

    async def run(self, host: str, port: int, connections: int) -> None:
        """Opens the connections and offers everything. Raises OSError where nobody listens."""
        loop = asyncio.get_running_loop()
        for _ in range(connections):
            await loop.create_connection(lambda: _Connection(self), host, port)
        self.started = time.perf_counter()
        deadline = self.started + self._count / self._rate + GRACE_S
        while not self._done.is_set() and time.perf_counter() < deadline:
            self._send_due()
            await asyncio.sleep(TICK_S)
        self.lost += self._count - sum(self.statuses.values()) - self.lost

    def free(self, connection: "_Connection") -> None:
        """A connection can take a request: at once one that is overdue, if any."""
        self._idle.append(connection)
        if self._sent < self._due():
            self._send_due()

    def answered(self, connection: "_Connection", status: int, due: float) -> None:
        """An answer came. Its time counts from when it was due, so that a wait for a connection shows."""
        self.statuses[status] += 1
        self.seconds.append(time.perf_counter() - due)
        self.free(connection)
        self._finish_if_all()

    def broken(self, connection: "_Connection", outstanding: bool) -> None:
        """A connection ended; what it carried has no answer."""
        if connection in self._idle:
            self._idle.remove(connection)
        self.lost += outstanding
        self._finish_if_all()

    def _finish_if_all(self) -> None:
        if sum(self.statuses.values()) + self.lost >= self._count:
            self._done.set()

    def _due(self) -> int:
        if not self.started:
            return 0
        return min(self._count, int((time.perf_counter() - self.started) * self._rate))

    def _send_due(self) -> None:
        due = self._due()
        while self._sent < due and self._idle:
            self._idle.popleft().send(next(self._requests), self.started + self._sent / self._rate)
            self._sent += 1


class _Connection(asyncio.Protocol):
    """One connection with at most one request under way."""

    def __init__(self, offer: Offer) -> None:
        self._offer = offer
        self._transport: asyncio.Transport | None = None
        self._due: float | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._offer.free(self)

    def send(self, request: bytes, due: float) -> None:
        """Sends a request that was due at that time of perf_counter."""
        assert self._transport is not None
        self._due = due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._due is None or not is_whole(self._received):
            return
        status, due = int(self._received[9:12]), self._due
        self._received, self._due = b"", None
        self._offer.answered(self, status, due)

    def connection_lost(self, exc: Exception | None) -> None:
        self._offer.broken(self, self._due is not None)


def is_whole(answer: bytes) -> bool:
    """Whether these bytes are a complete HTTP/1.1 answer with a Content-Length."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return False
    at = answer.lower().find(b"content-length:", 0, end)
    length = int(answer[at + 15 : answer.find(b"\r\n", at)]) if at >= 0 else 0
    return len(answer) >= end + 4 + length


def quantile(ordered: "array[float] | list[float]", q: float) -> float:
    """The smallest of the sorted values that at least that share does not exceed; 0 of none."""
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else 0.0


def slices(folder: Path, first: int, count: int) -> Iterator[bytes]:
    """The requests of a corpus from number `first` on, `count` of them."""
    lengths = array("I")
    lengths.frombytes((folder / "lengths.bin").read_bytes())
    at = sum(lengths[:first])
    with (folder / "requests.bin").open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    for length in lengths[first : first + count]:
        yield mapped[at : at + length]
        at += length


async def _main(arguments: argparse.Namespace) -> dict[str, object]:
    requests = slices(arguments.corpus, arguments.first, arguments.count)
    offer = Offer(requests, arguments.count, arguments.rate)
    cpu = time.process_time()
    await offer.run("127.0.0.1", arguments.port, arguments.connections)
    ordered = sorted(offer.seconds)
    return {
        "offered": arguments.count,
        "rate": arguments.rate,
        "seconds": time.perf_counter() - offer.started,
        "statuses": {str(status): number for status, number in offer.statuses.items()},
        "lost": offer.lost,
        "answer_p50_s": quantile(ordered, 0.5),
        "answer_p99_s": quantile(ordered, 0.99),
        "answer_max_s": ordered[-1] if ordered else 0.0,
        "cpu_s": time.process_time() - cpu,
    }


def main() -> None:
    """Offers requests of a corpus and prints one line of JSON: how many were answered, how, and how soon."""
    parser = argparse.ArgumentParser(prog="python -m bench.generator", description=main.__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="folder of the corpus")
    parser.add_argument("--port", type=int, required=True, help="port of ingest on the loopback")
    parser.add_argument("--first", type=int, default=0, help="number of the first request")
    parser.add_argument("--count", type=int, required=True, help="how many requests to offer")
    parser.add_argument("--rate", type=float, required=True, help="requests a second")
    parser.add_argument("--connections", type=int, default=128, help="connections to keep")
    print(json.dumps(uvloop.run(_main(parser.parse_args()))))


if __name__ == "__main__":
    main()
