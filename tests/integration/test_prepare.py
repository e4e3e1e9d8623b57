"""Topics and migrations on the real servers."""

import logging
from pathlib import Path

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from deploy.local.clickhouse import EmbeddedClickHouse
from deploy.migrations import Migration, MigrationFault, migrate, read_migrations
from deploy.topics import TopicFault, create_topics
from runtime.clickhouse import ClickHouse, ClickHouseRefused
from runtime.kafka import open_admin
from schemas.topics import TOPICS, Topic


def topic(name: str, **rest: object) -> Topic:
    return Topic(name, key="none", schema="none/1", public=False, **rest)  # type: ignore[arg-type]


async def settings_of(kafka: str, name: str) -> dict[str, str]:
    admin = open_admin(kafka, "test")
    await admin.start()
    try:
        [response] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
        return {entry[0]: entry[1] for entry in response.resources[0][4]}
    finally:
        await admin.close()


async def test_every_topic_of_the_table_is_made_with_its_settings_and_a_second_time_changes_nothing(
    kafka: str, caplog: pytest.LogCaptureFixture
) -> None:
    await create_topics(kafka, partitions=4, state_days=60)
    with caplog.at_level(logging.INFO, "deploy"):
        await create_topics(kafka, partitions=4, state_days=60)
    assert caplog.messages == []
    for one in TOPICS:
        found = await settings_of(kafka, one.name)
        assert {key: found[key] for key in one.config(60)} == one.config(60)


async def test_a_changed_retention_is_altered_and_told_while_what_others_set_on_the_topic_stays(
    kafka: str, caplog: pytest.LogCaptureFixture
) -> None:
    await create_topics(kafka, partitions=1, topics=[topic("altered", settings={"segment.ms": "600000"})])
    await create_topics(kafka, partitions=1, topics=[topic("altered", retention_days=2)])
    found = await settings_of(kafka, "altered")
    assert found["retention.ms"] == str(2 * 86_400_000)
    assert found["segment.ms"] == "600000"
    assert any("retention.ms 1209600000 -> 172800000" in message for message in caplog.messages)


async def test_a_topic_with_another_number_of_partitions_is_refused_with_both_numbers(kafka: str) -> None:
    await create_topics(kafka, partitions=2, topics=[topic("two-partitions")])
    with pytest.raises(TopicFault, match="two-partitions has 2 partitions, WAYBILL_PARTITIONS is 4"):
        await create_topics(kafka, partitions=4, topics=[topic("two-partitions")])


async def test_a_topic_with_another_cleanup_policy_is_refused_and_left_alone(kafka: str) -> None:
    await create_topics(kafka, partitions=1, topics=[topic("deleted")])
    with pytest.raises(TopicFault, match=r"deleted has cleanup.policy=delete, expected compact"):
        await create_topics(kafka, partitions=1, topics=[topic("deleted", kept="compact")])
    assert (await settings_of(kafka, "deleted"))["cleanup.policy"] == "delete"


@pytest.fixture
def url(clickhouse_server: EmbeddedClickHouse, tmp_path: Path) -> str:
    """A database that does not exist yet."""
    return (
        f"{clickhouse_server.url}/{tmp_path.name.replace('-', '_')}_{tmp_path.parent.name.replace('-', '_')}"
    )


async def count(url: str, table: str) -> int:
    clickhouse = ClickHouse(url)
    try:
        return int((await clickhouse.rows("SELECT count() AS n FROM {t:Identifier}", {"t": table}))[0]["n"])
    finally:
        await clickhouse.close()


async def tables(url: str) -> set[str]:
    clickhouse = ClickHouse(url)
    try:
        rows = await clickhouse.rows("SELECT name FROM system.tables WHERE database = currentDatabase()")
        return {row["name"] for row in rows}
    finally:
        await clickhouse.close()


async def test_the_migrations_apply_to_an_empty_database_and_a_second_time_change_nothing(url: str) -> None:
    migrations = read_migrations()
    assert await migrate(url, migrations) == [migration.name for migration in migrations]
    assert await migrate(url, migrations) == []


async def test_a_new_migration_is_applied_after_those_that_are(url: str) -> None:
    first = Migration("0001_a", "CREATE TABLE a (x UInt8) ENGINE = Memory; INSERT INTO a VALUES (1);")
    second = Migration("0002_b", "INSERT INTO a VALUES (2), (3)")
    assert await migrate(url, [first]) == ["0001_a"]
    assert await migrate(url, [first, second]) == ["0002_b"]
    assert await count(url, "a") == 3


async def test_an_edited_migration_is_refused_and_nothing_is_run(url: str) -> None:
    await migrate(url, [Migration("0001_a", "CREATE TABLE a (x UInt8) ENGINE = Memory")])
    edited = Migration("0001_a", "CREATE TABLE a (x UInt16) ENGINE = Memory")
    later = Migration("0002_b", "CREATE TABLE b (x UInt8) ENGINE = Memory")
    with pytest.raises(MigrationFault, match="0001_a was applied with checksum"):
        await migrate(url, [edited, later])
    assert await tables(url) == {"waybill_migrations", "a"}


async def test_a_migration_that_was_cut_short_is_taken_up_again(url: str) -> None:
    broken = Migration(
        "0001_a", "CREATE TABLE a (x UInt8) ENGINE = Memory; CREATE TABLE b (x Nonsense) ENGINE = Memory"
    )
    with pytest.raises(ClickHouseRefused, match="0001_a, statement 2"):
        await migrate(url, [broken])
    mended = Migration(
        "0001_a", "CREATE TABLE a (x UInt8) ENGINE = Memory; CREATE TABLE b (x UInt8) ENGINE = Memory"
    )
    assert await migrate(url, [mended]) == ["0001_a"]
    assert await count(url, "b") == 0


async def test_a_table_that_somebody_else_made_stops_a_first_run_of_a_migration(url: str) -> None:
    await migrate(url, [])
    clickhouse = ClickHouse(url)
    await clickhouse.command("CREATE TABLE a (y String) ENGINE = Memory")
    await clickhouse.close()
    with pytest.raises(ClickHouseRefused, match="already exists"):
        await migrate(url, [Migration("0001_a", "CREATE TABLE a (x UInt8) ENGINE = Memory")])
