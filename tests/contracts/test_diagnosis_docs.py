"""docs/diagnosis.md tells of every finding that there is, and of none that there is not."""

import re
from pathlib import Path

from query.diagnosis.troubles import TROUBLES

ROOT = Path(__file__).resolve().parents[2]


def test_every_finding_is_documented_and_no_other() -> None:
    source = "".join(path.read_text() for path in (ROOT / "query" / "diagnosis").glob("*.py"))
    made = set(re.findall(r'Finding\(\s*"(\w+)"', source)) | set(TROUBLES) | {"suppressed_<reason>"}
    made |= {name for pair in re.findall(r'Finding\(\s*"(\w+)" if \w+ else "(\w+)"', source) for name in pair}
    documented = re.findall(r"^\| `([\w<>]+)` \|", (ROOT / "docs" / "diagnosis.md").read_text(), re.MULTILINE)
    assert sorted(documented) == sorted(made)
