"""The kinds of lists that can be imported: from records of a file to what is posted, or to all faults. Pure.

What is checked is what ingest checks (schemas/registrations.py), so that it refuses nothing of a file that passed here.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import orjson

from deploy.importing.files import LineFault, Record
from schemas.registration_fields import Fault
from schemas.registrations import Consent, Customer, Registration, Suppression, read_registration

BATCH = 500
"""Things of one request: few enough that a bar moves and a repetition is short, and half of what ingest takes."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds where a row does not say otherwise. `at` is RFC 3339: a fixed time, so that a repetition is the same."""

    at: str
    actor: str
    channel: str | None = None
    category: str = "marketing"
    reason: str | None = None
    kind: str = "client"


@dataclass(frozen=True, slots=True)
class Post:
    """One request: `things` of it, from these lines of the file."""

    method: str
    path: str
    body: bytes
    things: int
    lines: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A file made ready: what is to be posted, and its faults. Where there are faults nothing is posted."""

    posts: Sequence[Post] = ()
    faults: Sequence[LineFault] = ()

    @property
    def things(self) -> int:
        """How many things are posted."""
        return sum(post.things for post in self.posts)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of list: its columns, and how its records are made ready, with `now` in ms since the epoch."""

    name: str
    required: Sequence[str]
    optional: Sequence[str]
    prepare: Callable[[Sequence[Record], Defaults, int], Prepared]


def _suppression(record: Record, defaults: Defaults) -> dict[str, Any]:
    values = record.values
    channel = _channel(values, defaults)
    usual = "hard_bounce" if channel == "email" else "invalid_number"
    return {
        "address": values.get("address", ""),
        "channel": channel,
        "reason": values.get("reason", defaults.reason or usual),
        "actor": values.get("actor", defaults.actor),
        "note": values.get("note"),
        "at": _moment(values.get("at")) or defaults.at,
    }


def _consent(consent: str) -> Callable[[Record, Defaults], dict[str, Any]]:
    def document(record: Record, defaults: Defaults) -> dict[str, Any]:
        values = record.values
        evidence: dict[str, str] = {name: values[name] for name in ("wording", "reference") if name in values}
        if evidence or "method" in values:
            evidence["method"] = values.get("method", "written")
        return {
            "address": values.get("address", ""),
            "channel": _channel(values, defaults),
            "category": values.get("category", defaults.category),
            "sender": values.get("sender"),
            "consent": consent,
            "source": "import",
            "actor": values.get("actor", defaults.actor),
            "evidence": evidence or None,
            "reason": values.get("reason", defaults.reason),
            "at": _moment(values.get("at")) or defaults.at,
        }

    return document


def _listed(
    path: str, kind: type[Registration], document: Callable[[Record, Defaults], dict[str, Any]]
) -> Callable[[Sequence[Record], Defaults, int], Prepared]:
    """For lists of which each record is one thing, and many go into one request."""

    def prepare(records: Sequence[Record], defaults: Defaults, now: int) -> Prepared:
        documents = [_told(document(record, defaults)) for record in records]
        faults = [
            LineFault(records[fault.index].line, fault.field, fault.expected)
            for index, one in enumerate(documents)
            for fault in _faults(kind, index, one, now)
        ]
        if faults:
            return Prepared(faults=faults)
        begins = range(0, len(records), BATCH)
        return Prepared([_batch(path, records[n : n + BATCH], documents[n : n + BATCH]) for n in begins])

    return prepare


def _batch(path: str, records: Sequence[Record], documents: Sequence[dict[str, Any]]) -> Post:
    return Post("POST", path, orjson.dumps(documents), len(documents), (records[0].line, records[-1].line))


@dataclass(slots=True)
class _Customer:
    """A customer of a file: what its rows say, and their lines; those of its addresses by their place."""

    lines: list[int]
    said: dict[str, str]
    addresses: list[dict[str, Any]] = field(default_factory=list)
    address_lines: list[int] = field(default_factory=list)


_OF_CUSTOMER = ("kind", "name", "created_at")


