"""docs/sending.md: its Python runs, and what its examples post is accepted."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from schemas.registrations import Consent, Customer, Message, Registration, Reset, read_registration
from schemas.unsubscribe import UnsubscribeLink, read_token

TEXT = (Path(__file__).parents[2] / "docs" / "sending.md").read_text()
NOW = time.time_ns() // 1_000_000
SECRET = "s" * 32


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def accepted(kind: type[Registration], documents: list[Any]) -> None:
    for index, document in enumerate(documents):
        assert isinstance(read_registration(kind, index, document, NOW), kind), document


class Ses:
    """Takes mails as SES's client does."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def send_email(self, **mail: Any) -> dict[str, str]:
        self.sent.append(mail)
        return {"MessageId": f"ses-{len(self.sent)}"}


@pytest.fixture
def example() -> dict[str, Any]:
    """The names that the page's Python defines."""
    names: dict[str, Any] = {}
    for code in blocks("python"):
        exec(code, names)
    return names | {"SECRET": SECRET}


def test_the_mailing_asks_sends_and_registers_what_was_sent_and_what_was_not(example: dict[str, Any]) -> None:
    customers = {"ann@example.org": 1, "ben@example.org": 2, "cem@example.org": 3, "dora@example.org": "d"}
    decisions = ["allow", "skip", "invalid", "hold"]
    posted: list[tuple[str, str, Any]] = []

    def call(method: str, url: str, document: Any = None) -> Any:
        posted.append((method, url, json.loads(json.dumps(document))))
        items = zip(customers, decisions, strict=True)
        return {"items": [{"address": a, "decision": d, "reason": "why", "until": "then"} for a, d in items]}

    send = example["send_news"]
    send.__globals__.update(example | {"call": call})
    ses = Ses()
    assert send(ses, "spring", "News", "<p>News</p>", customers) == {"dora@example.org": "then"}

    (mail,) = ses.sent
    headers = {header["Name"]: header["Value"] for header in mail["Content"]["Simple"]["Headers"]}
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    token = headers["List-Unsubscribe"].strip("<>").rpartition("/unsubscribe/")[2]
    assert read_token(token, {"acme": [SECRET]}, NOW) == UnsubscribeLink(
        tenant="acme", address="ann@example.org", category="marketing", campaign="spring"
    )
    method, url, messages = posted[-1]
    assert (method, url) == ("POST", "http://127.0.0.1:8080/v1/messages")
    accepted(Message, messages)
    assert [(m["recipient"], m.get("status")) for m in messages] == [
        ("ann@example.org", None),
        ("ben@example.org", "skipped"),
        ("cem@example.org", "invalid"),
    ]


def test_the_documents_of_the_page_are_accepted() -> None:
    consents, customer = map(json.loads, blocks("json"))
    accepted(Consent, consents)
    accepted(Customer, [customer | {"customer": "42"}])
    (reset,) = re.findall(r"-d '(\{.*?\})'", TEXT)
    accepted(Reset, [json.loads(reset) | {"address": "ann@example.org"}])


def test_every_member_of_a_token_is_in_the_table() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE)) == set(UnsubscribeLink.model_fields)
