"""Authentic callbacks whose content makes no sense: 200, a dead letter or a tolerant reading, and nothing stops."""

import json

import pytest

from tests.system import payloads as p
from tests.system.client import get
from tests.system.stack import Stack
from tests.system.tenants import ACME
from tests.system.waiting import eventually

DEEP = 100_000


def _first(stack: Stack, mark: str) -> dict[str, object]:
    for item in stack.items("/v1/dead-letters", limit=500):
        if mark in json.dumps(item):
            return item
    raise AssertionError(f"no dead letter with {mark}")


@pytest.mark.parametrize(
    "message",
    [
        "not JSON {mark}",
        '"{mark}"',
        '["{mark}"]',
        '{"note": "{mark}"}',
        '{"eventType": "Delivery", "note": "{mark}"}',
        '{"eventType": "Delivery", "mail": {"note": "{mark}"}}',
        '{"eventType": "Bounce", "mail": {"messageId": "{mark}", "destination": ["a@example.org"]}, "bounce": 5}',
        '{"eventType": {"a": 1}, "mail": {"messageId": "{mark}"}}',
    ],
)
def test_an_authentic_body_that_makes_no_sense_is_200_and_a_dead_letter(stack: Stack, message: str) -> None:
    mark = p.new_id()
    answer = stack.ses(message.replace("{mark}", mark))
    assert answer.status == 200, answer
    letter = eventually(lambda: _first(stack, mark), 15, "the dead letter")
    assert letter["reason"], letter


def test_an_unknown_event_type_is_tolerated_and_kept(stack: Stack) -> None:
    m = p.mail(p.new_id(), [p.new_address()], p.at(0))
    stack.accept(p.delivery(m, p.at(2)), {"eventType": "Levitation", "mail": m, "levitation": {"height": 3}})
    (row,) = stack.until_events(m["messageId"], 2).values()
    assert row["status"] == "delivered"


def test_authentic_absurdities_do_not_stop_what_comes_after_them(stack: Stack) -> None:
    """Whatever comes of them: they are 200, no part dies, and the next honest callback is in the log."""
    pids = {name: stack.part(name).pid for name in ("ingest", "worker", "sink", "query")}
    m = p.mail(p.new_id(), [p.new_address()], p.at(0), campaign="absurd")
    text = json.dumps(p.delivery(m, p.at(2)))
    absurd: list[p.Payload | str] = [
        "[" * DEEP,
        "[" * DEEP + "]" * DEEP,
        '{"a":' * 50_000 + "1" + "}" * 50_000,
        text.replace(p.at(2), "yesterday"),
        text.replace(p.at(2), "9999-12-31T23:59:59.999Z"),
        text.replace(p.at(2), "0001-01-01T00:00:00.000Z"),
        text.replace(p.at(2), "+275760-09-13T00:00:00.000Z"),
        text.replace(f'"{p.at(2)}"', "1e400"),
        text.replace(f'"{p.at(2)}"', "null"),
        text.replace(f'"{p.at(0)}"', "[]"),
        text.replace(p.at(0), "1969-12-31T23:59:59Z"),
        text.replace(p.at(0), "2199-01-01T00:00:00Z"),
        text.replace("Class list", "\\u0000\\ud800\\uffff"),
        text.replace("Class list", "x" * 200_000),
        text.replace(m["destination"][0], "\\u0000"),
        text.replace(m["destination"][0], "a" * 10_000 + "@example.org"),
        text.replace('"destination": [', '"destination": [[], 5, null, '),
        text.replace(m["messageId"], "m" * 20_000),
        text.replace(m["messageId"], ""),
        text.replace(m["messageId"], "/../%2F\\u0000\\t\\n"),
        text.replace('"absurd"', '{"a": ["b"]}'),
        text.replace('["absurd"]', '"absurd"'),
        text.replace('["absurd"]', "[" + '"absurd",' * 5000 + '"absurd"]'),
        json.dumps(
            p.delivery(p.mail(p.new_id(), [f"{n}@example.org" for n in range(3000)], p.at(0)), p.at(2))
        ),
    ]
    for payload in absurd:
        answer = stack.ses(payload)
        assert answer.status == 200, (str(payload)[:200], answer)
    for form in (
        {"AccountSid": ACME.account},
        p.sms("", "", "", ACME.account),
        p.sms(p.new_sid(), "levitating", p.new_number(), ACME.account),
        p.sms(p.new_sid(), "delivered", "\x00\uffff", ACME.account, ErrorCode="NaN"),
        p.sms("S" * 10_000, "delivered", "+" + "1" * 10_000, ACME.account),
        p.sms(p.new_sid(), "undelivered", p.new_number(), ACME.account, ErrorCode="9" * 400),
    ):
        answer = stack.twilio(form)
        assert answer.status == 200, (form, answer)
    honest = [
        p.mail(p.new_id(), [p.new_address()], p.at(0)) for _ in range(8)
    ]  # so that every partition has one
    for one in honest:
        stack.accept(p.delivery(one, p.at(2)))
    for one in honest:
        (row,) = stack.until_events(one["messageId"], 1, timeout=30).values()
        assert row["status"] == "delivered"
    for path in ("/v1/messages", "/v1/rates?group_by=campaign", "/v1/rates?group_by=day", "/v1/dead-letters"):
        assert stack.ask(path).status == 200, path
    assert {name: stack.part(name).pid for name in pids} == pids, "a part was restarted"


def test_callbacks_in_the_query_string_of_absurd_shape_are_taken(stack: Stack) -> None:
    for query in (
        "?",
        "?&&&",
        "?campaign",
        "?campaign=%ff%fe",
        "?campaign=" + "x" * 4000,
        "?a[b]=c&=d",
        "?%",
    ):
        sid = p.new_sid()
        answer = stack.twilio(p.sms(sid, "sent", p.new_number(), ACME.account), query=query)
        assert answer.status == 200, (query, answer)
        stack.until_events(sid, 1)


def test_operations_pages_answer(stack: Stack) -> None:
    for part, port in stack.ports.items():
        for path in ("/healthz", "/readyz", "/metrics"):
            assert get(port, path).status == 200, (part, path)
        page = get(port, "/metrics").body.decode()
        assert "waybill_" in page, part
