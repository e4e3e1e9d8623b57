"""What a report's picture is drawn from: points over all of its rows, few enough for a picture."""

from collections.abc import Sequence
from typing import Any

from query.context import Context
from query.reports.declaring import Asked, Kind, Report, Rows
from query.sql.reports.pictures import MOST_POINTS, Bars, bars_sql, beside_sql, bucket_sql
from query.sql.where import Where

_DAY_MS = 86_400_000
_DAYS = 92
"""Time frames up to so many days are shown by day, others by month."""

_MOST_BARS = {"day": _DAYS + 1, "month": 36, "value": 15}
_MOST_PARTS = 10
"""Parts of a bar; the smallest of more are put together."""

OTHERS = "(others)"


async def series_of(context: Context, report: Report, asked: Asked, rows: Rows) -> dict[str, Any]:
    """The series of a report's picture, as documented in schemas/openapi.yaml."""
    picture = report.picture
    if picture.values:
        sql = beside_sql(rows.source, rows.where, f"m.{picture.x}", picture.values)
    else:
        bars = bars_of(report, asked, rows.where)
        sql = bars_sql(rows.source, rows.where, bars, newest_first=is_in_time(report, asked))
    return series_from(report, asked, await context.rows(sql, rows.where.parameters, settings=rows.settings))


def bars_of(report: Report, asked: Asked, where: Where) -> Bars:
    """The bars of a report's picture; `where` gets values bound."""
    picture, x = report.picture, f"m.{report.picture.x}"
    if report.column(picture.x).kind is Kind.TIME:
        x = bucket_sql(where, x, asked.zone, months=_unit(report, asked) == "month")
    value = "count()" if picture.value is None else f"sum(m.{picture.value})"
    return Bars(x, f"toString(m.{picture.by})", value)


def series_from(report: Report, asked: Asked, found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The series out of what was found of it, rows with x, by and value."""
    picture, unit = report.picture, _unit(report, asked)
    points, cut = _points(found, _MOST_BARS[unit], in_time=is_in_time(report, asked))
    return {
        "title": picture.title,
        "x": picture.x,
        "unit": unit,
        "by": picture.by,
        "value": picture.value,
        "points": points,
        "lines": [line._asdict() for line in report.lines(asked)],
        "cut": cut or len(found) == MOST_POINTS,
    }


def is_in_time(report: Report, asked: Asked) -> bool:
    """Whether the bars of a report's picture stand in the order of time, and not by how high they are."""
    return _unit(report, asked) != "value"


def _unit(report: Report, asked: Asked) -> str:
    """What a bar is of: a day, a month, or another value."""
    kind = report.column(report.picture.x).kind
    if kind is Kind.MONTH:
        return "month"
    if kind is not Kind.TIME:
        return "value"
    begin, end = asked.given.get("from"), asked.given.get("to", asked.now)
    return "day" if begin is not None and end - begin <= _DAYS * _DAY_MS else "month"


def _points(rows: Sequence[dict[str, Any]], most: int, *, in_time: bool) -> tuple[list[dict[str, Any]], bool]:
    """The rows of the first `most` bars as points, '' as null, small parts put together; and whether bars were left out."""
    bars = list(dict.fromkeys(row["x"] for row in rows))
    shown = set(bars[:most])
    rows = [row for row in rows if row["x"] in shown]
    weights: dict[str, float] = {}
    for row in rows:
        weights[row["by"]] = weights.get(row["by"], 0) + row["value"]
    kept = set(sorted(weights, key=lambda part: -weights[part])[:_MOST_PARTS])
    sums: dict[tuple[str, str], Any] = {}
    for row in rows:
        place = (row["x"], row["by"] if row["by"] in kept else OTHERS)
        sums[place] = sums.get(place, 0) + row["value"]
    places = sorted(sums, key=lambda place: (place[0] or "", place[1])) if in_time else list(sums)
    points = [{"x": x or None, "by": by or None, "value": sums[x, by]} for x, by in places]
    return points, len(bars) > most
