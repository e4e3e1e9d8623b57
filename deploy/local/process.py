"""Child processes that never outlive the one that started them, free ports for them, and servers made of both."""

import ctypes
import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None

ROOT = Path(__file__).resolve().parents[2]
"""The checkout; parts are started there, so that `python -m <part>` finds them."""


class StartError(Exception):
    """A server could not be started; the message ends with what it said last."""


def die_with_parent() -> Callable[[], None]:
    """A `preexec_fn`: the kernel kills the child when the thread that starts it ends, however that comes about.

    Linux only; elsewhere it does nothing. Start children from a thread that lives as long as they shall.
    """
    parent = os.getpid()

    def before_exec() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # it went away between fork and prctl
                os._exit(1)

    return before_exec


def free_port(taken: set[int] | None = None) -> int:
    """A port of the loopback that nobody listens on.

    Below the range from which outgoing connections take theirs, so that a server that restarts finds it free again.
    `taken` holds ports that are already meant for others, and gets this one.
    """
    taken = set() if taken is None else taken
    while True:
        port = random.randrange(20_000, 32_000)  # noqa: S311
        if port not in taken and is_free(port):
            taken.add(port)
            return port


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def http_status(port: int, path: str, timeout: float = 2.0) -> int:
    """Status of a GET on the loopback; 0 where there is no answer within `timeout` seconds."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


class EmbeddedServer(ABC):
    """A server of this machine with its data in `folder`: starts, answers, stops, is killed, and starts again on its data.

    `with` starts and stops it. What it says goes to `folder/server.log`. `port` is the loopback's; None takes a free one.
    """

    name: str

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = folder.resolve()
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """What runs it in the foreground; prepares its folder first where that is needed."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it answers a request, and not merely accepts a connection."""

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self.folder / "server.log"

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        assert self._process is not None, "not started"
        return self._process.pid

    def start(self, timeout: float = 60) -> None:
        """Starts it and returns when it answers. Raises StartError after `timeout` seconds, or when it ends before."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = self.command()
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                preexec_fn=die_with_parent(),
            )
        deadline = time.monotonic() + timeout
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise StartError(
                    f"{self.name} did not come up; {self.log} ends with: {self.log.read_text()[-2000:]}"
                )
            time.sleep(0.05)

    def stop(self, timeout: float = 20) -> None:
        """Stops it in good order; kills it after `timeout` seconds."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
