"""The hazards seen in other systems, where adapters and the fold are what prevents them. Each is a sentence."""

from itertools import permutations

import pytest

from schemas.status import Outcome
from tests.cases import RECEIVED_AT, payload, ses
from tests.folding import MINUTE, events_of, facts_of, mail_event, status, statuses, text_event


@pytest.mark.parametrize("late", ["send", "delay-general", "bounce-transient-mailbox-full"])
def test_a_status_never_falls_back_when_callbacks_come_late(late: str) -> None:
    assert status(mail_event("delivery"), mail_event(late))["status"] == "delivered"


@pytest.mark.parametrize("order", list(permutations(["queued", "sending", "sent", "delivered"])))
def test_text_message_callbacks_in_any_order_end_delivered(order: tuple[str, ...]) -> None:
    assert status(*(text_event(f"status-{name}") for name in order))["status"] == "delivered"


def test_a_late_callback_does_not_wipe_an_earlier_error() -> None:
    said = status(text_event("error-30005"), text_event("status-sent"), text_event("status-queued"))
    assert (said["status"], said["error_code"]) == ("undelivered", "30005")
    assert said["error"] == "The number is unknown or no longer in service."


def test_an_error_that_was_overcome_is_no_longer_told() -> None:
    said = status(text_event("error-30003"), text_event("status-delivered"))
    assert (said["status"], said["error_code"], said["error"]) == ("delivered", None, None)
    assert said["reached"] == ["sent", "delivered"]


def test_a_retried_webhook_does_not_inflate_the_count_of_soft_bounces() -> None:
    bounce = mail_event("bounce-transient-mailbox-full")
    assert status(bounce, bounce, bounce)["soft_bounces"] == 1
    again = mail_event("bounce-transient-mailbox-full", at="2026-11-20T11:00:00.000Z")
    assert status(bounce, again, bounce)["soft_bounces"] == 2


@pytest.mark.parametrize("time", ["2026-11-20T08:15:03.000Z", "2026-11-20T08:16:00.000Z"])
@pytest.mark.parametrize("first", ["delivery", "bounce"])
def test_an_out_of_office_reply_changes_nothing_about_a_delivered_message(time: str, first: str) -> None:
    facts = [mail_event("delivery"), mail_event("bounce-transient-general", at=time)]
    said = status(*(facts if first == "delivery" else reversed(facts)))
    assert (said["status"], said["soft_bounces"], said["gave_up"]) == ("delivered", 0, False)
    assert said["soft_bounce"] is None
    assert said["reached"] == ["sent", "delivered"]
    assert said["unsubscribed_at"] is None


def test_an_out_of_office_reply_does_not_hide_the_soft_bounce_before_it() -> None:
    full = mail_event("bounce-transient-mailbox-full")
    away = mail_event("bounce-transient-general", at="2026-11-20T10:00:00.000Z")
    assert status(full, away)["soft_bounce"]["subtype"] == "General"
    said = status(full, away, mail_event("delivery"))
    assert (said["soft_bounce"]["subtype"], said["soft_bounces"], said["gave_up"]) == (
        "MailboxFull",
        1,
        False,
    )


def test_without_a_delivery_a_transient_bounce_gave_up() -> None:
    said = status(mail_event("send"), mail_event("bounce-transient-general"))
    assert (said["status"], said["soft_bounces"], said["gave_up"]) == ("sent", 1, True)
    assert said["reached"] == ["sent", "soft_bounced"]
    assert said["soft_bounce"]["type"] == "soft"


def test_a_delay_is_still_trying_and_gives_nothing_up() -> None:
    said = status(mail_event("send"), mail_event("delay-mailbox-full"))
    assert (said["status"], said["gave_up"], said["soft_bounces"]) == ("sent", False, 0)
    assert said["delay"] == {
        "type": "MailboxFull",
        "code": "4.2.2",
        "diagnostic": "smtp; 452 4.2.2 The email account that you tried to reach is over quota",
        "at": "2026-11-20T08:25:40.095Z",
        "expires_at": "2026-11-20T22:15:02.914Z",
    }


def test_a_complaint_is_neither_a_bounce_nor_ignored() -> None:
    said = status(mail_event("send"), mail_event("complaint-abuse"))
    assert (said["status"], said["bounce"], said["complaint"]["type"]) == ("complained", None, "abuse")
    assert said["reached"] == ["sent", "delivered", "complained"]


def test_a_report_that_it_is_no_spam_changes_nothing() -> None:
    (event,) = events_of(mail_event("complaint-not-spam"))
    assert event.outcome is Outcome.NOT_SPAM
    assert facts_of(mail_event("complaint-not-spam")) == {}


def test_a_bounce_after_a_delivery_is_a_bounce_in_either_order() -> None:
    for facts in permutations(["send", "delivery", "open", "click", "bounce-permanent-general"]):
        said = status(*map(mail_event, facts))
        assert said["status"] == "bounced"
        assert said["reached"] == ["sent", "bounced"]
        assert (said["opens"], said["clicks"]) == (1, 1), "what was seen is still told"


def test_an_open_before_its_delivery_is_not_lost() -> None:
    said = status(mail_event("open"), mail_event("delivery"), mail_event("send"))
    assert (said["status"], said["opens"]) == ("opened", 1)
    assert said["delivered_at"] == "2026-11-20T08:15:04.133Z"


def test_an_open_is_at_its_own_time_and_not_at_that_of_its_message() -> None:
    (event,) = events_of(mail_event("open"))
    assert (event.at - (event.sent_at or 0)) > 40 * MINUTE


