"""`make run`: the embedded servers and every part of Waybill on this machine, kept running until it is told to stop."""

import asyncio
import fcntl
import os
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from deploy.local import endpoints
from deploy.local.clickhouse import EmbeddedClickHouse
from deploy.local.demo_tenant import DemoTenant, load_or_make
from deploy.local.endpoints import Endpoints
from deploy.local.kafka import EmbeddedKafka
from deploy.local.parts import Part, Printer
from deploy.local.process import ROOT, die_with_parent, free_port, http_status, is_free
from runtime.tenants_file import read_tenants
from schemas.settings import LocalSettings
from schemas.tenants import TenantsFault

PREPARE_S = 120
"""How long the servers may take to come up the first time, on a slow machine."""

NAMES = ["waybill", "kafka", "clickhouse", "prepare", "ingest", "worker", "sink", "query"]


class CannotStart(Exception):
    """Something outside stands in the way; the message is for the person at the keyboard."""


@contextmanager
def alone_on(home: Path) -> Iterator[None]:
    """Holds the home's lock. Raises CannotStart where another run has it."""
    file = home / "run" / "lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise CannotStart(
                f"{home} is in use by another run (process {lock.read().strip() or 'unknown'}): "
                "stop that one, or give this one another folder with WAYBILL_HOME"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


class Ports:
    """Who listens where. Those of a former run on this home are taken again where they are free."""

    def __init__(self, settings: LocalSettings, former: Endpoints | None) -> None:
        """Raises CannotStart where a port that was asked for is taken."""
        self._taken = {settings.ingest_port, settings.query_port, settings.worker_port, settings.sink_port}
        self.ingest = self._asked("WAYBILL_INGEST_PORT", settings.ingest_port)
        self.query = self._asked("WAYBILL_QUERY_PORT", settings.query_port)
        self.worker = self._asked("WAYBILL_WORKER_PORT", settings.worker_port)
        self.sink = self._asked("WAYBILL_SINK_PORT", settings.sink_port)
        self.kafka = self._as_before(former.kafka if former else "")
        self.clickhouse = self._as_before(former.clickhouse if former else "")

    def _asked(self, name: str, port: int) -> int:
        if port and not is_free(port):
            raise CannotStart(f"port {port} is taken by another process; free it, or set {name} to another")
        return port or free_port(self._taken)

    def _as_before(self, address: str) -> int:
        port = address.removeprefix("http://").partition("/")[0].rpartition(":")[2]
        if port.isdigit() and int(port) not in self._taken and is_free(int(port)):
            self._taken.add(int(port))
            return int(port)
        return free_port(self._taken)


