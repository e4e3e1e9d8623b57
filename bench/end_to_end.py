"""The whole system on this machine: signed callbacks at a fixed rate in, exact figures out of the query API."""

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import asdict
from typing import Any, Final

from bench import visible
from bench.corpus import Corpus, corpus
from bench.generator import GRACE_S, quantile
from bench.stack import ROOT, Stack, stack
from bench.usage import Use, Watch, parts_below

WORK_OFF_S: Final = 180.0
"""How long the figures are waited for after the last answer."""

WARM_UP_S: Final = 20.0
WARM_UP_RATE: Final = 500.0
"""What goes before the load, and into no figure but the exact counts: parts import, and Kafka's Java compiles, in their
first seconds, with as much CPU as thousands of callbacks take later."""

MARKED_EVERY_S: Final = 0.25
"""Time between two marked messages: of some two hundred in a minute the p99 is not merely the one that took longest."""

UNDER_WAY_S: Final = 5.0
"""Marked messages start this long after the load, so that they meet a system that is at it."""


def measure(rate: float, seconds: float) -> dict[str, Any]:
    """One run on an empty home: are all callbacks answered 200, when are the exact figures visible, at what cost."""
    before, under_load = int(WARM_UP_RATE * WARM_UP_S), int(rate * seconds)
    made = corpus(before + under_load, rate)
    with stack() as running:
        warmed = finish_load(start_load(made, running, 0, before, WARM_UP_RATE), WARM_UP_S)
        warm_batches = batches(running)
        with Watch(parts_below(running.pid)) as watch:
            load = start_load(made, running, before, under_load, rate)
            time.sleep(min(UNDER_WAY_S, seconds / 4))
            samples = asyncio.run(
                visible.sample(running, max(1.0, seconds - UNDER_WAY_S - 1), MARKED_EVERY_S)
            )
            answers = finish_load(load, seconds)
            machine = watch.machine()
            records, envelopes = (
                now - then for now, then in zip(batches(running), warm_batches, strict=True)
            )
            lost = warmed["lost"] or answers["lost"]
            worked_off = None if lost else wait_until_exact(running, made.expected)
            use = watch.use()
    waits = sorted(one.visible_s for one in samples)
    return {
        "rate": rate,
        "seconds": seconds,
        "callbacks": under_load,
        "messages": made.messages,
        "mean_request_bytes": round(made.mean_bytes),
        "answers": answers,
        "answered_a_second": round(under_load / answers["seconds"], 1),
        "all_taken": warmed["statuses"] == {"200": before} and answers["statuses"] == {"200": under_load},
        "worked_off_s": worked_off,
        "visible_p50_s": quantile(waits, 0.5),
        "visible_p99_s": quantile(waits, 0.99),
        "visible_max_s": waits[-1],
        "marked": [(round(one.posted_s, 2), round(one.visible_s, 2)) for one in samples],
        "envelopes_a_record": round(envelopes / records, 2) if records else 0.0,
        "machine_idle": machine.idle,
        "machine_stolen": machine.stolen,
        "cpu_s_per_1000": cpu_per_1000(use, under_load),
        "generator_cpu_s_per_1000": answers["cpu_s"] * 1000 / under_load,
        "use": {part: asdict(one) for part, one in use.items()},
    }


def start_load(
    made: Corpus, running: Stack, first: int, count: int, rate: float
) -> "subprocess.Popen[bytes]":
    """A generator that offers these requests; `finish_load` has its answers."""
    options = {
        "corpus": made.folder,
        "port": running.ingest_port,
        "first": first,
        "count": count,
        "rate": rate,
    }
    command = [sys.executable, "-m", "bench.generator"]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)


def finish_load(load: "subprocess.Popen[bytes]", seconds: float) -> dict[str, Any]:
    """What the generator tells, once it has ended."""
    out, _ = load.communicate(timeout=seconds + GRACE_S + 30)
    answers: dict[str, Any] = json.loads(out)
    return answers


def wait_until_exact(running: Stack, expected: dict[str, int]) -> float | None:
    """Seconds until the API tells exactly these counts; None where it does not within WORK_OFF_S."""
    begin = time.monotonic()
    while time.monotonic() - begin < WORK_OFF_S:
        counts = running.counts()
        if {name: counts.get(name) for name in expected} == expected:
            return round(time.monotonic() - begin, 2)
        time.sleep(0.5)
    print(f"expected {expected}, the API tells {running.counts()}", file=sys.stderr)
    return None


def batches(running: Stack) -> tuple[float, float]:
    """Records of receipts that ingest has written, and the envelopes in them, by its metrics."""
    told = {
        line.rpartition(" ")[0]: line.rpartition(" ")[2] for line in running.ingest_metrics().splitlines()
    }
    return (
        float(told["waybill_ingest_batch_envelopes_count"]),
        float(told["waybill_ingest_batch_envelopes_sum"]),
    )


def cpu_per_1000(use: dict[str, Use], events: int) -> dict[str, float]:
    """CPU seconds of each part for a thousand callbacks."""
    return {part: round(one.cpu_s * 1000 / events, 4) for part, one in use.items()}
