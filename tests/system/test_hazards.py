"""The hazards seen in other systems, each end to end: signed callback in, answer of the query API out."""

import pytest

from tests.system import payloads as p
from tests.system.client import call
from tests.system.stack import Stack
from tests.system.tenants import ACME
from tests.system.waiting import settled


def _new(*recipients: str, **tags: str) -> p.Payload:
    return p.mail(p.new_id(), list(recipients) or [p.new_address()], p.at(0), **tags)


def test_a_late_sent_never_lowers_a_delivered_message(stack: Stack) -> None:
    m, sid, to = _new(), p.new_sid(), p.new_number()
    stack.accept(p.delivery(m, p.at(2)), p.send(m))
    stack.accept_sms(
        *(p.sms(sid, status, to, ACME.account) for status in ("delivered", "sent", "queued", "sending"))
    )
    (row,) = stack.until_events(m["messageId"], 2).values()
    assert row["status"] == "delivered"
    assert stack.until_events(sid, 4)[to]["status"] == "delivered"


def test_a_late_callback_does_not_wipe_an_earlier_error(stack: Stack) -> None:
    sid, to, m = p.new_sid(), p.new_number(), _new()
    stack.accept_sms(
        p.sms(
            sid,
            "undelivered",
            to,
            ACME.account,
            ErrorCode="30005",
            ErrorMessage="Unknown destination handset",
        ),
        p.sms(sid, "sent", to, ACME.account),
        p.sms(sid, "queued", to, ACME.account),
    )
    stack.accept(p.bounce(m, p.at(3)), p.delay(m, p.at(1)), p.send(m))
    row = stack.until_events(sid, 3)[to]
    assert (row["status"], row["error_code"]) == ("undelivered", "30005")
    assert row["error"]
    (row,) = stack.until_events(m["messageId"], 3).values()
    assert (row["status"], row["bounce"]["type"], row["bounce"]["code"]) == ("bounced", "hard", "5.1.1")


def test_a_retried_soft_bounce_is_counted_once(stack: Stack) -> None:
    m = _new(campaign="retried")
    bounce = p.mailbox_full(m, p.at(60))
    request = stack.ses_request(bounce)
    for _ in range(4):
        assert call(stack.ports["ingest"], request).status == 200
    stack.accept(bounce, bounce, p.send(m))  # the same fact under other SNS MessageIds
    (row,) = stack.until_events(m["messageId"], 2).values()
    assert (row["status"], row["soft_bounces"], row["gave_up"]) == ("sent", 1, True)
    assert stack.rates("retried")[0]["soft_bounced"] == 1


def test_two_soft_bounces_are_two(stack: Stack) -> None:
    m = _new()
    stack.accept(p.mailbox_full(m, p.at(60)), p.mailbox_full(m, p.at(4000)))
    (row,) = stack.until_events(m["messageId"], 2).values()
    assert row["soft_bounces"] == 2


@pytest.mark.parametrize("late", [True, False], ids=["after the delivery", "before the delivery"])
def test_an_out_of_office_reply_changes_nothing_about_a_delivered_message(stack: Stack, late: bool) -> None:
    m = _new(campaign=f"office-{late}")
    facts = [p.delivery(m, p.at(20)), p.out_of_office(m, p.at(30 if late else 10))]
    stack.accept(*(facts if late else reversed(facts)))
    (row,) = stack.until_events(m["messageId"], 2).values()
    assert (row["status"], row["gave_up"]) == ("delivered", False)
    counts, _ = stack.rates(f"office-{late}")
    assert {name: n for name, n in counts.items() if n} == {"sent": 1, "delivered": 1}


def test_a_complaint_is_a_complaint_and_no_bounce(stack: Stack) -> None:
    m = _new(campaign="spam")
    stack.accept(p.delivery(m, p.at(2)), p.complaint(m, p.at(60)))
    (row,) = stack.until_events(m["messageId"], 2).values()
    assert (row["status"], row["bounce"]) == ("complained", None)
    counts, rates = stack.rates("spam")
    assert (counts["complained"], counts["bounced"], counts["delivered"]) == (1, 0, 1)
    assert (rates["complaint"], rates["bounce"]) == (1, 0)


def test_not_spam_changes_nothing(stack: Stack) -> None:
    m = _new()
    stack.accept(p.delivery(m, p.at(2)), p.complaint(m, p.at(60), feedback="not-spam"))
    (row,) = stack.until_events(m["messageId"], 2).values()
    assert row["status"] == "delivered"


def test_a_bounce_after_a_delivery_counts_as_bounced_and_not_as_delivered(stack: Stack) -> None:
    m = _new(campaign="late-bounce")
    stack.accept(p.delivery(m, p.at(2)), p.bounce(m, p.at(3600)))
    (row,) = stack.until_events(m["messageId"], 2).values()
    assert row["status"] == "bounced"
    counts, rates = stack.rates("late-bounce")
    assert (counts["sent"], counts["delivered"], counts["bounced"]) == (1, 0, 1)
    assert (rates["delivery"], rates["bounce"], rates["open"]) == (0, 1, None)


def test_an_open_before_its_delivery_is_not_lost(stack: Stack) -> None:
    m = _new(campaign="early-open")
    stack.accept(p.open_(m, p.at(900)))
    (row,) = stack.until_events(m["messageId"], 1).values()
    assert (row["status"], row["opens"]) == ("opened", 1)
    stack.accept(p.delivery(m, p.at(2)), p.send(m))
    (row,) = stack.until_events(m["messageId"], 3).values()
    assert (row["status"], row["opens"], row["delivered_at"]) == ("opened", 1, p.at(2))
    counts, rates = stack.rates("early-open")
    assert (counts["sent"], counts["delivered"], counts["opened"], rates["open"]) == (1, 1, 1, 1)


