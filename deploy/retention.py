"""Tells ClickHouse how long each tenant's rows are kept: `retention_days` of the tenants file, as the tables' TTL."""

import logging
from collections.abc import Mapping

from runtime.clickhouse import ClickHouse
from schemas.tenants import Tenants

log = logging.getLogger(__name__)

TABLES = ("receipts", "events", "message_status", "dead_letters")
"""Tables whose rows expire by tenant; each has a column `expires_at`."""


async def apply_retention(url: str, tenants: Tenants) -> list[str]:
    """Writes what is new or changed and returns those tenants' names; nothing to do the second time.

    Rows that are there already are given their new day of expiry in the background. A tenant that is no longer in
    the file keeps what it had. Raises ClickHouseAway and ClickHouseRefused.
    """
    clickhouse = ClickHouse(url)
    try:
        rows = await clickhouse.rows("SELECT tenant, days FROM tenant_retention_now")
        changed = _changed({row["tenant"]: row["days"] for row in rows}, tenants)
        for tenant, days in changed.items():
            await clickhouse.command(
                "INSERT INTO tenant_retention (tenant, days) SELECT {tenant:String}, {days:UInt32}",
                {"tenant": tenant, "days": days},
            )
        if changed:
            await clickhouse.command("SYSTEM RELOAD DICTIONARY retention")
            await _recompute(clickhouse, list(changed))
        return list(changed)
    finally:
        await clickhouse.close()


def _changed(known: Mapping[str, int], tenants: Tenants) -> dict[str, int]:
    wanted = {name: tenants[name].retention_days for name in tenants}
    return {name: days for name, days in wanted.items() if known.get(name) != days}


async def _recompute(clickhouse: ClickHouse, tenants: list[str]) -> None:
    for table in TABLES:
        rows = await clickhouse.rows(
            "SELECT 1 AS found FROM {table:Identifier} WHERE has({tenants:Array(String)}, tenant) LIMIT 1",
            {"table": table, "tenants": tenants},
        )
        if not rows:
            continue
        log.info("%s: the day of expiry of its rows is being worked out anew", table)
        # The second makes parts look at the first's result: they remember when their first row expires.
        for change in ("MATERIALIZE COLUMN expires_at", "MATERIALIZE TTL"):
            await clickhouse.command(f"ALTER TABLE {table} {change} SETTINGS mutations_sync = 0")
