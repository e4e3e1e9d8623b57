"""docs/diagnosis.md tells of every finding that there is, and of none that there is not; its example is a real answer."""

import json
import re
from pathlib import Path

from query.diagnosis import Senders, of_address
from query.diagnosis.troubles import TROUBLES
from tests.diagnosing import ann, consent, message

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "diagnosis.md").read_text()

NEWSLETTER = ann(
    message(
        "skipped", 1, subject="Spring news", category="marketing", reason="opted_out", message_id="news-77"
    ),
    message("delivered", 2, subject="Your receipt", category="transactional", message_id="0102018f"),
    consents=[
        consent(
            source="staff",
            actor="Sam Lee",
            evidence={"method": "verbal", "wording": None, "reference": "call of 19 November"},
        )
    ],
    senders=Senders("acme@ses.example.com", "acme-news@ses.example.com"),
)


def test_every_finding_is_documented_and_no_other() -> None:
    source = "".join(path.read_text() for path in (ROOT / "query" / "diagnosis").glob("*.py"))
    made = set(re.findall(r'Finding\(\s*"(\w+)"', source)) | set(TROUBLES) | {"suppressed_<reason>"}
    made |= {name for pair in re.findall(r'Finding\(\s*"(\w+)" if \w+ else "(\w+)"', source) for name in pair}
    documented = re.findall(r"^\| `([\w<>]+)` \|", TEXT, re.MULTILINE)
    assert sorted(documented) == sorted(made)


def test_the_example_is_the_beginning_of_a_real_answer() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    told, document = json.loads(example), of_address(NEWSLETTER).document()
    assert told == document | {"findings": document["findings"][: len(told["findings"])]}
    assert len(told["findings"]) == 3
