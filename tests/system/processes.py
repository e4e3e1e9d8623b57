"""Processes of a run, and ports for it."""

import contextlib
import random
import socket
from collections.abc import Mapping

import psutil

PARTS: Mapping[str, tuple[str, ...]] = {
    "ingest": ("-m", "ingest"),
    "worker": ("-m", "processors", "worker"),
    "sink": ("-m", "processors", "sink"),
    "query": ("-m", "query"),
    "clickhouse": ("-m", "deploy.local.clickhouse"),
    "kafka": ("kafka.Kafka",),
}
"""How the command line of each part is told from the others."""


def free_ports(count: int) -> list[int]:
    """Ports of the loopback on which nobody listens, below the range that outgoing connections take theirs from."""
    found: set[int] = set()
    while len(found) < count:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.add(port)
    return sorted(found)


def has(command: list[str], marks: tuple[str, ...]) -> bool:
    """Whether a command line has those words one after the other."""
    return any(tuple(command[i : i + len(marks)]) == marks for i in range(len(command)))


def command_of(process: psutil.Process) -> str:
    """Its command line, to tell people which one it is."""
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())[:200]
    return f"pid {process.pid}"


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run; a zombie does not."""
    found = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found
