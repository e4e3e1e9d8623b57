"""Forms of filters: the fields of a list, filled from the URL, and each filter in force as something to take away."""

from collections.abc import Sequence
from dataclasses import dataclass

from query.console.visit import NONE, Visit
from query.console.wording import capitalised
from query.moments import from_field, local, minute, to_field

Option = tuple[str, str]
"""Value and label."""

CHANNELS: Sequence[Option] = (("email", "Email"), ("sms", "SMS"))
"""The channels, to choose from."""

KEPT = ("tenant", "tz", "sort", "limit")
"""Parameters that are no filters and that a form hands on."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form. `kind`: text, search, choice (one of `options`), choices (several), from, to (times), kept: none
    to fill in, but a filter that a figure led here with, to be handed on and to be taken away; kept time: the same, of a time.

    `primary` fields are always seen, the others once somebody asks for more. `none` tells that an empty value is a filter
    of its own, which finds what has none.
    """

    name: str
    label: str
    kind: str = "text"
    options: Sequence[Option] = ()
    primary: bool = False
    none: bool = False
    placeholder: str = ""

    @property
    def is_kept(self) -> bool:
        """Whether there is nothing to fill in."""
        return self.kind in ("kept", "kept time")


@dataclass(frozen=True, slots=True)
class Filled:
    """A field with what the URL says of it; `input` and `value` are the HTML field's type and value."""

    field: Field
    input: str
    value: str
    values: Sequence[str]

    @property
    def is_none(self) -> bool:
        """Whether what has none is looked for."""
        return self.field.none and list(self.values) == [""]


@dataclass(frozen=True, slots=True)
class InForce:
    """A filter in force, in words, and the URL without it."""

    label: str
    text: str
    away: str


@dataclass(frozen=True, slots=True)
class Form:
    """A form of filters as a page shows it."""

    fields: Sequence[Filled]
    in_force: Sequence[InForce]
    kept: Sequence[tuple[str, str]]
    """Name and value of the fields that nobody sees."""
    clear: str
    """The URL without any filter."""

    @property
    def primary(self) -> list[Filled]:
        """The fields that are always seen."""
        return [each for each in self.fields if each.field.primary]

    @property
    def further(self) -> list[Filled]:
        """The other fields that can be filled in."""
        return [each for each in self.fields if not each.field.primary and not each.field.is_kept]

    @property
    def is_further_used(self) -> bool:
        """Whether one of the other fields is in force."""
        return any(each.values for each in self.further)


def form_of(visit: Visit, fields: Sequence[Field]) -> Form:
    """The form of a page's filters, as its URL has them."""
    query = visit.request.query
    filled, in_force = [], []
    for field in fields:
        values = query.getall(field.name, [])
        kind, value = _shown(visit, field, values[0] if values else "")
        filled.append(Filled(field, kind, value, values))
        in_force += [
            InForce(field.label, _told(visit, field, each), visit.without(field.name, each))
            for each in values
            if each or field.none
        ]
    names = {*KEPT, *(field.name for field in fields if field.is_kept)}
    kept = [
        (name, value) if value or name in KEPT else (NONE, name)
        for name, value in query.items()
        if name in names
    ]
    return Form(filled, in_force, kept, visit.here(**dict.fromkeys((each.name for each in fields), None)))


def _shown(visit: Visit, field: Field, value: str) -> tuple[str, str]:
    if field.kind in ("from", "to"):
        return to_field(value, visit.zone, ends=field.kind == "to") if value else ("date", "")
    return field.kind, value


def _told(visit: Visit, field: Field, value: str) -> str:
    if not value:
        return "not set"
    if field.kind in ("from", "to", "kept time"):
        try:
            return minute(local(from_field(value, visit.zone), visit.zone))
        except (ValueError, OverflowError):
            return value
    label = dict(field.options).get(value)
    return value if label is None else capitalised(label)
