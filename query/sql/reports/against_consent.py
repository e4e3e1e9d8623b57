"""What was sent against the consent that was in force when it was sent.

The consent of then is worked out of the audit log for each message, as query/standing_cache.py does for now: of each
category and sender the latest change until then, of two at the very same time the opt-out; an opt-out, of the category or
of all that the sender sends (`*`, as STOP is), before an opt-in; where the message's sender is not known, one from any.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from query.sql.sending import HANDED_OVER
from query.sql.where import Scope, Where
from schemas.consent import EVERY_CATEGORY, IN, OUT
from schemas.status import CHANNELS

AS_WRITTEN: Mapping[str, Any] = {
    # The right side of a join is gathered in memory. The engine's guess which side is smaller took millions of messages for fewer
    # than their addresses, in three times the CPU.
    "query_plan_join_swap_table": "false",
}
"""ClickHouse's settings for SQL over `against_consent_source`."""

_SENT_AT = "ifNull(m.sent_at, m.filed_at)"


def judged(where: Where, categories: Sequence[str]) -> None:
    """Only what was handed over and can be judged: messages of these categories."""
    where.add(HANDED_OVER)
    where.one_of("toString(m.category)", categories)


def unjudged(where: Where, categories: Sequence[str]) -> None:
    """Only what was handed over in none of these categories, so that no consent can be told for it."""
    where.add(HANDED_OVER)
    where.add(f"NOT has({where.bind('Array(String)', list(categories))}, toString(m.category))")


_MIXED = f"(l.consent = '{OUT}' OR l.sender != '')"


def against_consent_source(
    where: Where,
    scope: Scope,
    without_opt_in: Mapping[str, Sequence[str]],
    addresses: Sequence[str] | None = None,
) -> str:
    """The messages of `where` with `why` they were against the consent of then: opted_out, opted_out_of_sender or no_opt_in;
    and with the change that stood. `without_opt_in` has, by category, the tenants that write to whoever did not opt out;
    `addresses` where it is known which ones the messages went to.

    Nearly all addresses have opted in and nothing else: when they first did is all that has to be known of them. Only of the
    others (`is_mixed`: there was an opt-out, or a change of one sender alone) all changes are put in order.
    """
    own = "1" if scope.tenant is None else f"l.tenant = {where.bind('String', scope.tenant)}"
    if addresses is not None:
        own += f" AND l.address IN {where.bind('Array(String)', list(addresses))}"
    every = where.bind("String", EVERY_CATEGORY)
    categories = {category: where.bind("String", category) for category in without_opt_in}
    free = " OR ".join(
        f"(m.category = {bound} AND has({where.bind('Array(String)', list(without_opt_in[category]))}, toString(m.tenant)))"
        for category, bound in categories.items()
    )
    kinds = [
        (f"in_{channel}_{category}", f"channel = '{channel}'", f"category = {bound}")
        for channel in CHANNELS
        for category, bound in categories.items()
    ]
    firsts = ", ".join(
        f"minOrNullIf(l.at, l.consent = '{IN}' AND l.{channel} AND l.{category}) AS {name}"
        for name, channel, category in kinds
    )
    first = ", ".join(f"m.{channel} AND m.{category}, c.{name}" for name, channel, category in kinds)
    concerned = (
        f"e -> e.1 <= m.moment AND (e.2 = m.category OR e.2 = {every}) "
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
                        m.moment AS sent_at, m.is_free AS is_free,
                        arrayReverse(arrayFilter({concerned}, l.changes)) AS newest
                    FROM
                    (
                        SELECT m.*, {free} AS is_free, {_SENT_AT} AS moment
                        FROM (SELECT *, m.recipient_hash FROM message_status AS m FINAL WHERE {where.sql}) AS m LEFT JOIN
                        (
                            SELECT sipHash64(l.tenant, l.address) AS recipient_hash, max({_MIXED}) AS is_mixed, {firsts}
                            FROM consent_log AS l FINAL WHERE {own} GROUP BY recipient_hash
                        ) AS c ON c.recipient_hash = m.recipient_hash
                        WHERE c.is_mixed OR NOT (is_free OR ifNull(multiIf({first}, NULL) <= moment, false))
                    ) AS m LEFT JOIN
                    (
                        SELECT
                            l.tenant AS tenant, l.channel AS channel, l.address AS address,
                            arraySort(e -> (e.1, e.4 = '{OUT}', e.5), groupArray((
                                l.at, toString(l.category), toString(l.sender), toString(l.consent), l.entry_id,
                                toString(l.source), l.actor, l.recorded_at, l.reason
                            ))) AS changes
                        FROM consent_log AS l FINAL
                        PREWHERE {own} AND l.address IN (SELECT l.address FROM consent_log AS l WHERE {own} AND {_MIXED})
                        GROUP BY tenant, channel, address
                    ) AS l ON l.tenant = m.tenant AND l.channel = m.channel AND l.address = m.recipient
                )
            )
            WHERE why != ''
        ) AS m
    """
