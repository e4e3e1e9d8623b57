"""`make run` as the one who starts, watches and ends everything."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.system import payloads as p
from tests.system.stack import ROOT, Stack
from tests.system.waiting import eventually


def test_a_second_run_on_the_same_home_says_so_and_disturbs_nothing(stack: Stack) -> None:
    pids = {process.pid for process in stack.family()}
    second = subprocess.run(
        [sys.executable, "-m", "deploy.local"],
        cwd=ROOT,
        env=stack.environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    said = second.stdout + second.stderr
    assert second.returncode not in (0, None)
    assert str(stack.home) in said and "Traceback" not in said, said
    assert pids <= {process.pid for process in stack.family()}
    m = p.mail(p.new_id(), [p.new_address()], p.at(0))
    stack.accept(p.send(m))
    stack.until_events(m["messageId"], 1)


def test_a_faulty_tenants_file_ends_a_start_with_line_and_reason(tmp_path: Path) -> None:
    faulty = tmp_path / "tenants.toml"
    faulty.write_text('[tenants.acme]\nname = "Acme"\nsns_topics = ["nonsense"]\n')
    environment = os.environ | {"WAYBILL_HOME": str(tmp_path / "home"), "WAYBILL_TENANTS": str(faulty)}
    command = [sys.executable, "-m", "deploy.local"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode not in (0, None)
    assert "line 3" in said and "sns_topics" in said and "Traceback" not in said, said


@pytest.fixture
def own() -> Iterator[Stack]:
    """A run that a test may end as it likes."""
    root = Path(tempfile.mkdtemp(prefix="waybill-supervisor-"))
    stack = Stack(root)
    try:
        yield stack
    finally:
        stack.abandon()
        shutil.rmtree(root, ignore_errors=True)


def test_nothing_is_left_after_any_end_and_the_data_is_there_after_the_next_start(own: Stack) -> None:
    """kill -9 of the supervisor, SIGINT to the group as Ctrl-C does, SIGTERM to the supervisor alone."""
    kept = []

    def post() -> None:
        m = p.mail(p.new_id(), [p.new_address()], p.at(0))
        own.accept(p.delivery(m, p.at(2)))
        kept.append(m["messageId"])

    def all_kept() -> None:
        for message_id in kept:
            (row,) = own.until_events(message_id, 1, timeout=30).values()
            assert row["status"] == "delivered"

    own.start()
    post()
    left = own.end(signal.SIGKILL, timeout=15)
    assert not left, f"after kill -9 of the supervisor: {left}"

    own.start()
    all_kept()
    post()
    left = own.end(signal.SIGINT, group=True, timeout=20)
    assert not left, f"after Ctrl-C: {left}"
    assert own.process.returncode in (0, 130, -signal.SIGINT), own.said()

    own.start(("make", "run"))
    all_kept()
    post()
    said = own.said()
    assert (
        f"http://127.0.0.1:{own.ports['ingest']}" in said and f"http://127.0.0.1:{own.ports['query']}" in said
    )
    left = own.end(signal.SIGTERM, timeout=20)
    assert not left, f"after SIGTERM to make: {left}"

    own.start()
    all_kept()
    left = own.end(signal.SIGTERM, timeout=20)
    assert not left, f"after SIGTERM: {left}"
    assert own.process.returncode in (0, 143, -signal.SIGTERM), own.said()


def test_a_run_that_is_ended_while_it_starts_leaves_nothing(own: Stack) -> None:
    own.start_only()
    eventually(lambda: len(own.family()) >= 2, 30, "the first part of the run")
    left = own.end(signal.SIGTERM, timeout=20)
    assert not left, left


def test_nothing_is_left_when_the_terminal_is_closed(own: Stack) -> None:
    """SIGHUP is how a terminal says so; while the terminal is there, it only means to read the tenants file again."""
    terminal, other_end = os.openpty()
    own.start_only(terminal=os.ttyname(other_end))
    os.close(other_end)
    eventually(lambda: len(own.family()) >= 2, 30, "the first part of the run")
    own.process.send_signal(signal.SIGHUP)
    os.close(terminal)
    eventually(lambda: own.process.poll() is not None and not own.family(), 20, "nothing left")


def test_a_part_that_ends_by_itself_is_started_again(stack: Stack) -> None:
    for name in ("ingest", "worker", "sink", "query"):
        process = stack.part(name)
        process.send_signal(signal.SIGTERM)
        gone, _ = psutil.wait_procs([process], timeout=15)
        assert gone, f"{name} did not end within 15 s of SIGTERM"
        stack.until_back(name, process.pid)
