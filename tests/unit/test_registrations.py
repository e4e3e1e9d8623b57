"""Messages that an application registers, and what providers report of them: whichever comes first."""

from itertools import permutations
from typing import Any

import pytest

from schemas.times import format_time
from tests.cases import RECEIVED_AT, app, payload
from tests.folding import events_of, mail_event, status, statuses, text_event

MESSAGE_ID = payload("ses", "delivery")["mail"]["messageId"]


def registered(received_at: int = RECEIVED_AT, **said: Any) -> Any:
    message = {"id": MESSAGE_ID, "channel": "email", "recipient": "ann@example.org"} | said
    return app({"type": "message", "message": message}, received_at=received_at)


DESCRIBED: dict[str, Any] = {
    "customer": "77",
    "document": "INV-8",
    "category": "transactional",
    "method": "invoice",
    "text": "Your invoice",
    "link": "https://app.acme.example/invoices/8",
}


def test_registration_and_callbacks_in_any_order_give_the_same_message() -> None:
    receipts = [registered(**DESCRIBED), mail_event("send"), mail_event("delivery")]
    journal = ("previous_status", "changed_at", "event_id", "filed_at", "revision")
    found = [
        {name: value for name, value in status(*order).items() if name not in journal}
        for order in permutations(receipts)
    ]
    assert all(one == found[0] for one in found)
    said = found[0]
    assert {name: said[name] for name in DESCRIBED} == DESCRIBED
    assert (said["status"], said["provider"], said["sent_at"]) == (
        "delivered",
        "ses",
        "2026-11-20T08:15:02.012Z",
    )
    assert said["subject"] == "Spring class list", "what the application does not say, the provider does"


@pytest.mark.parametrize("word", ["queued", "skipped", "invalid", "failed", "canceled"])
def test_a_registered_message_is_filed_by_the_time_that_the_application_gives_it(word: str) -> None:
    at = "2026-11-20T08:15:00.000Z"
    assert status(registered(status=word, at=at))["filed_at"] == at
    assert status(registered(status=word))["filed_at"] == format_time(RECEIVED_AT)
    ahead = format_time(RECEIVED_AT + 60_000)
    assert status(registered(status=word, at=ahead))["filed_at"] == format_time(RECEIVED_AT)


def test_registered_again_the_later_time_wins_field_by_field() -> None:
    early = registered(subject="Old", customer="1", at="2026-11-20T08:00:00.000Z")
    late = registered(subject="New", at="2026-11-20T09:00:00.000Z")
    for order in ((early, late), (late, early)):
        said = status(*order)
        assert (said["subject"], said["customer"]) == ("New", "1")


def test_of_why_it_was_not_sent_the_later_time_wins_field_by_field_too() -> None:
    early = registered(status="failed", reason="first", error_code="E1", at="2026-11-20T08:00:00.000Z")
    late = registered(status="failed", reason="second", error="it broke", at="2026-11-20T09:00:00.000Z")
    for order in ((early, late), (late, early), (late, early, late)):
        said = status(*order)
        assert (said["reason"], said["error_code"], said["error"]) == ("second", "E1", "it broke")


def test_of_two_statuses_each_has_its_own_reason() -> None:
    skipped, failed = (
        registered(status="skipped", reason="opted out"),
        registered(status="failed", error="it broke"),
    )
    for order in ((skipped, failed), (failed, skipped)):
        said = status(*order)
        assert (said["status"], said["reason"], said["error"]) == ("failed", None, "it broke")


def test_what_the_application_says_of_a_failure_goes_before_what_the_provider_says() -> None:
    form = payload("twilio", "error-30500")["form"]
    message = {
        "id": form["MessageSid"],
        "channel": "sms",
        "recipient": form["To"],
        "status": "failed",
        "error": "ours",
    }
    receipts = [app({"type": "message", "message": message}), text_event("error-30500")]
    for order in permutations(receipts):
        said = status(*order)
        assert (said["error_code"], said["error"]) == (form["ErrorCode"], "ours")


def test_registered_again_in_the_same_words_it_is_the_same_event() -> None:
    first, again = registered(subject="New"), registered(RECEIVED_AT + 5000, subject="New")
    assert [event.event_id for event in events_of(first)] == [event.event_id for event in events_of(again)]
    other = registered(RECEIVED_AT + 5000, subject="Newer")
    assert events_of(other)[0].event_id != events_of(first)[0].event_id


@pytest.mark.parametrize("said", ["skipped", "invalid", "failed", "canceled"])
def test_what_was_never_handed_over_is_in_the_log_with_its_reason(said: str) -> None:
    found = status(registered(id="own-1", status=said, reason="because", error_code="E1", error="it broke"))
    assert (found["status"], found["reason"]) == (said, "because")
    assert (found["error_code"], found["error"]) == ("E1", "it broke")
    assert found["provider"] == "app"
    assert found["reached"] == (["sent", "failed"] if said == "failed" else [said])


def test_a_registration_never_lowers_what_the_provider_reported() -> None:
    assert status(mail_event("delivery"), registered(status="canceled"))["status"] == "delivered"


def test_each_recipient_of_a_registered_message_has_a_status_of_its_own() -> None:
    found = statuses(registered(recipients=["ann@example.org", "ben@example.org"], recipient=None))
    assert set(found) == {"ann@example.org", "ben@example.org"}


def test_a_text_message_is_registered_by_the_sid_that_twilio_answered() -> None:
    form = payload("twilio", "status-delivered")["form"]
    message = {"id": form["MessageSid"], "channel": "sms", "recipient": form["To"], "text": "Class at five"}
    receipts = [app({"type": "message", "message": message}), text_event("status-delivered")]
    for order in permutations(receipts):
        said = status(*order)
        assert (said["status"], said["text"], said["provider"]) == ("delivered", "Class at five", "twilio")


def test_a_number_that_twilio_refuses_at_once_as_opted_out_was_skipped() -> None:
    said = status(
        app(
            {
                "type": "message",
                "message": {
                    "id": "own-1",
                    "channel": "sms",
                    "recipient": "+15005550006",
                    "sender": "+15005550001",
                    "status": "failed",
                    "error_code": "21610",
                },
            }
        )
    )
    assert said["status"] == "skipped"
