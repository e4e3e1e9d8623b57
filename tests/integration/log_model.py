"""The log and the rates as plain Python over plain rows: what the query server's SQL must agree with."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from schemas.status import COUNTS, Status
from schemas.times import format_time, parse_time

Row = dict[str, Any]
NOW = datetime.now(UTC).replace(microsecond=0)

HOSTILE = [
    "100% off_now",
    "it's; DROP TABLE x --",
    "back\\slash",
    'quo"te',
    "Grüße ÄÖ",
    "\U0001f600 smile",
    "tab\there",
    "nul\x00byte",
    "line\nbreak",
]

_REACHED: dict[str, tuple[str, ...]] = {
    "queued": ("queued",),
    "skipped": ("skipped",),
    "canceled": ("canceled",),
    "invalid": ("invalid",),
    "sent": ("sent",),
    "rejected": ("sent", "rejected"),
    "failed": ("sent", "failed"),
    "undelivered": ("sent", "undelivered"),
    "delivered": ("sent", "delivered"),
    "opened": ("sent", "delivered", "opened"),
    "clicked": ("sent", "delivered", "opened", "human_opened", "clicked", "human_clicked"),
    "bounced": ("sent", "bounced"),
    "complained": ("sent", "delivered", "complained"),
}


def make_rows(count: int, tenants: tuple[str, ...], seed: int = 3) -> list[Row]:
    """message-status/1 values of many kinds, some to be superseded by others of the same key."""
    choose = random.Random(seed)
    return [_row(choose, number, choose.choice(tenants)) for number in range(count)]


def _row(choose: random.Random, number: int, tenant: str) -> Row:
    channel = choose.choice(("email", "email", "sms"))
    status = choose.choice(list(Status))
    # Many share an instant, so that an order must break ties.
    at = NOW - timedelta(minutes=30 * choose.randrange(0, 48 * 100) + 1)
    recipient = (
        f"user{choose.randrange(40)}@{choose.choice(('example.org', 'gmail.com'))}"
        if channel == "email"
        else f"+1500555{number:04d}"
    )
    reached = list(_REACHED[status]) + (
        ["human_opened"] if status == "opened" and choose.random() < 0.5 else []
    )
    if status in ("delivered", "opened", "clicked") and choose.random() < 0.1:
        reached.append("unsubscribed")
    gave_up = status == "sent" and choose.random() < 0.4
    if gave_up:
        reached.append("soft_bounced")
    bounce = {
        "type": "hard",
        "subtype": "General",
        "code": "5.1.1",
        "cause": choose.choice(("mailbox", "domain")),
        "diagnostic": "smtp; 550 5.1.1 nobody",
        "at": format_time(_ms(at)),
    }
    soft = {
        "subtype": "MailboxFull",
        "code": "4.2.2",
        "cause": "full",
        "diagnostic": "452 4.2.2 full",
        "at": format_time(_ms(at)),
    }
    delay = {
        "type": "IPFailure",
        "code": "4.7.9",
        "diagnostic": "451 not so fast",
        "at": format_time(_ms(at)),
        "expires_at": None,
    }
    return {
        "schema": "message-status/1",
        "tenant": tenant,
        "message_id": f"{choose.choice(('m', 'M'))}/{number}%2F é",
        "recipient": recipient,
        "recipient_as_given": choose.choice((None, f"Display Näme <{recipient.upper()}>")),
        "channel": channel,
        "provider": "ses" if channel == "email" else "twilio",
        "status": status,
        "rank": status.rank,
        "previous_status": None,
        "changed_at": format_time(_ms(at)),
        "event_id": f"{number:032x}",
        "revision": 2**40 + number,
        "filed_at": format_time(_ms(at)),
        "updated_at": format_time(_ms(at + timedelta(minutes=choose.randrange(500)))),
        "domain": recipient.partition("@")[2] or None,
        "sender": choose.choice(("acme@ses.example.com", "news@ses.example.com", None)),
        "subject": choose.choice([None, "Spring class list", *HOSTILE]) if channel == "email" else None,
        "text": choose.choice(["Class is canceled", *HOSTILE]) if channel == "sms" else None,
        "campaign": choose.choice((None, "spring", "it's 100%_")),
        "customer": choose.choice((None, "42", "43")),
        "category": choose.choice((None, "marketing", "transactional")),
        "document": choose.choice((None, f"invoice-{number}")),
        "method": choose.choice((None, "blast")),
        "link": None,
        "tracking": choose.choice((None, None, "none")),
        "reason": choose.choice((None, "hard_bounce")) if status == "invalid" else None,
        "sent_at": format_time(_ms(at)),
        "delivered_at": format_time(_ms(at) + 1) if "delivered" in reached else None,
        "opens": choose.randrange(3),
        "human_opens": 0,
        "clicks": choose.randrange(2),
        "human_clicks": 0,
        "soft_bounces": int(gave_up),
        "approximate": False,
        "gave_up": gave_up,
        "soft_bounce": soft if gave_up else None,
        "delay": delay if status == "sent" and number % 3 == 0 else None,
        "bounce": bounce if status == "bounced" else None,
        "error_code": "30005" if status == "undelivered" else None,
        "error": "Unknown destination handset" if status == "undelivered" else None,
        "reached": reached,
    }


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _contains(needle: str, *fields: Any) -> bool:
    return any(needle.lower() in str(field).lower() for field in fields if field is not None)


def _searched(row: Row) -> tuple[Any, ...]:
    names = (
        "message_id recipient recipient_as_given sender subject text campaign customer category document method "
        "link channel status reason error_code error"
    )
    objects = [row[name] or {} for name in ("bounce", "soft_bounce")]
    found = [part.get(name) for part in objects for name in ("cause", "code", "diagnostic", "subtype")]
    found += [(row["delay"] or {}).get(name) for name in ("type", "code", "diagnostic")]
    return (*(row[name] for name in names.split()), *found)


FILTERS: dict[str, Callable[[Row, str], bool]] = {
    "recipient": lambda row, value: _contains(value, row["recipient"], row["recipient_as_given"]),
    "subject": lambda row, value: _contains(value, row["subject"]),
    "text": lambda row, value: _contains(value, row["text"]),
    "q": lambda row, value: _contains(value, *_searched(row)),
    "gave_up": lambda row, value: row["gave_up"] is (value == "true"),
    "updated_from": lambda row, value: parse_time(row["updated_at"]) >= parse_time(value),
    "subject_is": lambda row, value: (row["subject"] or "") == value,
    "cause": lambda row, value: (key_of_group(row, "cause", "UTC") or "") == value,
    "from": lambda row, value: parse_time(row["filed_at"]) >= parse_time(value),
    "to": lambda row, value: parse_time(row["filed_at"]) < parse_time(value),
    **{
        name: (lambda row, value, name=name: (row[name] or "") == value)  # type: ignore[misc]
        for name in "channel campaign customer category document method sender domain tenant tracking error_code".split()
    },
}
"""A single value of each filter, as a condition."""

MANY: dict[str, Callable[[Row, list[str]], bool]] = {
    "status": lambda row, values: row["status"] in values,
    "reached": lambda row, values: any(value in row["reached"] for value in values),
}


def matching(rows: Iterable[Row], parameters: list[tuple[str, str]]) -> list[Row]:
    """The rows that pass these query parameters."""
    several: dict[str, list[str]] = defaultdict(list)
    for name, value in parameters:
        several[name].append(value)

    def passes(row: Row) -> bool:
        return all(
            MANY[name](row, values) if name in MANY else FILTERS[name](row, values[0])
            for name, values in several.items()
        )

    return [row for row in rows if row["recipient"] and passes(row)]


def in_order(rows: list[Row], sort: str) -> list[tuple[str, str, str]]:
    """(tenant, message_id, recipient) in the order of `sort`: by the field, then newest first, then by the rest, last first."""
    name, descending = sort.removeprefix("-"), sort.startswith("-")
    rest = sorted(
        rows,
        key=lambda row: (row["filed_at"], row["message_id"].encode(), row["recipient"], row["tenant"]),
        reverse=name != "at" or descending,
    )
    field = {"at": "filed_at", "recipient": "recipient", "status": "rank", "updated_at": "updated_at"}[name]
    return (
        [
            (row["tenant"], row["message_id"], row["recipient"])
            for row in sorted(rest, key=lambda row: row[field], reverse=descending)
        ]
        if name != "at"
        else [(row["tenant"], row["message_id"], row["recipient"]) for row in rest]
    )


def key_of_group(row: Row, group: str, zone: str, shift: timedelta = timedelta()) -> str | None:
    """The key of a row in one group."""
    moment = (datetime.fromtimestamp(parse_time(row["filed_at"]) / 1000, UTC) + shift).astimezone(
        ZoneInfo(zone)
    )
    match group:
        case "hour":
            start = moment.replace(minute=0, second=0, microsecond=0)
            return format_time(_ms(start))
        case "day":
            return moment.date().isoformat()
        case "week":
            return (moment.date() - timedelta(days=moment.weekday())).isoformat()
        case "month":
            return moment.date().replace(day=1).isoformat()
        case "cause":
            return ((row["bounce"] or row["soft_bounce"] or {}).get("cause")) or None
        case _:
            return row[group] or None


def figures_of(rows: list[Row]) -> dict[str, dict[str, Any]]:
    """Counts and rates by the product's definitions."""

    def count(*names: str, tracked: bool = False) -> int:
        return sum(
            all(name in row["reached"] for name in names)
            and (not tracked or (row["channel"] == "email" and row["tracking"] != "none"))
            for row in rows
        )

    def rate(part: int, whole: int) -> float | None:
        return part / whole if whole else None

    tracked, opened = count("delivered", tracked=True), count("opened", tracked=True)
    return {
        "counts": {name: count(name) for name in COUNTS},
        "rates": {
            "delivery": rate(count("delivered"), count("sent")),
            "open": rate(opened, tracked),
            "human_open": rate(count("human_opened", tracked=True), tracked),
            "click": rate(count("clicked", tracked=True), tracked),
            "click_to_open": rate(count("clicked", tracked=True), opened),
            "bounce": rate(count("bounced"), count("sent")),
            "complaint": rate(count("complained"), count("delivered")),
            "unsubscribe": rate(count("unsubscribed"), count("delivered")),
        },
    }
