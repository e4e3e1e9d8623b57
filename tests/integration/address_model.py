"""Addresses, consents and customers as plain Python over plain rows: what the query server's SQL must agree with."""

import random
from collections.abc import Callable, Iterable
from datetime import timedelta

from schemas.consent import CATEGORIES, EVERY_CATEGORY, IN, OUT
from schemas.standing import Reason
from schemas.times import format_time, parse_time
from tests.integration.log_model import HOSTILE, NOW, Row

SENDERS = ("+15005550006", "mg0123")
ADDRESSES = [("email", f"user{n}@{domain}") for n in range(30) for domain in ("example.org", "gmail.com")] + [
    ("sms", f"+1500555{n:04d}") for n in range(20)
]


def _ago(choose: random.Random) -> str:
    """A time that several share, so that an order must break ties."""
    return format_time(int((NOW - timedelta(hours=choose.randrange(1, 24 * 60))).timestamp() * 1000))


def standings(tenants: Iterable[str], seed: int = 7) -> list[Row]:
    """address-standing/1 values, one for each address of each tenant that anything is told of."""
    choose = random.Random(seed)
    found = []
    for tenant in tenants:
        for number, (channel, address) in enumerate(choose.sample(ADDRESSES, 60)):
            reason = choose.choice([None, *Reason])
            reset = (
                None
                if reason or choose.random() < 0.5
                else {"at": _ago(choose), "actor": "Sam", "reason": "r"}
            )
            row_of = choose.randrange(3)
            found.append(
                {
                    "schema": "address-standing/1",
                    "tenant": tenant,
                    "channel": channel,
                    "address": address,
                    "standing": "invalid" if reason else "valid",
                    "reason": reason,
                    "reasons": [reason] if reason else [],
                    "complained": reason is Reason.COMPLAINT,
                    "since": _ago(choose) if reason else reset["at"] if reset else None,
                    "event_id": "e" * 32 if reason else None,
                    "message_id": choose.choice(("m/1", None)),
                    "cause": choose.choice((None, "mailbox")),
                    "code": choose.choice((None, "5.1.1")),
                    "diagnostic": choose.choice((None, *HOSTILE)),
                    "hint": choose.choice((None, "clear it there")),
                    "soft_bounces_in_a_row": row_of,
                    "soft_bounce": _soft_bounce(choose) if row_of else None,
                    "last_verdict_at": choose.choice((None, _ago(choose))),
                    "reset": reset,
                    "revision": 2**40 + number,
                    "updated_at": _ago(choose),
                }
            )
    return found


def _soft_bounce(choose: random.Random) -> Row:
    return {
        "message_id": "m/9",
        "event_id": "f" * 32,
        "at": _ago(choose),
        "subtype": "MailboxFull",
        "code": "4.2.2",
        "cause": choose.choice(("full", None)),
        "diagnostic": choose.choice((None, *HOSTILE)),
    }


def stale_standing(row: Row) -> Row:
    """An earlier revision, which must never show."""
    return row | {
        "revision": row["revision"] - 2**40,
        "standing": "invalid",
        "reason": "landline",
        "since": _OLD,
    }


_OLD = "2020-01-01T00:00:00.000Z"


def log_entries(tenants: Iterable[str], count: int, seed: int = 8) -> list[Row]:
    """consent-log/1 values, many of the same address, and many at the same time."""
    choose = random.Random(seed)
    names = list(tenants)
    return [_entry(choose, number, choose.choice(names)) for number in range(count)]


def _entry(choose: random.Random, number: int, tenant: str) -> Row:
    channel, address = choose.choice(ADDRESSES[:6] + ADDRESSES[-6:])
    stop = channel == "sms" and choose.random() < 0.5
    at = _ago(choose)
    return {
        "schema": "consent-log/1",
        "entry_id": f"{choose.randrange(16**8):08x}{number:024x}",
        "tenant": tenant,
        "channel": channel,
        "address": address,
        "category": EVERY_CATEGORY if stop else choose.choice(CATEGORIES),
        "sender": choose.choice(SENDERS) if stop else None,
        "consent": choose.choice((IN, OUT)),
        "source": "twilio" if stop else choose.choice(("customer", "staff", "import")),
        "actor": choose.choice(("Sam Lee", "Kim Ö'Neill", address)),
        "evidence": choose.choice((None, {"method": "written", "wording": 'a "b" \\', "reference": None})),
        "reason": choose.choice((None, *HOSTILE)),
        "at": at,
        "recorded_at": format_time(parse_time(at) + choose.randrange(10) * 3_600_000),
        "recorded_by": choose.choice((None, "console")),
        "receipt_id": f"r-{number}",
        "message_id": choose.choice((None, f"m/{number}")),
    }


def consent_key(entry: Row) -> tuple[str, ...]:
    """What a consent is of."""
    return (entry["tenant"], entry["channel"], entry["address"], entry["category"], entry["sender"] or "")


def consents_as_of(entries: Iterable[Row], at: int) -> dict[tuple[str, ...], Row]:
    """What stands at that time, in ms, by what it is of: the latest change, of two at the same time the opt-out."""
    standing: dict[tuple[str, ...], Row] = {}
    for entry in sorted(
        entries, key=lambda one: (parse_time(one["at"]), one["consent"] == OUT, one["entry_id"])
    ):
        if parse_time(entry["at"]) <= at:
            standing[consent_key(entry)] = entry
    return standing


