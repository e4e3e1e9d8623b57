"""Lists of addresses, consents and log entries: one shape for pages and streams."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from query.sql.where import SortColumn, Where, order_by, select_keys


@dataclass(frozen=True, slots=True)
class Listed:
    """A list: its rows come FROM `source`, where they are called `m`.

    `columns` gives each field of an item as SQL; those in `objects` are JSON text there, and objects in an item. `sorts`
    are the fields that it can be sorted by; `rest` makes each row's place unique. `tenant` is what the operator is shown
    as a row's tenant, None where rows have none. `shape` makes an item of the fields where the two differ.
    """

    name: str
    source: str
    columns: Mapping[str, str]
    sorts: Mapping[str, SortColumn]
    rest: Sequence[SortColumn]
    default_sort: str
    objects: frozenset[str] = frozenset()
    tenant: str | None = "m.tenant"
    shape: Callable[[dict[str, Any]], dict[str, Any]] | None = None

    @property
    def sort_values(self) -> list[str]:
        """What the parameter `sort` takes."""
        return [f"{minus}{name}" for name in self.sorts for minus in ("", "-")]

    def order(self, sort: str) -> list[SortColumn]:
        """The whole order for a `sort` parameter."""
        leading = self.sorts[sort.removeprefix("-")]
        first = SortColumn(leading.sql, leading.kind, sort.startswith("-"))
        return [first, *(column for column in self.rest if column.sql != leading.sql)]


def select_list(listed: Listed, *, with_tenant: bool) -> str:
    """The SELECT list of an item."""
    tenant = {"tenant": listed.tenant} if with_tenant and listed.tenant else {}
    return named({**tenant, **listed.columns})


def named(columns: Mapping[str, str]) -> str:
    """A SELECT list: each of these by its name."""
    return ", ".join(f"{sql} AS {name}" for name, sql in columns.items())


def page_sql(
    listed: Listed, where: Where, order: Sequence[SortColumn], limit: int, *, with_tenant: bool
) -> str:
    """A page: at most `limit` rows, with the order's values beside them as k0, k1, …"""
    return first_sql(select_list(listed, with_tenant=with_tenant), listed.source, where, order, limit)


def first_sql(selected: str, source: str, where: Where, order: Sequence[SortColumn], limit: int) -> str:
    """What is `selected` of the first rows, at most `limit`, with the order's values beside it as k0, k1, …"""
    return (
        f"SELECT {selected}, {select_keys(order)} FROM {source} "
        f"WHERE {where.sql} ORDER BY {order_by(order)} LIMIT {limit}"
    )


def whole_sql(listed: Listed, where: Where, order: Sequence[SortColumn], *, with_tenant: bool) -> str:
    """All rows, for an export."""
    return f"{rows_sql(select_list(listed, with_tenant=with_tenant), listed.source, where)} ORDER BY {order_by(order)}"


def rows_sql(selected: str, source: str, where: Where) -> str:
    """What is `selected` of all rows."""
    return f"SELECT {selected} FROM {source} WHERE {where.sql}"


def count_sql(source: str, where: Where) -> str:
    """How many rows there are, as `count`."""
    return f"SELECT count() AS count FROM {source} WHERE {where.sql}"
