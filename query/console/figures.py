"""The figures of mail and text messages as pages show them: each as a count and a rate, with its change and its rows."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from query.console.changes import Better, Change, change_of_count, change_of_rate

RowsOf = Callable[[str | None], str]
"""The URL of the log's rows that ever were so (a name of schemas.status.COUNTS), or of all of them."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A figure: the count that it is, the rate that it is shown as (None = by its count), and which way that rate should go:
    a count goes with how much was sent, and neither way is better."""

    label: str
    count: str
    rate: str | None = None
    better: Better = ""
    of_opens: bool = False
    """Whether it needs that opens and clicks are tracked."""
    share_of: str | None = None
    """The count that it is shown as a share of, where the API has no rate of it."""

    @property
    def is_rate(self) -> bool:
        """Whether it is shown as a rate."""
        return self.rate is not None or self.share_of is not None


ATTEMPTED = Kind("Attempted", "sent")
DELIVERED = Kind("Delivered", "delivered", "delivery", "more")
OPENED = Kind("Opened", "opened", "open", "more", of_opens=True)
OPENED_BY_PEOPLE = Kind("Opened by people", "human_opened", "human_open", "more", of_opens=True)
CLICKED = Kind("Clicked", "clicked", "click", "more", of_opens=True)
BOUNCED = Kind("Bounced", "bounced", "bounce", "less")
COMPLAINED = Kind("Complained", "complained", "complaint", "less")
UNDELIVERED = Kind("Undelivered", "undelivered", better="less", share_of="sent")

KINDS: dict[str, Sequence[Kind]] = {
    "email": (
        ATTEMPTED,
        DELIVERED,
        OPENED,
        OPENED_BY_PEOPLE,
        CLICKED,
        Kind("Clicked by people", "human_clicked", of_opens=True),
        BOUNCED,
        Kind("Gave up after a soft bounce", "soft_bounced"),
        COMPLAINED,
        Kind("Unsubscribed", "unsubscribed", "unsubscribe", "less"),
    ),
    "sms": (
        ATTEMPTED,
        DELIVERED,
        Kind("Undelivered", "undelivered"),
        Kind("Rejected", "rejected"),
        Kind("Failed", "failed"),
    ),
}
"""What the head of a page shows of each channel."""

NOT_ATTEMPTED = ("skipped", "invalid", "canceled", "queued")
"""Counts of what was not, or not yet, sent."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure to be shown: `rate` is None where there is none, because of its kind or because it would be over nothing."""

    kind: Kind
    count: int
    rate: float | None
    change: Change | None
    href: str
    is_tracked: bool
    is_partly_tracked: bool
    """Whether the rate leaves out what was declared untracked, which the count has."""

    @property
    def tone(self) -> str:
        """bad for what should not be and is."""
        return "bad" if self.kind in (BOUNCED, COMPLAINED) and self.count else ""


def figures_of(
    kinds: Sequence[Kind], item: Mapping[str, Any], rows_of: RowsOf, *, is_tracked: bool = True
) -> list[Figure]:
    """The figures of an item of /v1/rates or /v1/campaigns, with what changed against its `previous` where it has one."""
    previous = item.get("previous")
    return [
        Figure(
            kind,
            item["counts"][kind.count],
            _rate(kind, item),
            _change(kind, item, previous) if previous and (is_tracked or not kind.of_opens) else None,
            rows_of(kind.count),
            is_tracked or not kind.of_opens,
            _is_partly_tracked(kind, item),
        )
        for kind in kinds
    ]


def not_attempted(item: Mapping[str, Any], rows_of: RowsOf) -> list[tuple[str, int, str]]:
    """Name, count and URL of what was not, or not yet, sent; only what there is."""
    return [(name, count, rows_of(name)) for name in NOT_ATTEMPTED if (count := item["counts"][name])]


def _rate(kind: Kind, item: Mapping[str, Any]) -> float | None:
    if kind.share_of:
        whole = item["counts"][kind.share_of]
        return item["counts"][kind.count] / whole if whole else None
    return item["rates"][kind.rate] if kind.rate else None


def _is_partly_tracked(kind: Kind, item: Mapping[str, Any]) -> bool:
    """Rates of opens and clicks are over what was delivered and tracked: where they are none over all that was delivered, some
    of it was not tracked."""
    rate, counts = _rate(kind, item), item["counts"]
    if not kind.of_opens or rate is None:
        return False
    return not math.isclose(rate * counts["delivered"], counts[kind.count], abs_tol=1e-6)


def _change(kind: Kind, item: Mapping[str, Any], previous: Mapping[str, Any]) -> Change | None:
    if kind.is_rate:
        return change_of_rate(_rate(kind, item), _rate(kind, previous), kind.better)
    return change_of_count(item["counts"][kind.count], previous["counts"][kind.count], kind.better)
