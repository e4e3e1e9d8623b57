"""Dead letters in words."""

import ast
import base64
import json
from pathlib import Path

from query.console.dead_letter_words import REASONS, STAGES, set_out, words_of

PROCESSORS = Path(__file__).parents[2] / "processors"


def _reasons() -> set[str]:
    """Every reason that processors can give: what Incomprehensible is made with, and the codes of dead_letters.py."""
    found = {
        call.args[0].value
        for file in PROCESSORS.rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text()))
        if isinstance(call, ast.Call)
        and getattr(call.func, "id", None) == "Incomprehensible"
        and call.args
        and isinstance(call.args[0], ast.Constant)
    }
    for statement in ast.parse((PROCESSORS / "dead_letters.py").read_text()).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant):
            (target,) = statement.targets
            if getattr(target, "id", "") != "SCHEMA" and isinstance(statement.value.value, str):
                found.add(statement.value.value)
    return {str(reason) for reason in found}


def test_every_reason_that_processors_give_has_words_and_no_other() -> None:
    assert set(REASONS) == _reasons()
    assert set(STAGES) == {"track", "standing", "sink"}


def test_a_reason_of_a_later_version_says_itself() -> None:
    assert words_of("no_wings").says == "No wings"


def test_what_is_not_for_waybill_is_about_no_message() -> None:
    about_none = {reason for reason, words in REASONS.items() if not words.is_about_a_message}
    assert about_none == {"not_ses", "not_json", "not_an_object", "not_a_form"}


def _letter(body: str, content_type: str = "text/plain", **more: object) -> dict[str, object]:
    receipt = {"body": body, "content_type": content_type, "received_at": "2026-11-20T12:00:00.000Z", **more}
    return {"receipt": receipt, "raw": None}


def test_a_notification_is_set_out_with_the_message_inside_it() -> None:
    body = json.dumps({"Type": "Notification", "Message": json.dumps({"eventType": "Open"})})
    found = set_out(_letter(body))
    assert found.untouched == body
    assert [(title, json.loads(text)) for title, text in found.parts] == [
        ("Body", json.loads(body)),
        ("Message inside it", {"eventType": "Open"}),
    ]
    assert found.received_at == "2026-11-20T12:00:00.000Z"


def test_a_form_is_set_out_field_by_field() -> None:
    found = set_out(_letter("MessageSid=SM1&Body=a%26b&Empty=", "application/x-www-form-urlencoded"))
    assert found.parts == [("Fields", "MessageSid: SM1\nBody: a&b\nEmpty: ")]


def test_what_is_neither_stays_as_it_came() -> None:
    assert set_out(_letter("hello")).parts == []
    assert set_out(_letter('"a string of JSON"')).parts == []


def test_bytes_are_shown_as_the_text_that_they_are_where_they_are_some() -> None:
    raw = base64.b64encode(b'{"receipt_id": "01').decode()
    found = set_out({"receipt": None, "raw": raw})
    assert (found.untouched, found.received_at) == ('{"receipt_id": "01', None)
    binary = base64.b64encode(b"\xff\xfe").decode()
    assert set_out({"receipt": None, "raw": binary}).untouched == binary
    assert set_out(_letter(base64.b64encode(b"abc").decode(), body_encoding="base64")).untouched == "abc"
