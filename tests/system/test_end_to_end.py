"""From a signed callback to the answer of the query API, through everything in between."""

import json
import time
from collections.abc import Callable
from datetime import datetime

import pytest

from tests.system import payloads as p
from tests.system.stack import Stack
from tests.system.tenants import ACME, BETA, GAMMA, OPERATOR_KEY, SHARED_TOPIC, write_only
from tests.system.waiting import eventually, settled


def _new(**tags: str) -> p.Payload:
    return p.mail(p.new_id(), [p.new_address()], p.at(0), **tags)


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_delivery_signed_with_either_version_is_in_the_log(stack: Stack, version: str) -> None:
    m = _new(campaign="versions")
    assert stack.ses(p.delivery(m, p.at(2)), version=version).status == 200
    rows = stack.until_events(m["messageId"], 1)
    assert rows[m["destination"][0]]["status"] == "delivered"


@pytest.mark.parametrize("style", ["event publishing", "feedback notification"])
@pytest.mark.parametrize(
    ("kind", "status"), [("bounce", "bounced"), ("complaint", "complained"), ("delivery", "delivered")]
)
def test_both_styles_of_ses_tell_the_same(stack: Stack, style: str, kind: str, status: str) -> None:
    m = _new()
    payload = getattr(p, kind)(m, p.at(5))
    stack.accept(p.feedback(payload) if style == "feedback notification" else payload)
    (row,) = stack.until_events(m["messageId"], 1).values()
    assert row["status"] == status


def test_every_kind_of_ses_event_leads_to_its_status(stack: Stack) -> None:
    cases: dict[str, Callable[[p.Payload], p.Payload]] = {
        "sent": lambda m: p.send(m),
        "delivered": lambda m: p.delivery(m, p.at(2)),
        "opened": lambda m: p.open_(m, p.at(900)),
        "clicked": lambda m: p.click(m, p.at(900)),
        "bounced": lambda m: p.bounce(m, p.at(3)),
        "complained": lambda m: p.complaint(m, p.at(3)),
        "rejected": lambda m: p.reject(m),
        "failed": lambda m: p.rendering_failure(m),
        "invalid": lambda m: p.bounce(m, p.at(1), subtype="OnAccountSuppressionList", status=None),
    }
    made = {status: _new() for status in cases}
    for status, event in cases.items():
        stack.accept(event(made[status]))
    for status, m in made.items():
        (row,) = stack.until_events(m["messageId"], 1).values()
        assert (row["status"], row["recipient"], row["channel"]) == (status, m["destination"][0], "email")


def test_a_subscription_event_is_kept_and_leaves_the_status(stack: Stack) -> None:
    m = _new()
    stack.accept(p.delivery(m, p.at(2)), p.subscription(m, p.at(3600)))
    (row,) = stack.until_events(m["messageId"], 2).values()
    assert row["status"] == "delivered"


@pytest.mark.parametrize(
    ("callback", "status"),
    [
        ("accepted", "queued"),
        ("scheduled", "queued"),
        ("queued", "queued"),
        ("sending", "queued"),
        ("sent", "sent"),
        ("partially_delivered", "sent"),
        ("delivered", "delivered"),
        ("read", "opened"),
        ("undelivered", "undelivered"),
        ("failed", "failed"),
        ("canceled", "canceled"),
    ],
)
def test_every_status_of_twilio_leads_to_its_status(stack: Stack, callback: str, status: str) -> None:
    sid, to = p.new_sid(), p.new_number()
    stack.accept_sms(p.sms(sid, callback, to, ACME.account), query="?campaign=sms&customer=42")
    row = stack.until_events(sid, 1)[to]
    assert (row["status"], row["channel"], row["campaign"], row["customer"]) == (status, "sms", "sms", "42")