def test_co_recipients_of_one_fact_are_different_events() -> None:
    events = events_of(mail_event("delivery-to-two-of-three"))
    assert len({event.event_id for event in events}) == 2


def test_every_recipient_of_a_payload_is_read_and_each_by_what_is_said_of_it() -> None:
    said = statuses(mail_event("send-to-several"), mail_event("bounce-of-two-of-three"))
    assert {to: row["status"] for to, row in said.items()} == {
        "ann@example.org": "bounced",
        "bob@example.net": "sent",
        "cy@example.org": "sent",
    }
    assert [said[to]["gave_up"] for to in ("ann@example.org", "bob@example.net", "cy@example.org")] == [
        False,
        True,
        False,
    ]


@pytest.mark.parametrize("name", ["open-of-a-message-to-several", "click-on-a-message-to-several"])
def test_an_open_of_a_message_to_several_is_nobodys_and_never_everybodys(name: str) -> None:
    said = statuses(mail_event("send-to-several"), mail_event(name))
    assert {row["status"] for to, row in said.items() if to} == {"sent"}
    assert said[None]["recipient"] is None
    assert said[None]["opens"] + said[None]["clicks"] == 1


def test_who_did_not_complain_is_not_said_to_have_complained() -> None:
    said = statuses(mail_event("send-to-several"), mail_event("complaint-of-somebody-at-the-domain"))
    assert {row["status"] for to, row in said.items() if to} == {"sent"}
    assert said[None]["status"] == "complained"


def test_several_on_the_providers_suppression_list_are_each_invalid() -> None:
    listed = mail_event("complaint-of-somebody-at-the-domain", complaintSubType="OnAccountSuppressionList")
    told = payload("ses", "complaint-of-somebody-at-the-domain")["complaint"]["complainedRecipients"]
    assert {(event.recipient, event.outcome) for event in events_of(listed)} == {
        (entry["emailAddress"], Outcome.INVALID) for entry in told
    }
    assert len(told) > 1


def test_an_outsiders_bounce_touches_no_recipient_of_several() -> None:
    said = statuses(mail_event("send-to-several"), mail_event("bounce-of-an-outsider-of-several"))
    assert {row["status"] for to, row in said.items() if to} == {"sent"}
    assert "stranger@example.com" not in said


def test_a_forwarding_targets_bounce_is_that_of_the_only_recipient() -> None:
    (event,) = events_of(mail_event("bounce-of-a-forwarding-target"))
    assert (event.recipient, event.reported_recipient) == ("ann@example.org", "ann.private@example.com")


@pytest.mark.parametrize(
    ("published", "notified"),
    [
        ("delivery", "feedback-delivery"),
        ("bounce-permanent-general", "feedback-bounce"),
        ("bounce-of-two-of-three", "feedback-bounce-of-two-of-three"),
        ("complaint-abuse", "feedback-complaint"),
    ],
)
def test_one_fact_by_event_publishing_and_by_feedback_notification_is_one(
    published: str, notified: str
) -> None:
    a, b = events_of(mail_event(published)), events_of(mail_event(notified))
    assert [event.event_id for event in a] == [event.event_id for event in b]


def test_the_same_fact_under_another_sns_message_id_is_the_same_event() -> None:
    whole = payload("ses", "delivery")
    first = events_of(ses(whole))
    again = events_of(ses(whole, received_at=RECEIVED_AT + MINUTE))
    assert [event.event_id for event in first] == [event.event_id for event in again]


def test_the_same_fact_of_another_tenant_is_another_event() -> None:
    whole = payload("ses", "delivery")
    (ours,), (theirs,) = events_of(ses(whole)), events_of(ses(whole, tenant="other"))
    assert ours.event_id != theirs.event_id


@pytest.mark.parametrize(
    "other",
    [
        {"timestamp": "2026-11-20T09:00:19.653Z"},
        {"ipAddress": "192.0.2.78"},
        {"userAgent": "Mozilla/5.0 (Macintosh)"},
    ],
)
def test_two_opens_that_differ_in_time_place_or_agent_are_two(other: dict[str, str]) -> None:
    assert status(mail_event("open"), mail_event("open", **other))["opens"] == 2
    assert status(mail_event("open"), mail_event("open"))["opens"] == 1


def test_clicks_on_two_links_at_one_moment_are_two() -> None:
    assert status(mail_event("click"), mail_event("click", link="https://acme.example/b"))["clicks"] == 2


def test_a_text_message_stuck_at_sent_is_not_counted_as_undelivered() -> None:
    said = status(text_event("status-queued"), text_event("status-sent"))
    assert (said["status"], said["reached"]) == ("sent", ["sent"])


def test_a_text_message_delivered_before_or_after_undelivered_is_delivered() -> None:
    for names in permutations(["status-delivered", "error-30003"]):
        assert status(*map(text_event, names))["status"] == "delivered"


def test_a_message_of_text_that_comes_in_sets_no_status() -> None:
    assert facts_of(text_event("inbound"), text_event("inbound-stop-by-keyword")) == {}


def test_a_callback_retried_later_neither_moves_its_time_nor_counts_again() -> None:
    first = text_event("status-read")
    later = text_event("status-read", received_at=RECEIVED_AT + MINUTE)
    said = status(first, later)
    assert said["opens"] == 1
    assert said["first_opened_at"] == said["last_opened_at"] == "2026-11-20T12:00:00.000Z"
    assert said == status(later, first) | {name: said[name] for name in ("changed_at", "filed_at")}
