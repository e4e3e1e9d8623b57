"""A load of signed callbacks from a sender that behaves as SNS does: any order, repeats, and again until it is 200."""

import contextlib
import heapq
import json
import random
import threading
import time
from collections.abc import Iterable
from http.client import HTTPConnection
from types import TracebackType

from tests.system.client import CUT, Answer, Request, exchange

_RETRY_S = (0.2, 1.0)
_REPEATED = 0.1


class Load:
    """Posts requests at a bounded rate from some threads, each until it was answered 200.

    One in ten is posted once more after its 200, as SNS does when an answer came late. Any answer but 200 and 503 is
    a fault. Use it as a context; `finish` waits until all are stored.
    """

    def __init__(
        self, port: int, requests: Iterable[Request], *, rate: float = 150, threads: int = 6, seed: int = 1
    ) -> None:
        self._random = random.Random(seed)
        self._port = port
        todo = list(requests)
        self._random.shuffle(todo)
        begun = time.monotonic()
        self._due = [(begun + n / rate, n, False, request) for n, request in enumerate(todo)]
        heapq.heapify(self._due)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(threads)]
        self.total = len(todo)
        self.stored = 0
        self.unavailable = 0
        self.cut = 0
        self.faults: list[tuple[Request, Answer]] = []

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def until(self, share: float, timeout: float = 60) -> None:
        """Returns when that share of the callbacks was answered 200."""
        deadline = time.monotonic() + timeout
        while self.stored < share * self.total:
            assert not self.faults, self.faults[:3]
            assert time.monotonic() < deadline, (
                f"{self.stored} of {self.total} answered 200 within {timeout:g} s"
            )
            time.sleep(0.02)

    def finish(self, timeout: float = 90) -> None:
        """Returns when every callback was answered 200; raises AssertionError where one got a wrong answer."""
        self.until(1, timeout)
        deadline = time.monotonic() + timeout
        while self._due and time.monotonic() < deadline:  # the repeats
            time.sleep(0.02)
        assert not self.faults, self.faults[:3]

    def _take(self) -> tuple[float, int, bool, Request] | None:
        with self._lock:
            if self._due and self._due[0][0] <= time.monotonic():
                return heapq.heappop(self._due)
        return None

    def _again(self, number: int, repeat: bool, request: Request) -> None:
        with self._lock:
            heapq.heappush(
                self._due, (time.monotonic() + self._random.uniform(*_RETRY_S), number, repeat, request)
            )

    def _work(self) -> None:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=15)
        with contextlib.closing(connection):
            while not self._stop.is_set():
                taken = self._take()
                if taken is None:
                    time.sleep(0.005)
                    continue
                self._post(connection, *taken[1:])

    def _post(self, connection: HTTPConnection, number: int, repeat: bool, request: Request) -> None:
        try:
            answer = exchange(connection, request)
        except CUT:
            connection.close()
            self.cut += 1
            self._again(number, repeat, request)
            return
        if answer.status == 200:
            if not repeat:
                with self._lock:
                    self.stored += 1
                    again = self._random.random() < _REPEATED
                if again:
                    self._again(number, True, request)
        elif answer.status == 503 and answer.code == "unavailable" and int(answer.headers["retry-after"]) > 0:
            self.unavailable += 1
            self._again(number, repeat, request)
        else:
            self.faults.append((request, answer))

    def __str__(self) -> str:
        return json.dumps(
            {"total": self.total, "stored": self.stored, "unavailable": self.unavailable, "cut": self.cut}
        )
