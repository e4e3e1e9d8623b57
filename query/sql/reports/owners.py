"""Whose is an address? Joined to rows of addresses as a list of customers."""

from collections.abc import Sequence

from query.sql.where import Scope, Where

NONE = "'[]'"


def with_owners(
    source: str, where: Where, scope: Scope, columns: str = "m.*", addresses: Sequence[str] | None = None
) -> str:
    """The rows of `source`, where they are called `m` and have tenant, channel and address, each with `customers`: those who
    have the address on file, as JSON text. `addresses` where it is known which ones the rows have."""
    own = "1" if scope.tenant is None else f"c.tenant = {where.bind('String', scope.tenant)}"
    if addresses is not None:
        own += f" AND a.1 IN {where.bind('Array(String)', list(addresses))}"
    owner = "Tuple(customer String, kind String, name Nullable(String), `primary` Bool)"
    return f"""
        (
            SELECT {columns}, if(w.customers = '', {NONE}, w.customers) AS customers
            FROM {source} LEFT JOIN
            (
                SELECT
                    c.tenant AS tenant, a.3 AS channel, a.1 AS address,
                    toJSONString(arraySort(groupArray(
                        CAST((c.customer, c.kind, nullIf(c.name, ''), a.4), '{owner}')
                    ))) AS customers
                FROM customers AS c FINAL ARRAY JOIN c.addresses AS a WHERE {own}
                GROUP BY tenant, channel, address
            ) AS w ON w.tenant = m.tenant AND w.channel = m.channel AND w.address = m.address
        ) AS m
    """
