"""The text of an issue report holds together whatever others wrote, and its file has a name that every system takes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.issue_report_text import file_name, issue_text
from schemas.status import COUNTS

MOMENT = "2026-11-22T10:00:00.000Z"


def _document(words: str) -> dict[str, object]:
    """A report on an address that nothing was sent to, with these words wherever somebody else's stand."""
    finding = {
        "severity": "info",
        "text": words,
        "remedy": words,
        "evidence": [{"at": MOMENT, "message_id": words, "fact": words, "said": words}],
    }
    other = {
        "at": MOMENT, "recipient": words, "label": "Sent", "subject": words, "text": None, "bounce": None, "soft_bounce": None
    }  # fmt: skip
    return {
        "made_at": MOMENT,
        "problem": None,
        "description": words,
        "tried_address": {"given": words, "standing": "valid", "reason": None, "since": None, "last_message": None},
        "tenant": "acme",
        "message": None,
        "messages": [],
        "unattributed": None,
        "events": [
            {
                "event_id": "e", "recipient": words, "outcome": "sent", "at": MOMENT, "received_at": MOMENT,
                "detail": {"said": words}, "machine": None, "machine_reason": None,
            }
        ],
        "address": {
            "address": words, "standing": "valid", "reason": None, "since": None, "diagnostic": words, "hint": None,
            "reset": None, "customers": [words], "consent": {}, "consent_by_sender": {},
        },
        "diagnosis": {"findings": [finding], "suggestion": words},
        "domain": {"domain": words, "days": 7, "addresses": 1, "counts": dict.fromkeys(COUNTS, 0), "others": [other]},
    }  # fmt: skip


@given(st.text(min_size=1))
def test_nothing_that_others_wrote_adds_a_line_or_a_heading(words: str) -> None:
    plain, text = issue_text(_document("a@b")), issue_text(_document(f"a{words}@b"))
    assert len(text.split("\n")) == len(plain.split("\n"))
    headings = [line for line in text.split("\n") if re.fullmatch("-+", line)]
    assert headings == [line for line in plain.split("\n") if re.fullmatch("-+", line)]
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", text)


@pytest.mark.parametrize(("many", "told"), [(0, "0 others"), (1, "1 other"), (2, "2 others")])
def test_others_at_the_domain_are_counted_in_good_english(many: int, told: str) -> None:
    domain = {"domain": "b", "days": 7, "addresses": many, "counts": {}, "others": []}
    assert f"Within 7 days:       {told}\n" in issue_text(_document("a@b") | {"domain": domain})


@given(st.text())
def test_a_files_name_is_short_and_of_plain_signs(name: str) -> None:
    assert re.fullmatch(r"issue-report-[A-Za-z0-9@+-][A-Za-z0-9@._+-]{0,79}\.txt", file_name(name))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("0102018f", "issue-report-0102018f.txt"),
        ("../../etc/passwd", "issue-report-etc_passwd.txt"),
        ('a"\r\nX: b', "issue-report-a_X_b.txt"),
        ("\u202e", "issue-report-message.txt"),
    ],
)
def test_a_files_name_tells_what_it_is_of(name: str, expected: str) -> None:
    assert file_name(name) == expected
