"""Makes `.venv` from the locked requirements and fetches Kafka's jars: `python deploy/install.py run|dev`.

Needs nothing but a bare Python 3.11+. It is safe to interrupt (the next call mends what was left half-done), to call
twice at once (the second waits), and quick when there is nothing to do: what was installed is recognised by a digest
of the lock files.
"""

import fcntl
import hashlib
import os
import re
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
HALF_DONE = VENV / ".half-done"
LOCKS = {"run": ("run.txt", "local.txt"), "dev": ("dev.txt",)}
"""What each level installs on top of the level before it."""

_KEPT_PIP_SETTINGS = frozenset(
    f"PIP_{name}"
    for name in (
        "INDEX_URL EXTRA_INDEX_URL FIND_LINKS NO_INDEX CERT CLIENT_CERT PROXY TRUSTED_HOST DEFAULT_TIMEOUT TIMEOUT "
        "RETRIES CACHE_DIR NO_CACHE_DIR CONFIG_FILE KEYRING_PROVIDER"
    ).split()
)
"""The caller's pip settings that say from where to fetch. Others (a target, `user`, constraints) would break the install."""


def say(text: str) -> None:
    print(f"install | {text}", flush=True)


def main(level: str) -> None:
    """Brings `.venv` (and, for the run, the jars) up to `level`, `run` or `dev`. Exits with a message on failure."""
    levels = list(LOCKS)[: list(LOCKS).index(level) + 1]
    if all(_is_installed(each) for each in levels):
        return
    with _only_one() as lock:
        if HALF_DONE.exists() or not _works():
            _make_venv()
        for each in levels:
            if not _is_installed(each):
                HALF_DONE.touch()
                _install(each, lock)
                HALF_DONE.unlink()
                _stamp(each).write_text(_digest(each))


def _digest(level: str) -> str:
    files = [ROOT / "requirements" / name for name in LOCKS[level]]
    if level == "run":
        files.append(ROOT / "deploy" / "local" / "kafka-jars.txt")
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def _stamp(level: str) -> Path:
    return VENV / f".installed-{level}"


def _is_installed(level: str) -> bool:
    stamp = _stamp(level)
    return (
        stamp.exists() and stamp.read_text() == _digest(level) and PYTHON.exists() and not HALF_DONE.exists()
    )


def _works() -> bool:
    """A venv whose base Python went away, or that was cut short while being made, does not."""
    return (
        PYTHON.exists()
        and subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True).returncode == 0
    )


@contextmanager
def _only_one() -> Iterator[int]:
    """Holds the lock of this checkout's installations. It is handed to what the installation starts, so that a pip that
    outlives this process keeps the next one waiting instead of working beside it."""
    folder = ROOT / ".cache"
    folder.mkdir(exist_ok=True)
    with (folder / "install.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another installation is under way in this checkout, waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


def _make_venv() -> None:
    say(f"making .venv with Python {sys.version.split()[0]}")
    venv.create(VENV, clear=True, with_pip=True, symlinks=True)


def _install(level: str, lock: int) -> None:
    files = [ROOT / "requirements" / name for name in LOCKS[level]]
    packages = {name for file in files for name in _packages(file.read_text())}
    say(f"{len(packages)} packages of {' and '.join(LOCKS[level])}, each checked against its hash")
    begun = time.monotonic()
    # The lock is complete, so nothing is left to resolve; byte code is made of what is imported, when it is.
    command = [
        str(PYTHON),
        "-m",
        "pip",
        "install",
        "--require-hashes",
        "--no-deps",
        "--no-compile",
        "--only-binary=:all:",
    ]
    for file in files:
        command += ["-r", str(file)]
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")
        and (not name.startswith("PIP_") or name in _KEPT_PIP_SETTINGS)
    } | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    with subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        pass_fds=[lock],
    ) as pip:
        assert pip.stdout is not None
        said = list(_with_progress(pip.stdout, len(packages)))
    if pip.returncode:
        print("".join(said[-30:]), file=sys.stderr)
        sys.exit(
            f"install | pip failed with {pip.returncode}; its last lines are above. Call make again to go on."
        )
    say(f"packages installed in {time.monotonic() - begun:.0f} s")
    if level == "run" and _fetch_jars(lock):
        sys.exit(
            "install | Kafka's jars could not be fetched; the reason is above. Call make again to go on."
        )


def _packages(lock: str) -> Iterator[str]:
    """Names of the packages that a lock brings to this kind of machine."""
    for line in lock.splitlines():
        if "==" in line and not line.startswith((" ", "#")) and "== 'win32'" not in line:
            yield line.split("==")[0]


def _fetch_jars(lock: int) -> int:
    return subprocess.run([PYTHON, "-m", "deploy.local.jars", "fetch"], cwd=ROOT, pass_fds=[lock]).returncode


def _with_progress(lines: IO[str], total: int) -> Iterator[str]:
    """Hands on pip's lines and tells, for each file that it takes, how far it is."""
    done = 0
    for line in lines:
        yield line
        if match := re.match(r"\s*(?:Downloading|Using cached) (?:\S*/)?([\w.]+-[\w.]+?)-\S* (\(.*\))", line):
            done += 1
            say(f"{done:3}/{total} {match[1]} {match[2]}")
        elif line.startswith("Installing collected"):
            say("unpacking")


if __name__ == "__main__":
    if sys.version_info < (3, 11):
        sys.exit(f"Waybill needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    if len(sys.argv) != 2 or sys.argv[1] not in LOCKS:
        sys.exit(f"usage: python deploy/install.py {'|'.join(LOCKS)}")
    try:
        main(sys.argv[1])
    except KeyboardInterrupt:
        sys.exit("\ninstall | interrupted; call make again to go on")
