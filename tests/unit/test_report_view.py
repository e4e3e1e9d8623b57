"""How reports look."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.console import report_view
from query.console.pages.reports import NOTHING
from query.console.report_layouts import places
from query.reports import REPORTS, Report
from query.reports.parameters import with_paging
from query.sender_authentication import SenderDomain, dkim, spf
from schemas.times import parse_time

NAMES = st.none() | st.sampled_from("abcdefghijkl") | st.just(report_view.OTHERS)
VALUES = st.dictionaries(NAMES, st.dictionaries(st.sampled_from("xyz"), st.integers(1, 1000), min_size=1))


@pytest.mark.parametrize(
    ("first", "zone", "begin", "end"),
    [
        ("2026-11-01", "UTC", "2026-11-01T00:00:00.000Z", "2026-12-01T00:00:00.000Z"),
        ("2026-12-01", "UTC", "2026-12-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z"),
        ("2026-10-01", "Europe/Berlin", "2026-09-30T22:00:00.000Z", "2026-10-31T23:00:00.000Z"),
    ],
)
def test_a_month_is_that_of_its_zone(first: str, zone: str, begin: str, end: str) -> None:
    assert report_view.span(first, zone) == (begin, end)


def test_a_day_has_as_many_hours_as_it_has_in_its_zone() -> None:
    begin, end = report_view.span("2026-10-25", "Europe/Berlin", days=1)
    assert parse_time(end) - parse_time(begin) == timedelta(hours=25) // timedelta(milliseconds=1)


@given(values=VALUES)
def test_a_picture_has_no_more_parts_than_colours_and_loses_nothing(
    values: dict[str | None, dict[str | None, float]],
) -> None:
    drawn = report_view.heaviest(values)
    assert len(drawn) <= report_view.MOST_SERIES
    for place in "xyz":
        assert sum(row.get(place, 0) for row in drawn.values()) == sum(
            row.get(place, 0) for row in values.values()
        )
    named = [sum(row.values()) for name, row in drawn.items() if name != report_view.OTHERS]
    assert named == sorted(named, reverse=True)


@pytest.mark.parametrize("report", REPORTS.values(), ids=list(REPORTS))
def test_every_filter_of_a_report_has_a_field_and_every_choice_is_taken(report: Report) -> None:
    fields = {field.name: field for field in report_view.fields(report)}
    assert set(report.parameters) - set(with_paging({}, ())) - {"tz"} == set(fields)
    for name, field in fields.items():
        assert field.kind not in ("choice", "choices") or field.options, name
        for value, _ in field.options:
            report.parameters[name].parse(value)
        assert (field.kind == "choices") == report.parameters[name].many


def test_what_the_dns_says_of_a_sender_names_no_settings() -> None:
    sender = SenderDomain("example.com")
    records = {"example.com": ["v=spf1 -all"]}
    for verdict in (spf(sender, records), dkim(sender, records)):
        assert "senders." in verdict.said
        assert "senders." not in report_view.said(verdict.said)


def test_every_report_says_what_it_means_that_it_is_empty() -> None:
    assert set(NOTHING) == set(REPORTS)


@pytest.mark.parametrize("report", REPORTS.values(), ids=list(REPORTS))
def test_every_column_of_a_report_has_one_place_on_its_page(report: Report) -> None:
    shown = [column.name for place in places(report) for column in place]
    assert sorted(shown) == sorted(column.name for column in report.columns)
