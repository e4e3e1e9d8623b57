"""`python -m deploy prepare`: topics and tables, before any part starts. Calling it again changes nothing."""

import asyncio
import logging

from aiokafka.errors import KafkaError

from deploy.migrations import MigrationFault, migrate, read_migrations
from deploy.topics import TopicFault, create_topics
from runtime.clickhouse import ClickHouseAway, ClickHouseRefused
from schemas.settings import PrepareSettings

log = logging.getLogger(__name__)


async def prepare(settings: PrepareSettings, wait_s: float) -> bool:
    """Brings Kafka and ClickHouse to what this release needs, waiting up to `wait_s` seconds for each. False where it cannot."""
    done = await asyncio.gather(_topics(settings, wait_s), _tables(settings, wait_s))
    return all(done)


async def _topics(settings: PrepareSettings, wait_s: float) -> bool:
    try:
        await create_topics(
            settings.kafka,
            partitions=settings.partitions,
            replication=settings.replication,
            state_days=settings.state_days,
            wait_s=wait_s,
        )
    except TopicFault as fault:
        log.error("%s", fault)
        return False
    except KafkaError as error:
        log.error("no Kafka at %s within %g s: %s", settings.kafka, wait_s, error)
        return False
    return True


async def _tables(settings: PrepareSettings, wait_s: float) -> bool:
    try:
        applied = await migrate(settings.clickhouse, read_migrations(), wait_s=wait_s)
    except (MigrationFault, ClickHouseRefused) as fault:
        log.error("%s", fault)
        return False
    except ClickHouseAway as error:
        log.error("no ClickHouse within %g s: %s", wait_s, error)
        return False
    log.info("tables are up to date%s", f", applied {', '.join(applied)}" if applied else "")
    return True
