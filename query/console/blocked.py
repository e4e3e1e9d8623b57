"""Which addresses on a page are not to be written to now."""

from collections.abc import Iterable
from typing import Any

from query.console.visit import Visit
from query.sql.addresses import about, standings_sql
from query.sql.where import Scope
from schemas.standing import Standing

Blocked = dict[tuple[str | None, str], dict[str, Any]]


async def blocked_among(visit: Visit, scope: Scope, channel: str, addresses: Iterable[str]) -> Blocked:
    """The standing of those that are blocked, by tenant (None but for the operator) and address."""
    places = [(channel, address) for address in addresses]
    if not places:
        return {}
    where = about(scope, places)
    where.equal("m.standing", Standing.INVALID)
    rows = await visit.context.rows(standings_sql(where), where.parameters)
    return {(row["tenant"] if visit.is_operator else None, row["address"]): row for row in rows}
