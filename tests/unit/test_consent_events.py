"""What providers' payloads say about consent: to which category, to which sender, in or out."""

from typing import Any

import pytest
from msgspec.structs import replace

from processors.activity import activity_of
from schemas.activity import Activity
from schemas.consent import ConsentChange
from schemas.envelope import Envelope
from schemas.times import parse_time
from tests.cases import RECEIVED_AT, app, payload, ses
from tests.folding import events_of, mail_event, text_event

OURS, SERVICE = "+15005550001", "mg55555555555555555555555555555555"


def told(receipt: Envelope) -> list[tuple[Activity, ConsentChange]]:
    found = [one for event in events_of(receipt) for one in activity_of(event)]
    return [(one, one.what) for one in found if isinstance(one.what, ConsentChange)]


def changes(receipt: Envelope) -> list[tuple[str, str | None, str]]:
    return [(change.category, change.sender, change.consent) for _, change in told(receipt)]


def subscription(old: dict[str, Any], new: dict[str, Any], **tags: list[str]) -> Envelope:
    whole = payload("ses", "subscription-left-a-topic")
    whole["mail"]["tags"] = tags
    whole["subscription"] |= {"oldTopicPreferences": old, "newTopicPreferences": new}
    return ses(whole)


def topics(**statuses: str) -> dict[str, Any]:
    return {
        "unsubscribeAll": False,
        "topicSubscriptionStatus": [
            {"topicName": name, "subscriptionStatus": status} for name, status in statuses.items()
        ],
    }


def test_leaving_everything_at_ses_opts_out_of_all_that_is_not_transactional() -> None:
    assert changes(mail_event("subscription-left-everything")) == [
        ("marketing", None, "out"),
        ("notification", None, "out"),
    ]


def test_leaving_a_topic_at_ses_opts_out_of_the_category_of_the_mail() -> None:
    old, new = topics(weekly="OptIn"), topics(weekly="OptOut")
    assert changes(subscription(old, new)) == [("marketing", None, "out")]
    assert changes(subscription(old, new, category=["notification"])) == [("notification", None, "out")]
    assert changes(subscription(old, new, category=["transactional"])) == [("marketing", None, "out")]


def test_a_topic_called_as_a_category_is_that_category() -> None:
    old, new = (
        topics(Marketing="OptIn", notification="OptOut"),
        topics(Marketing="OptOut", notification="OptIn"),
    )
    assert changes(subscription(old, new)) == [("marketing", None, "out"), ("notification", None, "in")]


def test_of_two_topics_of_one_category_the_one_that_was_left_counts() -> None:
    old = topics(weekly="OptIn", daily="OptOut")
    for new in (topics(weekly="OptOut", daily="OptIn"), topics(daily="OptIn", weekly="OptOut")):
        assert changes(subscription(old, new)) == [("marketing", None, "out")]


def test_joining_a_topic_at_ses_opts_in_with_its_evidence() -> None:
    ((one, change),) = told(mail_event("subscription-joined-a-topic"))
    assert (change.consent, change.source, change.actor) == ("in", "ses", one.address)
    assert change.evidence is not None and change.evidence["method"] == "link"
    assert change.at == parse_time(payload("ses", "subscription-joined-a-topic")["subscription"]["timestamp"])
    assert change.recorded_by is None


def test_a_subscription_of_a_message_to_several_is_nobodys() -> None:
    assert changes(mail_event("subscription-of-a-message-to-several")) == []


@pytest.mark.parametrize("name", ["inbound-opt-out-type-stop", "inbound-stop-by-keyword"])
def test_stop_opts_out_of_all_that_the_number_and_its_service_send(name: str) -> None:
    found = changes(text_event(name))
    assert ("*", OURS, "out") in found
    assert set(found) <= {("*", OURS, "out"), ("*", SERVICE, "out")}
    for one, change in told(text_event(name)):
        assert one.address == change.actor == "+15005550006"
        assert change.evidence is not None and change.evidence["method"] == "written"


@pytest.mark.parametrize("name", ["inbound-opt-out-type-start", "inbound-start-by-keyword"])
def test_start_lifts_it(name: str) -> None:
    assert ("*", OURS, "in") in changes(text_event(name))


@pytest.mark.parametrize("name", ["inbound", "inbound-opt-out-type-help", "inbound-stop-within-a-sentence"])
def test_other_messages_change_no_consent(name: str) -> None:
    assert changes(text_event(name)) == []


def test_the_answer_of_a_messaging_service_counts_for_the_service_too() -> None:
    assert set(changes(text_event("inbound-stop-by-keyword"))) == {("*", OURS, "out"), ("*", SERVICE, "out")}


def test_a_message_not_sent_because_its_recipient_had_opted_out_says_so() -> None:
    form = payload("twilio", "error-21610")["form"]
    assert set(changes(text_event("error-21610"))) == {("*", form["From"], "out"), ("*", SERVICE, "out")}
    assert {one.address for one, _ in told(text_event("error-21610"))} == {form["To"]}


def test_what_was_refused_is_told_as_such_and_not_as_the_recipients_own_words() -> None:
    for _, change in told(text_event("error-21610")):
        assert change.evidence == {
            "method": None,
            "wording": "The recipient opted out of messages from this sender.",
            "reference": "21610",
        }
        assert change.reason == "a message was refused, because the number had opted out before"
    for _, change in told(text_event("inbound-stop-by-keyword")):
        assert (change.evidence or {})["wording"] == "Stop" and change.reason is None


def test_the_code_for_an_opted_out_number_says_nothing_of_a_mail() -> None:
    message = {
        "id": "own-1",
        "channel": "email",
        "recipient": "ann@example.org",
        "sender": "news@acme.example",
    }
    assert (
        changes(app({"type": "message", "message": message | {"status": "skipped", "error_code": "21610"}}))
        == []
    )


def test_the_same_callback_received_twice_is_one_entry_of_the_log() -> None:
    first = told(text_event("inbound-stop-by-keyword"))
    again = told(text_event("inbound-stop-by-keyword", received_at=RECEIVED_AT + 5000))
    assert [change.entry_id for _, change in first] == [change.entry_id for _, change in again]


def test_an_opt_out_counts_however_old_its_message_is() -> None:
    (event,) = events_of(mail_event("subscription-left-everything"))
    assert len(activity_of(replace(event, late=True))) == 2