def _customers(records: Sequence[Record], defaults: Defaults, now: int) -> Prepared:
    """Each row is one address; the rows of a customer need not stand together, and must not contradict each other."""
    customers: dict[str, _Customer] = {}
    faults: list[LineFault] = []
    for record in records:
        name = record.values.get("customer", "").strip()
        if not name:
            faults.append(LineFault(record.line, "customer", "expected, it is required"))
            continue
        one = customers.setdefault(name, _Customer([], {}))
        faults += _add_row(one, record, defaults)
    posts = []
    for name, one in customers.items():
        document = _told(
            {
                "kind": one.said.get("kind", defaults.kind),
                "name": one.said.get("name"),
                "created_at": _moment(one.said.get("created_at")),
                "addresses": one.addresses,
            }
        )
        for fault in _faults(Customer, 0, {**document, "customer": name}, now):
            faults.append(_at_line(one, fault))
        lines = (min(one.lines), max(one.lines))
        posts.append(Post("PUT", f"/v1/customers/{quote(name, safe='')}", orjson.dumps(document), 1, lines))
    return Prepared(faults=sorted(faults, key=lambda fault: fault.line)) if faults else Prepared(posts)


def _add_row(one: _Customer, record: Record, defaults: Defaults) -> Iterator[LineFault]:
    values = record.values
    one.lines.append(record.line)
    for name in _OF_CUSTOMER:
        if name in values and one.said.setdefault(name, values[name]) != values[name]:
            expected = f"expected what line {one.lines[0]} or another of this customer says: {one.said[name]}"
            yield LineFault(record.line, name, expected)
    if "address" not in values:
        return
    primary = _TRUTHS.get(values.get("primary", "no").strip().lower())
    if primary is None:
        yield LineFault(record.line, "primary", "expected yes or no")
    one.addresses.append(
        {"address": values["address"], "channel": _channel(values, defaults), "primary": primary is True}
    )
    one.address_lines.append(record.line)


_TRUTHS = {"yes": True, "true": True, "1": True, "x": True, "no": False, "false": False, "0": False}


def _at_line(one: _Customer, fault: Fault) -> LineFault:
    """The line that a fault of a customer is on: that of the address, else the customer's first."""
    if place := re.match(r"addresses\.(\d+)\.?(.*)", fault.field):
        return LineFault(one.address_lines[int(place[1])], place[2] or "address", fault.expected)
    return LineFault(one.lines[0], fault.field, fault.expected)


def _faults(kind: type[Registration], index: int, document: dict[str, Any], now: int) -> list[Fault]:
    found = read_registration(kind, index, document, now)
    return found if isinstance(found, list) else []


def _told(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if value is not None}


def _channel(values: dict[str, str], defaults: Defaults) -> str:
    """As the row or the command says; else what has an @ is an email address."""
    said = values.get("channel", defaults.channel or "").strip().lower()
    return said or ("email" if "@" in values.get("address", "") else "sms")


_DATE = re.compile(r"\d{4}-\d\d-\d\d").fullmatch


def _moment(told: str | None) -> str | None:
    """A time as it was told; a day alone is its beginning in UTC."""
    return f"{told.strip()}T00:00:00Z" if told and _DATE(told.strip()) else told and told.strip()


_CONSENT_COLUMNS = (
    "channel",
    "category",
    "sender",
    "actor",
    "method",
    "wording",
    "reference",
    "reason",
    "at",
)

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "suppressions",
            ("address",),
            ("channel", "reason", "note", "actor", "at"),
            _listed("/v1/suppressions", Suppression, _suppression),
        ),
        Kind("opt-outs", ("address",), _CONSENT_COLUMNS, _listed("/v1/consents", Consent, _consent("out"))),
        Kind("opt-ins", ("address",), _CONSENT_COLUMNS, _listed("/v1/consents", Consent, _consent("in"))),
        Kind(
            "customers",
            ("customer",),
            ("kind", "name", "created_at", "address", "channel", "primary"),
            _customers,
        ),
    )
}
"""What can be imported, by name."""
