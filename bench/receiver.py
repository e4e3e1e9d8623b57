"""One ingest process against bare aiohttp doing parse and verification only, in one run, over kept connections."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import psutil

from bench.corpus import TENANT, TOPIC, certificates, corpus
from bench.stack import ROOT
from deploy.local.process import free_port
from deploy.topics import create_topics

REQUESTS: Final = 20_000
CONNECTIONS: Final = 64
SLICE_S: Final = 2.0
WARM_UP_S: Final = 0.5
_START_S: Final = 20.0
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


def measure(kafka_bootstrap: str, slices: int = 10, runs: int = 3) -> dict[str, Any]:
    """Requests a second and CPU a request of both, by run: medians of its slices.

    Both servers stand all the time and take turns in slices of SLICE_S under load: other work on the machine meets
    both, and a ratio compares two slices that follow each other. `cpu_us` is the server's own CPU in µs a request; the
    generator's and the whole machine's are told apart.
    """
    made = corpus(REQUESTS, 2000)
    asyncio.run(create_topics(kafka_bootstrap, partitions=4))
    with tempfile.TemporaryDirectory(prefix="waybill-bench-") as folder:
        found = [_run(kafka_bootstrap, Path(folder), made.folder, slices) for _ in range(runs)]
    return {
        "connections": CONNECTIONS,
        "mean_bytes": made.mean_bytes,
        "requests_ratio": median(run["requests_ratio"] for run in found),
        "cpu_ratio": median(run["cpu_ratio"] for run in found),
        "requests_a_second": median(run["ingest"]["requests_a_second"] for run in found),
        "baseline_requests_a_second": median(run["baseline"]["requests_a_second"] for run in found),
        "runs": found,
    }


def _run(kafka_bootstrap: str, folder: Path, requests: Path, slices: int) -> dict[str, Any]:
    baseline: list[dict[str, float]] = []
    ingest: list[dict[str, float]] = []
    with _verify_only() as verifying, _ingest(folder, kafka_bootstrap) as storing:
        for server in (verifying, storing):
            _load(server, requests)  # warms it up
        for _ in range(slices):
            baseline.append(_load(verifying, requests))
            ingest.append(_load(storing, requests))
    pairs = list(zip(ingest, baseline, strict=True))
    return {
        "baseline": {name: median(one[name] for one in baseline) for name in baseline[0]},
        "ingest": {name: median(one[name] for one in ingest) for name in ingest[0]},
        "requests_ratio": median(
            one["requests_a_second"] / other["requests_a_second"] for one, other in pairs
        ),
        "cpu_ratio": median(one["cpu_us"] / other["cpu_us"] for one, other in pairs),
    }


class Server:
    """A server under load: its process and its port."""

    def __init__(self, command: Sequence[str], port: int, environment: dict[str, str]) -> None:
        self.port = port
        self.process = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=ROOT, env=os.environ | environment
        )

    def wait(self, path: str, status: int) -> None:
        """Until it answers that."""
        end = time.monotonic() + _START_S
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(OSError):
                if self._status(path) == status:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"no {status} from {path} of {self.process.args!r}")

    def _status(self, path: str) -> int:
        try:
            with _open(f"http://127.0.0.1:{self.port}{path}", timeout=2) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return refused.code

    def stop(self) -> None:
        """Ends it."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def _verify_only() -> Iterator[Server]:
    port = free_port()
    command = ["bench.verify_only", "--port", str(port), "--certificates", str(certificates())]
    server = Server(command, port, {})
    try:
        server.wait("/", 404)
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def _ingest(folder: Path, kafka_bootstrap: str) -> Iterator[Server]:
    tenants = folder / "tenants.toml"
    tenants.write_text(f'[tenants.{TENANT}]\nname = "Bench"\nsns_topics = ["{TOPIC}"]\n')
    port = free_port()
    environment = {
        "WAYBILL_KAFKA": kafka_bootstrap,
        "WAYBILL_INGEST_PORT": str(port),
        "WAYBILL_TENANTS": str(tenants),
        "WAYBILL_SNS_CERTS": str(certificates()),
        "WAYBILL_LOG_LEVEL": "warning",
    }
    server = Server(["ingest"], port, environment)
    try:
        server.wait("/readyz", 200)
        yield server
    finally:
        server.stop()


def _load(server: Server, folder: Path) -> dict[str, float]:
    """One slice: as many requests as it answers. Raises RuntimeError where it answers anything but 200."""
    command = ["-m", "bench.closed_loop", "--corpus", str(folder), "--count", str(REQUESTS)]
    command += ["--port", str(server.port), "--seconds", str(SLICE_S), "--warm-up", str(WARM_UP_S)]
    command += ["--connections", str(CONNECTIONS)]
    process = psutil.Process(server.process.pid)
    before = sum(process.cpu_times()[:2])
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=_START_S
    )
    cpu = sum(process.cpu_times()[:2]) - before
    said: dict[str, Any] = json.loads(done.stdout)
    if set(said["statuses"]) != {"200"}:
        raise RuntimeError(f"expected 200 alone, got {said['statuses']}")
    return {
        "requests_a_second": said["answers"] / said["seconds"],
        "cpu_us": cpu / said["sent"] * 1e6,
        "generator_cpu_us": said["cpu_s"] / said["sent"] * 1e6,
        "answer_p50_ms": said["answer_p50_s"] * 1000,
        "answer_p99_ms": said["answer_p99_s"] * 1000,
        "peak_mib": process.memory_info().rss / 2**20,
    }


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1]), indent=1))
