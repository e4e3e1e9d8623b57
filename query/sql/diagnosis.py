"""What a diagnosis needs of the store: the newest messages to addresses, and how mail to their domains fares."""

from collections.abc import Sequence

from query.sql.where import Scope, Where


def newest_sql(where: Where, addresses: Sequence[str], columns: str, limit: int) -> str:
    """The newest messages to each address as items of the log, with what a diagnosis looks at besides. All rows of `where` are to
    one of `addresses`, which it gets bound; `columns` has no tenant."""
    to_these = f"m.recipient IN {where.bind('Array(String)', list(addresses))}"
    # A row's recipient never changes, so these may be chosen before FINAL is worked out: of others in the same granules nothing
    # else is read.
    return (
        f"SELECT {columns}, m.tenant AS tenant, nullIf(m.tracking, '') AS tracking, "
        "m.reached AS reached, m.first_human_opened_at AS first_human_opened_at, "
        "m.first_human_clicked_at AS first_human_clicked_at "
        f"FROM message_status AS m FINAL PREWHERE {to_these} WHERE {where.sql} "
        f"ORDER BY m.filed_at DESC, m.message_id DESC LIMIT {limit} BY m.tenant, m.channel, m.recipient"
    )


_TROUBLED = (
    "NOT m.is_delivered AND (m.delay != '' "
    "OR has(['domain', 'server', 'blocked', 'blocklisted_ip', 'rate_limited'], toString(m.cause)))"
)
"""What did not arrive for a reason that lies with the domain, or with how it takes us: no unknown or full mailboxes."""


def domains_sql(tenant: str, domains: Sequence[str], from_ms: int, to_ms: int) -> tuple[str, Where]:
    """Sums alone, a row for each of the domains and one, '', for all others: of this tenant, and of all together."""
    where = Where(Scope(None))
    where.between("m.filed_at", from_ms, to_ms)
    where.add("m.channel = 'email' AND m.is_sent AND m.is_attributed")
    ours = f"m.tenant = {where.bind('String', tenant)}"
    wanted = where.bind("Array(String)", list(domains))
    return (
        f"SELECT if(has({wanted}, toString(m.domain)), toString(m.domain), '') AS domain, "
        f"countIf({ours}) AS own, countIf({ours} AND {_TROUBLED}) AS own_troubled, "
        f"count() AS all, countIf({_TROUBLED}) AS all_troubled, uniqExact(m.tenant) AS senders "
        f"FROM message_status AS m FINAL WHERE {where.sql} GROUP BY domain",
        where,
    )
