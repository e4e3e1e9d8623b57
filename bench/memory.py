"""Memory of every process under ten minutes of load."""

import shutil
import time
from typing import Any, Final

from bench.corpus import corpus
from bench.end_to_end import finish_load, start_load, wait_until_exact
from bench.stack import stack
from bench.usage import Watch, parts_below

WINDOW_S: Final = 20.0
"""Resident memory is the mean over this time: a collector's saw-tooth is no growth."""


def measure(rate: float, seconds: float = 600.0) -> dict[str, Any]:
    """Resident memory by part at three tenths and at the end of the load (minute 3 and 10), and their ratio."""
    made = corpus(int(rate * seconds), rate)
    with stack() as running, Watch(parts_below(running.pid), every_s=1.0) as watch:
        begin = time.monotonic()
        load = start_load(made, running, 0, made.requests, rate)
        answers = finish_load(load, seconds)
        took = time.monotonic() - begin
        early = watch.mean_mib(0.3 * took - WINDOW_S / 2, 0.3 * took + WINDOW_S / 2)
        late = watch.mean_mib(took - WINDOW_S, took)
        worked_off = wait_until_exact(running, made.expected)
    shutil.rmtree(made.folder)  # gigabytes, and seldom wanted again
    return {
        "rate": rate,
        "seconds": seconds,
        "callbacks": made.requests,
        "answers": answers,
        "worked_off_s": worked_off,
        "early_mib": early,
        "late_mib": late,
        "ratio": {part: round(late[part] / early[part], 3) for part in early if part in late},
    }
