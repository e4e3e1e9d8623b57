"""The ranges of time that a page of the log is looked for in, one after the other."""

import itertools
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from query.sql.messages import FEW_WINDOW_DAYS, WINDOW_DAYS, later_windows, windows
from query.sql.where import bound_time

NOW = 1_795_000_000_000
WINDOWS = st.sampled_from((WINDOW_DAYS, FEW_WINDOW_DAYS))
TIMES = st.integers(NOW - 2_000 * 86_400_000, NOW + 86_400_000)


@given(st.none() | TIMES, st.none() | TIMES, WINDOWS)
def test_windows_cover_the_whole_span_without_gap_or_overlap_newest_first(
    oldest: int | None, newest: int | None, days: Sequence[int]
) -> None:
    found = windows(newest, oldest, NOW, days)
    assert found[0][1] == newest and found[-1][0] == oldest
    assert all(later[0] == earlier[1] for later, earlier in itertools.pairwise(found))


@given(TIMES, st.none() | TIMES, WINDOWS)
def test_later_windows_cover_the_whole_span_without_gap_or_overlap_oldest_first(
    oldest: int, newest: int | None, days: Sequence[int]
) -> None:
    found = later_windows(oldest, newest, days)
    assert found[0][0] == oldest and found[-1][1] == newest
    assert all(earlier[1] == later[0] for earlier, later in itertools.pairwise(found))


def test_where_nothing_was_ever_filed_there_is_nothing_to_look_into() -> None:
    assert later_windows(None, NOW) == []


def test_a_time_is_bound_to_the_millisecond_and_within_what_the_store_holds() -> None:
    assert bound_time(1_795_000_000_007) == "2026-11-18 11:06:40.007"
    assert bound_time(-1) == "1969-12-31 23:59:59.999"
    assert bound_time(-(10**18)) == "1900-01-01 00:00:00.000"
