"""A broker of a test module's own with real workers on it."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.kafka import EmbeddedKafka
from deploy.topics import create_topics
from tests.integration.worker_stage import PARTITIONS, StartWorker, WorkerProcess


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """A broker for the tests of the worker alone: they kill it, and its consumer group has one fixed name."""
    with EmbeddedKafka(tmp_path_factory.mktemp("worker-kafka")) as server:
        yield server


@pytest.fixture
async def bootstrap(broker: EmbeddedKafka) -> str:
    """Bootstrap servers of the broker, with all topics."""
    await create_topics(broker.bootstrap, partitions=PARTITIONS)
    return broker.bootstrap


@pytest.fixture
def start(bootstrap: str, tmp_path: Path) -> Iterator[StartWorker]:
    """Starts workers, each name with its own folder; none outlives the test."""
    started: list[WorkerProcess] = []

    def start_worker(name: str = "w1", **settings: str) -> WorkerProcess:
        worker = WorkerProcess(bootstrap, tmp_path / name, name, **settings)
        started.append(worker)
        return worker.start()

    yield start_worker
    for worker in started:
        worker.end()


@pytest.fixture
def tenant() -> str:
    """A tenant of this test alone."""
    return f"t{secrets.token_hex(4)}"
