"""The trail in plain words: every event that an adapter makes, agents, spans of time, raw events."""

import base64
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from query import moments
from query.console.agents import family
from query.console.receipts import readable, verified
from query.console.trail import Event, step_of
from schemas.machine_reasons import MACHINE_REASONS
from schemas.status import Outcome

FIXTURES = sorted((Path(__file__).parents[1] / "fixtures").glob("*/*.expected.json"))
AT = "2026-11-20T10:00:00.000Z"


def _event(outcome: str, detail: dict[str, Any] | None = None, **fields: Any) -> Event:
    return {
        "event_id": "1" * 32,
        "recipient": "ann@example.org",
        "outcome": outcome,
        "at": AT,
        "received_at": AT,
        "detail": detail or {},
        "machine": None,
        "machine_reason": None,
        "timed": True,
        "late": False,
        "reported_recipient": None,
        "receipt_id": "r",
    } | fields


@pytest.mark.parametrize("file", FIXTURES, ids=lambda file: f"{file.parent.name}/{file.name.split('.')[0]}")
def test_whatever_an_adapter_makes_is_told_in_words(file: Path) -> None:
    for event in orjson.loads(file.read_bytes()).get("events", []):
        told = _event(event["outcome"], event.get("detail"), machine=event.get("machine"))
        step = step_of(told, event["channel"])
        assert step.text and step.text[0].isupper() and "None" not in step.text
        assert all(fact.value for fact in step.facts)


@pytest.mark.parametrize("outcome", [*Outcome, "invented_later"])
@pytest.mark.parametrize("channel", ["email", "sms"])
def test_every_outcome_is_told_also_without_any_detail_and_so_is_one_that_was_added_since(
    outcome: str, channel: str
) -> None:
    step = step_of(_event(outcome), channel)
    assert step.text and step.sign and step.tone in ("good", "plain", "quiet", "warn", "bad")


@pytest.mark.parametrize(
    ("outcome", "detail", "text", "said"),
    [
        ("delivered", {"response": "250 ok"}, "Delivered: the recipient’s server took it", "250 ok"),
        (
            "bounced",
            {"cause": "mailbox", "diagnostic": "smtp; 550 5.1.1 gone"},
            "Hard bounce: refused for good; there is no such mailbox",
            "smtp; 550 5.1.1 gone",
        ),
        (
            "soft_bounced",
            {"cause": "full"},
            "Soft bounce: the provider gave up for now; the mailbox is full",
            None,
        ),
        (
            "soft_bounced",
            {"type": "Transient", "subtype": "General", "cause": "unknown"},
            "Soft bounce, often only an out-of-office reply",
            None,
        ),
        (
            "delayed",
            {"type": "MailboxFull", "diagnostic": "452 full"},
            "Delayed, the provider goes on trying; the mailbox is full",
            "452 full",
        ),
        (
            "invalid",
            {"reason": "suppressed_after_bounce"},
            "Not attempted: the address is suppressed; after a bounce",
            None,
        ),
        ("queued", {"provider_status": "accepted"}, "Accepted by the provider (accepted)", None),
        ("queued", {}, "Registered by the application", None),
        ("failed", {"error": "No rate left"}, "It could not be sent", "No rate left"),
    ],
)
def test_a_step_says_what_happened_and_quotes_who_said_so(
    outcome: str, detail: dict[str, Any], text: str, said: str | None
) -> None:
    step = step_of(_event(outcome, detail), "email")
    assert (step.text, step.said) == (text, said)


def test_a_step_tells_until_when_a_delay_lasts_and_what_the_time_of_an_event_is_worth() -> None:
    delay = step_of(_event("delayed", {"expires_at": AT}), "email")
    assert ("Tries until", AT, "time") in delay.facts
    untimed = step_of(_event("delivered", timed=False), "sms")
    assert [fact.name for fact in untimed.facts] == ["Time"]
    heard = step_of(_event("delivered", received_at="2026-11-20T10:01:01.000Z"), "email")
    assert ("Received", "2026-11-20T10:01:01.000Z", "time") in heard.facts
    assert step_of(_event("delivered", received_at="2026-11-20T10:00:59.000Z"), "email").facts == ()
    forwarded = step_of(_event("bounced", reported_recipient="ann@private.example"), "email")
    assert ("Reported for", "ann@private.example", "code") in forwarded.facts


@pytest.mark.parametrize("reason", MACHINE_REASONS)
def test_a_machine_is_told_with_its_reason_in_words_and_looks_like_no_person(reason: str) -> None:
    step = step_of(_event("opened", machine=True, machine_reason=reason), "email")
    assert step.machine == MACHINE_REASONS[reason] and step.tone == "quiet"
    assert step_of(_event("opened", machine=False), "email").machine is None


