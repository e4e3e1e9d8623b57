"""The geometry of charts."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.console import charts

VALUES = st.lists(st.none() | st.floats(0, 1e9), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("highest", "top"),
    [
        (0, 1),
        (0.031, 0.04),
        (0.97, 1),
        (1, 1),
        (1.01, 2),
        (21, 25),
        (26, 30),
        (51, 60),
        (730, 800),
        (1000, 1000),
    ],
)
def test_the_top_of_a_chart_is_a_round_number_at_or_above_its_highest_value(
    highest: float, top: float
) -> None:
    assert charts.ceiling(highest) == pytest.approx(top)


@given(values=VALUES)
def test_every_value_has_a_point_inside_the_chart_and_a_gap_has_none(values: list[float | None]) -> None:
    drawn = charts.curves([values], [str(index) for index in range(len(values))])
    (points,) = drawn.points
    assert [point.index for point in points] == [i for i, value in enumerate(values) if value is not None]
    for point in points:
        assert charts.LEFT <= point.x <= charts.WIDTH - charts.RIGHT
        assert charts.TOP <= point.y <= charts.FLOOR


@given(values=VALUES)
def test_a_higher_value_is_never_drawn_lower(values: list[float | None]) -> None:
    (points,) = charts.curves([values], [""] * len(values)).points
    by_value = sorted(points, key=lambda point: values[point.index] or 0)
    assert all(lower.y >= higher.y for lower, higher in itertools.pairwise(by_value))


@pytest.mark.parametrize(
    ("highest", "values"),
    [
        (1, [0, 1]),
        (2, [0, 1, 2]),
        (3, [0, 1, 2, 3]),
        (6, [0, 2, 4, 6]),
        (8, [0, 2, 4, 6, 8]),
        (900, [0, 200, 400, 600, 800, 1000]),
    ],
)
def test_a_grid_of_counts_has_no_fractions(highest: int, values: list[float]) -> None:
    assert [tick.value for tick in charts.bars([[highest]], ["today"], whole=True).ticks] == values


def test_a_gap_begins_the_line_anew() -> None:
    (path,) = charts.curves([[1, 1, None, 0, 0]], list("abcde")).paths
    assert path.count("M") == 2 and path.count("L") == 2


@pytest.mark.parametrize(
    ("values", "whole", "dots"),
    [
        ([3, 0, 2], True, [0, 2]),  # no count, no dot
        ([0.5, 0, None], False, [0, 1]),  # a rate of zero is one
        ([1] * 32, True, []),  # they would hide each other
        ([1.0, None, 1.0, None, *[1.0] * 28], False, [0, 2]),  # no line leads there
    ],
)
def test_values_have_dots_where_these_say_something(
    values: list[float | None], whole: bool, dots: list[int]
) -> None:
    (points,) = charts.curves([values], [""] * len(values), whole=whole).points
    assert [point.index for point in points if point.is_dot] == dots
    assert len(points) == len(values) - values.count(None)


def test_what_is_never_counted_has_no_line_that_hides_the_others() -> None:
    assert charts.curves([[0, 0], [1, 0]], ["a", "b"], whole=True).paths[0] == ""
    assert charts.curves([[0, 0]], ["a", "b"]).paths != [""]


def test_the_last_place_has_its_label_where_that_fits() -> None:
    many = charts.curves([[1] * 71], [f"d{day}" for day in range(71)], box=charts.HALF).labels
    assert [label.text for label in many][-2:] == ["d63", "d70"]
    close = charts.curves([[1] * 65], [f"d{day}" for day in range(65)], box=charts.HALF).labels
    assert close[-1].text == "d63"
    few = charts.curves([[1, 1]], ["20 Nov 11:00", "20 Nov 12:00"], box=charts.PHONE).labels
    assert [label.text for label in few] == ["20 Nov 11:00", "20 Nov 12:00"]


def test_stacked_bars_stand_on_each_other_and_reach_the_sum() -> None:
    drawn = charts.bars([[30], [20], [0]], ["today"], top=100)
    lower, upper = drawn.bars
    assert lower.y + lower.height == pytest.approx(charts.FLOOR)
    assert upper.y + upper.height == pytest.approx(lower.y)
    assert upper.y == pytest.approx(charts.FLOOR - charts.INNER_HEIGHT / 2)


@given(count=st.integers(1, 400))
def test_labels_are_as_many_as_there_is_room_for(count: int) -> None:
    labels = charts.bars([[1] * count], [str(number) for number in range(count)]).labels
    assert 1 <= len(labels) <= 9
    assert labels[0].text == "0"


@given(
    texts=st.lists(st.text("0123456789 Nov:", min_size=1, max_size=20), min_size=1, max_size=120),
    box=st.sampled_from([charts.WIDE, charts.HALF]),
)
def test_labels_neither_overlap_nor_reach_beyond_the_right_edge(texts: list[str], box: charts.Box) -> None:
    labels = charts.curves([[0] * len(texts)], texts, box=box).labels
    assert labels[0].text == texts[0]
    ends = [
        (each.x - box.letter * len(each.text) / 2, each.x + box.letter * len(each.text) / 2)
        for each in labels
    ]
    assert all(before[1] < after[0] for before, after in itertools.pairwise(ends))
    assert all(right <= box.width for _, right in ends[1:])


@given(values=VALUES)
def test_a_chart_beside_another_is_drawn_within_its_own_box(values: list[float | None]) -> None:
    (points,) = charts.curves([values], [""] * len(values), box=charts.HALF).points
    for point in points:
        assert charts.LEFT <= point.x <= charts.HALF.width - charts.RIGHT
        assert charts.TOP <= point.y <= charts.HALF.floor


def test_a_funnel_tells_each_steps_share_of_the_one_before() -> None:
    steps = charts.funnel([("sent", 200), ("delivered", 150), ("opened", 0), ("clicked", 0)])
    assert [step.width for step in steps] == [100, 75, 0, 0]
    assert [step.of_previous for step in steps] == [None, 0.75, 0, None]


def test_lying_bars_stand_behind_each_other_and_the_longest_row_is_as_wide_as_the_box() -> None:
    drawn = charts.ranks([[3, 0, None], [1, 2, None]], 3)
    assert [[(bar.series, bar.x, bar.width) for bar in row] for row in drawn.rows] == [
        [(0, 0, 75), (1, 75, 25)],
        [(1, 0, 50)],
        [],
    ]
    assert drawn.sums == [4, 2, 0]


def test_nothing_can_be_drawn_too() -> None:
    assert charts.ranks([[]], 0).rows == []
    assert charts.curves([[]], []).paths == [""]
    assert charts.bars([[]], []).bars == []
    assert charts.funnel([]) == []


def test_a_mark_is_inside_the_chart_also_where_it_is_beyond_every_bar() -> None:
    drawn = charts.ranks([[0.01]], 1, marks=[("warn", 0.05), ("block", 0.1)])
    warn, block = drawn.marks
    ((bar,),) = drawn.rows
    assert bar.width < warn.x < block.x < 100
    assert [(mark.name, mark.value) for mark in drawn.marks] == [("warn", 0.05), ("block", 0.1)]


def test_bars_know_how_many_marks_they_reach() -> None:
    drawn = charts.ranks([[0.04, 0.05, 0.09, 0.2]], 4, marks=[("warn", 0.05), ("block", 0.1)])
    assert drawn.reached == [0, 1, 1, 2]
