"""What the bench tells: the machine, medians of several runs, one table and one JSON file."""

import json
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import psutil

RESULTS: Final = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: what was measured, the figure, and whether the goal is met (None = there is none)."""

    stage: str
    what: str
    figure: str
    goal: str = ""
    met: bool | None = None


def machine() -> dict[str, Any]:
    """The machine that was measured on."""
    model = platform.processor() or platform.machine()
    described = Path("/proc/cpuinfo")
    if described.exists():
        names = [line for line in described.read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": [round(load, 2) for load in os.getloadavg()],
    }


def middle(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The median of each number of several runs of one shape, member by member; what is no number, of the first."""
    first = runs[0]
    found: dict[str, Any] = {}
    for name, value in first.items():
        values = [run.get(name) for run in runs]
        if isinstance(value, Mapping):
            found[name] = middle([each for each in values if isinstance(each, Mapping)])
        elif isinstance(value, bool):
            found[name] = all(values)
        elif isinstance(value, int | float):
            numbers = [each for each in values if isinstance(each, int | float)]
            # A run that has none did not come to an end: that must not look like a good one.
            found[name] = median(numbers) if len(numbers) == len(runs) else None
        else:
            found[name] = value if all(each == value for each in values) else None
    return found


def at_least(stage: str, what: str, value: float | None, goal: float, unit: str = "") -> Line:
    """A line whose goal is a lower bound."""
    return Line(stage, what, _figure(value, unit), f"≥ {goal:g}{unit}", value is not None and value >= goal)


def at_most(stage: str, what: str, value: float | None, goal: float, unit: str = "") -> Line:
    """A line whose goal is an upper bound."""
    return Line(stage, what, _figure(value, unit), f"≤ {goal:g}{unit}", value is not None and value <= goal)


def told(stage: str, what: str, value: float | None, unit: str = "") -> Line:
    """A line without a goal."""
    return Line(stage, what, _figure(value, unit))


def table(lines: Sequence[Line]) -> Iterator[str]:
    """The lines as a Markdown table."""
    rows = [("stage", "what", "figure", "goal", "met")]
    rows += [(each.stage, each.what, each.figure, each.goal, _MET[each.met]) for each in lines]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for number, row in enumerate(rows):
        yield "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        if number == 0:
            yield "|" + "|".join("-" * (width + 2) for width in widths) + "|"


def write(document: Mapping[str, Any], lines: Sequence[Line]) -> Path:
    """Writes everything measured as JSON under bench/results; the file."""
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / time.strftime("%Y%m%dT%H%M%SZ.json", time.gmtime())
    file.write_text(json.dumps({**document, "table": [asdict(line) for line in lines]}, indent=1) + "\n")
    return file


def repeated(runs: int, measure: Callable[[], dict[str, Any]], say: Callable[[str], None]) -> dict[str, Any]:
    """Measures so many times; the median of each number, and all runs."""
    found = []
    for number in range(1, runs + 1):
        say(f"run {number} of {runs}")
        found.append(measure())
    return {**middle(found), "runs": found}


_MET: Final = {True: "yes", False: "NO", None: ""}


def _figure(value: float | None, unit: str) -> str:
    if value is None:
        return "none"
    return f"{value:,.0f}{unit}" if abs(value) >= 100 else f"{value:.3g}{unit}"
