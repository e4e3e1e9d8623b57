"""The store of the bench is made by the real engine, and has something to be asked about everything."""

from datetime import UTC, datetime
from pathlib import Path

from bench.stored.filling import DATABASE, Recipe, fill
from deploy.local.clickhouse import EmbeddedClickHouse
from runtime.clickhouse import ClickHouse
from schemas.consent import IN, OUT

ASKED = "message_status events address_standing consents consent_log customers dead_letters".split()


async def test_every_table_that_is_asked_has_rows_and_consents_are_what_their_log_says(
    clickhouse_server: EmbeddedClickHouse, tmp_path: Path
) -> None:
    recipe = Recipe(20_000, small_tenants=2)
    told: list[str] = []
    await fill(clickhouse_server.url, tmp_path, recipe, datetime.now(UTC), told.append)
    store = ClickHouse(f"{clickhouse_server.url}/{DATABASE}")
    try:
        for table in ASKED:
            found = await store.rows(f"SELECT count() AS rows, uniq(tenant) AS tenants FROM {table}")
            assert found[0]["rows"] > 0 and found[0]["tenants"] > 1, table
        states = await store.rows("SELECT DISTINCT consent FROM consent_log ORDER BY consent")
        assert [row["consent"] for row in states] == [IN, OUT]
        differing = (
            "SELECT count() AS rows FROM consents AS c LEFT JOIN consent_log AS l ON l.entry_id = c.entry_id "
            "WHERE (l.tenant, l.address, l.consent, l.at) != (c.tenant, c.address, c.state, c.since)"
        )
        assert await store.rows(differing) == [{"rows": 0}]
    finally:
        await store.command(f"DROP DATABASE {DATABASE}")
        await store.close()
    assert told, "it says what it has done"
