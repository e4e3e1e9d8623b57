"""The console's pages about people: every word of the API has one for people, and what a form sends."""

from typing import Any

import pytest

from query.console import wording
from query.console.arriving import has_changed, outcome
from query.console.ingest import faults_of
from query.console.navigation import Entry, current
from query.console.pages.consenting import FIELDS, consent_of
from query.diagnosis import AddressEvidence, of_address
from query.sendability import REASONS, Decision
from runtime.clickhouse import ClickHouseAway
from schemas.consent import CATEGORIES, EVERY_CATEGORY, EVIDENCE_METHODS, SOURCES
from schemas.problems import FORBIDDEN, INVALID_FIELDS, ProblemError
from schemas.registrations import Consent, read_registration
from schemas.standing import Reason
from tests.diagnosing import standing

NOW = 1_795_000_000_000
PLACE = ("email", "ann@example.org")


def test_every_reason_category_source_method_and_decision_is_told_in_words() -> None:
    assert set(wording.STANDING_REASONS) == set(Reason)
    assert set(wording.CATEGORIES) == {*CATEGORIES, EVERY_CATEGORY}
    assert set(wording.CONSENT_SOURCES) == set(SOURCES)
    assert set(wording.EVIDENCE_METHODS) == set(EVIDENCE_METHODS)
    assert set(wording.DECISIONS) == set(Decision)
    assert all(wording.answered(reason) for reasons in REASONS.values() for reason in reasons if reason)


@pytest.mark.parametrize(
    ("message", "title"),
    [
        ({"channel": "email", "subject": "News", "text": None}, "News"),
        ({"channel": "email", "subject": None, "text": None}, "Message without a known subject"),
        ({"channel": "sms", "subject": None, "text": "Class is off"}, "Class is off"),
        ({"channel": "sms", "subject": None, "text": ""}, "Message without a known text"),
        (None, "The message"),
    ],
)
def test_a_message_is_called_by_its_subject_or_text(
    message: dict[str, str | None] | None, title: str
) -> None:
    assert wording.title_of(message) == title


_BOUNCE = {"cause": "mailbox", "diagnostic": "smtp; 550 5.1.1 no such user"}
_NOTHING = {"reason": None, "error": None, "bounce": None, "soft_bounce": None, "gave_up": False}


@pytest.mark.parametrize(
    ("fields", "words", "said"),
    [
        ({"bounce": _BOUNCE}, "No such mailbox", "smtp; 550 5.1.1 no such user"),
        ({"bounce": _BOUNCE | {"cause": None}}, "", "smtp; 550 5.1.1 no such user"),
        (
            {"soft_bounce": _BOUNCE, "gave_up": True},
            "No such mailbox",
            "smtp; 550 5.1.1 no such user",
        ),
        ({"reason": "suppressed_after_bounce"}, "Suppressed after a bounce", ""),
        ({"reason": "class_was_canceled", "error": "x"}, "Class was canceled", "x"),
        ({"error": "Twilio’s words"}, "", "Twilio’s words"),
    ],
)
def test_why_a_message_did_not_get_through_is_told_in_plain_words_before_the_servers_own(
    fields: dict[str, Any], words: str, said: str
) -> None:
    why = wording.why_of(_NOTHING | fields)
    assert why is not None
    assert (why.words, why.said, why.short) == (words, said, words or said)


@pytest.mark.parametrize("fields", [{}, {"soft_bounce": _BOUNCE}])
def test_of_a_message_that_may_get_through_nothing_is_told(fields: dict[str, Any]) -> None:
    assert wording.why_of(_NOTHING | fields) is None


def test_what_is_to_be_done_about_several_addresses_is_told_once() -> None:
    findings = [
        finding.of(address).document()
        for address in ("ann@example.org", "eve@example.org")
        for finding in of_address(AddressEvidence("email", address, NOW, standing("hard_bounce"))).findings
    ]
    causes, *_ = groups = wording.by_remedy(findings, "")
    assert [one["address"] for one in causes] == ["ann@example.org", "eve@example.org"]
    assert sorted(map(str, findings)) == sorted(str(one) for group in groups for one in group)
    assert len(groups) < len(findings)


def test_stray_spaces_and_signs_of_an_address_can_be_seen() -> None:
    assert wording.spelled(" ann@example.org\u200b\u00a0") == "␣ann@example.org[U+200B][U+00A0]"
    assert wording.spelled("Ä@example.org") == "Ä@example.org"


