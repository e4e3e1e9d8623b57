"""How the other recipients at a domain fare, for an issue report."""

from query.sql.where import Scope, Where
from schemas.status import COUNTS


def others_where(tenant: str, domain: str, address: str, from_ms: int) -> Where:
    """The messages of a tenant to the other recipients at a domain, from then on."""
    where = Where(Scope(tenant))
    where.equal("m.domain", domain)
    where.between("m.filed_at", from_ms, None)
    where.add(f"m.channel = 'email' AND m.recipient NOT IN ('', {where.bind('String', address)})")
    return where


def newest_of_others_sql(where: Where, columns: str, limit: int) -> str:
    """The newest message to each of them as an item of the log, the newest of all first."""
    return (
        f"SELECT {columns} FROM message_status AS m FINAL WHERE {where.sql} "
        f"ORDER BY m.filed_at DESC, m.message_id DESC, m.recipient LIMIT 1 BY m.recipient LIMIT {limit}"
    )


def counts_of_others_sql(where: Where) -> str:
    """How many they are, as `addresses`, and what became of all messages to them."""
    counts = ", ".join(f"countIf(m.is_{name}) AS {name}" for name in COUNTS)
    return f"SELECT uniqExact(m.recipient) AS addresses, {counts} FROM message_status AS m FINAL WHERE {where.sql}"