def test_the_trail_of_a_message_has_every_event_in_order_of_time(stack: Stack) -> None:
    m = _new(campaign="trail", customer="7", category="transactional", document="invoice-9", method="invoice")
    stack.accept(
        p.click(m, p.at(950)), p.open_(m, p.at(900)), p.open_(m, p.at(920)), p.delivery(m, p.at(2)), p.send(m)
    )
    stack.until_events(m["messageId"], 5)

    def shown() -> None:
        document = stack.message(m["messageId"])
        events = document["events"]
        times = [datetime.fromisoformat(event["at"]) for event in events]
        assert times == sorted(times)
        outcomes = [event["outcome"] for event in events]
        assert sorted(outcomes) == ["clicked", "delivered", "opened", "opened", "sent"]
        assert outcomes[1:] == ["delivered", "opened", "opened", "clicked"], (
            "Send has no time but the mail's own"
        )
        assert len({event["event_id"] for event in events}) == 5
        (row,) = document["recipients"]
        assert (row["status"], row["opens"], row["clicks"], row["subject"]) == ("clicked", 2, 1, "Class list")
        assert (row["delivered_at"], row["first_opened_at"]) == (p.at(2), p.at(900))
        assert (row["sent_at"], row["first_clicked_at"]) == (p.at(0), p.at(950))
        described = {name: row[name] for name in ("campaign", "customer", "category", "document", "method")}
        assert described == {
            "campaign": "trail",
            "customer": "7",
            "category": "transactional",
            "document": "invoice-9",
            "method": "invoice",
        }

    settled(shown, 10, "the whole trail")


def test_what_was_answered_200_is_visible_within_two_seconds(stack: Stack) -> None:
    warm = _new()
    stack.accept(p.send(warm))
    stack.until_events(warm["messageId"], 1)
    took = []
    for _ in range(5):
        m = _new()
        stack.accept(p.delivery(m, p.at(2)))
        begun = time.monotonic()
        eventually(lambda m=m: stack.recipients(m["messageId"]), 15, "the row", every=0.05)  # type: ignore[misc]
        took.append(time.monotonic() - begun)
    assert sorted(took)[2] <= 2, f"seconds until visible: {took}"


def test_tenants_with_the_same_message_id_and_recipient_stay_apart(stack: Stack) -> None:
    m = _new(campaign="apart")
    stack.accept(p.delivery(m, p.at(2)))
    stack.accept(p.complaint(m, p.at(60)), tenant=BETA)
    (ours,) = stack.until_events(m["messageId"], 1, ACME.key).values()
    (theirs,) = stack.until_events(m["messageId"], 1, BETA.key).values()
    assert (ours["status"], theirs["status"]) == ("delivered", "complained")
    assert stack.ask(f"/v1/messages/{m['messageId']}", GAMMA.key).status == 404
    assert [r["status"] for r in stack.items("/v1/messages", BETA.key, campaign="apart")] == ["complained"]
    assert stack.rates("apart")[0]["complained"] == 0
    assert stack.rates("apart", BETA.key)[0]["complained"] == 1


def test_the_operator_sees_all_tenants_and_can_filter_by_one(stack: Stack) -> None:
    m = _new(campaign="operator")
    stack.accept(p.delivery(m, p.at(2)))
    stack.accept(p.complaint(m, p.at(60)), tenant=BETA)
    stack.until_events(m["messageId"], 1, ACME.key)
    stack.until_events(m["messageId"], 1, BETA.key)

    def shown() -> None:
        both = stack.items("/v1/messages", OPERATOR_KEY, campaign="operator")
        assert sorted(row["status"] for row in both) == ["complained", "delivered"]
        one = stack.items("/v1/messages", OPERATOR_KEY, campaign="operator", tenant="beta")
        assert [row["status"] for row in one] == ["complained"]
        rates = stack.items("/v1/rates", OPERATOR_KEY, campaign="operator", group_by="tenant")
        assert {item["key"]["tenant"]: item["counts"]["complained"] for item in rates} == {
            "acme": 0,
            "beta": 1,
        }

    settled(shown, 10, "both tenants by the operator's key")


def test_a_tenant_cannot_ask_for_another_by_any_parameter(stack: Stack) -> None:
    for path, parameters in (("/v1/messages", {"tenant": "beta"}), ("/v1/rates", {"group_by": "tenant"})):
        answer = stack.ask(path, **parameters)
        assert answer.status in (400, 403), answer
        assert answer.code in ("bad_parameter", "forbidden"), answer


