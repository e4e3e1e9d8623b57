"""Times, numbers and rates as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.providers.bounces import CAUSES
from query import moments
from query.console import wording
from query.console.security import is_console, local_path
from query.diagnosis.troubles import CAUSES as LONG
from schemas.status import Status

AT = "2026-11-27T13:03:07.000Z"


def test_what_a_status_means_is_set_with_curly_quotes() -> None:
    assert wording.meaning(Status.BOUNCED) == "Refused for good by the recipient’s server."
    assert not any("'" in wording.meaning(status) + wording.next_step(status) for status in Status)


def test_a_time_is_shown_in_the_readers_zone() -> None:
    assert moments.minute(moments.local(AT, "Europe/Berlin")) == "27 Nov 2026 14:03"
    assert moments.second(moments.local(AT, "UTC")) == "27 Nov 2026 13:03:07 UTC"
    assert moments.minute(moments.local(AT, "Pacific/Auckland")) == "28 Nov 2026 02:03"


@pytest.mark.parametrize(
    ("text", "ends", "instant"),
    [
        ("2026-11-27", False, "2026-11-26T23:00:00.000Z"),
        ("2026-11-27", True, "2026-11-27T23:00:00.000Z"),
        ("2026-10-25", True, "2026-10-25T23:00:00.000Z"),  # a day of 25 hours
        ("2026-11-27T14:03", False, AT.replace("07", "00")),
        ("2026-11-27T14:03:07+01:00", False, "2026-11-27T14:03:07+01:00"),
        ("tomorrow", False, "tomorrow"),
        ("9999-12-31", True, "9999-12-31"),
    ],
)
def test_a_date_of_a_form_is_a_day_of_the_readers_zone(text: str, ends: bool, instant: str) -> None:
    assert moments.from_field(text, "Europe/Berlin", ends=ends) == instant


@given(day=st.dates(), ends=st.booleans(), zone=st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata"]))
def test_a_date_of_a_form_comes_back_as_it_was_given(day: object, ends: bool, zone: str) -> None:
    instant = moments.from_field(str(day), zone, ends=ends)
    if instant != str(day):  # the ends of the calendar stay as they are
        assert moments.to_field(instant, zone, ends=ends) == ("date", str(day))


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (0, "0 %"), (1, "100 %"), (0.5, "50 %"), (0.1234, "12.3 %"), (0.0004, "0.04 %"), (0.99996, "99.99 %"),
        (0.9997, "99.97 %"), (0.000001, "< 0.01 %"),
    ],
)  # fmt: skip
def test_a_rate_that_is_neither_none_nor_all_never_looks_like_it(rate: float, text: str) -> None:
    shown = wording.percent(rate).replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert shown == text


def test_every_cause_of_a_bounce_has_a_short_label_and_others_are_told_in_their_own_words() -> None:
    assert set(CAUSES) <= set(wording.CAUSE_LABELS)
    assert set(LONG) <= set(wording.CAUSE_LABELS)
    assert [wording.cause_of(each) for each in ("mailbox", "", "not_spam")] == [
        "No such mailbox", "Not known", "Not spam",
    ]  # fmt: skip


def test_an_error_of_a_text_message_is_told_by_its_meaning() -> None:
    assert wording.error_of("30005") == "The number is unknown or no longer in service"
    assert wording.error_of("99999") == "Error of the provider"
    assert wording.error_of("") == "No error given"


def test_every_status_has_a_tone_and_a_sign() -> None:
    assert set(wording.TONES) == set(Status)


@pytest.mark.parametrize(
    "path", ["https://evil.example", "//evil.example", "/\\evil.example", "/\t/x", "x", ""]
)
def test_nobody_is_led_to_another_host(path: str) -> None:
    assert local_path(path) == "/"


def test_what_programs_ask_for_is_not_the_consoles() -> None:
    assert [path for path in ("/", "/v1/messages", "/readyz", "/email-log") if is_console(path)] == [
        "/", "/email-log",
    ]  # fmt: skip


def test_a_description_has_paragraphs_and_two_marks_and_nothing_else_of_it_is_markup() -> None:
    text = "**Bold** and `<code>` & more.\n\nA second *one*."
    assert wording.prose(text) == (
        "<p><strong>Bold</strong> and <code>&lt;code&gt;</code> &amp; more.</p><p>A second *one*.</p>"
    )
    assert wording.prose("") == ""
