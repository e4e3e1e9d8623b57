"""What a diagnosis needs of the store: the newest messages to an address, and how mail to its domain fares."""

from query.sql.where import Scope, Where


def sent_to(scope: Scope, channel: str, address: str) -> Where:
    """Log rows of one address."""
    where = Where(scope)
    where.equal("m.channel", channel)
    where.equal("m.recipient", address)
    return where


def newest_sql(where: Where, columns: str, limit: int) -> str:
    """The newest messages as items of the log, with what a diagnosis looks at besides. `columns` has no tenant."""
    return (
        f"SELECT {columns}, m.tenant AS tenant, m.provider AS provider, nullIf(m.tracking, '') AS tracking, "
        f"m.reached AS reached FROM message_status AS m FINAL WHERE {where.sql} "
        f"ORDER BY m.filed_at DESC, m.message_id DESC LIMIT {limit}"
    )


_TROUBLED = (
    "NOT m.is_delivered AND (m.delay != '' "
    "OR has(['domain', 'server', 'blocked', 'blocklisted_ip', 'rate_limited'], toString(m.cause)))"
)
"""What did not arrive for a reason that lies with the domain, or with how it takes us: no unknown or full mailboxes."""


def domain_sql(tenant: str, domain: str, from_ms: int, to_ms: int) -> tuple[str, Where]:
    """Sums alone, over all tenants and of this one: what was attempted and what did not arrive, at the domain and elsewhere."""
    where = Where(Scope(None))
    where.between("m.filed_at", from_ms, to_ms)
    here, ours = f"m.domain = {where.bind('String', domain)}", f"m.tenant = {where.bind('String', tenant)}"
    where.add("m.channel = 'email' AND m.is_sent AND m.recipient != ''")
    sums = ", ".join(
        f"countIf({scope} AND {condition}) AS {name}"
        for name, scope, condition in (
            ("own", f"{here} AND {ours}", "1"),
            ("own_troubled", f"{here} AND {ours}", _TROUBLED),
            ("own_elsewhere", f"NOT ({here}) AND {ours}", "1"),
            ("own_elsewhere_troubled", f"NOT ({here}) AND {ours}", _TROUBLED),
            ("all", here, "1"),
            ("all_troubled", here, _TROUBLED),
            ("all_elsewhere", f"NOT ({here})", "1"),
            ("all_elsewhere_troubled", f"NOT ({here})", _TROUBLED),
        )
    )
    return (
        f"SELECT {sums}, uniqExactIf(m.tenant, {here}) AS senders FROM message_status AS m FINAL WHERE {where.sql}",
        where,
    )
