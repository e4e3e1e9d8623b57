"""Makes `.venv` from the locked requirements and fetches Kafka's jars: `python deploy/install.py run|dev`.

Needs nothing but a bare Python 3.11+. uv, which pip brings, does the work in a fifth of pip's time; where it cannot (a
setting of pip that it has no word for, say), pip does.

It is safe to interrupt (the next call mends what was left half-done), to call twice at once (the second waits), and
quick when there is nothing to do: what was installed is recognised by a digest of the lock files.
"""

import ast
import fcntl
import hashlib
import os
import re
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"
HALF_DONE = VENV / ".half-done"
LOCKS = {"uv": ("uv.txt",), "run": ("run.txt", "local.txt"), "dev": ("dev.txt",)}
LEVELS = ("run", "dev")
"""Each comes on top of the one before it."""

_KEPT_PIP_SETTINGS = frozenset(
    f"PIP_{name}"
    for name in (
        "INDEX_URL EXTRA_INDEX_URL FIND_LINKS NO_INDEX CERT CLIENT_CERT PROXY TRUSTED_HOST DEFAULT_TIMEOUT TIMEOUT "
        "RETRIES CACHE_DIR NO_CACHE_DIR CONFIG_FILE KEYRING_PROVIDER"
    ).split()
)
"""The caller's pip settings that say from where to fetch. Others (a target, `user`, constraints) would break the install."""


_UV_SETTINGS = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
    "trusted-host": "UV_INSECURE_HOST",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
    "retries": "UV_HTTP_RETRIES",
    "no-cache-dir": "UV_NO_CACHE",
}
"""What uv calls the settings of pip that say from where to fetch: https://docs.astral.sh/uv/reference/environment/."""

_KEPT_UV_SETTINGS = frozenset(_UV_SETTINGS.values()) | {
    f"UV_{name}"
    for name in (
        "INDEX_URL EXTRA_INDEX_URL SYSTEM_CERTS NATIVE_TLS KEYRING_PROVIDER CACHE_DIR LINK_MODE CONFIG_FILE OFFLINE"
    ).split()
}


def say(text: str) -> None:
    print(f"install | {text}", flush=True)


def main(level: str) -> None:
    """Brings `.venv` (and, for the run, the jars) up to `level`, `run` or `dev`. Exits with a message on failure."""
    levels = LEVELS[: LEVELS.index(level) + 1]
    if not HALF_DONE.exists() and all(_is_installed(each) for each in levels):
        return
    with _only_one() as lock:
        if HALF_DONE.exists() or not _works():
            _make_venv()
        for each in levels:
            if not _is_installed(each):
                HALF_DONE.touch()
                _install(each, lock)
                _stamp(each).write_text(_digest(each))
                HALF_DONE.unlink()


def _digest(level: str) -> str:
    files = [ROOT / "requirements" / name for name in LOCKS[level]]
    if level == "run":
        files.append(ROOT / "deploy" / "local" / "kafka-jars.txt")
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def _stamp(level: str) -> Path:
    return VENV / f".installed-{level}"


def _is_installed(level: str) -> bool:
    stamp = _stamp(level)
    return stamp.exists() and stamp.read_text() == _digest(level) and PYTHON.exists()


def _works() -> bool:
    """A venv whose base Python went away, or that was cut short while being made, does not."""
    return PYTHON.exists() and subprocess.run([PYTHON, "-c", ""], capture_output=True).returncode == 0


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
    # A pip of its own takes ten seconds more than one lent by the Python that is there anyway.
    venv.create(VENV, clear=True, with_pip=not _lends_pip(), symlinks=True)


def _lends_pip() -> bool:
    """Whether this Python has a pip that installs into another one's venv: `--python` came with pip 22.3."""
    try:
        return tuple(map(int, metadata.version("pip").split(".")[:2])) >= (22, 3)
    except (metadata.PackageNotFoundError, ValueError):
        return False


def _install(level: str, lock: int) -> None:
    files = [ROOT / "requirements" / name for name in LOCKS[level]]
    packages = {name for file in files for name in _packages(file.read_text())}
    say(f"{len(packages)} packages of {' and '.join(LOCKS[level])}, each checked against its hash")
    begun = time.monotonic()
    if not _by_uv(files, lock):
        say("uv could not; pip goes on, which takes longer")
        if not _by_pip(files, lock, len(packages)):
            sys.exit("install | pip could not either; its last lines are above. Call make again to go on.")
    say(f"packages installed in {time.monotonic() - begun:.0f} s")
    if level == "run" and _fetch_jars(lock):
        sys.exit(
            "install | Kafka's jars could not be fetched; the reason is above. Call make again to go on."
        )