def as_consent(entry: Row, revision: int) -> Row:
    """The consent/1 value of the change that stands."""
    names = "tenant channel address category sender source actor evidence reason entry_id message_id".split()
    return {name: entry[name] for name in names} | {
        "schema": "consent/1",
        "state": entry["consent"],
        "since": entry["at"],
        "revision": revision,
        "updated_at": entry["recorded_at"],
    }


def consents(entries: Iterable[Row]) -> list[Row]:
    """The consents that stand after all changes."""
    return [
        as_consent(entry, 2**40 + number)
        for number, entry in enumerate(consents_as_of(entries, 2**53).values())
    ]


def counting(consents: Iterable[Row]) -> dict[str, Row]:
    """The consent of one address that counts for each category where no sender is named."""
    found: dict[str, Row] = {}
    for one in consents:
        other = found.get(one["category"])
        if other is None or _weight(one) > _weight(other):
            found[one["category"]] = one
    return found


def _weight(consent: Row) -> tuple[bool, bool, str]:
    return consent["state"] == OUT, consent["sender"] is None, consent["since"]


def customers(tenants: Iterable[str], seed: int = 9) -> list[Row]:
    """customer/1 values: some share an address, some have none."""
    choose = random.Random(seed)
    return [
        {
            "schema": "customer/1",
            "tenant": tenant,
            "customer": customer,
            "kind": choose.choice(("client", "staff", "company")),
            "name": choose.choice((None, "Ann Ö'Neill")),
            "created_at": choose.choice((None, _ago(choose))),
            "addresses": [
                {
                    "address": address,
                    "address_as_given": f" {address}",
                    "channel": channel,
                    "primary": place == 0,
                }
                for place, (channel, address) in enumerate(choose.sample(ADDRESSES, choose.randrange(4)))
            ],
            "revision": 2**40 + number,
            "updated_at": _ago(choose),
        }
        for tenant in tenants
        for number, customer in enumerate(("42", "43", "44", "a/b %", "ünï"))
    ]


def _between(name: str) -> dict[str, Callable[[Row, str], bool]]:
    return {
        "from": lambda row, value: row[name] is not None and parse_time(row[name]) >= parse_time(value),
        "to": lambda row, value: row[name] is not None and parse_time(row[name]) < parse_time(value),
    }


def _exactly(*names: str) -> dict[str, Callable[[Row, str], bool]]:
    return {name: (lambda row, value, name=name: (row[name] or "") == value) for name in names}  # type: ignore[misc]


def _of_category(row: Row, value: str) -> bool:
    return row["category"] in (value, EVERY_CATEGORY)


def domain_of(row: Row) -> str:
    """The domain of its address, empty of a number."""
    return str(row["address"]).rpartition("@")[2] if "@" in row["address"] else ""


def places_of(customers: Iterable[Row], customer: str) -> set[tuple[str, str]]:
    """Channel and address of each address that a customer has on file."""
    return {
        (each["channel"], each["address"])
        for row in customers
        if row["customer"] == customer
        for each in row["addresses"]
    }


def places_named(messages: Iterable[Row], asked: list[tuple[str, str]]) -> set[tuple[str, str]]:
    """Channel and address of each recipient of one message that has all these values."""
    return {
        (row["channel"], row["recipient"])
        for row in messages
        if all((row[name] or "") == value for name, value in asked)
    }


OF_ADDRESSES: dict[str, Callable[[Row, str], bool]] = {
    **_between("since"),
    **_exactly("standing", "channel", "tenant", "reason"),
    "domain": lambda row, value: domain_of(row) == value,
    "address": lambda row, value: value.lower() in row["address"],
}
OF_CONSENTS: dict[str, Callable[[Row, str], bool]] = {
    **_between("since"),
    **_exactly("state", "channel", "address", "sender", "source", "tenant"),
    "category": _of_category,
    "domain": lambda row, value: domain_of(row) == value,
}
OF_LOG: dict[str, Callable[[Row, str], bool]] = {
    **_between("at"),
    **_exactly("consent", "channel", "address", "sender", "source", "tenant"),
    "category": _of_category,
    "domain": lambda row, value: domain_of(row) == value,
    "actor": lambda row, value: row["actor"].lower() == value.lower(),
}


def matching(
    rows: Iterable[Row], filters: dict[str, Callable[[Row, str], bool]], parameters: list[tuple[str, str]]
) -> list[Row]:
    """The rows that pass these query parameters, each given once."""
    return [row for row in rows if all(filters[name](row, value) for name, value in parameters)]


def in_order(rows: list[Row], sort: str, rest: list[tuple[str, bool]]) -> list[Row]:
    """By the field of `sort`, then by `rest`, each with whether it descends; what has no time comes as the earliest."""
    name = sort.removeprefix("-")
    found = list(rows)
    for field, descending in [
        *reversed([one for one in rest if one[0] != name]),
        (name, sort.startswith("-")),
    ]:
        found.sort(key=lambda row, field=field: (row[field] or "").encode(), reverse=descending)  # type: ignore[misc]
    return found
