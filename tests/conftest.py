"""The real servers that tests run on, each started once for the whole run."""

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from deploy.local.clickhouse import EmbeddedClickHouse
from deploy.local.kafka import EmbeddedKafka
from deploy.migrations import migrate, read_migrations

LANES = {"contracts": "servers", "integration": "servers", "system": "system", "browser": "browser"}
"""Which tests share what was started for them. `make test` runs two lanes side by side: most of the time one waits."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps tests that share servers in one lane, so that each server is started once for the whole run."""
    here = Path(__file__).parent
    for item in items:
        if lane := LANES.get(item.path.relative_to(here).parts[0]):
            item.add_marker(pytest.mark.xdist_group(lane))


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
