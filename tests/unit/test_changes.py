"""How figures differ from those before, in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.console.changes import Better, change_of_count, change_of_rate

RATES = st.floats(0, 1)


@pytest.mark.parametrize(
    ("now", "before", "arrow", "text"),
    [
        (120, 100, "▲", "20\N{NO-BREAK SPACE}%"),
        (75, 100, "▼", "25\N{NO-BREAK SPACE}%"),
        (0, 100, "▼", "100\N{NO-BREAK SPACE}%"),
        (1001, 1000, "▲", "under 1\N{NO-BREAK SPACE}%"),
        (5000, 100, "▲", "50 times as many"),
        (7, 7, "", "as before"),
        (0, 0, "", "as before"),
        (7, 0, "▲", "none before"),
    ],
)
def test_a_count_changes_by_a_share_of_what_it_was(now: int, before: int, arrow: str, text: str) -> None:
    change = change_of_count(now, before)
    assert (change.arrow, change.text, change.tone) == (arrow, text, "quiet")


@pytest.mark.parametrize(
    ("now", "before", "arrow", "text", "was"),
    [
        (0.75, 0.5, "▲", "25 pts", "50\N{NO-BREAK SPACE}%"),
        (0.101, 0.124, "▼", "2.3 pts", "12.4\N{NO-BREAK SPACE}%"),
        (0.0012, 0.0008, "▲", "0.04 pts", "0.08\N{NO-BREAK SPACE}%"),
        (0.500001, 0.5, "", "as before", "50\N{NO-BREAK SPACE}%"),
    ],
)
def test_a_rate_changes_by_points(now: float, before: float, arrow: str, text: str, was: str) -> None:
    change = change_of_rate(now, before)
    assert change is not None
    assert (change.arrow, change.text, change.before) == (arrow, text, was)


@pytest.mark.parametrize(
    ("now", "better", "tone"),
    [(0.9, "more", "good"), (0.9, "less", "bad"), (0.1, "more", "bad"), (0.1, "less", "good")],
)
def test_a_change_is_good_where_it_goes_the_way_that_is_better(now: float, better: Better, tone: str) -> None:
    change = change_of_rate(now, 0.5, better)
    assert change is not None and change.tone == tone


@given(rate=RATES)
def test_a_rate_over_nothing_has_not_changed(rate: float) -> None:
    assert change_of_rate(None, rate) is None
    assert change_of_rate(rate, None) is None


@given(now=RATES, before=RATES)
def test_the_arrow_points_to_where_a_rate_went(now: float, before: float) -> None:
    change = change_of_rate(now, before)
    assert change is not None
    assert change.arrow in ("", "▲" if now > before else "▼")
    assert change.arrow or abs(now - before) < 0.001
