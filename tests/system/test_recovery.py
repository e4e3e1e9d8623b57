"""The worker's state: rebuilt from its changelog, and kept right when two workers believe to own it."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.system import payloads as p
from tests.system.client import call, get
from tests.system.load import Load
from tests.system.model import plan
from tests.system.processes import free_ports
from tests.system.stack import ROOT, SESSION_TIMEOUT_S, Stack
from tests.system.waiting import eventually, settled


def _wipe_worker(stack: Stack) -> None:
    """kill -9 of the worker, and its disk is empty before the supervisor can start it again."""
    process = stack.part("worker")
    data = Path(process.environ()["WAYBILL_WORKER_DATA"])
    assert stack.root in data.resolve().parents and any(data.rglob("*")), (
        f"expected the worker's tables under {data}"
    )
    with stack.frozen("supervisor"):
        process.kill()
        shutil.rmtree(data)
    stack.until_back("worker", process.pid)


def test_the_state_of_a_worker_whose_disk_is_lost_comes_back_from_the_changelog(stack: Stack) -> None:
    planned = plan(stack, "wiped", 300)
    m = p.mail(p.new_id(), [p.new_address()], p.at(0))
    stack.accept(p.delivery(m, p.at(2)), p.open_(m, p.at(900)), p.mailbox_full(m, p.at(1)))
    with Load(stack.ports["ingest"], planned.callbacks(), rate=150) as load:
        load.finish()
    settled(lambda: planned.check(stack), 60, "the log before")
    stack.until_events(m["messageId"], 3)
    _wipe_worker(stack)
    stack.accept(p.send(m), p.open_(m, p.at(901)), p.open_(m, p.at(900)))
    (row,) = stack.until_events(m["messageId"], 5).values()
    assert (row["status"], row["opens"], row["soft_bounces"], row["delivered_at"]) == (
        "opened",
        2,
        1,
        p.at(2),
    )
    for message in planned.messages:
        answer = call(stack.ports["ingest"], message.callbacks[0])
        assert answer.status == 200
    stack.accept(p.open_(m, p.at(902)))
    stack.until_events(m["messageId"], 6)
    settled(lambda: planned.check(stack), 60, "the same log after repeats on the recovered state")


def test_a_worker_whose_disk_is_lost_under_load_loses_nothing(stack: Stack) -> None:
    planned = plan(stack, "wiped-load", 900)
    with Load(stack.ports["ingest"], planned.callbacks(), rate=150) as load:
        load.until(0.4)
        _wipe_worker(stack)
        load.finish()
    settled(lambda: planned.check(stack), 60, f"the exact log and rates after {load}")


@contextlib.contextmanager
def _second_worker(stack: Stack) -> Iterator[psutil.Process]:
    """Another worker of the same group, with a disk and a name of its own."""
    (port,) = free_ports(1)
    own = {
        "WAYBILL_WORKER_PORT": str(port),
        "WAYBILL_WORKER_DATA": str(stack.root / "second-worker"),
        "WAYBILL_INSTANCE": "second",
    }
    with (stack.root / "second-worker.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "processors", "worker"],
            cwd=ROOT,
            env=os.environ | stack.environment_of("worker") | own,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
        )
    try:
        eventually(lambda: get(port, "/readyz", timeout=2).status == 200, 40, "the second worker ready")
        yield psutil.Process(process.pid)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
        assert process.wait(15) is not None


def _freeze_past_session_timeout(process: psutil.Process) -> None:
    process.suspend()
    time.sleep(SESSION_TIMEOUT_S + 3)  # the broker's clock has to run; nothing can be awaited
    with contextlib.suppress(psutil.NoSuchProcess):
        process.resume()


def test_a_worker_frozen_past_its_session_timeout_and_woken_stays_exact(stack: Stack) -> None:
    planned = plan(stack, "frozen", 900)
    with Load(stack.ports["ingest"], planned.callbacks(), rate=100) as load:
        load.until(0.2)
        _freeze_past_session_timeout(stack.part("worker"))
        load.finish()
        stack.until_ready()
    settled(lambda: planned.check(stack), 60, f"the exact log and rates after {load}")


@pytest.mark.parametrize("frozen", ["first", "second"])
def test_two_workers_stay_exact_when_one_is_frozen_past_its_session_timeout_and_woken(
    stack: Stack, frozen: str
) -> None:
    planned = plan(stack, f"two-{frozen}", 1500)
    with _second_worker(stack) as second, Load(stack.ports["ingest"], planned.callbacks(), rate=90) as load:
        load.until(0.2)
        _freeze_past_session_timeout(stack.part("worker") if frozen == "first" else second)
        load.finish()
        settled(lambda: planned.check(stack), 60, f"the exact log and rates of two workers after {load}")
    stack.until_ready()
    _wipe_worker(stack)
    again = [message.callbacks[0] for message in planned.messages]
    with Load(stack.ports["ingest"], again, rate=150) as load:
        load.finish()
    m = p.mail(p.new_id(), [p.new_address()], p.at(0))
    stack.accept(p.send(m))
    stack.until_events(m["messageId"], 1, timeout=40)
    settled(lambda: planned.check(stack), 60, "the same log after a wiped disk and repeats")


def test_a_second_worker_that_is_killed_is_taken_over(stack: Stack) -> None:
    planned = plan(stack, "taken-over", 900)
    with Load(stack.ports["ingest"], planned.callbacks(), rate=100) as load:
        with _second_worker(stack) as second:
            load.until(0.3)
            second.kill()
            second.wait(10)
        load.finish()
    settled(lambda: planned.check(stack), SESSION_TIMEOUT_S + 60, f"the exact log and rates after {load}")
