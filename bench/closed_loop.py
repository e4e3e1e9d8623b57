"""Offers requests as fast as they are answered (closed loop), over connections that are kept, for a fixed time.

Runs as a process of its own, `python -m bench.closed_loop`, so that its CPU can be told apart from the server's.
"""

import argparse
import asyncio
import json
import time
from collections import Counter
from itertools import cycle
from pathlib import Path

from bench.generator import is_whole, quantile, slices


class Load:
    """Sends the next request on each connection as soon as the last one is answered."""

    def __init__(self, requests: list[bytes]) -> None:
        self._requests = cycle(requests)
        self._transports: list[asyncio.Transport] = []
        self.statuses: Counter[int] = Counter()
        self.seconds: list[float] = []
        self.sent = 0
        self.counting = False
        self.running = True

    async def run(self, port: int, connections: int, warm_up_s: float, seconds: float) -> float:
        """Runs; returns the seconds that were counted."""
        loop = asyncio.get_running_loop()
        for _ in range(connections):
            transport, connection = await loop.create_connection(lambda: _Connection(self), "127.0.0.1", port)
            self._transports.append(transport)
            connection.send_next()
        await asyncio.sleep(warm_up_s)
        self.counting, began = True, time.perf_counter()
        await asyncio.sleep(seconds)
        self.counting = self.running = False
        took = time.perf_counter() - began
        await asyncio.sleep(0.2)
        for transport in self._transports:
            transport.abort()
        return took

    def next_request(self) -> bytes:
        """The next request, round and round."""
        self.sent += 1
        return next(self._requests)


class _Connection(asyncio.Protocol):
    def __init__(self, load: Load) -> None:
        self._load = load
        self._received = b""
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send_next(self) -> None:
        """Sends a request."""
        self._began = time.perf_counter()
        self._transport.write(self._load.next_request())

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not is_whole(self._received):
            return
        load = self._load
        if load.counting:
            load.statuses[int(self._received[9:12])] += 1
            load.seconds.append(time.perf_counter() - self._began)
        self._received = b""
        if load.running:
            self.send_next()


async def _main(arguments: argparse.Namespace) -> dict[str, object]:
    requests = list(slices(arguments.corpus, 0, arguments.count))
    load = Load(requests)
    cpu = time.process_time()
    took = await load.run(arguments.port, arguments.connections, arguments.warm_up, arguments.seconds)
    ordered = sorted(load.seconds)
    return {
        "seconds": took,
        "answers": len(ordered),
        "sent": load.sent,
        "statuses": {str(status): number for status, number in load.statuses.items()},
        "answer_p50_s": quantile(ordered, 0.5),
        "answer_p99_s": quantile(ordered, 0.99),
        "cpu_s": time.process_time() - cpu,
    }


def main() -> None:
    """Offers the requests of a corpus in a closed loop and prints one line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.closed_loop", description=main.__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="folder of the corpus")
    parser.add_argument("--count", type=int, required=True, help="how many requests the corpus has")
    parser.add_argument("--port", type=int, required=True, help="port of the server on the loopback")
    parser.add_argument("--seconds", type=float, required=True, help="how long answers are counted")
    parser.add_argument("--warm-up", type=float, default=1.0, help="seconds before that")
    parser.add_argument("--connections", type=int, default=64, help="connections to keep")
    print(json.dumps(asyncio.run(_main(parser.parse_args()))))


if __name__ == "__main__":
    main()
