"""A bar that tells how far something is: redrawn in place on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable
from typing import TextIO

_WIDTH = 30
_REDRAW_S = 0.1
_LINE_S = 10.0


class Progress:
    """How far `total` things of a kind are. Call `add` as they are done, and `finish` in the end."""

    def __init__(
        self, what: str, total: int, out: TextIO, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.done = 0
        self._what, self._total, self._out, self._clock = what, total, out, clock
        self._begun = self._told_at = clock()
        self._in_place = out.isatty()

    def add(self, things: int) -> None:
        """So many more are done."""
        self.done += things
        now = self._clock()
        if now - self._told_at >= (_REDRAW_S if self._in_place else _LINE_S):
            self._told_at = now
            self._tell(now)

    def finish(self) -> None:
        """Tells where it ended."""
        self._tell(self._clock())
        if self._in_place:
            self._out.write("\n")
            self._out.flush()

    def _tell(self, now: float) -> None:
        line = describe(self._what, self.done, self._total, now - self._begun)
        self._out.write(f"\r\x1b[K{line}" if self._in_place else f"{line}\n")
        self._out.flush()


def describe(what: str, done: int, total: int, seconds: float) -> str:
    """One line: a bar, how many of how many, how fast, and how long it takes yet."""
    share = done / total if total else 1.0
    bar = "█" * int(share * _WIDTH)
    rate = done / seconds if seconds > 0 else 0.0
    left = f", {(total - done) / rate:.0f} s left" if rate and done < total else ""
    return f"{what} {bar:<{_WIDTH}} {done:,}/{total:,} {share:.0%}, {rate:,.0f}/s{left}"
