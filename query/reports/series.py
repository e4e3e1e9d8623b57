"""What a report's picture is drawn from: points over all of its rows, few enough for a picture."""

from collections.abc import Sequence
from typing import Any

from query.context import Context
from query.reports.declaring import Asked, Kind, Report, Rows
from query.sql.reports.pictures import MOST_POINTS, bars_sql, beside_sql, bucket_sql

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
    unit = _unit(report, asked)
    if picture.values:
        sql = beside_sql(rows.source, rows.where, f"m.{picture.x}", picture.values)
    else:
        column = f"m.{picture.x}"
        x = (
            column
            if report.column(picture.x).kind is not Kind.TIME
            else bucket_sql(rows.where, column, asked.zone, months=unit == "month")
        )
        value = "count()" if picture.value is None else f"sum(m.{picture.value})"
        sql = bars_sql(
            rows.source, rows.where, x, f"toString(m.{picture.by})", value, newest_first=unit != "value"
        )
    found = await context.rows(sql, rows.where.parameters)
    points, cut = _points(found, _MOST_BARS[unit], in_time=unit != "value")
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
