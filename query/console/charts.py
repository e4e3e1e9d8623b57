"""The geometry of charts, as SVG attributes: pure, so that a picture can be tested without a browser.

A chart is drawn in a box of some units, which CSS scales: a WIDE one, or a HALF one where two stand beside each other; and once
more in a PHONE's, so that letters are as large there as anywhere else.
Values are numbers or None, which leaves a gap.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 12, 28
INNER_WIDTH, INNER_HEIGHT = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
FLOOR = TOP + INNER_HEIGHT

_MOST_LABELS = 8
"""Labels at equal distances; the last place may have one more."""
_MOST_DOTS = 31
"""Places of a line up to which each value has a dot: those of more would hide each other."""
_GAP = 14
"""Units between two labels; the last may come a little closer to the one before."""
_PARTS = {1: 5, 2: 4, 2.5: 5, 3: 3, 4: 4, 5: 5, 6: 3, 8: 4, 10: 5}
"""The round tops of a chart, as multiples of a power of ten, and into how many round parts the grid divides each."""
_LEAST = 1e-12
"""What is smaller is nothing: no count and no rate is."""

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Box:
    """What a chart is drawn in; `letter` is how wide a letter of its labels is, `name` the CSS class that sets their size."""

    name: str
    width: float
    height: float
    letter: float

    @property
    def floor(self) -> float:
        """Where zero is."""
        return self.height - BOTTOM

    @property
    def inner_width(self) -> float:
        """Between the edges that values are drawn in."""
        return self.width - LEFT - RIGHT

    @property
    def inner_height(self) -> float:
        """From zero to the top."""
        return self.floor - TOP


WIDE = Box("wide", WIDTH, HEIGHT, 6.6)
HALF = Box("half", 480, 220, 7.7)
PHONE = Box("phone", 330, 210, 6.6)


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the grid: where it is, and the value there."""

    at: float
    value: float


@dataclass(frozen=True, slots=True)
class Label:
    """Text below the chart, around x."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a curve; `is_dot` tells whether it is drawn by itself, too."""

    x: float
    y: float
    index: int
    is_dot: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """One rectangle; `series` and `index` tell whose it is."""

    x: float
    y: float
    width: float
    height: float
    series: int
    index: int


@dataclass(frozen=True, slots=True)
class Curves:
    """Lines over time: a path and points for each series."""

    paths: Sequence[str]
    points: Sequence[Sequence[Point]]
    ticks: Sequence[Tick]
    labels: Sequence[Label]
    box: Box


@dataclass(frozen=True, slots=True)
class Mark:
    """A line across lying bars, at a value to compare with."""

    x: float
    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Bars:
    """Upright bars, those of one place on top of each other."""

    bars: Sequence[Bar]
    ticks: Sequence[Tick]
    labels: Sequence[Label]
    box: Box


@dataclass(frozen=True, slots=True)
class Ranks:
    """Lying bars in boxes of 100 by 10, those of one place behind each other, with the sum of each and how many marks that
    reaches."""

    rows: Sequence[Sequence[Bar]]
    sums: Sequence[float]
    marks: Sequence[Mark]
    reached: Sequence[int]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a funnel: a bar of `width` in per cent of the first, and its share of the step before (None = no share)."""

    label: str
    value: int
    width: float
    of_previous: float | None


def ceiling(highest: float) -> float:
    """A round number at or above: one of _PARTS times a power of ten; 1 where there is nothing."""
    if highest < _LEAST:
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    return next(step * power for step in _PARTS if step * power >= highest * (1 - 1e-9))


def curves(
    series: Sequence[Values],
    labels: Sequence[str],
    *,
    top: float | None = None,
    whole: bool = False,
    box: Box = WIDE,
) -> Curves:
    """Lines through values at equal distances. `top` is the value at the top edge, a round one by itself; with `whole` the
    grid has no fractions, and what is zero all the time no line, which would hide the others' there."""
    top = top or ceiling(
        max((value for values in series for value in values if value is not None), default=0)
    )
    step = box.inner_width / max(1, len(labels) - 1)
    points = [
        [
            Point(
                round(LEFT + index * step, 2),
                _y(value, top, box),
                index,
                not (whole and not value) and (len(labels) <= _MOST_DOTS or _is_alone(values, index)),
            )
            for index, value in enumerate(values)
            if value is not None
        ]
        for values in series
    ]
    paths = [
        _path(each) if any(values) or not whole else "" for each, values in zip(points, series, strict=True)
    ]
    xs = [LEFT + index * step for index in range(len(labels))]
    return Curves(paths, points, _ticks(top, whole, box), _labels(labels, xs, box), box)


