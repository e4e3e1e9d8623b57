"""Reports over who is new: customers, and addresses that were written to for the first time."""

from collections.abc import Mapping, Sequence

from query.sql.sending import HANDED_OVER
from query.sql.where import Scope, Where
from schemas.status import CHANNELS


def customers_source(where: Where, scope: Scope) -> str:
    """Every customer, registered or only named by messages, with when it was new and how that is known: as it was told, else
    by the first message that names it, else by when it was last put. `where` gets its values bound."""
    own, of_tenant, tenant, keys = "1", "m.tenant", "c.tenant", "tenant, customer"
    if scope.tenant is not None:
        # Grouped by one text, and not by two, in half the time.
        of_tenant = where.bind("String", scope.tenant)
        own, tenant, keys = f"m.tenant = {of_tenant}", "any(c.tenant)", "customer"
    return f"""
        (
            SELECT
                {tenant} AS tenant, c.customer AS customer, max(c.kind) AS kind, max(c.name) AS name,
                max(c.registered) AS registered, max(c.addresses) AS addresses, max(c.first_at) AS first_message_at,
                sum(c.messages) AS messages, max(c.created_at) AS told_at, max(c.put_at) AS last_put_at,
                assumeNotNull(coalesce(told_at, first_message_at, last_put_at)) AS since,
                multiIf(isNotNull(told_at), 'created_at', isNotNull(first_message_at), 'first_message', 'last_put') AS known_by
            FROM
            (
                SELECT
                    toString(m.tenant) AS tenant, m.customer AS customer, toString(m.kind) AS kind, m.name AS name,
                    m.created_at AS created_at, toNullable(m.updated_at) AS put_at, true AS registered,
                    toUInt64(length(m.addresses)) AS addresses, CAST(NULL, 'Nullable(DateTime64(3, \\'UTC\\'))') AS first_at,
                    toUInt64(0) AS messages
                FROM customers AS m FINAL WHERE {own}
                UNION ALL
                SELECT
                    toString({of_tenant}) AS tenant, m.customer AS customer, '' AS kind, '' AS name,
                    CAST(NULL, 'Nullable(DateTime64(3, \\'UTC\\'))') AS created_at,
                    CAST(NULL, 'Nullable(DateTime64(3, \\'UTC\\'))') AS put_at, false AS registered, toUInt64(0) AS addresses,
                    toNullable(min(m.filed_at)) AS first_at, count() AS messages
                FROM message_status AS m FINAL WHERE {own} AND m.customer != '' AND m.is_attributed GROUP BY {keys}
            ) AS c
            GROUP BY {keys}
        ) AS m
    """


def add_named(where: Where, scope: Scope, filters: Mapping[str, str]) -> None:
    """Only customers whom one message with all of these values names."""
    named = [f"o.{name} = {where.bind('String', value)}" for name, value in filters.items()]
    if scope.tenant is not None:
        named.append(f"o.tenant = {where.bind('String', scope.tenant)}")
    where.add(
        "(m.tenant, m.customer) IN (SELECT o.tenant, o.customer FROM message_status AS o FINAL "
        f"WHERE {' AND '.join(named)} AND o.is_attributed)"
    )


def _had_none(before: str) -> str:
    """Whether nothing in `before` went to the address of a row `m`. Channel by channel: a set of numbers is made and asked in a
    fraction of the time that one of tuples or texts takes."""
    return " OR ".join(
        f"m.channel = '{channel}' AND m.recipient_hash NOT IN "
        f"(SELECT m.recipient_hash FROM {before} AND m.channel = '{channel}')"
        for channel in CHANNELS
    )


_SENT = f"{HANDED_OVER} AND m.is_attributed"

_FIRST = "message_id sender subject campaign category document method customer status".split()


def recipients_source(where: Where, scope: Scope, from_ms: int | None) -> str:
    """Every address that anything was ever sent to, with its first message and how many there were since; with `from_ms` only
    those that nothing was sent to before. `where` gets its values bound: conditions on the rows are conditions on the first
    message."""
    own = "1" if scope.tenant is None else f"m.tenant = {where.bind('String', scope.tenant)}"
    sent = f"message_status AS m FINAL WHERE {own} AND {_SENT}"
    rows = sent
    if from_ms is not None:
        # All that is told of a first message takes ten times as long to gather as to see who had one before.
        begin = where.bind_time(from_ms)
        rows = f"{sent} AND m.filed_at >= {begin} AND ({_had_none(f'{sent} AND m.filed_at < {begin}')})"
    return _firsts(rows)


def chosen_recipients_source(
    where: Where, recipients: Sequence[tuple[str, str, str]], from_ms: int | None
) -> str:
    """The same for these alone: tenant, channel and address of each, to which nothing was sent before `from_ms`. `where` gets its
    values bound and the condition that leaves no others."""
    of = where.bind("Array(Tuple(String, String, String))", list(recipients))
    where.add(f"(m.tenant, m.channel, m.address) IN {of}")
    since = "1" if from_ms is None else f"m.filed_at >= {where.bind_time(from_ms)}"
    hashes = f"SELECT sipHash64(one.1, one.3) FROM (SELECT arrayJoin({of}) AS one)"
    # What never changes of a row may be chosen before FINAL is worked out.
    return _firsts(
        f"message_status AS m FINAL PREWHERE m.recipient_hash IN ({hashes}) AND {since} WHERE {_SENT}"
    )


def _firsts(rows: str) -> str:
    first = ", ".join(f"toString(m.{name})" for name in _FIRST)
    named = ", ".join(f"first.{place} AS {name}" for place, name in enumerate(_FIRST, 1))
    return f"""
        (
            SELECT tenant, channel, address, domain, first_at, messages, {named} FROM
            (
                SELECT
                    m.tenant AS tenant, m.channel AS channel, m.recipient AS address, any(toString(m.domain)) AS domain,
                    min(m.filed_at) AS first_at, count() AS messages,
                    argMin(({first}), (m.filed_at, m.message_id)) AS first
                FROM {rows}
                GROUP BY tenant, channel, address
            )
        ) AS m
    """
