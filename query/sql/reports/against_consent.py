"""What was sent against the consent that was in force when it was sent.

The consent of then is worked out of the audit log for each message, as query/standing_cache.py does for now: of each
category and sender the latest change until then, of two at the very same time the opt-out; an opt-out, of the category or
of all that the sender sends (`*`, as STOP is), before an opt-in; where the message's sender is not known, one from any.
"""

from collections.abc import Mapping, Sequence

from query.sql.sending import HANDED_OVER
from query.sql.where import Scope, Where
from schemas.consent import EVERY_CATEGORY, IN, OUT

_SENT_AT = "ifNull(m.sent_at, m.filed_at)"


def judged(where: Where, categories: Sequence[str]) -> None:
    """Only what was handed over and can be judged: messages of these categories."""
    where.add(HANDED_OVER)
    where.one_of("toString(m.category)", categories)


def unjudged(where: Where, categories: Sequence[str]) -> None:
    """Only what was handed over in none of these categories, so that no consent can be told for it."""
    where.add(HANDED_OVER)
    where.add(f"NOT has({where.bind('Array(String)', list(categories))}, toString(m.category))")


def against_consent_source(where: Where, scope: Scope, without_opt_in: Mapping[str, Sequence[str]]) -> str:
    """The messages of `where` with `why` they were against the consent of then: opted_out, opted_out_of_sender or no_opt_in;
    and with the change that stood. `without_opt_in` has, by category, the tenants that write to whoever did not opt out."""
    own = "1" if scope.tenant is None else f"l.tenant = {where.bind('String', scope.tenant)}"
    every = where.bind("String", EVERY_CATEGORY)
    free = " OR ".join(
        f"(m.category = {where.bind('String', category)} "
        f"AND has({where.bind('Array(String)', list(tenants))}, toString(m.tenant)))"
        for category, tenants in without_opt_in.items()
    )
    concerned = (
        f"e -> e.1 <= {_SENT_AT} AND (e.2 = m.category OR e.2 = {every}) "
        "AND (e.3 = '' OR m.sender = '' OR e.3 = m.sender)"
    )
    return f"""
        (
            SELECT *, outs[1] AS stood, multiIf(
                notEmpty(outs), if(outs[1].3 = '', 'opted_out', 'opted_out_of_sender'), is_in OR is_free, '', 'no_opt_in') AS why
            FROM
            (
                SELECT * EXCEPT newest,
                    arrayFilter((e, nth) -> nth = 1, newest, arrayEnumerateUniq(arrayMap(e -> (e.2, e.3), newest))) AS latest,
                    arraySort(e -> (e.3 != '', -toUnixTimestamp64Milli(e.1)), arrayFilter(e -> e.4 = '{OUT}', latest)) AS outs,
                    arrayExists(e -> e.4 = '{IN}' AND e.2 != {every}, latest) AS is_in
                FROM
                (
                    SELECT
                        m.tenant AS tenant, m.filed_at AS filed_at, m.message_id AS message_id, m.channel AS channel,
                        m.recipient AS address, m.sender AS sender, m.subject AS subject, m.category AS category,
                        m.campaign AS campaign, m.method AS method, m.customer AS customer, m.status AS status,
                        {_SENT_AT} AS sent_at, {free} AS is_free,
                        arrayReverse(arrayFilter({concerned}, l.changes)) AS newest
                    FROM (SELECT * FROM message_status AS m FINAL WHERE {where.sql}) AS m LEFT JOIN
                    (
                        SELECT
                            l.tenant AS tenant, l.channel AS channel, l.address AS address,
                            arraySort(e -> (e.1, e.4 = '{OUT}', e.5), groupArray((
                                l.at, toString(l.category), toString(l.sender), toString(l.consent), l.entry_id,
                                toString(l.source), l.actor, l.recorded_at, l.reason
                            ))) AS changes
                        FROM consent_log AS l FINAL WHERE {own} GROUP BY tenant, channel, address
                    ) AS l ON l.tenant = m.tenant AND l.channel = m.channel AND l.address = m.recipient
                )
            )
            WHERE why != ''
        ) AS m
    """
