"""Mailings as plain Python over plain rows: what GET /v1/campaigns and what is under it must agree with."""

import random
from collections import defaultdict
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from schemas.times import format_time, parse_time
from tests.integration.log_model import Row, figures_of, key_of_group, make_rows

DAY_MS = 86_400_000
LOOK_BACK_MS = 35 * DAY_MS

CAMPAIGNS = (
    "spring",
    "it's 100%_",
    "news/2026 ü",
    "news/2026 ü/links",
    "texts",
    "mixed",
    "untracked",
    "registered",
    "..",
)
SUBJECTS = ("Your receipt", "Grüße \U0001f600", None)

Place = tuple[str, str, str, str, str]
"""Tenant, campaign, and of messages without one channel, subject and day."""


def make_mailings(count: int, tenants: tuple[str, ...], seed: int = 23) -> list[Row]:
    """Rows of mailings that last some weeks each, with the times of what they reached, and some that are unattributed."""
    choose = random.Random(seed)
    rows = [_mailed(choose, row) for row in make_rows(count, tenants, seed)]
    return rows + [_unattributed(choose, row) for row in choose.sample(rows, count // 12)]


def _mailed(choose: random.Random, row: Row) -> Row:
    email = row["channel"] == "email"
    campaign = choose.choice((None, *(name for name in CAMPAIGNS if email or name in ("texts", "mixed"))))
    if email and campaign == "texts":
        campaign = None
    at = parse_time(row["filed_at"])
    if campaign:
        # Each has a time of its own, so that which is before which can be told.
        begin = at - at % (100 * DAY_MS) + CAMPAIGNS.index(campaign) * 9 * DAY_MS
        at = begin + choose.randrange(20 * DAY_MS)
    later = [at + choose.randrange(1, 3 * DAY_MS) for _ in range(4)]
    reached = set(row["reached"])
    if "human_clicked" in reached and choose.random() < 0.4:
        reached -= {"human_clicked"}
    seen_open = "opened" in reached and not ("clicked" in reached and choose.random() < 0.5)
    return row | {
        "campaign": campaign,
        "filed_at": format_time(at),
        "subject": choose.choice(SUBJECTS) if email else None,
        "tracking": "none" if campaign == "untracked" else choose.choice((None, None, None, "none")),
        "reached": [name for name in row["reached"] if name in reached],
        "opens": int(seen_open),
        "clicks": int("clicked" in reached),
        "human_clicks": int("human_clicked" in reached),
        "first_opened_at": format_time(later[0]) if seen_open else None,
        "first_human_opened_at": format_time(later[1]) if seen_open and "human_opened" in reached else None,
        "first_clicked_at": format_time(later[2]) if "clicked" in reached else None,
        "first_human_clicked_at": format_time(later[3])
        if {"human_clicked", "human_opened"} & reached and "clicked" in reached
        else None,
    }


def _unattributed(choose: random.Random, row: Row) -> Row:
    return row | {
        "recipient": None,
        "recipient_as_given": None,
        "domain": None,
        # That of a campaign which is only registered, and no tag of the mail, is not known here.
        "campaign": None if row["campaign"] == "registered" else row["campaign"],
        "opens": choose.randrange(3),
        "clicks": choose.randrange(2),
        "reached": ["sent", "delivered", "opened"],
    }


def place_of(row: Row, zone: str = "UTC") -> Place:
    """Which mailing a row is of."""
    if row["campaign"]:
        return (row["tenant"], row["campaign"], "", "", "")
    return (row["tenant"], "", row["channel"], row["subject"] or "", key_of_group(row, "day", zone) or "")


def mailings_of(
    rows: list[Row], zone: str = "UTC", others: list[Row] | None = None
) -> dict[Place, dict[str, Any]]:
    """Each mailing as an operator's item, by its place. Of `others`, where they are not `rows`, those tell of tracking that
    name neither recipient nor campaign, whatever else filters let pass."""
    parts: dict[Place, list[Row]] = defaultdict(list)
    for row in rows:
        parts[place_of(row, zone)].append(row)
    told = rows if others is None else others
    nameless = [row for row in told if not row["recipient"] and not row["campaign"]]
    items = {place: _item(place, part, nameless) for place, part in parts.items()}
    return {place: item for place, item in items.items() if item["recipients"] > 0}


def _item(place: Place, rows: list[Row], nameless: list[Row]) -> dict[str, Any]:
    """Of `nameless`, rows without recipient and campaign, those tell of a campaign's tracking that are of its messages."""
    own = [row for row in rows if row["recipient"]]
    said = sorted((row for row in rows if row["subject"]), key=lambda row: row["filed_at"])
    messages = {(row["tenant"], row["message_id"]) for row in own if place[1]}
    of_messages = [row for row in nameless if (row["tenant"], row["message_id"]) in messages]
    untracked = sum(row["tracking"] == "none" for row in own)

    def tracking(name: str) -> str:
        if untracked == len(own):
            return "no"
        return (
            "yes" if any(row[name] and row["tracking"] != "none" for row in rows + of_messages) else "unknown"
        )

    channels = {row["channel"] for row in rows}
    return {
        "tenant": place[0],
        "campaign": place[1] or None,
        "channel": channels.pop() if len(channels) == 1 else None,
        "subject": said[0]["subject"] if said else None,
        "day": place[4] or None,
        "first_at": min((row["filed_at"] for row in own), default=None),
        "recipients": len(own),
        "untracked": untracked,
        "tracking": {"opens": tracking("opens"), "clicks": tracking("clicks")},
        **figures_of(own),
    }


def with_previous(
    rows: list[Row],
    from_ms: int | None,
    to_ms: int | None,
    zone: str = "UTC",
    others: list[Row] | None = None,
) -> dict[Place, dict[str, Any]]:
    """Mailings of the range, each with the one before it."""

    def within(start: int | None) -> dict[Place, dict[str, Any]]:
        return mailings_of(
            [
                row
                for row in rows
                if (start is None or parse_time(row["filed_at"]) >= start)
                and (to_ms is None or parse_time(row["filed_at"]) < to_ms)
            ],
            zone,
            others,
        )

    asked, looked_at = within(from_ms), within(None if from_ms is None else from_ms - LOOK_BACK_MS)
    for place, item in asked.items():
        whole = looked_at[place]
        before = [
            each
            for each in looked_at.values()
            if (each["tenant"], each["channel"], each["campaign"] is None)
            == (whole["tenant"], whole["channel"], whole["campaign"] is None)
            and _began(each) < _began(whole)
        ]
        item["previous"] = _told_as_previous(max(before, key=_began)) if before else None
    return asked


def _began(item: dict[str, Any]) -> tuple[str, ...]:
    return (
        item["first_at"],
        *((item[name] or "").encode().hex() for name in ("campaign", "channel", "subject", "day")),
    )


def _told_as_previous(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in ("tenant", "untracked", "tracking")}


def timeline_of(rows: list[Row], bucket: str, zone: str) -> dict[str, dict[str, int]]:
    """Counts by the begin of their bucket."""
    found: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(_TIMES, 0))
    for row in rows:
        for name, times in _TIMES.items():
            known = [row[time] for time in times if row[time]]
            if name in row["reached"] and row["recipient"] and known:
                found[_begin(min(known), bucket, zone)][name] += 1
    return found


_TIMES = {
    "opened": ("first_opened_at", "first_clicked_at"),
    "human_opened": ("first_human_opened_at", "first_human_clicked_at"),
    "clicked": ("first_clicked_at",),
    "human_clicked": ("first_human_clicked_at",),
}


def _begin(time: str, bucket: str, zone: str) -> str:
    key = key_of_group({"filed_at": time}, bucket, zone)
    assert key is not None
    if bucket == "hour":
        return key
    midnight = datetime.fromisoformat(key).replace(tzinfo=ZoneInfo(zone))
    return format_time(int(midnight.timestamp() * 1000))
