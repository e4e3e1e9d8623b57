"""What a report is: its rows, its columns with their meaning, its order, its picture. Routes, docs and console read it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from query.parameters import Parameter
from query.sending import Sending
from query.sql.lists import Listed
from query.sql.where import Scope, SortColumn, Where
from schemas.tenants import Tenants


class Kind(StrEnum):
    """What stands in a column, which says how it is shown."""

    WORD = "word"
    """Text that is always there."""
    TEXT = "text"
    """Text, null where there is none."""
    COUNT = "count"
    RATE = "rate"
    """A fraction from 0 to 1, null over zero."""
    TIME = "time"
    MONTH = "month"
    """The first day of a month, as a date."""
    YES = "yes"
    """true or false."""
    OBJECT = "object"
    """An object or a list of them; JSON text in CSV and Parquet."""


_BOUND_AS = {
    Kind.WORD: "String",
    Kind.TEXT: "String",
    Kind.MONTH: "String",
    Kind.COUNT: "UInt64",
    Kind.TIME: "time",
}
"""How the values of a column that rows are ordered by are bound in a cursor's condition."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `sql` where it is another than its name in the rows, `sort` what it is ordered by where that is another.

    `optional` says that it may be null, as texts and rates always may.
    """

    name: str
    kind: Kind
    meaning: str
    sql: str | None = None
    sort: SortColumn | None = None
    optional: bool = False

    @property
    def selected(self) -> str:
        """Its SQL."""
        if self.sql is not None:
            return self.sql
        return f"nullIf(m.{self.name}, '')" if self.kind is Kind.TEXT else f"m.{self.name}"

    @property
    def order(self) -> SortColumn:
        """What rows are ordered by for it, ascending."""
        return self.sort or SortColumn(f"m.{self.name}", _BOUND_AS[self.kind], False)


@dataclass(frozen=True, slots=True)
class Picture:
    """Bars over the values of the column `x`, each stacked by those of `by` and as high as the sum of `value`.

    A column of times makes bars of days or months. Without `value` rows are counted. Several columns in `values` stand beside
    each other instead, each under its own name.
    """

    title: str
    x: str
    by: str | None = None
    value: str | None = None
    values: Sequence[str] = ()


class Rows(NamedTuple):
    """Where the rows come from (SQL behind FROM, where they are called `m`), and the conditions on them.

    `plain` is the same without what only rows need that are looked at, and no picture. `chosen` where it takes long to work out
    whole what is then on no page. `settings` are ClickHouse's for SQL over the rows.
    """

    source: str
    where: Where
    plain: str | None = None
    chosen: "Chosen | None" = None
    settings: Mapping[str, Any] | None = None


class Chosen(NamedTuple):
    """The rows of a page alone, once it is known which these are: `by` tells them apart (SQL by name, on the rows of a report),
    and `rows` takes what it says of each."""

    by: Mapping[str, str]
    rows: Callable[[Sequence[Mapping[str, Any]]], Rows]


@dataclass(frozen=True, slots=True)
class Asked:
    """One question for a report: whose rows, with which parameters, by whose rules; `now` in ms since the epoch."""

    scope: Scope
    given: Mapping[str, Any]
    tenants: Tenants
    sending: Sending
    now: int

    @property
    def zone(self) -> str:
        """The time zone of days and months."""
        return str(self.given.get("tz", "UTC"))


class Note(NamedTuple):
    """What the rows do not tell: `{count}` in the text is the one number that the question answers; none is no note."""

    text: str
    question: Callable[[Asked], Rows]


class Line(NamedTuple):
    """A line across the picture at this value, for the bars of this name."""

    name: str
    by: str
    value: float


async def _nothing_ahead(_: Asked) -> None:
    """All is at hand."""


def _no_lines(_: Asked) -> Sequence[Line]:
    return ()


@dataclass(frozen=True, slots=True)
class Report:
    """A report. `tells` is the question that it answers; `place` makes each row's place in the order unique. What `rows` needs
    and has to be waited for, `ahead` fetches before it. `is_costly` where it takes long to tell what its rows are, so that the
    first page and the picture come of one question."""

    name: str
    title: str
    tells: str
    columns: Sequence[Column]
    sorts: Sequence[str]
    default_sort: str
    place: Sequence[str]
    picture: Picture
    parameters: Mapping[str, Parameter]
    rows: Callable[[Asked], Rows]
    notes: Sequence[Note] = ()
    lines: Callable[[Asked], Sequence[Line]] = _no_lines
    ahead: Callable[[Asked], Awaitable[None]] = _nothing_ahead
    is_costly: bool = False

    @property
    def sort_values(self) -> Sequence[str]:
        """What the parameter `sort` takes."""
        return [f"{minus}{name}" for name in self.sorts for minus in ("", "-")]

    def column(self, name: str) -> Column:
        """The column of that name."""
        return next(column for column in self.columns if column.name == name)

    def listed(self, source: str) -> Listed:
        """Its rows, as lists are paged and streamed."""
        return Listed(
            name=self.name,
            source=source,
            columns={column.name: column.selected for column in self.columns},
            sorts={name: self.column(name).order for name in self.sorts},
            rest=(*(self.column(name).order for name in self.place), SortColumn("m.tenant", "String", False)),
            default_sort=self.default_sort,
            objects=frozenset(column.name for column in self.columns if column.kind is Kind.OBJECT),
        )
