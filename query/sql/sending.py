"""What was sent, and how it was received, of all tenants: for limits and for the health of senders. From `message_status`."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from query.sql.where import Scope, Where

Rows = Callable[[str, Mapping[str, Any]], Awaitable[list[dict[str, Any]]]]
"""Asks the store one of these questions, beside the requests."""


HANDED_OVER = "m.is_sent AND NOT (m.is_failed AND m.provider = 'app')"
"""What went out: what the application says has failed was never handed over."""


def sent_sql(from_ms: int, groups: Mapping[str, str], least: int) -> tuple[str, Mapping[str, Any]]:
    """Recipients by tenant, group of domains (of email) and minute of those sent from then on, and the tenant's own totals.

    `groups` names the group of a domain; other domains stand for themselves. Those with fewer than `least` recipients
    are left out. Rows: tenant, is_total, domain, minute (s since the epoch), recipients.
    """
    where = Where(Scope(None))
    where.between("m.filed_at", from_ms, None)
    where.add(HANDED_OVER)
    where.add("m.recipient != ''")
    domains = where.bind("Array(String)", list(groups))
    names = where.bind("Array(String)", [*groups.values(), ""])
    # indexOf is 0 for what is not there, and an array's element 0 is refused: the last one stands for it.
    place = f"indexOf({domains}, toString(m.domain))"
    sql = f"""
        WITH sent AS
        (
            SELECT
                toString(m.tenant) AS tenant,
                if({place} = 0, toString(m.domain), {names}[if({place} = 0, -1, {place})]) AS domain,
                m.channel = 'email' AS is_email,
                toUnixTimestamp(toStartOfMinute(m.filed_at)) AS minute,
                count() AS recipients
            FROM message_status AS m FINAL WHERE {where.sql}
            GROUP BY tenant, domain, is_email, minute
        )
        SELECT tenant, true AS is_total, '' AS domain, minute, sum(recipients) AS recipients
        FROM sent GROUP BY tenant, minute
        UNION ALL
        SELECT tenant, false AS is_total, domain, minute, recipients
        FROM sent WHERE is_email AND (tenant, domain) IN
            (SELECT tenant, domain FROM sent WHERE is_email GROUP BY tenant, domain HAVING sum(recipients) >= {least:d})
    """
    return sql, where.parameters


def received_sql(
    window_ms: int, history_ms: int, released: Mapping[str, int]
) -> tuple[str, Mapping[str, Any]]:
    """How the email of each sender of each tenant was received: since the window began or the tenant was last released,
    whichever is later, and (h_…) since its history begins. Times in ms since the epoch, `released` by tenant.

    Rows: tenant, sender, and the counts sent, delivered, bounced and complained, and h_sent and so on.
    """
    where = Where(Scope(None))
    where.between("m.filed_at", min(window_ms, history_ms), None)
    where.add("m.channel = 'email'")
    where.add("m.recipient != ''")
    where.add("m.is_sent")
    tenants = where.bind("Array(String)", list(released))
    times = where.bind("Array(Int64)", [0, *released.values()])
    since = f"greatest({where.bind('Int64', window_ms)}, {times}[indexOf({tenants}, toString(m.tenant)) + 1])"
    history = where.bind_time(history_ms)
    names = ("sent", "delivered", "bounced", "complained")
    counts = [
        *(
            f"countIf(m.is_{name} AND toUnixTimestamp64Milli(m.filed_at) >= since) AS {name}"
            for name in names
        ),
        *(f"countIf(m.is_{name} AND m.filed_at >= {history}) AS h_{name}" for name in names),
    ]
    sql = f"""
        WITH {since} AS since
        SELECT toString(m.tenant) AS tenant, toString(m.sender) AS sender, {", ".join(counts)}
        FROM message_status AS m FINAL WHERE {where.sql} GROUP BY tenant, sender
    """
    return sql, where.parameters
