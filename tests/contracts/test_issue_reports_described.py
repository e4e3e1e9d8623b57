"""schemas/openapi.yaml and docs/reports.md say what an issue report is asked with, and which problems there are."""

import re
from pathlib import Path

import pytest

from query.issue_report import PROBLEMS
from query.parameters import Parameter
from query.routes.issue_reports import ADDRESS_PARAMETERS, MESSAGE_PARAMETERS
from tests.openapi import DOCUMENT, resolved

TEXT = (Path(__file__).parents[2] / "docs" / "reports.md").read_text()


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        ("/v1/messages/{message_id}/issue-report", MESSAGE_PARAMETERS),
        ("/v1/addresses/{address}/issue-report", ADDRESS_PARAMETERS),
    ],
)
def test_the_parameters_are_those_that_are_taken(path: str, taken: dict[str, Parameter]) -> None:
    every = [resolved(each) for each in DOCUMENT["paths"][path]["get"]["parameters"]]
    asked = {each["name"]: resolved(each["schema"]) for each in every if each["in"] == "query"}
    assert set(asked) == {*taken, "tenant"}
    for name, schema in asked.items():
        for value in schema.get("enum", []):
            taken[name].parse(value)


def test_the_problems_are_those_of_the_list() -> None:
    assert DOCUMENT["components"]["schemas"]["IssueProblem"]["enum"] == list(PROBLEMS)
    section = TEXT.split("\n# Issue reports\n")[1]
    assert re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE) == list(PROBLEMS.items())
