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
from schemas.addresses import channel_of
from schemas.registration_fields import Fault
from schemas.registrations import Consent, Customer, Registration, Suppression, read_registration

BATCH = 500
"""Most things of one request: few enough that a bar moves and a repetition is short, and half of what ingest takes."""

BATCH_BYTES = 1_048_576
"""A request ends with the thing that brings it to so many bytes: one that ingest would find too large would stop an import
half-way. The longest thing adds less than one of WAYBILL_MAX_BODY_BYTES may have; ingest takes WAYBILL_MAX_LIST_BYTES."""


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


Checked = Callable[[int], None]
"""Told how many more records were looked at."""

Prepare = Callable[[Sequence[Record], Defaults, int, Checked], Prepared]
"""Makes records ready; the number is now, in ms since the epoch."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of list: its columns, and how its records are made ready."""

    name: str
    required: Sequence[str]
    optional: Sequence[str]
    prepare: Prepare


def _suppression(record: Record, defaults: Defaults) -> dict[str, Any]:
    values = record.values
    channel = _channel(values, defaults)
    usual = "hard_bounce" if channel == "email" else "invalid_number"
    return {
        "address": values.get("address", ""),
        "channel": channel,
        "reason": _word(values, "reason") or defaults.reason or usual,
        "actor": values.get("actor", defaults.actor),
        "note": values.get("note"),
        "at": _moment(values.get("at")) or defaults.at,
    }


def _consent(consent: str) -> Callable[[Record, Defaults], dict[str, Any]]:
    def document(record: Record, defaults: Defaults) -> dict[str, Any]:
        values = record.values
        evidence: dict[str, str] = {name: values[name] for name in ("wording", "reference") if name in values}
        if evidence or "method" in values:
            evidence["method"] = _word(values, "method") or "written"
        return {
            "address": values.get("address", ""),
            "channel": _channel(values, defaults),
            "category": _word(values, "category") or defaults.category,
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
) -> Prepare:
    """For lists of which each record is one thing, and many go into one request."""

    def prepare(records: Sequence[Record], defaults: Defaults, now: int, checked: Checked) -> Prepared:
        things: list[tuple[int, bytes]] = []
        faults: list[LineFault] = []
        for record in records:
            one = _told(document(record, defaults))
            faults += [
                LineFault(record.line, fault.field, fault.expected) for fault in _faults(kind, one, now)
            ]
            things.append((record.line, orjson.dumps(one)))
            checked(1)
        return Prepared(faults=faults) if faults else Prepared(list(_posts(path, things)))

    return prepare


def _posts(path: str, things: Sequence[tuple[int, bytes]]) -> Iterator[Post]:
    """The requests for these things, each with its line, none of them larger than ingest takes."""
    batch: list[tuple[int, bytes]] = []
    size = 0
    for thing in things:
        batch.append(thing)
        size += len(thing[1])
        if len(batch) == BATCH or size >= BATCH_BYTES:
            yield _post(path, batch)
            batch, size = [], 0
    if batch:
        yield _post(path, batch)


def _post(path: str, batch: Sequence[tuple[int, bytes]]) -> Post:
    body = b"[" + b",".join([thing for _, thing in batch]) + b"]"
    return Post("POST", path, body, len(batch), (batch[0][0], batch[-1][0]))


@dataclass(slots=True)
class _Customer:
    """A customer of a file: what its rows say, and their lines; those of its addresses by their place."""

    lines: list[int]
    said: dict[str, str]
    addresses: list[dict[str, Any]] = field(default_factory=list)
    address_lines: list[int] = field(default_factory=list)


_OF_CUSTOMER = ("kind", "name", "created_at")


def _customers(records: Sequence[Record], defaults: Defaults, now: int, checked: Checked) -> Prepared:
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
                "kind": _word(one.said, "kind") or defaults.kind,
                "name": one.said.get("name"),
                "created_at": _moment(one.said.get("created_at")),
                "addresses": one.addresses,
            }
        )
        faults += [_at_line(one, fault) for fault in _faults(Customer, {**document, "customer": name}, now)]
        checked(len(one.lines))
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


def _faults(kind: type[Registration], document: dict[str, Any], now: int) -> list[Fault]:
    found = read_registration(kind, 0, document, now)
    return found if isinstance(found, list) else []


def _told(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if value is not None}


def _channel(values: dict[str, str], defaults: Defaults) -> str:
    """As the row or the command says; else as the address looks."""
    return _word(values, "channel") or defaults.channel or channel_of(values.get("address", ""))


def _word(values: dict[str, str], name: str) -> str | None:
    """One of a few words, in whatever case and however it is set apart."""
    return values[name].strip().lower() if name in values else None


_DATE = re.compile(r"\d{4}-\d\d-\d\d").fullmatch


def moment(told: str) -> str:
    """A time as it was told; a day alone is its beginning in UTC."""
    told = told.strip()
    return f"{told}T00:00:00Z" if _DATE(told) else told


def _moment(told: str | None) -> str | None:
    return moment(told) if told else None


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