def test_only_the_bounced_recipient_of_two_is_bounced(stack: Stack) -> None:
    good, bad = p.new_address(), p.new_address()
    m = _new(good, bad, campaign="pair")
    stack.accept(p.send(m), p.delivery(m, p.at(2), good), p.bounce(m, p.at(2), bad))
    rows = stack.until_events(m["messageId"], 4)
    assert {to: row["status"] for to, row in rows.items()} == {good: "delivered", bad: "bounced"}
    counts, _ = stack.rates("pair")
    assert (counts["sent"], counts["delivered"], counts["bounced"]) == (2, 1, 1)


def test_every_recipient_of_a_payload_is_read(stack: Stack) -> None:
    people = [p.new_address() for _ in range(50)]
    m = _new(*people, campaign="fifty")
    stack.accept(p.delivery(m, p.at(2)))
    rows = stack.until_events(m["messageId"], 50)
    assert {to: row["status"] for to, row in rows.items()} == dict.fromkeys(people, "delivered")


def test_an_open_of_a_message_to_two_belongs_to_nobody(stack: Stack) -> None:
    m = _new(p.new_address(), p.new_address(), campaign="whose")
    stack.accept(p.delivery(m, p.at(2)), p.open_(m, p.at(900)), p.click(m, p.at(905)))
    rows = stack.until_events(m["messageId"], 4)
    assert [row["status"] for row in rows.values()] == ["delivered", "delivered"]
    assert stack.message(m["messageId"])["unattributed"] == {"opens": 1, "clicks": 1}
    counts, _ = stack.rates("whose")
    assert (counts["delivered"], counts["opened"], counts["clicked"]) == (2, 0, 0)


def test_several_complained_recipients_are_not_all_accused(stack: Stack) -> None:
    m = _new(p.new_address(), p.new_address())
    stack.accept(p.delivery(m, p.at(2)), p.complaint(m, p.at(60)))

    def shown() -> None:
        rows = stack.recipients(m["messageId"])
        assert [row["status"] for row in rows.values()] == ["delivered", "delivered"]
        assert [
            e["recipient"] for e in stack.message(m["messageId"])["events"] if e["outcome"] == "complained"
        ] == [None]

    settled(shown, 15, "an unattributed complaint")


def test_the_diagnostic_is_believed_rather_than_the_label(stack: Stack) -> None:
    soft, hard = _new(), _new()
    stack.accept(p.bounce(soft, p.at(3), kind="Permanent", status="4.2.2"))
    stack.accept(p.bounce(hard, p.at(3), kind="Transient", status="5.1.1"))
    (row,) = stack.until_events(soft["messageId"], 1).values()
    assert (row["status"], row["soft_bounces"]) == ("sent", 1)
    (row,) = stack.until_events(hard["messageId"], 1).values()
    assert row["status"] == "bounced"


def test_a_forwarding_target_that_bounces_is_not_accused(stack: Stack) -> None:
    m = _new()
    outsider = p.new_address()
    stack.accept(p.bounce(m, p.at(3), outsider))
    rows = stack.until_events(m["messageId"], 1)
    assert {to: row["status"] for to, row in rows.items()} == {m["destination"][0]: "bounced"}


def test_an_sms_stuck_at_sent_is_not_counted_as_undelivered(stack: Stack) -> None:
    sid, to = p.new_sid(), p.new_number()
    stack.accept_sms(
        p.sms(sid, "queued", to, ACME.account), p.sms(sid, "sent", to, ACME.account), query="?campaign=stuck"
    )
    assert stack.until_events(sid, 2)[to]["status"] == "sent"
    counts, rates = stack.rates("stuck")
    assert (counts["sent"], counts["undelivered"], counts["delivered"], rates["delivery"]) == (1, 0, 0, 0)


def test_a_delivery_outranks_an_undelivered_before_and_after_it(stack: Stack) -> None:
    for order in (("undelivered", "delivered"), ("delivered", "undelivered")):
        sid, to = p.new_sid(), p.new_number()
        stack.accept_sms(*(p.sms(sid, status, to, ACME.account, ErrorCode="30008") for status in order))
        assert stack.until_events(sid, 2)[to]["status"] == "delivered"


def test_a_query_string_in_the_senders_own_order_keeps_its_signature(stack: Stack) -> None:
    sid, to = p.new_sid(), p.new_number()
    query = "?z=1&campaign=own%20order&a=%C3%A9&empty=&b=2&b=1&customer=a+b"
    answer = stack.twilio(p.sms(sid, "delivered", to, ACME.account), query=query)
    assert answer.status == 200, answer
    row = stack.until_events(sid, 1)[to]
    assert (row["campaign"], row["customer"]) == ("own order", "a b")


def test_twilio_gets_an_empty_response_document(stack: Stack) -> None:
    answer = stack.twilio(p.sms(p.new_sid(), "sent", p.new_number(), ACME.account))
    assert answer.status == 200
    assert answer.headers["content-type"].split(";")[0] == "text/xml"
    assert answer.body.endswith(b"<Response/>") or answer.body.endswith(b"<Response></Response>")


def test_both_tokens_of_a_rotation_are_taken(stack: Stack) -> None:
    for token in (ACME.token, ACME.token + "-next"):
        answer = stack.twilio(p.sms(p.new_sid(), "sent", p.new_number(), ACME.account), token=token)
        assert answer.status == 200, answer
