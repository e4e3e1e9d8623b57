"""Reports over what was sent: volume by month, why mail bounced or was complained of."""

from query.sql.figures import counted_as_sql
from query.sql.lists import named
from query.sql.where import Where
from schemas.status import COUNTS


def volume_source(where: Where, zone: str) -> str:
    """Recipients by month and what the application calls the messages; `messages` counts those of several recipients once.

    Months begin in that time zone.
    """
    keys = {
        "tenant": "m.tenant",
        "month": f"toStartOfMonth(toDate(m.filed_at, {where.bind('String', zone)}))",
        **{name: f"m.{name}" for name in ("sender", "category", "method", "channel")},
    }
    by = ", ".join(keys)
    rows = f"FROM message_status AS m FINAL WHERE {where.sql}"
    counts = ", ".join(f"sumIf(m.counted, {counted_as_sql(name)}) AS {name}" for name in COUNTS)
    return f"""
        (
            SELECT * REPLACE (toString(m.month) AS month) FROM
            (
                SELECT {by}, sum(m.different) AS messages, sum(m.counted) AS recipients, {counts} FROM
                (
                    SELECT {named(keys)}, m.reached_bits AS reached_bits, count() AS counted, toUInt64(0) AS different
                    {rows} GROUP BY {by}, reached_bits
                    UNION ALL
                    SELECT {named(keys)}, toUInt32(0) AS reached_bits, toUInt64(0) AS counted,
                        uniqExact(m.message_hash) AS different
                    {rows} GROUP BY {by}
                ) AS m
                GROUP BY {by}
            ) AS m
        ) AS m
    """


_NEVER = "fromUnixTimestamp64Milli(toInt64(0), 'UTC')"


def causes_source(where: Where) -> str:
    """Recipients of mail by domain, kind (hard_bounce, soft_bounce, complaint) and cause, with the latest of each; and what
    the domain took of all mail, for the rates: `base` is what was sent for bounces, what was delivered for complaints."""
    conditions = f"{where.sql} AND m.channel = 'email'"

    def bounce(column: str) -> str:
        return ", ".join(
            f"JSONExtractString(m.{column}, '{name}')" for name in ("cause", "code", "diagnostic")
        )

    # The types of all three must agree to the letter, or they make no array.
    soft_at = (
        f"ifNull(parseDateTime64BestEffortOrNull(JSONExtractString(m.soft_bounce, 'at'), 3, 'UTC'), {_NEVER})"
    )
    cases = f"""
        [
            (if(m.is_bounced, 'hard_bounce', ''), {bounce("bounce")}, ifNull(m.bounced_at, m.filed_at)),
            (if(m.is_soft_bounced, 'soft_bounce', ''), {bounce("soft_bounce")}, {soft_at}),
            (
                if(m.is_complained, 'complaint', ''), JSONExtractString(m.complaint, 'type'), '', '',
                ifNull(m.complained_at, m.filed_at)
            )
        ]
    """
    befell = counted_as_sql("bounced", "soft_bounced", "complained")
    return f"""
        (
            SELECT
                c.tenant AS tenant, c.domain AS domain, c.kind AS kind, c.cause AS cause, c.recipients AS recipients,
                if(c.kind = 'complaint', 'complaint', if(c.cause = '', 'unknown', c.cause)) AS what,
                if(c.kind = 'complaint', a.delivered, a.sent) AS base, c.latest.1 AS last_at, c.latest.2 AS code,
                c.latest.3 AS diagnostic, c.latest.4 AS message_id
            FROM
            (
                SELECT
                    tenant, domain, one.1 AS kind, one.2 AS cause, count() AS recipients,
                    max((one.5, one.3, one.4, message_id)) AS latest
                FROM
                (
                    SELECT
                        m.tenant AS tenant, toString(m.domain) AS domain, m.message_id AS message_id,
                        arrayJoin(arrayFilter(each -> each.1 != '', {cases})) AS one
                    FROM message_status AS m FINAL WHERE {conditions} AND {befell}
                )
                GROUP BY tenant, domain, kind, cause
            ) AS c
            INNER JOIN
            (
                SELECT
                    m.tenant AS tenant, toString(m.domain) AS domain,
                    countIf({counted_as_sql("sent")}) AS sent, countIf({counted_as_sql("delivered")}) AS delivered
                FROM message_status AS m FINAL WHERE {conditions} GROUP BY tenant, domain
            ) AS a ON a.tenant = c.tenant AND a.domain = c.domain
        ) AS m
    """
