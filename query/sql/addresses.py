"""Addresses: their standing, the suppression list, and everything about one of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from query.sql.lists import Listed
from query.sql.where import Scope, SortColumn, Where, like_pattern

Place = tuple[str, str]
"""Channel and normalised address."""

_OR_NULL = ("reason", "cause", "code", "diagnostic", "message_id", "event_id", "hint", "soft_bounce", "reset")
OBJECTS = frozenset({"soft_bounce", "reset"})

FIELDS = (
    "address channel standing reason reasons complained since cause code diagnostic message_id event_id hint "
    "soft_bounces_in_a_row soft_bounce last_verdict_at reset updated_at"
).split()
"""Fields of an item, in this order."""

ADDRESSES = Listed(
    name="addresses",
    source="address_standing AS m FINAL",
    columns={name: f"nullIf(m.{name}, '')" if name in _OR_NULL else f"m.{name}" for name in FIELDS},
    sorts={
        "since": SortColumn("m.since_ms", "Int64", True),
        "address": SortColumn("m.address", "String", False),
        "updated_at": SortColumn("m.updated_at", "time", False),
    },
    rest=(
        SortColumn("m.address", "String", False),
        SortColumn("m.channel", "String", False),
        SortColumn("m.tenant", "String", False),
    ),
    default_sort="-since",
    objects=OBJECTS,
)


def add_filters(where: Where, given: Mapping[str, Any], scope: Scope) -> None:
    """The filters of the list of addresses. `from` and `to` are on `since`."""
    where.between("m.since", given.get("from"), given.get("to"))
    for name in ("standing", "channel", "domain"):
        if name in given:
            where.equal(f"m.{name}", given[name])
    if "reason" in given:
        where.one_of("m.reason", given["reason"])
    if given.get("address"):
        where.add(f"m.address LIKE {where.bind('String', like_pattern(given['address'].lower()))}")
    if "customer" in given:
        where.add(f"(m.tenant, m.channel, m.address) IN ({_of_customer(where, scope, given['customer'])})")


def _of_customer(where: Where, scope: Scope, customer: str) -> str:
    """The addresses of a customer, as a subquery."""
    own = "" if scope.tenant is None else f" AND c.tenant = {where.bind('String', scope.tenant)}"
    return (
        "SELECT c.tenant, a.3, a.1 FROM customers AS c FINAL ARRAY JOIN c.addresses AS a "
        f"WHERE c.customer = {where.bind('String', customer)}{own}"
    )


def about(scope: Scope, places: Sequence[Place], column: str = "address") -> Where:
    """Rows about these addresses, in tables that call them `column`."""
    where = Where(scope)
    for name, values in (("channel", {each[0] for each in places}), (column, {each[1] for each in places})):
        where.add(f"m.{name} IN {where.bind('Array(String)', sorted(values))}")
    return where


def standings_sql(where: Where) -> str:
    """The standing of the addresses of `where`, with their tenants."""
    columns = ", ".join(f"{sql} AS {name}" for name, sql in ADDRESSES.columns.items())
    return f"SELECT m.tenant AS tenant, {columns} FROM address_standing AS m FINAL WHERE {where.sql}"
