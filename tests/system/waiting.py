"""Waiting for a condition instead of for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

from tests.patience import PATIENCE
from tests.system.client import CUT

T = TypeVar("T")

NOT_YET = (*CUT, AssertionError, LookupError, ValueError)
"""What a condition may raise while it does not hold yet."""


def eventually(condition: Callable[[], T], seconds: float, what: str, every: float = 0.1) -> T:
    """The first result of `condition` that is not False; what it raises on the way means "not yet".

    Raises AssertionError after so many seconds, with what it raised last.
    """
    deadline = time.monotonic() + PATIENCE * seconds
    last: BaseException | None = None
    while True:
        try:
            result = condition()
            if result is not False:
                return result
            last = None
        except NOT_YET as fault:
            last = fault
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}") from last
        time.sleep(every)


def settled(check: Callable[[], None], seconds: float, what: str) -> None:
    """Waits until `check` raises nothing."""

    def holds() -> bool:
        check()
        return True

    eventually(holds, seconds, what, every=0.3)
