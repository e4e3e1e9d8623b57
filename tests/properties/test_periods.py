"""Days of a zone are exactly the instants that its clocks call so."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from query.periods import Span, common, day_span, read_day

ZONES = st.sampled_from(
    [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Asia/Kolkata",
        "Pacific/Apia",
        "America/Sao_Paulo",
        "Asia/Beirut",
    ]
)
DAYS = st.dates(date(1970, 1, 1), date(2100, 1, 1))


@given(at=st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC)), zone=ZONES)
def test_an_instant_lies_in_the_day_that_its_zone_calls_it(at: datetime, zone: str) -> None:
    begin, end = day_span(at.astimezone(ZoneInfo(zone)).date(), zone)
    assert begin <= at.timestamp() * 1000 < end


@given(day=DAYS, zone=ZONES)
@example(day=date(2018, 11, 4), zone="America/Sao_Paulo")  # had no midnight
@example(day=date(2011, 12, 30), zone="Pacific/Apia")  # was left out
@example(day=date(2026, 10, 25), zone="Europe/Berlin")
def test_days_follow_each_other_without_gap_or_overlap(day: date, zone: str) -> None:
    (begin, end), (next_begin, _) = day_span(day, zone), day_span(day + timedelta(days=1), zone)
    assert begin <= end == next_begin


SPANS = st.tuples(st.none() | st.integers(0, 20), st.none() | st.integers(0, 20))


@given(spans=st.lists(SPANS, min_size=1), at=st.integers(-1, 21))
def test_what_is_common_to_spans_lies_in_each_of_them(spans: list[Span], at: int) -> None:
    def within(span: Span) -> bool:
        begin, end = span
        return (begin is None or at >= begin) and (end is None or at < end)

    assert within(common(*spans)) == all(map(within, spans))


@given(day=DAYS)
def test_a_day_is_read_as_it_is_written(day: date) -> None:
    assert read_day(day.isoformat()) == day


@pytest.mark.parametrize(
    "text", ["", "20261122", "2026-W47-7", "2026-02-30", "0001-01-01", "9999-12-31", "22.11.2026"]
)
def test_what_is_no_date_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match="expected a date such as 2026-11-22"):
        read_day(text)