def test_a_key_that_only_writes_may_not_read(stack: Stack) -> None:
    answer = stack.ask("/v1/messages", write_only(ACME))
    assert (answer.status, answer.code) == (403, "forbidden")


def test_a_tenants_own_vocabulary_is_in_the_label(stack: Stack) -> None:
    m = _new()
    for tenant in (ACME, BETA, GAMMA):
        stack.accept(p.mailbox_full(m, p.at(60)), tenant=tenant)
    labels = {}
    for tenant in (ACME, BETA, GAMMA):
        (row,) = stack.until_events(m["messageId"], 1, tenant.key).values()
        assert (row["status"], row["gave_up"]) == ("sent", True)
        labels[tenant.name] = row["label"]
    assert labels == {"acme": "Sent", "beta": "Bounced", "gamma": "Sent"}


def test_mail_of_a_shared_topic_finds_its_tenant_by_tag_then_by_sender(stack: Stack) -> None:
    by_tag = _new(tenant="beta")
    by_domain = p.mail(p.new_id(), [p.new_address()], p.at(0), source="Gamma <news@gamma.example>")
    for m in (by_tag, by_domain):
        answer = stack.ses(p.delivery(m, p.at(2)), topic=SHARED_TOPIC, path="/webhooks/ses")
        assert answer.status == 200, answer
    stack.until_events(by_tag["messageId"], 1, BETA.key)
    stack.until_events(by_domain["messageId"], 1, GAMMA.key)
    assert stack.ask(f"/v1/messages/{by_tag['messageId']}", ACME.key).status == 404


def test_mail_of_a_shared_topic_that_nobody_owns_is_a_dead_letter_of_the_operator(stack: Stack) -> None:
    m = p.mail(p.new_id(), [p.new_address()], p.at(0), source="who@nowhere.example")
    answer = stack.ses(p.delivery(m, p.at(2)), topic=SHARED_TOPIC, path="/webhooks/ses")
    assert answer.status == 200, answer

    def there() -> bool:
        return any(
            m["messageId"] in json.dumps(item) for item in stack.items("/v1/dead-letters", OPERATOR_KEY)
        )

    eventually(there, 15, "the dead letter")
    for key in (ACME.key, BETA.key):
        assert m["messageId"] not in json.dumps(stack.items("/v1/dead-letters", key))


def test_a_shared_topic_does_not_open_a_tenants_own_address(stack: Stack) -> None:
    m = _new(tenant="acme")
    answer = stack.ses(p.delivery(m, p.at(2)), topic=SHARED_TOPIC)
    assert (answer.status, answer.code) == (403, "foreign_topic")
    answer = stack.ses(p.delivery(m, p.at(2)), topic=ACME.topic, path="/webhooks/ses")
    assert (answer.status, answer.code) == (403, "foreign_topic")


def test_the_log_can_be_paged_filtered_and_sorted(stack: Stack) -> None:
    made = [
        p.mail(p.new_id(), [p.new_address()], p.at(n), campaign="paging", subject=f"No {n}") for n in range(7)
    ]
    for n, m in enumerate(made):
        stack.accept(p.delivery(m, p.at(n + 2)) if n % 2 else p.bounce(m, p.at(n + 2)))
    for m in made:
        stack.until_events(m["messageId"], 1)

    def shown() -> None:
        newest = [
            row["subject"] for row in stack.items("/v1/messages", campaign="paging", sort="-at", limit=2)
        ]
        assert newest == [f"No {n}" for n in reversed(range(7))]
        by_status = [
            row["status"] for row in stack.items("/v1/messages", campaign="paging", sort="status", limit=3)
        ]
        assert by_status == ["delivered"] * 3 + ["bounced"] * 4
        bounced = stack.items("/v1/messages", campaign="paging", status="bounced", subject="no 4")
        assert [row["message_id"] for row in bounced] == [made[4]["messageId"]]
        window = stack.items("/v1/messages", campaign="paging", **{"from": p.at(2), "to": p.at(4)}, sort="at")
        assert [row["subject"] for row in window] == ["No 2", "No 3"]

    settled(shown, 10, "the pages of the log")
