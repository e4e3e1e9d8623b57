"""Retention on the real engine: rows go when their tenant's days are over, and a changed number of days reaches old rows."""

import orjson

from deploy.retention import apply_retention
from runtime.clickhouse import ClickHouse
from schemas.tenants import Tenants, parse_tenants
from tests.integration.sink_stage import Store, status_value

COUNTS = (
    "SELECT groupArray((tenant, n)) AS c FROM "
    "(SELECT tenant, count() AS n FROM message_status FINAL GROUP BY tenant ORDER BY tenant)"
)


def _tenants(**days: int) -> Tenants:
    return parse_tenants(
        "".join(
            f'[tenants.{name}]\nname = "{name}"\nretention_days = {kept}\n' for name, kept in days.items()
        )
    )


async def _insert(clickhouse: ClickHouse, *values: dict[str, object]) -> None:
    await clickhouse.insert_lines("message_status", b"\n".join(map(orjson.dumps, values)))


async def test_rows_go_when_their_tenants_days_are_over(clickhouse: str) -> None:
    async with Store(clickhouse) as store:
        assert await apply_retention(clickhouse, _tenants(short=30, long=3000)) == ["short", "long"]
        assert await apply_retention(clickhouse, _tenants(short=30, long=3000)) == []
        old, ancient = "2026-01-01T00:00:00.000Z", "2020-01-01T00:00:00.000Z"
        await _insert(
            store.clickhouse,
            *(
                status_value(n, tenant=tenant, filed_at=old)
                for n, tenant in enumerate(("short", "long", "unheard-of"))
            ),
            *(
                status_value(n + 10, tenant=tenant, filed_at=ancient)
                for n, tenant in enumerate(("long", "unheard-of"))
            ),
            status_value(20, tenant="short", filed_at="2299-01-01T00:00:00.000Z"),
        )
        await store.clickhouse.command("OPTIMIZE TABLE message_status FINAL")
        await store.until(COUNTS, [["long", 2], ["short", 1], ["unheard-of", 1]])


async def test_a_changed_number_of_days_reaches_the_rows_that_are_there(clickhouse: str) -> None:
    async with Store(clickhouse) as store:
        await apply_retention(clickhouse, _tenants(kept=3000, cut=3000))
        await _insert(
            store.clickhouse,
            *(
                status_value(n, tenant=t, filed_at="2025-01-01T00:00:00.000Z")
                for n, t in enumerate(("kept", "cut"))
            ),
        )
        kept = "SELECT groupArray(tenant) AS c FROM message_status FINAL WHERE tenant IN ('kept', 'cut')"
        await store.until(f"SELECT arraySort(c) AS c FROM ({kept})", ["cut", "kept"])
        assert await apply_retention(clickhouse, _tenants(kept=3000, cut=30)) == ["cut"]
        await store.until(kept, ["kept"])


async def test_a_tenant_that_leaves_the_file_keeps_its_days(clickhouse: str) -> None:
    async with Store(clickhouse) as store:
        await apply_retention(clickhouse, _tenants(gone=77))
        assert await apply_retention(clickhouse, _tenants(other=400)) == ["other"]
        await store.until("SELECT days FROM tenant_retention_now WHERE tenant = 'gone'", 77)