class Supervisor:
    """One run on one home."""

    def __init__(self, settings: LocalSettings) -> None:
        """Raises CannotStart where a port is taken."""
        self._begun = time.monotonic()
        self._had_terminal = _has_terminal()
        self._home = settings.home.resolve()
        self._ports = ports = Ports(settings, endpoints.read(self._home))
        self._kafka = None if settings.kafka else EmbeddedKafka(self._home / "kafka", ports.kafka)
        self._clickhouse = (
            None if settings.clickhouse else EmbeddedClickHouse(self._home / "clickhouse", ports.clickhouse)
        )
        self._demo: DemoTenant | None = None if settings.tenants else load_or_make(self._home)
        certificates = settings.sns_certs or (self._demo.certificates if self._demo else None)
        self._endpoints = Endpoints(
            supervisor=os.getpid(),
            ingest=f"http://127.0.0.1:{ports.ingest}",
            query=f"http://127.0.0.1:{ports.query}",
            worker=f"http://127.0.0.1:{ports.worker}",
            sink=f"http://127.0.0.1:{ports.sink}",
            kafka=self._kafka.bootstrap if self._kafka else settings.kafka,
            clickhouse=f"{self._clickhouse.url}/waybill" if self._clickhouse else settings.clickhouse,
            tenants=str(
                (
                    settings.tenants or self._demo.tenants_file if self._demo else settings.tenants or Path()
                ).resolve()
            ),
            sns_certs=str(certificates.resolve()) if certificates else None,
        )
        self._printer = Printer(NAMES)
        self._stop = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._parts = {part.name: part for part in self._make_parts()}

    async def run(self) -> int:
        """Until SIGINT or SIGTERM, or until whoever started it has gone; the exit status."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._asked_to_stop)
        loop.add_signal_handler(signal.SIGHUP, self._hung_up)
        orphaned = asyncio.create_task(self._stop_when_orphaned())
        starting = asyncio.create_task(self._start())
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        started = starting.done() and starting.result()
        if started:
            await stopped
        starting.cancel()
        orphaned.cancel()
        await self._stop_all()
        return 0 if started or self._stop.is_set() else 1

    def _say(self, text: str) -> None:
        self._printer.line("waybill", text)

    def _asked_to_stop(self) -> None:
        if self._stop.is_set():  # somebody is in a hurry
            for part in self._parts.values():
                part.kill()
        self._stop.set()

    def _hung_up(self) -> None:
        """SIGHUP: whoever reads the tenants file reads it again; where the terminal is gone, everything ends."""
        if self._had_terminal and not _has_terminal():
            self._asked_to_stop()
            return
        for name in ("ingest", "worker", "query"):
            self._parts[name].signal(signal.SIGHUP)

    async def _stop_when_orphaned(self) -> None:
        """Under make: when make is killed with -9, nobody tells this process."""
        parent = os.getppid()
        while "MAKELEVEL" in os.environ:
            if os.getppid() != parent:
                self._say("whoever started this has gone")
                self._stop.set()
            await asyncio.sleep(0.5)

    def _make_parts(self) -> Iterator[Part]:
        """In the order in which they are started."""
        where = self._endpoints
        environment = dict(os.environ) | {
            "PYTHONUNBUFFERED": "1",
            "WAYBILL_HOME": str(self._home),
            "WAYBILL_KAFKA": where.kafka,
            "WAYBILL_CLICKHOUSE": where.clickhouse,
            "WAYBILL_TENANTS": where.tenants,
            "WAYBILL_INGEST_PORT": str(self._ports.ingest),
            "WAYBILL_QUERY_PORT": str(self._ports.query),
            "WAYBILL_WORKER_PORT": str(self._ports.worker),
            "WAYBILL_SINK_PORT": str(self._ports.sink),
            "WAYBILL_WORKER_DATA": str(self._home / "worker"),
            "WAYBILL_INGEST_URL": os.environ.get("WAYBILL_INGEST_URL") or where.ingest,
            "WAYBILL_CONSOLE_SECRET": os.environ.get("WAYBILL_CONSOLE_SECRET") or _kept_secret(self._home),
            "WAYBILL_INSTANCE": os.environ.get("WAYBILL_INSTANCE") or "local",
        }
        if where.sns_certs:
            environment["WAYBILL_SNS_CERTS"] = where.sns_certs
        self._environment = environment
        part = partial(Part, environment=environment, printer=self._printer)
        if self._kafka:
            yield part("kafka", self._kafka.command, self._kafka.answers)
        if self._clickhouse:
            yield part("clickhouse", self._clickhouse.command, self._clickhouse.answers)
        for name, arguments, port in (
            ("ingest", ["ingest"], self._ports.ingest),
            ("worker", ["processors", "worker"], self._ports.worker),
            ("sink", ["processors", "sink"], self._ports.sink),
            ("query", ["query"], self._ports.query),
        ):
            command = [sys.executable, "-m", *arguments]
            yield part(name, lambda command=command: command, partial(_is_well, port))  # type: ignore[misc]

    async def _start(self) -> bool:
        """Starts everything in its order and returns when it can be used. False where that cannot be."""
        self._say(f"starting, data in {self._home}")
        for name in ("kafka", "clickhouse"):
            if name in self._parts:
                self._keep(name)
        # It waits for the servers itself, and loads its libraries meanwhile.
        if not await self._prepare():
            self._say("cannot go on, stopping")
            return False
        for name in ("ingest", "worker", "sink", "query"):
            self._keep(name)
        endpoints.write(self._home, self._endpoints)
        ready = partial(_are_ready, (self._ports.ingest, self._ports.query))
        while not await asyncio.to_thread(ready):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        self._say(f"ready after {time.monotonic() - self._begun:.1f} s")
        for line in self._welcome():
            self._say(line)
        return True

    def _keep(self, name: str) -> None:
        self._tasks[name] = asyncio.create_task(self._parts[name].run())

    async def _prepare(self) -> bool:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "deploy", "prepare", "--wait", str(PREPARE_S)),
            cwd=ROOT,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent(),
        )
        assert process.stdout is not None
        try:
            async for line in process.stdout:
                self._printer.line("prepare", line.decode(errors="replace").rstrip())
            return await process.wait() == 0
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                process.kill()
            raise

    def _welcome(self) -> Iterator[str]:
        where = self._endpoints
        yield f"ingest  {where.ingest}   (providers post their callbacks here)"
        yield f"query   {where.query}   (the console for people, /v1 for programs)"
        if self._demo:
            yield ""
            yield f"tenant  {self._demo.name}, made for this run, in {self._demo.folder}; its key is {self._demo.key}"
            yield f"read    curl -H 'Authorization: Bearer {self._demo.key}' '{where.query}/v1/messages'"
            yield "post    make demo   (signed callbacks of some mailings and text messages)"
        yield ""
        yield "Ctrl-C stops everything; what was answered 200 is kept"

    async def _stop_all(self) -> None:
        """First who takes, then who works it off, then the servers: nothing that was taken is in the way of an end."""
        self._say("stopping")
        for names in (("ingest", "query"), ("worker", "sink"), ("clickhouse", "kafka")):
            await asyncio.gather(*(self._parts[name].stop() for name in names if name in self._parts))
        for task in self._tasks.values():
            with suppress(TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(task, 3)
        self._say("stopped")


def _kept_secret(home: Path) -> str:
    """What the console's sessions are encrypted with: made the first time, so that a restart signs nobody out."""
    file = home / "console-secret"
    if not file.exists():
        # Beside its place first, so that an interrupted start leaves nothing half-made.
        partial_file = home / "console-secret.partial"
        partial_file.touch(mode=0o600)
        partial_file.write_text(secrets.token_urlsafe(32))
        partial_file.rename(file)
    return file.read_text()


def _has_terminal() -> bool:
    """Whether this process has a terminal that is still there."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _is_well(port: int) -> bool:
    return http_status(port, "/healthz") == 200


def _are_ready(ports: tuple[int, ...]) -> bool:
    return all(http_status(port, "/readyz") == 200 for port in ports)


async def supervise(settings: LocalSettings) -> int:
    """One run; its exit status."""
    try:
        with alone_on(settings.home.resolve()):
            if settings.tenants:
                read_tenants(settings.tenants)  # a fault is told at once, not once the servers are up
            return await Supervisor(settings).run()
    except CannotStart as reason:
        print(f"make run: {reason}", file=sys.stderr)
        return 1
    except TenantsFault as refused:
        for fault in refused.faults:
            print(f"make run: {settings.tenants}: {fault}", file=sys.stderr)
        return 1
