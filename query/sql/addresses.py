"""Addresses: their standing, the suppression list, and everything about one of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from query.sql.lists import Listed, select_list
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


OF_MESSAGES = ("campaign", "category", "document", "method", "sender")
"""Filters shared by all lists that are of messages: they find the addresses that such a message names."""


def add_filters(where: Where, given: Mapping[str, Any], scope: Scope) -> None:
    """The filters of the list of addresses. `from` and `to` are on `since`."""
    where.between("m.since", given.get("from"), given.get("to"))
    for name in ("standing", "channel", "domain"):
        if name in given:
            where.equal(f"m.{name}", given[name])
    add_whose(where, given, scope, OF_MESSAGES)
    if "reason" in given:
        where.one_of("m.reason", given["reason"])
    if given.get("address"):
        where.add(f"m.address LIKE {where.bind('String', like_pattern(given['address'].lower()))}")


def add_whose(where: Where, given: Mapping[str, Any], scope: Scope, of_messages: Sequence[str]) -> None:
    """Only addresses that the customer given has on file, and that one message with all the values given of `of_messages`
    names."""
    place = "(m.tenant, m.channel, m.address)"
    own = "" if scope.tenant is None else f" AND o.tenant = {where.bind('String', scope.tenant)}"
    if "customer" in given:
        customer = f"o.customer = {where.bind('String', given['customer'])}{own}"
        where.add(
            f"{place} IN (SELECT o.tenant, o.channel, o.address FROM customer_addresses AS o WHERE {customer})"
        )
    asked = [f"o.{name} = {where.bind('String', given[name])}" for name in of_messages if name in given]
    if asked:
        named = f"{' AND '.join(asked)}{own}"
        where.add(
            f"{place} IN (SELECT o.tenant, o.channel, o.recipient FROM message_status AS o FINAL WHERE {named})"
        )


def about(scope: Scope, places: Sequence[Place], column: str = "address") -> Where:
    """Rows about these addresses, in tables that call them `column`."""
    where = Where(scope)
    for name, values in (("channel", {each[0] for each in places}), (column, {each[1] for each in places})):
        where.add(f"m.{name} IN {where.bind('Array(String)', sorted(values))}")
    return where


def standings_sql(where: Where) -> str:
    """The standing of the addresses of `where`, with their tenants."""
    columns = select_list(ADDRESSES, with_tenant=False)
    return f"SELECT m.tenant AS tenant, {columns} FROM address_standing AS m FINAL WHERE {where.sql}"
