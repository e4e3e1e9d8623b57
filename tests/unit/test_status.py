"""What is published of facts: status, times, counts, reasons, and what of it is counted in rates."""

import orjson
import pytest

from processors.facts import MessageFacts, fold, folds
from processors.status import published
from schemas.status import SUPPORTS, Outcome, Status
from tests.folding import events_of, facts_of, mail_event, status, text_event

T = "2026-11-20T08:15:"


def test_every_outcome_supports_a_status_or_is_declared_to_support_none() -> None:
    assert set(SUPPORTS) == set(Outcome)
    assert {status for status in SUPPORTS.values() if status} == set(Status)


def test_an_event_that_supports_no_status_is_not_folded_and_folding_it_is_refused() -> None:
    (event,) = events_of(mail_event("unknown-event-type"))
    assert not folds(event)
    with pytest.raises(ValueError, match="supports no status"):
        fold(None, event, 1)


def test_the_whole_of_a_delivered_and_opened_mail() -> None:
    said = status(mail_event("send"), mail_event("delivery"), mail_event("open"), mail_event("click"))
    assert said["status"] == "clicked"
    assert said["reached"] == ["sent", "delivered", "opened", "human_opened", "clicked", "human_clicked"]
    assert said["sent_at"] == said["filed_at"] == f"{T}02.012Z"
    assert said["delivered_at"] == f"{T}04.133Z"
    assert (said["sender"], said["subject"]) == ("acme@ses.example.com", "Spring class list")
    assert (said["campaign"], said["customer"], said["document"]) == ("spring", "42", "INV-7")
    assert (said["domain"], said["recipient"]) == ("example.org", "ann@example.org")
    assert said["previous_status"] == "opened"


def test_a_click_without_its_open_counts_as_opened_and_delivered() -> None:
    said = status(mail_event("click"))
    assert said["reached"] == ["sent", "delivered", "opened", "human_opened", "clicked", "human_clicked"]
    assert (said["opens"], said["first_opened_at"], said["delivered_at"]) == (0, None, None)


def test_an_unsubscription_counts_as_delivered_and_sets_no_higher_status() -> None:
    said = status(mail_event("subscription-left-everything"))
    assert (said["status"], said["unsubscribed_at"]) == ("sent", "2026-11-20T10:12:13.140Z")
    assert said["reached"] == ["sent", "delivered", "unsubscribed"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("bounce-permanent-suppressed", "suppressed_after_bounce"),
        ("bounce-permanent-on-account-suppression-list", "suppressed_after_bounce"),
        ("complaint-on-account-suppression-list", "suppressed_after_complaint"),
    ],
)
def test_a_suppressed_address_is_invalid_with_its_reason_although_ses_sent_a_send(
    name: str, reason: str
) -> None:
    said = status(mail_event("send"), mail_event(name))
    assert (said["status"], said["reason"], said["reached"]) == ("invalid", reason, ["invalid"])
    assert (said["bounce"], said["complaint"], said["sent_at"]) == (None, None, None)
    assert said["filed_at"] == f"{T}02.012Z"


def test_a_hard_bounce_tells_why() -> None:
    assert status(mail_event("bounce-permanent-general"))["bounce"] == {
        "type": "hard",
        "subtype": "General",
        "code": "5.1.1",
        "cause": "mailbox",
        "diagnostic": "smtp; 550 5.1.1 user unknown",
        "at": "2026-11-20T08:41:02.669Z",
    }


def test_of_two_bounces_the_later_one_is_told_whichever_came_first() -> None:
    early, late = (
        mail_event("bounce-permanent-policy", at="2026-11-20T09:00:00.000Z"),
        mail_event("bounce-permanent-general", at="2026-11-20T09:00:01.000Z"),
    )
    assert status(early, late)["bounce"] == status(late, early)["bounce"]
    assert status(late, early)["bounce"]["cause"] == "mailbox"


def test_ses_refused_it() -> None:
    said = status(mail_event("reject"))
    assert (said["status"], said["reason"]) == ("rejected", "Bad content")


def test_it_could_not_be_rendered() -> None:
    said = status(mail_event("rendering-failure"))
    assert (said["status"], said["error_code"]) == ("failed", "rendering_failure")
    assert said["error"].startswith("Attribute 'attributeName'")


@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("error-21610", ("skipped", "opted_out", "21610")),
        ("error-30004", ("rejected", "carrier_filtered", "30004")),
        ("error-30007", ("rejected", "carrier_filtered", "30007")),
        ("error-30005", ("undelivered", None, "30005")),
        ("error-21211", ("failed", None, "21211")),
    ],
)
def test_what_the_error_codes_of_text_messages_end_in(name: str, want: tuple[str, str | None, str]) -> None:
    said = status(text_event("status-queued"), text_event(name))
    assert (said["status"], said["reason"], said["error_code"]) == want


def test_a_text_message_is_sent_when_that_was_heard() -> None:
    said = status(text_event("status-sent"))
    assert (said["sent_at"], said["channel"], said["domain"]) == ("2026-11-20T12:00:00.000Z", "sms", None)
    assert status(text_event("status-queued"))["sent_at"] is None


def test_declared_untracked_it_says_so() -> None:
    assert status(mail_event("send-without-headers"))["tracking"] == "none"
    assert status(mail_event("send"))["tracking"] is None


def test_beyond_64_opens_the_count_is_an_estimate_and_says_so() -> None:
    facts = None
    for n in range(200):
        (event,) = events_of(mail_event("open", at=f"2026-11-20T10:{n // 60:02d}:{n % 60:02d}.000Z"))
        facts = fold(facts, event, n)
        if n == 63:
            said = orjson.loads(published(facts))
            assert (said["opens"], said["approximate"]) == (64, False)
    assert facts is not None
    said = orjson.loads(published(facts))
    assert said["approximate"]
    assert 120 < said["opens"] < 300
    assert said["human_opens"] == said["opens"]
    assert said["last_opened_at"] == "2026-11-20T10:03:19.000Z", "times stay exact"


def test_a_change_of_status_names_the_event_and_when_it_was_heard_of() -> None:
    (delivered,) = events_of(mail_event("delivery"))
    said = status(mail_event("send"), mail_event("delivery"), mail_event("delay-general"))
    assert (said["previous_status"], said["event_id"]) == ("sent", delivered.event_id)
    assert said["revision"] == 2


def test_when_it_is_filed_is_fixed_by_the_first_source_record() -> None:
    (sms,) = facts_of(text_event("status-queued"), text_event("status-sent", received_at=2**42)).values()
    assert sms.filed_at < 2**42
    assert sms.updated_at == 2**42


@pytest.mark.parametrize("damaged", [b"", b"{}", b"[]", b'{"schema":"message-facts/0"}', b"null", b"\xff"])
def test_bytes_that_are_no_facts_are_refused_with_a_value_error(damaged: bytes) -> None:
    with pytest.raises(ValueError, match="expected message-facts/1"):
        MessageFacts.decode(damaged)
