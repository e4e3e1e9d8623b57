"""The whole of Waybill as its users run it: started by `python -m deploy.local`, spoken to over HTTP alone.

Nothing of the program is imported here but the signer that stands in for SNS and Twilio.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from deploy.local.process import die_with_parent
from deploy.local.signing import SnsSigner
from tests.system import tenants
from tests.system.client import Answer, Request, call, get
from tests.system.payloads import Payload, at
from tests.system.posting import PUBLIC_URL, sns_request, twilio_request
from tests.system.processes import PARTS, alive, command_of, free_ports, has
from tests.system.tenants import ACME, Tenant
from tests.system.topics import PARTITIONS, records_behind
from tests.system.waiting import eventually, settled

ROOT = Path(__file__).resolve().parents[2]
RUN = (sys.executable, "-m", "deploy.local")
"""What `make run` does once everything is installed."""
SESSION_TIMEOUT_S = 10.0


class Stack:
    """One run of Waybill on a home of its own."""

    def __init__(self, root: Path, **settings: str) -> None:
        """Prepares a run in the folder `root`; `settings` are further WAYBILL_ variables."""
        self.root, self.home = root, root / "home"
        self.ports = dict(zip(("ingest", "query", "worker", "sink"), free_ports(4), strict=True))
        certificates = root / "certificates"
        self.signer = SnsSigner.create(root / "sns.key", certificates)
        self.tenants_file = root / "tenants.toml"
        self.tenants_file.write_text(tenants.tenants_file(*tenants.FIRST))
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("WAYBILL_")}
        self.environment = inherited | {
            "WAYBILL_HOME": str(self.home),
            "WAYBILL_TENANTS": str(self.tenants_file),
            "WAYBILL_SNS_CERTS": str(certificates),
            "WAYBILL_PUBLIC_URL": PUBLIC_URL,
            "WAYBILL_PARTITIONS": str(PARTITIONS),
            **{f"WAYBILL_{part.upper()}_PORT": str(port) for part, port in self.ports.items()},
            **settings,
        }
        self.log = root / "run.log"
        self._process: subprocess.Popen[bytes] | None = None

    # --- the run

    def start(self, command: tuple[str, ...] = RUN, timeout: float = 90) -> None:
        """Starts it in a process group of its own and returns when every part is ready."""
        self.start_only(command)
        self.until_ready(timeout)

    def start_only(self, command: tuple[str, ...] = RUN, terminal: str | None = None) -> None:
        """Starts it and returns at once. `terminal` is a device that becomes its controlling terminal.

        It does not outlive the tests, which a broken-off run of several processes ends without asking.
        """

        die = die_with_parent()

        def before_exec() -> None:
            die()
            if terminal:  # whoever leads a session and has none gets the first one that it opens
                os.open(terminal, os.O_RDWR)

        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.environment,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=before_exec,
            )

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        """The supervisor (or the make above it)."""
        assert self._process is not None, "not started"
        return self._process

    def until_ready(self, timeout: float = 60) -> None:
        """Returns when every part says that it is ready."""
        eventually(self.ready, timeout, f"every part ready; the run said: {self.said()}")

    def ready(self) -> bool:
        """Whether every part says that it can do its work. Raises AssertionError where the run has ended."""
        if self.process.poll() is not None:
            raise RuntimeError(f"the run ended with {self.process.returncode}; it said: {self.said()}")
        for part, port in self.ports.items():
            answer = get(port, "/readyz", timeout=3)
            assert answer.status == 200, f"{part}: {answer}"
        return True

    def said(self) -> str:
        """The end of what it printed."""
        return self.log.read_text(errors="replace")[-6000:] if self.log.exists() else ""

    def end(
        self, number: signal.Signals = signal.SIGTERM, *, group: bool = False, timeout: float = 30
    ) -> list[str]:
        """Ends the run by that signal; gives the command lines of what was still there after `timeout` seconds.

        Those are then killed.
        """
        before = self.family()
        if self.process.poll() is None:
            (os.killpg if group else os.kill)(self.process.pid, number)
        deadline = time.monotonic() + timeout
        while (left := alive(before)) and time.monotonic() < deadline:
            self.process.poll()
            time.sleep(0.05)
        told = [command_of(process) for process in left]
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait(10)
        return told

    def abandon(self) -> None:
        """Kills whatever is left of the run, if anything is."""
        if self._process is not None:
            self.end(timeout=10)

    # --- its processes

    def family(self) -> list[psutil.Process]:
        """The run's processes: the first one and all below it, and those that have the run's folder on them."""
        found = {}
        with contextlib.suppress(psutil.NoSuchProcess):
            first = psutil.Process(self.process.pid)
            found = {process.pid: process for process in (first, *first.children(recursive=True))}
        mark = str(self.root)
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.pid not in found and mark in (
                    *process.cmdline(),
                    process.environ().get("WAYBILL_HOME", ""),
                ):
                    found[process.pid] = process
        return alive(list(found.values()))

    def part(self, name: str) -> psutil.Process:
        """The running process of a part. Raises AssertionError where there is none."""
        marks = PARTS[name]
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in psutil.Process(self.process.pid).children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    if process.status() != psutil.STATUS_ZOMBIE and has(process.cmdline(), marks):
                        return process
        raise AssertionError(f"{name} does not run; the run said: {self.said()}")

    def kill(self, name: str) -> None:
        """kill -9 of a part."""
        self.part(name).kill()

    def until_back(self, name: str, old: int, timeout: float = 60) -> None:
        """Returns when another process of that part runs and everything is ready."""
        eventually(lambda: self.part(name).pid != old, timeout, f"another process of {name}")
        self.until_ready(timeout)

    @contextlib.contextmanager
    def frozen(self, *names: str) -> Iterator[None]:
        """Those parts ("supervisor" too) stand still meanwhile, as under SIGSTOP of a paused machine."""
        processes = [
            psutil.Process(self.process.pid) if name == "supervisor" else self.part(name) for name in names
        ]
        for process in processes:
            process.suspend()
        try:
            yield
        finally:
            for process in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()

    def environment_of(self, name: str) -> dict[str, str]:
        """The WAYBILL_ variables with which the supervisor started a part."""
        return {key: value for key, value in self.part(name).environ().items() if key.startswith("WAYBILL_")}

    @property
    def kafka(self) -> str:
        """Bootstrap servers of the run's broker."""
        return self.environment_of("sink")["WAYBILL_KAFKA"]

    # --- posting

    def ses_request(
        self,
        payload: Payload | str,
        tenant: Tenant = ACME,
        *,
        topic: str | None = None,
        version: str = "2",
        path: str | None = None,
        sns_id: str | None = None,
    ) -> Request:
        """A signed SNS notification of an SES payload."""
        envelope = self.signer.notification(
            payload if isinstance(payload, str) else json.dumps(payload),
            topic=topic or tenant.topic,
            message_id=sns_id or str(uuid.uuid4()),
            timestamp=at(0),
            version=version,
        )
        return sns_request(envelope, path or f"/webhooks/ses/{tenant.name}")

    def ses(self, payload: Payload | str, tenant: Tenant = ACME, **how: Any) -> Answer:
        """Posts a signed SNS notification."""
        return call(self.ports["ingest"], self.ses_request(payload, tenant, **how))

    def twilio(self, form: Mapping[str, str], tenant: Tenant = ACME, **how: Any) -> Answer:
        """Posts a signed status callback."""
        return call(self.ports["ingest"], twilio_request(form, tenant, **how))

    def accept(self, *payloads: Payload, tenant: Tenant = ACME) -> None:
        """Posts SES payloads in this order, each of which must be answered 200."""
        for number, payload in enumerate(payloads):
            version = "21"[number % 2] if tenant is ACME else "2"
            _insist(partial(self.ses, payload, tenant, version=version))

    def accept_sms(self, *forms: Mapping[str, str], tenant: Tenant = ACME, query: str = "") -> None:
        """Posts Twilio callbacks in this order, each of which must be answered 200."""
        for form in forms:
            _insist(partial(self.twilio, form, tenant, query=query))

    # --- asking

    def ask(self, path: str, key: str | None = ACME.key, **parameters: Any) -> Answer:
        """GET from query."""
        return get(self.ports["query"], path, key, **parameters)

    def items(self, path: str, key: str = ACME.key, **parameters: Any) -> list[dict[str, Any]]:
        """All pages of a list."""
        found: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            answer = self.ask(path, key, **parameters, **cursor)
            assert answer.status == 200, answer
            page = answer.json()
            found += page["items"]
            if page["next"] is None:
                return found
            cursor = {"cursor": page["next"]}

    def message(self, message_id: str, key: str = ACME.key) -> dict[str, Any]:
        """One message with its recipients and events; AssertionError where it is not there (yet)."""
        answer = self.ask(f"/v1/messages/{message_id}", key)
        assert answer.status == 200, answer
        document: dict[str, Any] = answer.json()
        return document

    def recipients(self, message_id: str, key: str = ACME.key) -> dict[str, dict[str, Any]]:
        """The log items of one message by recipient."""
        return {item["recipient"]: item for item in self.message(message_id, key)["recipients"]}

    def until_events(
        self, message_id: str, count: int, key: str = ACME.key, timeout: float = 15
    ) -> dict[str, dict[str, Any]]:
        """The log items by recipient, once so many events of the message are stored, and everything published with them."""

        def there() -> None:
            outcomes = [
                (event["outcome"], event["recipient"]) for event in self.message(message_id, key)["events"]
            ]
            assert len(outcomes) == count, outcomes

        settled(there, timeout, f"{count} events of {message_id}")
        eventually(self._all_published, timeout, "the worker has published all that it has folded")
        eventually(
            lambda: records_behind(self.kafka) == 0, timeout, "the sink has stored all that was published"
        )
        return self.recipients(message_id, key)

    def _all_published(self) -> bool:
        """An event can be in the store before the status that follows from it is even on Kafka."""
        page = get(self.ports["worker"], "/metrics").body.decode()
        return "\nwaybill_worker_records_in_flight 0.0\n" in page

    def rates(self, campaign: str, key: str = ACME.key) -> tuple[dict[str, int], dict[str, float | None]]:
        """Counts and rates of one campaign."""
        (item,) = self.items("/v1/rates", key, group_by="campaign", campaign=campaign)
        assert item["key"] == {"campaign": campaign}, item
        return item["counts"], item["rates"]


def _insist(post: Callable[[], Answer], seconds: float = 30) -> None:
    """Posts until it is answered 200: as providers do, again where Kafka did not take it in time (503)."""
    deadline = time.monotonic() + seconds
    while (answer := post()).status == 503 and time.monotonic() < deadline:
        time.sleep(0.5)
    assert answer.status == 200, answer