def test_a_quoted_text_does_not_turn_the_sentence_around_it() -> None:
    assert wording.undirected("“\u202eevil\u2066” of today \u05d0") == "“evil” of today \u05d0"


def _filled(**fields: str) -> dict[str, str]:
    return dict.fromkeys(FIELDS, "") | {"category": "marketing", "actor": "Kim"} | fields


@pytest.mark.parametrize(
    ("consent", "fields", "faulty"),
    [
        ("out", {}, []),
        ("out", {"actor": ""}, ["actor"]),
        ("in", {}, ["evidence"]),
        ("in", {"method": "verbal"}, ["evidence.reference"]),
        ("in", {"method": "verbal", "reference": "call 17", "wording": "yes", "reason": "asked"}, []),
        ("out", {"sender": "+15005550006"}, ["sender"]),
    ],
)
def test_a_form_is_sent_as_staffs_consent_and_leaves_out_what_was_left_empty(
    consent: str, fields: dict[str, str], faulty: list[str]
) -> None:
    document = consent_of(PLACE, consent, _filled(**fields))
    assert "" not in [value for name, value in document.items() if name != "actor"]
    read = read_registration(Consent, 0, document, NOW)
    assert [fault.field for fault in read] == faulty if isinstance(read, list) else not faulty
    assert (document["source"], document["consent"]) == ("staff", consent)


def test_faults_are_told_by_field_and_any_other_problem_is_raised() -> None:
    problem = ProblemError(
        INVALID_FIELDS, errors=[{"index": 0, "field": "reason", "expected": "expected text"}]
    )
    assert faults_of(problem, {"reason": "1"}) == {"reason": "Expected text"}
    with pytest.raises(ProblemError, match="forbidden"):
        faults_of(ProblemError(FORBIDDEN), {})


def test_of_a_field_left_empty_a_form_says_what_to_fill_in() -> None:
    names = ("actor", "evidence.reference", "address")
    problem = ProblemError(
        INVALID_FIELDS, errors=[{"index": 0, "field": name, "expected": "expected text"} for name in names]
    )
    asked = {"evidence.reference": "Please name the letter."}
    assert faults_of(problem, {"actor": "", "reference": ""}, asked) == {
        "actor": "Please fill this in.",
        "evidence.reference": "Please name the letter.",
        "address": "Expected text",
    }
    assert faults_of(problem, {"actor": "Kim", "reference": "9"}, asked) == dict.fromkeys(
        names, "Expected text"
    )


def test_a_page_belongs_to_the_nearest_entry_above_it() -> None:
    log, changes, home = (
        Entry("a", "Log", "/log"),
        Entry("b", "Changes", "/log/changes"),
        Entry("a", "Home", "/"),
    )
    sections = {"a": [home, log], "b": [changes]}
    paths = {"/log": log, "/log/x": log, "/log/changes": changes, "/log/changes/1": changes, "/": home}
    assert {path: current(sections, path) for path in paths} == paths
    assert current(sections, "/logs") is None


async def test_a_change_is_waited_for_until_it_shows() -> None:
    seen = iter(["old", "old", "new"])

    async def look() -> object:
        return next(seen)

    assert await has_changed(look, "old")


async def test_a_store_that_is_away_does_not_undo_what_was_recorded() -> None:
    async def away() -> object:
        raise ClickHouseAway("gone")

    assert not await has_changed(away, "old")
    assert "not reached the store yet" in outcome("Done.", arrived=False)
    assert outcome("Done.", arrived=True) == "Done."


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("ann.lee@mail.example.org", "ann.<wbr>lee<wbr>@<wbr>mail.<wbr>example.<wbr>org"),
        ("+15005550123", "+15005550123"),
        ("a..b<i>@x", "a..<wbr>b&lt;i&gt;<wbr>@<wbr>x"),
        ("", ""),
    ],
)
def test_an_address_goes_on_on_the_next_line_where_its_parts_end(address: str, shown: str) -> None:
    assert str(wording.breakable(address)) == shown


@pytest.mark.parametrize("address", ["ann@example.org", "a/b?c#d%@example.org", "+15005550123"])
def test_a_page_that_resets_an_address_names_no_call_of_the_api(address: str) -> None:
    row = standing("hard_bounce")
    (found, *_) = of_address(AddressEvidence("email", address, NOW, row)).findings
    assert "POST" in found.remedy
    told = wording.done_here(found.remedy, address)
    assert told.endswith("If this one works again, reset the address with your name and the reason.")