def _by_uv(files: list[Path], lock: int) -> bool:
    """Whether uv, fetched first where it is missing, installed these locks."""
    if not _is_installed("uv"):
        if not _by_pip([ROOT / "requirements" / name for name in LOCKS["uv"]], lock, 1):
            return False
        _stamp("uv").write_text(_digest("uv"))
    command = [str(UV), "pip", "install", "--python", str(PYTHON)]
    # pip takes the best of all indexes; the hashes say that it is the right one.
    command += ["--index-strategy=unsafe-best-match"]
    return _run([*command, *_options(files)], uv_environment(), lock, _uv_progress)


def _by_pip(files: list[Path], lock: int, total: int) -> bool:
    """Whether pip installed these locks."""
    command = [*_pip(), "install", "--no-compile", *_options(files)]
    return _run(command, _pip_environment(os.environ), lock, lambda lines: _pip_progress(lines, total))


def _options(files: list[Path]) -> list[str]:
    """What pip and uv call alike. A lock is complete, so nothing is left to resolve."""
    return [
        "--require-hashes",
        "--no-deps",
        "--only-binary=:all:",
        *(f"--requirement={file}" for file in files),
    ]


def _pip() -> list[str]:
    """The venv's own pip, where it has one, or this Python's for the venv."""
    own = subprocess.run([PYTHON, "-c", "import pip"], capture_output=True).returncode == 0
    return [str(PYTHON), "-m", "pip"] if own else [sys.executable, "-m", "pip", "--python", str(PYTHON)]


def _pip_environment(caller: Mapping[str, str]) -> dict[str, str]:
    kept = _kept(caller, "PIP_", _KEPT_PIP_SETTINGS)
    return kept | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}


def uv_environment() -> dict[str, str]:
    """What uv is to be run with, so that it fetches from where pip would."""
    settings = subprocess.run([*_pip(), "config", "list"], capture_output=True, text=True).stdout
    return _uv_environment(settings, os.environ)


def _uv_environment(pip_settings: str, caller: Mapping[str, str]) -> dict[str, str]:
    """What uv is told: the caller's own settings of uv that say from where to fetch, else those of pip, as
    `pip config list` gives them: `global.index-url='…'`, `install.…` for its command, `:env:.…` for the environment."""
    given: dict[str, str] = {}
    for section in ("global", "install", ":env:"):
        for line in pip_settings.splitlines():
            key, _, value = line.partition("=")
            where, _, setting = key.rpartition(".")
            if where == section and (name := _UV_SETTINGS.get(setting)):
                words = ast.literal_eval(value).split()
                given[name] = ("," if name == "UV_FIND_LINKS" else " ").join(words)
    return given | _kept(caller, "UV_", _KEPT_UV_SETTINGS)


def _kept(caller: Mapping[str, str], prefix: str, settings: frozenset[str]) -> dict[str, str]:
    """The caller's environment without what leads to another Python, and of the tool with that prefix these settings alone."""
    return {
        name: value
        for name, value in caller.items()
        if name not in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")
        and (not name.startswith(prefix) or name in settings)
    }


def _run(
    command: list[str], environment: dict[str, str], lock: int, progress: Callable[[IO[str]], Iterator[str]]
) -> bool:
    """Whether it did what it should; if not, its last lines are told."""
    with subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        pass_fds=[lock],
    ) as process:
        assert process.stdout is not None
        said = list(progress(process.stdout))
    if process.returncode:
        print("".join(said[-30:]), file=sys.stderr)
    return process.returncode == 0


def _packages(lock: str) -> Iterator[str]:
    """Names of the packages that a lock brings to this kind of machine."""
    for line in lock.splitlines():
        if "==" in line and not line.startswith((" ", "#")) and "== 'win32'" not in line:
            yield line.split("==")[0]


def _fetch_jars(lock: int) -> int:
    return subprocess.run([PYTHON, "-m", "deploy.local.jars", "fetch"], cwd=ROOT, pass_fds=[lock]).returncode


def _uv_progress(lines: IO[str]) -> Iterator[str]:
    """Hands on uv's lines and tells, for each file of more than 1 MiB, how far it is. Of smaller ones it says nothing."""
    sizes: dict[str, str] = {}
    done = 0
    for line in lines:
        yield line
        if match := re.match(r"Downloading (\S+) (\(.*\))", line):
            sizes[match[1]] = match[2]
            say(f"fetching {match[1]} {match[2]}")
        elif match := re.match(r" *Downloaded (\S+)", line):
            done += 1
            say(f"{done:3}/{len(sizes)} {match[1]} {sizes.get(match[1], '')}")
        elif line.startswith("Prepared"):
            say("unpacking")


def _pip_progress(lines: IO[str], total: int) -> Iterator[str]:
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
    if len(sys.argv) != 2 or sys.argv[1] not in LEVELS:
        sys.exit(f"usage: python deploy/install.py {'|'.join(LEVELS)}")
    try:
        main(sys.argv[1])
    except KeyboardInterrupt:
        sys.exit("\ninstall | interrupted; call make again to go on")