def bars(
    series: Sequence[Values],
    labels: Sequence[str],
    *,
    top: float | None = None,
    whole: bool = False,
    box: Box = WIDE,
) -> Bars:
    """Bars of several series, stacked in their order, one place for each label; `top` and `whole` as for curves."""
    sums = [sum(values[index] or 0 for values in series) for index in range(len(labels))]
    top = top or ceiling(max(sums, default=0))
    place = box.inner_width / max(1, len(labels))
    width = min(48.0, place * 0.72)
    found = []
    for index in range(len(labels)):
        base = 0.0
        for number, values in enumerate(series):
            value = values[index] or 0
            if value <= 0:
                continue
            upper, lower = _y(base + value, top, box), _y(base, top, box)
            x = LEFT + place * (index + 0.5) - width / 2
            found.append(
                Bar(round(x, 2), upper, round(width, 2), round(max(lower - upper, 0.5), 2), number, index)
            )
            base += value
    xs = [LEFT + place * (index + 0.5) for index in range(len(labels))]
    return Bars(found, _ticks(top, whole, box), _labels(labels, xs, box), box)


def ranks(series: Sequence[Values], places: int, *, marks: Sequence[tuple[str, float]] = ()) -> Ranks:
    """Lying bars of several series one behind the other, one for each of so many places, the widest of them over the whole
    width. Lines are drawn across at the values of `marks`, each with its name."""
    sums = [sum(values[index] or 0 for values in series) for index in range(places)]
    top = max([*sums, *(1.05 * value for _, value in marks)], default=0) or 1.0
    rows = []
    for index in range(places):
        row, begin = [], 0.0
        for number, values in enumerate(series):
            width = 100 * (values[index] or 0) / top
            if width > 0:
                row.append(Bar(round(begin, 2), 0, round(max(width, 0.4), 2), 10, number, index))
            begin += width
        rows.append(row)
    reached = [sum(value <= total for _, value in marks) for total in sums]
    return Ranks(
        rows, sums, [Mark(round(100 * value / top, 2), name, value) for name, value in marks], reached
    )


def funnel(steps: Sequence[tuple[str, int]]) -> list[Step]:
    """Steps that each keep a part of the one before; widths are of the largest."""
    widest = max((value for _, value in steps), default=0)
    found: list[Step] = []
    for label, value in steps:
        before = found[-1].value if found else 0
        share = value / before if before else None
        found.append(Step(label, value, round(100 * value / widest, 2) if widest else 0.0, share))
    return found


def _is_alone(values: Values, index: int) -> bool:
    """Whether a value stands between gaps, so that no line leads through it."""
    return all(each is None for each in (*values[max(0, index - 1) : index], *values[index + 1 : index + 2]))


def _y(value: float, top: float, box: Box) -> float:
    return round(box.floor - box.inner_height * min(max(value, 0), top) / top, 2)


def _path(points: Sequence[Point]) -> str:
    """The line through points that are next to each other; a gap begins it anew."""
    pieces = []
    for number, point in enumerate(points):
        joined = number > 0 and points[number - 1].index == point.index - 1
        pieces.append(f"{'L' if joined else 'M'}{point.x:g} {point.y:g}")
    return " ".join(pieces)


def _ticks(top: float, whole: bool, box: Box) -> list[Tick]:
    """Lines at the round parts of a round top."""
    leading = top / 10.0 ** math.floor(math.log10(top))
    parts = _PARTS[min(_PARTS, key=lambda step: abs(step - leading))]
    if whole:
        parts = min(parts, max(1, int(top)))
    return [Tick(_y(top * part / parts, top, box), top * part / parts) for part in range(parts + 1)]


def _labels(labels: Sequence[str], xs: Sequence[float], box: Box) -> list[Label]:
    """As many labels as there is room for, evenly spread, and the last one where it fits; none overlaps another or reaches
    beyond the right edge, but for a first that is alone."""
    widest = box.letter * max(map(len, labels), default=0)
    most = min(_MOST_LABELS, max(1, int(box.inner_width / (widest + _GAP))))
    every = max(1, math.ceil(len(labels) / most))
    places = list(zip(labels, xs, strict=True))
    found: list[Label] = []
    taken = 0.0
    for text, x in places[::every] + places[-1:]:
        half = box.letter * len(text) / 2
        if found:
            x = min(x, box.width - half - 1)
            if x - half < taken + 0.8 * _GAP:
                continue
        found.append(Label(round(x, 2), text))
        taken = x + half
    return found
