"""schemas/openapi.yaml and docs/reports.md say what the reports are: each column, each parameter, nothing else."""

import re
from pathlib import Path

import pytest

from query.reports import REPORTS, Report
from tests.openapi import DOCUMENT, check, described, resolved

TEXT = (Path(__file__).parents[2] / "docs" / "reports.md").read_text().split("\n# Issue reports\n")[0]


def _path(report: Report) -> str:
    return f"/v1/reports/{report.name}"


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_the_parameters_are_those_that_are_taken(report: Report) -> None:
    every = [resolved(each) for each in DOCUMENT["paths"][_path(report)]["get"]["parameters"]]
    assert sorted(each["name"] for each in every) == sorted([*report.parameters, "tenant"])
    for parameter in every:
        schema = resolved(parameter["schema"])
        name, several = parameter["name"], schema.get("type") == "array"
        for value in resolved(schema["items"] if several else schema).get("enum", []):
            report.parameters[name].parse(value)
        assert several == (name in report.parameters and report.parameters[name].many)
        if name == "sort":
            assert (schema["enum"], schema["default"]) == (list(report.sort_values), report.default_sort)


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_the_columns_are_those_that_are_told_with_their_meaning(report: Report) -> None:
    operation = DOCUMENT["paths"][_path(report)]["get"]
    assert (operation["summary"], operation["description"]) == (report.title, report.tells)
    properties = resolved(described(_path(report))["schema"])["properties"]
    item = properties["items"]["items"]
    assert item["required"] == [column.name for column in report.columns]
    assert {name: each["description"] for name, each in item["properties"].items() if name != "tenant"} == {
        column.name: column.meaning for column in report.columns
    }
    assert properties["report"] == {"const": report.name}


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_the_example_is_one(report: Report) -> None:
    example = described(_path(report))["example"]
    check(_path(report), example)
    assert example["title"] == report.title
    assert example["series"]["title"] == report.picture.title


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_the_documentation_tells_each_report_and_its_columns(report: Report) -> None:
    section = TEXT.split(f"\n## `{report.name}`: {report.title}\n")[1].split("\n## ")[0]
    assert report.tells in section.replace("\n", " ")
    assert re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE) == [
        (column.name, column.meaning) for column in report.columns
    ]
    assert f"Picture: {report.picture.title}." in section


def test_no_other_report_is_documented() -> None:
    assert re.findall(r"^## `([a-z-]+)`", TEXT, re.MULTILINE) == list(REPORTS)


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_the_documentation_tells_each_filter_and_sort_of_a_report(report: Report) -> None:
    section = TEXT.split(f"\n## `{report.name}`: {report.title}\n")[1].split("\n## ")[0].replace("\n", " ")
    told = re.search(
        r"Filters: (?P<filters>.+?)\. Sorts: (?P<sorts>.+?); at first `(?P<default>.+?)`\.", section
    )
    assert told is not None
    paging = {"sort", "limit", "cursor", "format"}
    assert set(re.findall(r"`(\w+)`", told["filters"])) == set(report.parameters) - paging
    assert re.findall(r"`(\w+)`", told["sorts"]) == list(report.sorts)
    assert told["default"] == report.default_sort
