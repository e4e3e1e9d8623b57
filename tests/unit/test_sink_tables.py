"""Which topics the sink stores, and where; query tells how far behind it is with the same ones."""

from deploy.migrations import read_migrations
from processors.sink.app import TABLES
from query import lag
from schemas.topics import TOPICS


def test_every_public_topic_is_stored_and_each_in_a_table_of_its_own() -> None:
    assert {topic.name for topic in TOPICS if topic.public} <= set(TABLES) <= {topic.name for topic in TOPICS}
    assert len(set(TABLES.values())) == len(TABLES)


def test_every_table_is_made_by_a_migration() -> None:
    text = "".join(migration.text for migration in read_migrations())
    assert [table for table in TABLES.values() if f"CREATE TABLE IF NOT EXISTS {table}\n" not in text] == []


def test_query_knows_how_far_behind_the_sink_is_with_every_topic_that_it_stores() -> None:
    assert set(lag.TOPICS) == set(TABLES)
