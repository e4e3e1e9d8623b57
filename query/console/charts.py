"""The geometry of charts, as SVG attributes: pure, so that a picture can be tested without a browser.

A chart is drawn in a box of 720 by 240 units, which CSS scales. Values are numbers or None, which leaves a gap.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 12, 28
INNER_WIDTH, INNER_HEIGHT = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
FLOOR = TOP + INNER_HEIGHT

_MOST_LABELS = 8
_LEAST = 1e-12
"""What is smaller is nothing: no count and no rate is."""

Values = Sequence[float | None]


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
    """One value of a curve."""

    x: float
    y: float
    index: int


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


@dataclass(frozen=True, slots=True)
class Mark:
    """A line across the chart, at a value to compare with."""

    y: float
    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Bars:
    """Upright bars, those of one place on top of each other."""

    bars: Sequence[Bar]
    ticks: Sequence[Tick]
    labels: Sequence[Label]
    marks: Sequence[Mark] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a funnel: a bar of `width` in per cent of the first, and its share of the step before (None = no share)."""

    label: str
    value: int
    width: float
    of_previous: float | None


def ceiling(highest: float) -> float:
    """A round number at or above: 1, 2, 2.5 or 5 times a power of ten; 1 where there is nothing."""
    if highest < _LEAST:
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= highest * (1 - 1e-9))


def curves(
    series: Sequence[Values], labels: Sequence[str], *, top: float | None = None, whole: bool = False
) -> Curves:
    """Lines through values at equal distances. `top` is the value at the top edge, a round one by itself; with `whole` the
    grid has no fractions."""
    top = top or ceiling(
        max((value for values in series for value in values if value is not None), default=0)
    )
    step = INNER_WIDTH / max(1, len(labels) - 1)
    points = [
        [
            Point(round(LEFT + index * step, 2), _y(value, top), index)
            for index, value in enumerate(values)
            if value is not None
        ]
        for values in series
    ]
    xs = [LEFT + index * step for index in range(len(labels))]
    return Curves([_path(each) for each in points], points, _ticks(top, whole), _labels(labels, xs))


def bars(
    series: Sequence[Values],
    labels: Sequence[str],
    *,
    top: float | None = None,
    whole: bool = False,
    marks: Sequence[tuple[str, float]] = (),
) -> Bars:
    """Bars of several series, stacked in their order, one place for each label; `top` and `whole` as for curves. Lines are
    drawn across at the values of `marks`, under their names."""
    sums = [sum(values[index] or 0 for values in series) for index in range(len(labels))]
    top = top or ceiling(max([*sums, *(value for _, value in marks)], default=0))
    place = INNER_WIDTH / max(1, len(labels))
    width = min(48.0, place * 0.72)
    found = []
    for index in range(len(labels)):
        base = 0.0
        for number, values in enumerate(series):
            value = values[index] or 0
            if value <= 0:
                continue
            upper, lower = _y(base + value, top), _y(base, top)
            x = LEFT + place * (index + 0.5) - width / 2
            found.append(
                Bar(round(x, 2), upper, round(width, 2), round(max(lower - upper, 0.5), 2), number, index)
            )
            base += value
    xs = [LEFT + place * (index + 0.5) for index in range(len(labels))]
    drawn = [Mark(_y(value, top), name, value) for name, value in marks]
    return Bars(found, _ticks(top, whole), _labels(labels, xs), drawn)


def funnel(steps: Sequence[tuple[str, int]]) -> list[Step]:
    """Steps that each keep a part of the one before; widths are of the largest."""
    widest = max((value for _, value in steps), default=0)
    found: list[Step] = []
    for label, value in steps:
        before = found[-1].value if found else 0
        share = value / before if before else None
        found.append(Step(label, value, round(100 * value / widest, 2) if widest else 0.0, share))
    return found


def _y(value: float, top: float) -> float:
    return round(FLOOR - INNER_HEIGHT * min(max(value, 0), top) / top, 2)


def _path(points: Sequence[Point]) -> str:
    """The line through points that are next to each other; a gap begins it anew."""
    pieces = []
    for number, point in enumerate(points):
        joined = number > 0 and points[number - 1].index == point.index - 1
        pieces.append(f"{'L' if joined else 'M'}{point.x:g} {point.y:g}")
    return " ".join(pieces)


def _ticks(top: float, whole: bool) -> list[Tick]:
    """Lines at the round parts of a round top."""
    leading = top / 10.0 ** math.floor(math.log10(top))
    parts = 4 if math.isclose(leading, 2) else 5
    if whole:
        parts = min(parts, max(1, int(top)))
    return [Tick(_y(top * part / parts, top), top * part / parts) for part in range(parts + 1)]


def _labels(labels: Sequence[str], xs: Sequence[float]) -> list[Label]:
    """As many labels as there is room for, evenly spread."""
    every = max(1, math.ceil(len(labels) / _MOST_LABELS))
    return [Label(round(x, 2), text) for text, x in list(zip(labels, xs, strict=True))[::every]]
