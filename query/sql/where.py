"""Conditions with bound values. Every query starts from a `Where`, and a `Where` starts from whose rows may be seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

EARLIEST_MS = -2_208_988_800_000
LATEST_MS = 10_413_791_999_000
"""1900 to 2299: what DateTime64 holds. Times beyond mean its ends."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rows a request may see: those of one tenant, or, for the operator only, of all (None)."""

    tenant: str | None


class Where:
    """An AND of conditions on the table `m`, and the values bound in them."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.parameters: dict[str, Any] = {}
        self._conditions: list[str] = []
        self._hints: list[str] = []
        self._ways: list[str] = []
        if scope.tenant is not None:
            self._conditions.append(f"m.tenant = {self.bind('String', scope.tenant)}")

    def bind(self, kind: str, value: Any) -> str:
        """A place for `value`, of ClickHouse's type `kind`, in SQL."""
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f"{{{name}:{kind}}}"

    def bind_time(self, ms: int) -> str:
        """A place for a time in ms since the epoch."""
        return f"fromUnixTimestamp64Milli({self.bind('Int64', min(max(ms, EARLIEST_MS), LATEST_MS))}, 'UTC')"

    def add(self, condition: str) -> None:
        """One more condition; values in it come from `bind`."""
        self._conditions.append(condition)

    def hint(self, condition: str) -> None:
        """A condition that follows from the others: it is said where an index tells by it where not to look, and no column is
        read for it."""
        self._hints.append(f"indexHint({condition})")

    def add_any(self, ways: Sequence[str]) -> None:
        """At least one of these conditions holds; to be said once. Each can be looked for by itself (`ways`): an index that
        knows of one of them is no help for all at once."""
        self._ways = list(ways)

    def equal(self, column: str, value: str) -> None:
        """`column` has exactly this text; '' finds rows that have none."""
        self.add(f"{column} = {self.bind('String', value)}")

    def one_of(self, column: str, values: Sequence[str]) -> None:
        """`column` has one of these texts."""
        self.add(f"has({self.bind('Array(String)', list(values))}, {column})")

    def between(self, column: str, from_ms: int | None, to_ms: int | None) -> None:
        """`column` lies in the half-open range; None leaves an end open."""
        if from_ms is not None:
            self.add(f"{column} >= {self.bind_time(from_ms)}")
        if to_ms is not None:
            self.add(f"{column} < {self.bind_time(to_ms)}")

    def copy(self) -> "Where":
        """The same conditions, to be added to apart."""
        other = Where(Scope(None))
        other.parameters = dict(self.parameters)
        other._conditions = list(self._conditions)
        other._hints = list(self._hints)
        other._ways = list(self._ways)
        return other

    def around(self) -> "Where":
        """No conditions yet, on the result of a query with these: the values bound here can be bound beside its own."""
        other = Where(Scope(None))
        other.parameters = dict(self.parameters)
        return other

    @property
    def sql(self) -> str:
        """All conditions."""
        return _all_of([*self._hints, *self._conditions, *self._any_way])

    @property
    def without_hints(self) -> str:
        """What is to hold, where there is nothing left to be looked for."""
        return _all_of([*self._conditions, *self._any_way])

    @property
    def ways(self) -> list[str]:
        """All conditions, once for each of the conditions of which one holds: together these find every row, some twice."""
        return [_all_of([*self._hints, *self._conditions, way]) for way in self._ways] or [self.sql]

    @property
    def _any_way(self) -> list[str]:
        return [" OR ".join(f"({way})" for way in self._ways)] if self._ways else []


def _all_of(conditions: Sequence[str]) -> str:
    return " AND ".join(f"({condition})" for condition in conditions) or "1"


def bound_time(ms: int) -> str:
    """A time in ms since the epoch, as it is bound as part of a longer value."""
    return f"{_EPOCH + timedelta(milliseconds=min(max(ms, EARLIEST_MS), LATEST_MS)):%Y-%m-%d %H:%M:%S.%f}"[
        :-3
    ]


def like_pattern(text: str) -> str:
    """A LIKE pattern that finds `text` anywhere, whatever signs it has."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


@dataclass(frozen=True, slots=True)
class SortColumn:
    """One column of an order: its SQL, the type its value is bound as ("time" = ms since the epoch, "UInt128" = digits, since
    JSON's numbers do not hold it), its direction."""

    sql: str
    kind: str
    descending: bool


def after(where: Where, order: Sequence[SortColumn], values: Sequence[Any]) -> str:
    """The condition for rows that come after `values` in this order: keyset paging, which neither skips nor doubles."""
    condition = ""
    for column, value in reversed(list(zip(order, values, strict=True))):
        place = where.bind_time(value) if column.kind == "time" else where.bind(column.kind, value)
        beyond = f"{column.sql} {'<' if column.descending else '>'} {place}"
        condition = f"{beyond} OR ({column.sql} = {place} AND ({condition}))" if condition else beyond
    return condition


def select_keys(order: Sequence[SortColumn]) -> str:
    """The values of this order as k0, k1, …, times in ms: what a cursor carries."""
    return ", ".join(
        f"{_TOLD.get(column.kind, '{}').format(column.sql)} AS k{number}"
        for number, column in enumerate(order)
    )


_TOLD = {"time": "toUnixTimestamp64Milli({})", "UInt128": "toString({})"}
"""How a value is told whose kind is not one of JSON's."""


def order_by(order: Sequence[SortColumn]) -> str:
    """The ORDER BY of this order."""
    return ", ".join(f"{column.sql} {'DESC' if column.descending else 'ASC'}" for column in order)
