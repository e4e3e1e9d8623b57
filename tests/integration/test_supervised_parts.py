"""What `make run` does with a part: starts it, watches it, starts it again, and lets nothing outlive itself."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from deploy.local import parts
from deploy.local.parts import Part, Printer
from deploy.local.process import ROOT
from tests.patience import PATIENCE, eventually


def starts(folder: Path) -> list[int]:
    """Process ids of each start so far."""
    file = folder / "starts"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


NOTE_START = "import os, sys, time, signal; print(os.getpid(), file=open('starts', 'a'), flush=True)"


@asynccontextmanager
async def running(
    folder: Path, script: str, answers: Callable[[], bool] = lambda: True, stop_s: float = 5
) -> AsyncIterator[Part]:
    code = f"import os; os.chdir({str(folder)!r})\n{NOTE_START}\n{script}"
    part = Part(
        "thing",
        lambda: [sys.executable, "-c", code],
        answers,
        dict(os.environ),
        Printer(["waybill", "thing"]),
        stop_s,
    )
    task = asyncio.create_task(part.run())
    try:
        yield part
    finally:
        await part.stop()
        await task


async def test_a_part_that_is_killed_is_started_again_at_once(tmp_path: Path) -> None:
    async with running(tmp_path, "time.sleep(600)"):
        await eventually(lambda: len(starts(tmp_path)) == 1, 20, "start 1")
        os.kill(starts(tmp_path)[0], signal.SIGKILL)
        await eventually(lambda: len(starts(tmp_path)) == 2, 20, "start 2")
    assert not any(map(is_alive, starts(tmp_path)))


async def test_a_part_that_keeps_dying_is_started_at_growing_intervals(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(tmp_path, "sys.exit(3)"):
        await eventually(lambda: len(starts(tmp_path)) == 4, 20, "start 4")
    said = [line for line in capsys.readouterr().out.splitlines() if "starting again" in line]
    assert said[:3] == [
        f"waybill | thing ended with status 3; starting again in {pause} s" for pause in ("0.2", "0.4", "0.8")
    ]


async def test_a_part_that_answers_nothing_for_a_good_while_is_killed_and_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "HUNG_S", 1.0)
    monkeypatch.setattr(parts, "CHECK_EVERY_S", 0.1)
    answering = True
    async with running(tmp_path, "time.sleep(600)", lambda: answering):
        await eventually(lambda: len(starts(tmp_path)) == 1, 20, "start 1")
        await asyncio.sleep(1.5)
        assert len(starts(tmp_path)) == 1
        answering = False
        await eventually(lambda: len(starts(tmp_path)) == 2, 20, "start 2")
        answering = True


async def test_what_a_part_started_goes_when_the_part_is_killed(tmp_path: Path) -> None:
    script = """
import subprocess
child = subprocess.Popen(["sleep", "600"])
print(child.pid, file=open("child", "w"), flush=True)
time.sleep(600)
"""
    async with running(tmp_path, script):
        child_told = tmp_path / "child"
        await eventually(lambda: child_told.exists() and child_told.read_text().strip() != "", 20, "a child")
        child = int((tmp_path / "child").read_text())
        os.kill(starts(tmp_path)[0], signal.SIGKILL)
        await eventually(lambda: not is_alive(child), 20, "the end of the child")


async def test_a_part_that_does_not_hear_is_killed_after_its_time(tmp_path: Path) -> None:
    script = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nopen('deaf', 'w').close()\ntime.sleep(600)"
    async with running(tmp_path, script, stop_s=0.5):
        await eventually((tmp_path / "deaf").exists, 20, "deafness")
    assert not is_alive(starts(tmp_path)[0])


async def test_a_part_that_was_frozen_still_ends_in_good_order(tmp_path: Path) -> None:
    script = """
def end(*_):
    open("ended", "w").close()
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
open("set", "w").close()
time.sleep(600)
"""
    async with running(tmp_path, script):
        await eventually((tmp_path / "set").exists, 20, "its handler")
        os.kill(starts(tmp_path)[0], signal.SIGSTOP)
    assert (tmp_path / "ended").exists()


async def test_its_lines_carry_its_name_whatever_it_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = "sys.stdout.buffer.write(b'one\\ntwo \\xff\\r\\n' + b'x' * 40000 + b'\\nlast'); sys.stdout.flush(); time.sleep(600)"
    async with running(tmp_path, script):
        await eventually(lambda: len(starts(tmp_path)) == 1, 20, "start 1")
        await asyncio.sleep(0.5)
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith(("thing   | ", "waybill | ")) for line in lines)
    assert [line[10:] for line in lines if "x" not in line] == ["one", "two \ufffd", "last"]
    assert sum(line.count("x") for line in lines) == 40000


def test_nothing_outlives_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    script = f"""
import asyncio, os, sys
from deploy.local.parts import Part, Printer
code = "import os, time; open('child', 'w').write(str(os.getpid())); os.rename('child', 'pid'); time.sleep(600)"
command = [sys.executable, "-c", f"import os; os.chdir({str(tmp_path)!r})\\n" + code]
part = Part("thing", lambda: command, lambda: True, dict(os.environ), Printer(["waybill"]))
asyncio.run(part.run())
"""
    supervisor = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT)
    end = time.monotonic() + PATIENCE * 20
    while not (tmp_path / "pid").exists():
        assert time.monotonic() < end and supervisor.poll() is None
        time.sleep(0.02)
    child = int((tmp_path / "pid").read_text())
    supervisor.kill()
    supervisor.wait()
    while is_alive(child):
        assert time.monotonic() < end
        time.sleep(0.02)
