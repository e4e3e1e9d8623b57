"""Customers, whose addresses are whose, and to which of them messages went."""

from collections.abc import Sequence

from query.sql.addresses import Place
from query.sql.where import Scope, Where

MOST_USES = 1000
"""Addresses in use that are told, the latest ones."""


def of_ids(scope: Scope, customers: Sequence[str]) -> Where:
    """The rows of these customers."""
    where = Where(scope)
    where.add(f"m.customer IN {where.bind('Array(String)', list(customers))}")
    return where


def of_addresses(scope: Scope, places: Sequence[Place]) -> Where:
    """The rows of the customers who have one of these addresses."""
    where = Where(scope)
    keys = [f"{channel}:{address}" for channel, address in places]
    where.add(f"hasAny(m.reached_by, {where.bind('Array(String)', keys)})")
    return where


def customers_sql(where: Where, limit: int) -> str:
    """Customers with their addresses, as a list of objects."""
    return (
        "SELECT m.tenant AS tenant, m.customer AS customer, m.kind AS kind, nullIf(m.name, '') AS name, "
        "m.created_at AS created_at, m.updated_at AS updated_at, m.addresses AS addresses "
        f"FROM customers AS m FINAL WHERE {where.sql} ORDER BY m.tenant, m.customer LIMIT {limit}"
    )


def uses_sql(where: Where, *by: str) -> str:
    """To which addresses messages went, and what else `by` names of them: how many and when the latest, the latest first."""
    where.add("m.is_attributed AND m.is_sent")
    keys = ["m.channel", "m.recipient", *(f"m.{name}" for name in by)]
    names = ["channel", "address", *by]
    columns = ", ".join(f"{key} AS {name}" for key, name in zip(keys, names, strict=True))
    return (
        f"SELECT {columns}, count() AS messages, max(m.filed_at) AS last_at FROM message_status AS m FINAL "
        f"WHERE {where.sql} GROUP BY {', '.join(keys)} ORDER BY last_at DESC, address LIMIT {MOST_USES}"
    )


def tenants_naming_sql(where: Where) -> str:
    """The tenants whose messages name these customers, two at most."""
    return f"SELECT DISTINCT m.tenant AS tenant FROM message_status AS m WHERE {where.sql} LIMIT 2"


def sent_to(scope: Scope, customer: str, addresses: Sequence[str]) -> Where:
    """Log rows of a customer: messages that name it, and all to its addresses."""
    where = Where(scope)
    own = f"m.customer = {where.bind('String', customer)}"
    if addresses:
        own += f" OR m.recipient IN {where.bind('Array(String)', list(addresses))}"
    where.add(own)
    where.add("m.is_attributed")
    return where
