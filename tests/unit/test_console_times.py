"""Ranges of days and what happened over time, as pages show them."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.console.pipeline import lag_in_words
from query.console.ranges import last_days
from query.console.timelines import COUNTS, MOST, timeline_of
from query.lag import TOPICS
from query.moments import local
from schemas.times import format_time, parse_time

ZONES = st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "Pacific/Auckland"])
INSTANTS = st.integers(1_600_000_000_000, 1_900_000_000_000)
HOUR_MS = 3_600_000


def test_the_last_days_end_with_today_as_the_reader_has_it() -> None:
    span = last_days(7, "Pacific/Auckland", parse_time("2026-11-27T13:03:07.000Z"))
    assert (span.dates[0], span.dates[-1]) == (date(2026, 11, 22), date(2026, 11, 28))
    assert format_time(span.from_ms) == "2026-11-21T11:00:00.000Z"
    assert format_time(span.to_ms) == "2026-11-27T13:04:00.000Z"


@given(days=st.sampled_from([7, 30, 90]), zone=ZONES, now=INSTANTS)
def test_a_range_is_of_whole_days_up_to_now(days: int, zone: str, now: int) -> None:
    span = last_days(days, zone, now)
    assert len(span.dates) == days
    assert local(span.from_ms, zone).date() == span.dates[0]
    assert local(span.from_ms - 1, zone).date() < span.dates[0]
    assert now < span.to_ms <= now + 60_000


def _item(at: int, opened: int) -> dict[str, object]:
    return {"at": format_time(at), **dict.fromkeys(COUNTS, 0), "opened": opened}


def test_hours_without_any_opens_are_zero_and_none_is_left_out() -> None:
    begin = parse_time("2026-11-27T09:20:00.000Z")
    items = [
        _item(parse_time("2026-11-27T10:00:00.000Z"), 5),
        _item(parse_time("2026-11-27T12:00:00.000Z"), 2),
    ]
    timeline = timeline_of(items, begin, "hour", "Europe/Berlin")
    assert list(timeline.labels) == ["27 Nov 10:00", "27 Nov 11:00", "27 Nov 12:00", "27 Nov 13:00"]
    assert list(timeline.series[COUNTS.index("opened")]) == [0, 5, 0, 2]
    assert timeline.later == 0


def test_days_are_those_of_the_zone_also_where_the_clocks_change() -> None:
    begin = parse_time("2026-10-24T08:00:00.000Z")
    items = [_item(parse_time("2026-10-25T23:00:00.000Z"), 1)]  # midnight after a day of 25 hours
    timeline = timeline_of(items, begin, "day", "Europe/Berlin")
    assert list(timeline.labels) == ["24 Oct", "25 Oct", "26 Oct"]
    assert list(timeline.series[0]) == [0, 0, 1]


@given(
    begin=INSTANTS,
    zone=ZONES,
    bucket=st.sampled_from(["hour", "day"]),
    opens=st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 9)), max_size=20),
)
def test_every_open_is_in_the_picture_or_told_as_later(
    begin: int, zone: str, bucket: str, opens: list[tuple[int, int]]
) -> None:
    """`opens` are hours after the begin, and how many."""
    counted: dict[int, int] = {}
    for hours, count in opens:
        moment = local(begin + hours * HOUR_MS, zone)
        whole = moment.replace(hour=0 if bucket == "day" else moment.hour, minute=0, second=0, microsecond=0)
        at = int(whole.astimezone(ZoneInfo("UTC")).timestamp()) * 1000
        counted[at] = counted.get(at, 0) + count
    timeline = timeline_of([_item(at, count) for at, count in counted.items()], begin, bucket, zone)
    assert sum(timeline.series[0]) + timeline.later == sum(count for _, count in opens)
    assert len(timeline.labels) <= MOST[bucket]


def test_opens_that_mostly_came_later_than_hours_are_shown_are_told_as_such() -> None:
    begin = parse_time("2026-11-01T09:00:00.000Z")
    soon, late = begin, begin + 200 * HOUR_MS
    assert timeline_of([_item(soon, 1), _item(late, 2)], begin, "hour", "UTC").is_mostly_later
    assert not timeline_of([_item(soon, 2), _item(late, 1)], begin, "hour", "UTC").is_mostly_later
    assert not timeline_of([_item(soon, 1), _item(late, 2)], begin, "day", "UTC").is_mostly_later


def test_a_mailing_that_nobody_opened_has_one_empty_place() -> None:
    timeline = timeline_of([], parse_time("2026-11-27T09:20:00.000Z"), "hour", "UTC")
    assert list(timeline.labels) == ["27 Nov 09:00"]
    assert [list(values) for values in timeline.series] == [[0]] * len(COUNTS)


@pytest.mark.parametrize(
    ("behind", "tone", "words"),
    [
        (None, "warn", "Kafka does not tell"),
        (dict.fromkeys(TOPICS, 0), "good", "Everything that came in is shown."),
        ({"waybill-events": 1}, "plain", "1 record is about to be shown, most of all events of trails (1)."),
        ({"waybill-events": 40, "waybill-message-status": 60}, "plain", "100 records are about"),
        ({"waybill-receipts": 3, "waybill-message-status": 20_000}, "warn", "statuses of messages (20 000)"),
    ],
)
def test_how_far_behind_the_store_is_is_said_in_words(
    behind: dict[str, int] | None, tone: str, words: str
) -> None:
    found = lag_in_words(behind)
    assert found[0] == tone
    assert words in found[1].replace("\N{NARROW NO-BREAK SPACE}", " ")


def test_every_topic_that_the_store_takes_in_has_words_of_its_own() -> None:
    for topic in TOPICS:
        assert "waybill-" not in lag_in_words({topic: 1})[1]
