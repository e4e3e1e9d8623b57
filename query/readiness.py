"""How the query server stands: whether it can answer, and how far behind Kafka its store is."""

from typing import Any

from query.context import Context
from query.sending import Sending


async def readiness_document(context: Context, sending: Sending) -> dict[str, Any]:
    """What /readyz tells: `clickhouse` is whether questions can be answered, `behind` the records by topic that the store does
    not have yet, null where Kafka does not tell."""
    reachable = await _store_is_ready(context)
    behind = await context.lag.behind()
    return {
        "clickhouse": reachable,
        "behind_records": None if behind is None else sum(behind.values()),
        "behind": behind,
        "sendability": sending.document(),
    }


async def _store_is_ready(context: Context) -> bool:
    """Whether ClickHouse answers and has the tables."""
    return await context.store.answers("SELECT 1 FROM message_status WHERE 0")
