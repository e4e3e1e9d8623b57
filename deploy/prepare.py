"""`python -m deploy prepare`: topics and tables, before any part starts. Calling it again changes nothing."""

import asyncio
import logging

from aiokafka.errors import KafkaError

from deploy.migrations import MigrationFault, migrate, read_migrations
from deploy.retention import apply_retention
from deploy.topics import TopicFault, create_topics
from runtime.clickhouse import ClickHouseAway, ClickHouseRefused
from runtime.tenants_file import read_tenants
from schemas.settings import PrepareSettings
from schemas.tenants import TenantsFault

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
    return await _retention(settings)


async def _retention(settings: PrepareSettings) -> bool:
    if not settings.tenants.exists():
        log.info("no tenants file at %s: how long rows are kept stays as it is", settings.tenants)
        return True
    try:
        changed = await apply_retention(settings.clickhouse, read_tenants(settings.tenants))
    except TenantsFault as faults:
        for fault in faults.faults:
            log.error("%s: %s", settings.tenants, fault)
        return False
    except (ClickHouseAway, ClickHouseRefused) as error:
        log.error("how long rows are kept could not be written: %s", error)
        return False
    if changed:
        log.info("retention of %d tenants written", len(changed))
    return True
