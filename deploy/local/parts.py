"""One part of a local run: started, watched, its lines prefixed, started again when it dies, stopped in good order."""

import asyncio
import io
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from deploy.local.process import ROOT, StartError, die_with_parent

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0
STEADY_S = 20.0
"""A part that ran this long has its pauses start from the shortest again."""

CHECK_EVERY_S = 2.0
STARTING_S = 120.0
"""A part that has not answered by then, on however slow a machine, is killed and started again."""

HUNG_S = 40.0
"""A part that has answered and then answers nothing for this long is killed. Longer than any freeze it survives by
itself: a worker that was paused past its session timeout leaves its group on waking, and must have the time to."""

_LONGEST_LINE = 16 * 1024
_COLOURS = (36, 33, 32, 35, 34, 31, 96)


class Printer:
    """Prints the parts' lines, each behind its part's name; coloured where somebody looks on."""

    def __init__(self, names: list[str]) -> None:
        self._width = max(map(len, names))
        self._colours = (
            dict(zip(names, (_COLOURS * len(names))[: len(names)], strict=True))
            if sys.stdout.isatty()
            else {}
        )

    def line(self, name: str, text: str) -> None:
        """One line of the part `name`."""
        prefix = f"{name:<{self._width}} | "
        if colour := self._colours.get(name):
            prefix = f"\x1b[{colour}m{prefix}\x1b[0m"
        # Whoever read this may be gone; that is no reason to end.
        with suppress(OSError):
            sys.stdout.write(f"{prefix}{text}\n")
            sys.stdout.flush()


@dataclass
class Part:
    """What runs a part (`command` may prepare it first, and raise StartError), and how one sees that it is alive.

    `stop_s` is how long it may take to end by itself when it is told to.
    """

    name: str
    command: Callable[[], list[str]]
    answers: Callable[[], bool]
    environment: Mapping[str, str]
    printer: Printer
    stop_s: float = 5.0
    _process: asyncio.subprocess.Process | None = field(default=None, init=False)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    async def run(self) -> None:
        """Keeps it running until stop() is called."""
        pause = FIRST_PAUSE_S
        while not self._stopping.is_set():
            begun = time.monotonic()
            how = await self._run_once()
            if self._stopping.is_set():
                return
            if time.monotonic() - begun > STEADY_S:
                pause = FIRST_PAUSE_S
            self.say(f"{how}; starting again in {pause:g} s")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def stop(self) -> None:
        """Tells it to end, and kills it if it does not in time. It is not started again."""
        self._stopping.set()
        process = self._process
        if process is None or process.returncode is not None:
            return
        self.signal(signal.SIGTERM)
        # A stopped one would not hear it.
        self.signal(signal.SIGCONT)
        try:
            await asyncio.wait_for(process.wait(), self.stop_s)
        except TimeoutError:
            self.say(f"did not end within {self.stop_s:g} s, killed")
            self.kill()
            await process.wait()

    def kill(self) -> None:
        """kill -9 of it and whatever it started; it is not started again if stop() was called."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        """Sends it a signal, if it is running."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    def say(self, text: str) -> None:
        """A line of its own about this part."""
        self.printer.line("waybill", f"{self.name} {text}")

    async def _run_once(self) -> str:
        """One life of it; tells how it ended."""
        try:
            command = await asyncio.to_thread(self.command)
        except (StartError, OSError) as error:
            return f"cannot start: {error}"
        if self._stopping.is_set():
            return "was not started"
        # Not asyncio's own pipe: with that, wait() also waits for whoever inherited it, as orphans of the part do.
        reading_end, writing_end = os.pipe()
        try:
            # A session of its own: Ctrl-C reaches the supervisor alone, which then stops the parts in their order.
            self._process = process = await asyncio.create_subprocess_exec(
                *command,
                cwd=ROOT,
                env=self.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing_end,
                stderr=writing_end,
                start_new_session=True,
                preexec_fn=die_with_parent(),
            )
        finally:
            os.close(writing_end)
        reading = asyncio.create_task(self._hand_on(os.fdopen(reading_end, "rb", buffering=0)))
        watching = asyncio.create_task(self._watch())
        try:
            code = await process.wait()
        finally:
            watching.cancel()
        self.kill()  # what it may have left behind
        with suppress(TimeoutError):
            await asyncio.wait_for(reading, 2)
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"

    async def _hand_on(self, pipe: io.FileIO) -> None:
        """Prints what comes through the pipe, and closes it in the end."""
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        rest = b""
        try:
            while chunk := await reader.read(65536):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self.printer.line(self.name, line.decode(errors="replace").rstrip("\r"))
                if len(rest) > _LONGEST_LINE:
                    self.printer.line(self.name, rest.decode(errors="replace"))
                    rest = b""
        finally:
            transport.close()
        if rest:
            self.printer.line(self.name, rest.decode(errors="replace"))

    async def _watch(self) -> None:
        """Kills it when it has not answered for too long."""
        silent_since, patience = time.monotonic(), STARTING_S
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            if await asyncio.to_thread(self.answers):
                silent_since, patience = time.monotonic(), HUNG_S
            elif time.monotonic() - silent_since > patience:
                self.say(f"has not answered for {patience:g} s, killed")
                self.kill()
                return
