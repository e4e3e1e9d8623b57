"""docs/operations.md names every setting, metric and problem code there is, and none that there is not.

Where a row is missing or differs, the failing test shows the row to put there.
"""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.metrics import MetricWrapperBase
from pydantic_core import PydanticUndefined

from runtime import metrics
from schemas import settings
from schemas.problems import PROBLEMS, Problem
from schemas.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parents[2]
LINES = (ROOT / "docs" / "operations.md").read_text().splitlines()
PARTS = ("schemas", "runtime", "ingest", "processors", "query", "deploy")


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split(" | ")]


def _rows(title: str) -> list[list[str]]:
    """The rows of the first table under a heading, without its head."""
    below = LINES[LINES.index(f"## {title}") + 1 :]
    table = itertools.dropwhile(lambda line: not line.startswith("|"), below)
    return [_cells(line) for line in itertools.takewhile(lambda line: line.startswith("|"), table)][2:]


def _kinds() -> dict[str, type[Settings]]:
    """The classes that parts read, by the name under which the docs list them."""
    named = {
        name.removesuffix("Settings").lower(): kind for name, kind in vars(settings).items() if _is_part(kind)
    }
    return {"make run" if name == "local" else name: kind for name, kind in named.items()}


def _is_part(kind: object) -> bool:
    return (
        isinstance(kind, type)
        and issubclass(kind, Settings)
        and (kind.__doc__ or "").startswith("Settings of")
    )


def _told(default: object) -> str:
    if default is PydanticUndefined:
        return "required"
    return "unset" if default in (None, "") else f"`{default}`"


def _expected_settings() -> dict[str, list[str]]:
    """Each setting's row: variable, default, who reads it, meaning. Parts with another default have a row of their own."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for part, kind in _kinds().items():
        for name, field in kind.model_fields.items():
            meaning = (field.description or "").replace("|", "\\|")
            rows.setdefault((f"`{PREFIX}{name.upper()}`", _told(field.default), meaning), []).append(part)
    return {
        f"{name} {default} {meaning}": [name, default, ", ".join(parts), meaning]
        for (name, default, meaning), parts in rows.items()
    }


@pytest.mark.parametrize("row", _expected_settings().values(), ids=lambda row: f"{row[0]} of {row[2]}")
def test_every_setting_is_documented_with_its_default_and_meaning(row: list[str]) -> None:
    assert row in _rows("Settings"), "put this row into the table: | " + " | ".join(row) + " |"


def test_no_setting_is_documented_that_there_is_not() -> None:
    assert [row for row in _rows("Settings") if row not in _expected_settings().values()] == []


def _registered() -> Iterator[MetricWrapperBase]:
    for value in vars(metrics).values():
        if isinstance(value, MetricWrapperBase):
            yield value


def _metric_row(metric: MetricWrapperBase) -> list[str]:
    """Name as it is scraped, kind, labels, help."""
    (family,) = metric.describe()
    name = family.name + ("_total" if family.type == "counter" else "")
    labels = ", ".join(metric._labelnames) or "none"
    return [f"`{name}`", family.type, labels, family.documentation]


@pytest.mark.parametrize("row", [_metric_row(metric) for metric in _registered()], ids=lambda row: row[0])
def test_every_metric_is_documented_with_its_labels_and_meaning(row: list[str]) -> None:
    assert row in _rows("Metrics"), "put this row into the table: | " + " | ".join(row) + " |"


def test_no_metric_is_documented_that_there_is_not() -> None:
    expected = [_metric_row(metric) for metric in _registered()]
    assert [row for row in _rows("Metrics") if row not in expected] == []


def test_metrics_are_made_in_the_registry_alone() -> None:
    importing = re.compile(r"^\s*(from|import) prometheus_client", re.MULTILINE)
    files = [
        path for part in PARTS for path in (ROOT / part).rglob("*.py") if importing.search(path.read_text())
    ]
    assert [str(path.relative_to(ROOT)) for path in files] == ["runtime/metrics.py"]


def test_every_metric_that_is_registered_is_used() -> None:
    names = [name for name, value in vars(metrics).items() if isinstance(value, MetricWrapperBase)]
    source = "".join(
        path.read_text()
        for part in PARTS
        for path in (ROOT / part).rglob("*.py")
        if path.name != "metrics.py"
    )
    assert [name for name in names if not re.search(rf"\b{name}\b", source)] == []


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.code)
def test_every_problem_code_is_documented_with_its_status_and_title(problem: Problem) -> None:
    rows = _rows("Error codes")
    expected = [f"`{problem.code}`", str(problem.status), problem.title]
    assert expected in [row[:3] for row in rows], (
        "put this row into the table: | " + " | ".join(expected) + " | … |"
    )


def test_no_problem_code_is_documented_that_there_is_not() -> None:
    codes = {f"`{problem.code}`" for problem in PROBLEMS}
    assert [row[0] for row in _rows("Error codes") if row[0] not in codes] == []