def test_a_machines_reason_that_was_added_since_is_told_as_it_is() -> None:
    step = step_of(_event("opened", machine=True, machine_reason="new_reason"), "email")
    assert step.machine is not None and step.machine.label == "new reason"


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)", "Gmail"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Thunderbird/115.6.0", "Thunderbird on Linux"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
            "Apple Mail on iPhone",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/605.1",
            "Safari on Mac",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537 Edg/120.0",
            "Edge on Windows",
        ),
        ("Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.1; Pro)", "Outlook on Windows"),
        ("Mozilla/5.0", None),
        ("", None),
    ],
)  # fmt: skip
def test_the_program_behind_an_open_has_the_name_that_people_know(agent: str, name: str | None) -> None:
    assert family(agent) == name


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0 ms"), (850, "850 ms"), (4_000, "4 s"), (200_000, "3 min 20 s"), (7_500_000, "2 h 5 min"),
        (3_605_000, "1 h"), (273_600_000, "3 d 4 h"), (172_800_000, "2 d"),
    ],
)  # fmt: skip
def test_a_span_of_time_is_told_in_its_two_largest_units(ms: int, text: str) -> None:
    assert moments.span(ms) == text


@given(ms=st.integers(-(10**15), 10**15))
def test_every_span_of_time_is_told_in_at_most_two_units(ms: int) -> None:
    assert 1 <= len([word for word in moments.span(ms).split() if word.isalpha()]) <= 2


def test_the_time_since_the_sending_tells_what_came_before_it_and_nothing_of_the_sending_itself() -> None:
    assert moments.since(AT, "2026-11-20T10:00:04.000Z") == "+\N{NO-BREAK SPACE}4 s"
    assert moments.since(AT, "2026-11-20T09:59:00.000Z") == "1 min before"
    assert moments.since(AT, AT) == moments.since(None, AT) == ""


def _receipt(
    body: str | bytes, kind: str = "text/plain; charset=UTF-8", provider: str = "ses"
) -> dict[str, Any]:
    binary = isinstance(body, bytes)
    return {
        "provider": provider,
        "content_type": kind,
        "body": base64.b64encode(body).decode() if isinstance(body, bytes) else body,
        "body_encoding": "base64" if binary else "utf-8",
    }


def test_of_sns_the_message_is_shown_and_nothing_that_ends_the_subscription() -> None:
    message = {"eventType": "Open", "open": {"ipAddress": "192.0.2.1"}}
    notice = {
        "Message": orjson.dumps(message).decode(),
        "UnsubscribeURL": "https://sns.example/?Action=Unsubscribe",
    }
    shown = readable(_receipt(orjson.dumps(notice).decode()))
    assert orjson.loads(shown) == message
    assert shown.count("\n") == 5 and "Unsubscribe" not in shown


@pytest.mark.parametrize(
    ("receipt", "shown"),
    [
        (_receipt("Status=sent&To=%2B1500&Empty=", "application/x-www-form-urlencoded"), "Status: sent\nTo: +1500\nEmpty: "),
        (_receipt('{"type":"message"}', "application/json", "app"), '{\n  "type": "message"\n}'),
        (_receipt('{"Message":"Successfully validated"}'), "Successfully validated"),
        (_receipt("no JSON"), "no JSON"),
        (_receipt(b"\xff\xfe"), "\ufffd\ufffd"),
        (_receipt("[" * 2000 + "]" * 2000), "[" * 2000 + "]" * 2000),
        (_receipt('{"n":' + "[" * 500 + "]" * 500 + "}"), '{"n":' + "[" * 500 + "]" * 500 + "}"),
    ],
)  # fmt: skip
def test_a_raw_event_is_readable_or_shown_as_it_came(receipt: dict[str, Any], shown: str) -> None:
    assert readable(receipt) == shown


@given(
    body=st.text() | st.binary(),
    kind=st.sampled_from(["application/json", "application/x-www-form-urlencoded", ""]),
)
def test_no_raw_event_fails(body: str | bytes, kind: str) -> None:
    assert isinstance(readable(_receipt(body, kind)), str)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"by": "sns", "topic": "arn:t"}, "signed by Amazon SNS, topic arn:t"),
        ({"by": "twilio", "account": "AC1"}, "signed by Twilio, account AC1"),
        ({"by": "key", "key": "app"}, "posted with the key app"),
        ({"by": "key", "key": "ops", "operator": True}, "posted with the operator’s key ops"),
        ({"by": "link"}, "a signed unsubscribe link was used"),
        ({}, "not told"),
    ],
)  # fmt: skip
def test_it_is_told_how_a_raw_event_was_verified(how: dict[str, Any], words: str) -> None:
    assert verified({"verified": how}) == words
