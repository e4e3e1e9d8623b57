"""The real servers that tests run on, each started once for the whole run."""

import secrets
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from deploy.local.clickhouse import EmbeddedClickHouse
from deploy.local.kafka import EmbeddedKafka
from deploy.migrations import migrate, read_migrations

SHARING = {"contracts": "servers", "integration": "servers", "system": "system", "browser": "browser"}
"""Which folders' tests share what was started for them."""
ALONE = ("tests/system/test_supervisor.py",)
"""What starts all that it needs by itself."""


class Lanes(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """`make test` runs two processes, as one alone waits half of the time. Tests that share servers stay in one of them, so
    that each server is started once for the whole run; others go by file.

    (xdist's own groups are names that it appends to a test's, which pytest 9.2 does not let it do.)
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file in ALONE else SHARING.get(file.split("/")[1], file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Lanes:
    """Called by xdist where `make test` asks for two processes."""
    return Lanes(config, log)


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """A real broker. Whoever kills or stops it starts it again before leaving."""
    with EmbeddedKafka(tmp_path_factory.mktemp("kafka")) as server:
        yield server


@pytest.fixture(scope="session")
def kafka(kafka_server: EmbeddedKafka) -> str:
    """Bootstrap servers of a real broker without topics; `deploy.topics.create_topics` makes those of the table."""
    return kafka_server.bootstrap


@pytest.fixture(scope="session")
def clickhouse_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedClickHouse]:
    """A real ClickHouse engine behind its HTTP interface. Whoever kills or stops it starts it again before leaving."""
    with EmbeddedClickHouse(tmp_path_factory.mktemp("clickhouse")) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def clickhouse(clickhouse_server: EmbeddedClickHouse) -> AsyncIterator[str]:
    """URL of a database of this test module alone, with all migrations applied."""
    url = f"{clickhouse_server.url}/test_{secrets.token_hex(4)}"
    await migrate(url, read_migrations())
    yield url
