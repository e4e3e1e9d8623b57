"""A mailing's opens and clicks over time, hour by hour or day by day without gaps: pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from query.moments import day_and_month, local
from query.periods import day_span
from schemas.times import parse_time

MOST = {"hour": 72, "day": 92}
"""Places of a picture: three days of hours, three months of days."""
COUNTS = ("opened", "human_opened", "clicked", "human_clicked")

_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Timeline:
    """`series` are those of COUNTS; `places` are where each place begins, ms, and where the last one ends; `later` tells how many
    opened after it."""

    bucket: str
    places: Sequence[int]
    labels: Sequence[str]
    series: Sequence[Sequence[int]]
    later: int

    @property
    def is_mostly_later(self) -> bool:
        """Whether most opens came after what is shown."""
        return self.later > sum(self.series[COUNTS.index("opened")])


def timeline_of(items: Sequence[Mapping[str, Any]], begin_ms: int, bucket: str, zone: str) -> Timeline:
    """The items of /v1/campaigns/{campaign}/timeline, from the hour or day of `begin_ms` on; hours without any are zero."""
    by_place = {parse_time(item["at"]): item for item in items}
    first = min((_start(begin_ms, bucket, zone), *by_place))
    last = max(by_place, default=first)
    places = [first]
    while places[-1] < last and len(places) < MOST[bucket]:
        places.append(_next(places[-1], bucket, zone))
    series = [[by_place[at][name] if at in by_place else 0 for at in places] for name in COUNTS]
    later = sum(item["opened"] for at, item in by_place.items() if at > places[-1])
    labels = [_label(at, bucket, zone) for at in places]
    return Timeline(bucket, [*places, _next(places[-1], bucket, zone)], labels, series, later)


def _start(ms: int, bucket: str, zone: str) -> int:
    moment = local(ms, zone)
    if bucket == "day":
        return day_span(moment.date(), zone)[0]
    return ms - (moment.minute * 60 + moment.second) * 1000 - moment.microsecond // 1000


def _next(ms: int, bucket: str, zone: str) -> int:
    """Hours are as long as any; a day ends where the next one begins, after 23, 24 or 25 of them."""
    if bucket == "hour":
        return ms + _HOUR_MS
    return day_span(local(ms, zone).date() + timedelta(days=1), zone)[0]


def _label(ms: int, bucket: str, zone: str) -> str:
    moment = local(ms, zone)
    return day_and_month(moment) if bucket == "day" else f"{day_and_month(moment)} {moment:%H:%M}"
