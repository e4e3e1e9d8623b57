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
    assert f"Within 7 days:   {told}\n" in issue_text(_document("a@b") | {"domain": domain})


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


def test_a_finding_is_told_by_its_weight_with_its_evidence_behind_it_and_a_line_between_it_and_the_next() -> (
    None
):
    document = _document("words")
    finding = document["diagnosis"]["findings"][0]  # type: ignore[index]
    document["diagnosis"] = {"findings": [finding | {"severity": "error"}, finding], "suggestion": None}
    told = (
        "{}: words\n    What to do: words\n    Evidence:\n"
        "    - 22 Nov 2026 10:00:00 UTC: words, message words, “words”\n"
    )
    assert told.format("Cause") + "\n" + told.format("Worth knowing") in issue_text(document)


def test_the_tenant_is_told_by_its_name_and_the_provider_and_a_plain_status_by_theirs_alone() -> None:
    text = issue_text(_on_a_message(), "Acme Gymnastics")
    for line in (
        "Tenant:          Acme Gymnastics (acme)",
        "Provider:        Amazon SES",
        "Status:          Delivered",
    ):
        assert f"{line}\n" in text
    assert "Tenant:          acme\n" in issue_text(_on_a_message())
    assert "Status:          Delivery (delivered)\n" in issue_text(_on_a_message(label="Delivery"))


def test_a_message_without_events_says_so_and_every_time_has_one_form() -> None:
    text = issue_text(_on_a_message() | {"events": []})
    assert "Trail\n-----\nNo event of it is kept.\n" in text
    assert "Date:            22 Nov 2026\nTime:            10:00:00 UTC\n" in text
    assert not re.search(r"\d{4}-\d{2}-\d{2}", text)


def _on_a_message(label: str = "Delivered") -> dict[str, object]:
    head = dict.fromkeys(
        ("text", "method", "category", "campaign", "document", "customer", "link", "tracking", "at"), None
    )
    item = dict.fromkeys(
        ("reason", "delivered_at", "first_opened_at", "first_clicked_at", "error_code", "error", "bounce",
         "soft_bounce", "delay"), None,
    )  # fmt: skip
    return _document("words") | {
        "message": head
        | {"sent_at": MOMENT, "channel": "email", "sender": "a@b", "subject": "News", "provider": "ses", "message_id": "m"},
        "messages": [
            item
            | {"recipient": "a@b", "recipient_as_given": "a@b", "label": label, "status": "delivered", "sent_at": MOMENT,
               "opens": 0, "clicks": 0}
        ],
    }  # fmt: skip
