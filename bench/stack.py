"""The whole of Waybill as `make run` starts it, with an empty home of its own, for as long as a block lasts."""

import atexit
import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from bench import corpus
from deploy.local.process import free_port

KEY: Final = "wb_bench_" + "b" * 32
ROOT: Final = Path(__file__).parent.parent
_START_S: Final = 120.0
_STOP_S: Final = 30.0
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


class StackError(Exception):
    """Waybill did not start, or an answer was not as expected."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A running system: its supervisor's process id, its ports, its home."""

    pid: int
    ingest_port: int
    query_port: int
    home: Path

    def get(self, path: str, **parameters: Any) -> tuple[int, Any]:
        """Status and document of a GET at query."""
        url = f"http://127.0.0.1:{self.query_port}{path}" + (
            f"?{urlencode(parameters)}" if parameters else ""
        )
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {KEY}"})
        try:
            with _open(request, timeout=30) as answer:
                return answer.status, orjson.loads(answer.read())
        except urllib.error.HTTPError as refused:
            return refused.code, orjson.loads(refused.read() or b"null")

    def ingest_metrics(self) -> str:
        """Ingest's page of metrics."""
        with _open(f"http://127.0.0.1:{self.ingest_port}/metrics", timeout=10) as answer:
            return str(answer.read().decode())

    def counts(self) -> dict[str, int]:
        """The counts of the bench's mailing as the API tells them now."""
        status, page = self.get("/v1/rates", group_by="campaign")
        if status != 200:
            raise StackError(f"GET /v1/rates answered {status}: {page}")
        by_campaign = {item["key"]["campaign"]: item["counts"] for item in page["items"]}
        found: dict[str, int] = by_campaign.get(corpus.CAMPAIGN, {})
        return found


@contextlib.contextmanager
def stack(**settings: str) -> Iterator[Stack]:
    """Starts it and waits until both /readyz answer 200; stops it with SIGINT. `settings` are WAYBILL_<NAME>."""
    corpus.signer()
    root = _folder()
    (root / "tenants.toml").write_text(tenants_file())
    taken: set[int] = set()
    ports = {"INGEST_PORT": free_port(taken), "QUERY_PORT": free_port(taken)}
    given = {
        "HOME": root / "home",
        "TENANTS": root / "tenants.toml",
        "SNS_CERTS": corpus.certificates(),
        "LOG_LEVEL": "warning",
        **ports,
        **settings,
    }
    env = {name: value for name, value in os.environ.items() if not name.startswith("WAYBILL_")}
    env |= {f"WAYBILL_{name}": str(value) for name, value in given.items()}
    with (root / "run.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.local"],
            cwd=ROOT,
            env=env,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    running = Stack(process.pid, ports["INGEST_PORT"], ports["QUERY_PORT"], root / "home")
    try:
        _wait_until_ready(process, running, root / "run.log")
        yield running
    finally:
        _stop(process)


def _folder() -> Path:
    """A folder that goes when the bench does: for some minutes a file system without a journal looks at each file that was
    just deleted whenever it makes a new one, which was a tenth of ClickHouse's CPU in the run after."""
    folder = tempfile.mkdtemp(prefix="waybill-bench-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def tenants_file() -> str:
    """The bench's tenants file."""
    return (
        f'[tenants.{corpus.TENANT}]\nname = "Bench"\nsns_topics = ["{corpus.TOPIC}"]\n'
        f'keys = [{{ name = "bench", sha256 = "{hashlib.sha256(KEY.encode()).hexdigest()}", scopes = ["read"] }}]\n'
    )


def _wait_until_ready(process: "subprocess.Popen[bytes]", running: Stack, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while not (_is_ready(running.ingest_port) and _is_ready(running.query_port)):
        if process.poll() is not None or time.monotonic() > deadline:
            raise StackError(
                f"make run did not become ready; it said: {log.read_text(errors='replace')[-3000:]}"
            )
        time.sleep(0.25)


def _is_ready(port: int) -> bool:
    try:
        with _open(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
