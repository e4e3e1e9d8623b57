"""CPU and memory of processes while something runs."""

import contextlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final

import psutil

_MIB: Final = 1024 * 1024
_PARTS: Final = {
    "kafka.Kafka": "kafka",
    "deploy.local.clickhouse": "clickhouse",
    "-m ingest": "ingest",
    "processors worker": "worker",
    "processors sink": "sink",
    "-m query": "query",
    "-m deploy.local": "supervisor",
}


@dataclass(frozen=True, slots=True)
class Use:
    """What one process took: CPU seconds in the time watched, its peak and its last resident memory in MiB."""

    cpu_s: float
    peak_mib: float
    last_mib: float


@dataclass(frozen=True, slots=True)
class Machine:
    """Of all CPU time of the machine, while it was watched, the shares that nobody wanted and that its hypervisor gave to
    others: what was measured with much of the latter says less about what was measured."""

    idle: float
    stolen: float


def parts_below(pid: int) -> dict[str, psutil.Process]:
    """The processes of a run by part; the supervisor is `pid` itself. A part's own helpers are left out."""
    found: dict[str, psutil.Process] = {}
    supervisor = psutil.Process(pid)
    for process in (supervisor, *supervisor.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            command = " ".join(process.cmdline())
            part = next((part for mark, part in _PARTS.items() if mark in command), None)
            if part is not None:
                found.setdefault(part, process)
    return found


class Watch:
    """Samples processes in a thread, `with Watch(parts) as watch:`; `use()` tells what they took so far."""

    def __init__(self, processes: Mapping[str, psutil.Process], every_s: float = 0.5) -> None:
        self._processes = dict(processes)
        self._every = every_s
        self._before = {part: _cpu(process) for part, process in self._processes.items()}
        self._cpu = dict(self._before)
        self._machine_before = psutil.cpu_times()
        self._started = time.monotonic()
        self._seen: dict[str, list[tuple[float, int]]] = {part: [] for part in self._processes}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def use(self) -> dict[str, Use]:
        """By part; one that has ended keeps what was last seen of it."""
        self._look()
        return {part: self._use_of(part) for part in self._processes}

    def machine(self) -> Machine:
        """What became of the machine's CPU time so far."""
        spent = {
            name: now - then
            for name, now, then in zip(
                self._machine_before._fields, psutil.cpu_times(), self._machine_before, strict=True
            )
        }
        # Linux counts guests as users, too.
        whole = sum(spent.values()) - spent.get("guest", 0.0) - spent.get("guest_nice", 0.0)
        idle = spent["idle"] + spent.get("iowait", 0.0)
        return Machine(round(idle / whole, 4), round(spent.get("steal", 0.0) / whole, 4))

    def mean_mib(self, begin: float, end: float) -> dict[str, float]:
        """Mean resident memory in MiB by part, between these seconds since the watch began."""
        return {
            part: round(sum(found) / len(found) / _MIB, 1)
            for part, seen in self._seen.items()
            if (found := [rss for at, rss in seen if begin <= at < end])
        }

    def _use_of(self, part: str) -> Use:
        cpu = self._cpu[part] - self._before[part]
        resident = [rss for _, rss in self._seen[part]] or [0]
        return Use(round(cpu, 3), round(max(resident) / _MIB, 1), round(resident[-1] / _MIB, 1))

    def _sample(self) -> None:
        while not self._stop.wait(self._every):
            self._look()

    def _look(self) -> None:
        at = time.monotonic() - self._started
        for part, process in self._processes.items():
            with contextlib.suppress(psutil.Error):
                self._cpu[part] = _cpu(process)
                self._seen[part].append((at, process.memory_info().rss))


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
