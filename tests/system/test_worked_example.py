"""The examples of docs/sending.md and docs/operations.md, as they are typed, against the whole of Waybill."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.system import payloads as p
from tests.system.stack import ROOT, Stack
from tests.system.tenants import ACME, UNSUBSCRIBE_SECRET
from tests.system.waiting import eventually, settled

SENDING = (ROOT / "docs" / "sending.md").read_text()

pytestmark = pytest.mark.usefixtures("released")


class Ses:
    """SES for the example: takes mails, and reports what became of them, of some before it is even registered."""

    def __init__(self, stack: Stack, becomes: dict[str, Callable[[p.Payload, str], p.Payload]]) -> None:
        self.sent: dict[str, dict[str, Any]] = {}
        self._stack, self._becomes = stack, becomes

    def send_email(self, **mail: Any) -> dict[str, str]:
        (address,) = mail["Destination"]["ToAddresses"]
        self.sent[address] = mail
        m = p.mail(p.new_id(), [address], p.at(0), source=mail["FromEmailAddress"])
        self._stack.accept(p.send(m), self._becomes[address](m, p.at(2)))
        return {"MessageId": m["messageId"]}


@pytest.fixture
def example(stack: Stack) -> dict[str, Any]:
    """The names that the page's Python defines, for this run."""
    names: dict[str, Any] = {}
    for code in re.findall(r"```python\n(.*?)```", SENDING, re.DOTALL):
        exec(code, names)
    return names | {
        "INGEST": f"http://127.0.0.1:{stack.ports['ingest']}",
        "QUERY": f"http://127.0.0.1:{stack.ports['query']}",
        "PUBLIC": f"http://127.0.0.1:{stack.ports['ingest']}",
        "KEY": ACME.key,
        "SECRET": UNSUBSCRIBE_SECRET,
    }


def typed(stack: Stack, script: str, **instead: str) -> list[Any]:
    """What a shell's commands of the docs print, JSON after JSON; in them `instead` stands for the words of the docs."""
    for word, other in instead.items():
        assert word in script
        script = script.replace(word, other)
    environment = os.environ | {
        "KEY": ACME.key,
        "INGEST": f"http://127.0.0.1:{stack.ports['ingest']}",
        "QUERY": f"http://127.0.0.1:{stack.ports['query']}",
    }
    ran = subprocess.run(["sh", "-e", "-c", script], capture_output=True, env=environment, check=True)
    rest, found = ran.stdout.decode().strip(), []
    while rest:
        document, end = json.JSONDecoder().raw_decode(rest)
        found.append(document)
        rest = rest[end:].strip()
    return found


def codes(diagnosis: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {finding["code"]: finding for finding in diagnosis["findings"]}


def test_an_application_asks_sends_registers_and_reads_back(stack: Stack, example: dict[str, Any]) -> None:
    ann, ben, cem, dora = (p.new_address() for _ in range(4))
    campaign, customer = p.new_id(), p.new_id()
    send_news, call = example["send_news"], example["call"]
    send_news.__globals__.update(example)
    opt_in = {
        "channel": "email",
        "category": "marketing",
        "consent": "in",
        "source": "customer",
        "evidence": {"method": "portal"},
    }
    consents = [opt_in | {"address": address, "actor": address} for address in (ann, ben, dora)]
    assert call("POST", f"{example['INGEST']}/v1/consents", consents) == {"accepted": 3}
    stack.accept(p.bounce(p.mail(p.new_id(), [dora], p.at(-60)), p.at(-50)))

    def decisions() -> list[str]:
        question = {"channel": "email", "category": "marketing", "addresses": [ann, ben, cem, dora]}
        answer = call("POST", f"{example['QUERY']}/v1/sendability", question)
        return [item["decision"] for item in answer["items"]]

    expected = ["allow", "allow", "skip", "invalid"]
    eventually(lambda: decisions() == expected, 20, "opt-ins and the bounce count")
    ses = Ses(stack, {ann: p.delivery, ben: p.bounce})
    whose = {ann: customer, ben: "ben", cem: "cem", dora: "dora"}
    assert send_news(ses, campaign, "Spring news", "<p>News</p>", whose) == {}
    assert set(ses.sent) == {ann, ben}

    reading, resetting = re.findall(r"```sh\n(.*?)```", SENDING, re.DOTALL)
    reading = "\n".join(line for line in reading.splitlines() if line.startswith("curl"))

    def read_back() -> None:
        instead = {"spring": campaign, "customers/42": f"customers/{customer}", "ann@example.org": ann}
        bounced, rates, mailed, of_customer, diagnosis = typed(stack, reading, **instead)
        (item,) = bounced["items"]
        assert (item["recipient"], item["customer"], item["status"]) == (ben, "ben", "bounced")
        (mailing,) = [one for one in rates["items"] if one["key"] == {"campaign": campaign}]
        counts = {name: mailing["counts"][name] for name in ("sent", "delivered", "bounced")}
        assert counts == {"sent": 2, "delivered": 1, "bounced": 1}
        assert {name: mailing["counts"][name] for name in ("skipped", "invalid")} == {
            "skipped": 1,
            "invalid": 1,
        }
        assert (mailed["campaign"], mailed["counts"]) == (campaign, mailing["counts"])
        (item,) = of_customer["items"]
        assert (item["subject"], item["status"]) == ("Spring news", "delivered")
        told = codes(diagnosis)["delivered_not_seen"]
        assert "news@ses.example.com" in told["remedy"] and "Spring news" in told["remedy"]

    settled(read_back, 30, "everything is read back")
    skipped = codes(stack.ask(f"/v1/addresses/{cem}/diagnosis").json())
    assert {"skipped", "no_opt_in"} <= set(skipped)

    typed(stack, resetting, **{"ann@example.org": dora})
    eventually(
        lambda: stack.ask(f"/v1/addresses/{dora}").json()["standing"] == "valid", 20, "the reset counts"
    )
    assert "was_reset" in codes(stack.ask(f"/v1/addresses/{dora}/diagnosis").json())

    headers = ses.sent[ann]["Content"]["Simple"]["Headers"]
    (link,) = [header["Value"].strip("<>") for header in headers if header["Name"] == "List-Unsubscribe"]
    _follow(link)
    assert decisions()[0] == "allow", "a link checker changed something"
    _follow(link, b"List-Unsubscribe=One-Click")
    eventually(lambda: decisions()[0] == "skip", 10, "the opt-out counts")
    out = {"address": ann, "state": "out", "category": "marketing"}
    eventually(lambda: bool(stack.items("/v1/consents", **out)), 20, "the opt-out is on the list")
    (item,) = stack.items("/v1/consents", **out)
    assert (item["source"], item["evidence"]["method"]) == ("customer", "link")
    changes = [entry["consent"] for entry in stack.items("/v1/consents/log", address=ann)]
    assert changes == ["out", "in"]
    told = codes(stack.ask(f"/v1/addresses/{ann}/diagnosis").json())["opted_out"]
    assert "by themselves through an unsubscribe link" in told["text"]


def _follow(link: str, body: bytes | None = None) -> None:
    with urllib.request.urlopen(urllib.request.Request(link, data=body), timeout=20) as answer:
        assert answer.status == 200


def test_lists_of_another_system_are_brought_in_and_read_back(stack: Stack, tmp_path: Path) -> None:
    address, other, number = p.new_address(), p.new_address(), p.new_number()
    customer = p.new_id()

    def bring_in(kind: str, text: str) -> str:
        file = tmp_path / f"{kind}.csv"
        file.write_text(text)
        command = [sys.executable, "-m", "deploy", "import", kind, str(file), "--actor", "Sam Lee"]
        command += ["--url", f"http://127.0.0.1:{stack.ports['ingest']}"]
        environment = os.environ | {"WAYBILL_KEY": ACME.key}
        ran = subprocess.run(command, capture_output=True, env=environment, cwd=ROOT, check=True)
        return ran.stderr.decode()

    assert "2/2 100%" in bring_in("suppressions", f"address,reason\n{address},complaint\n{number},landline\n")
    bring_in("opt-outs", f"address,category,reference\n{other},notification,old list 3\n")
    bring_in(
        "customers", f"customer,name,address,primary\n{customer},Ann,{address},yes\n{customer},,{other},\n"
    )

    def is_there() -> None:
        (item,) = stack.items("/v1/addresses", standing="invalid", reason="landline", address=number)
        assert (item["channel"], item["cause"]) == ("sms", "import")
        (item,) = stack.items("/v1/consents", address=other, state="out", category="notification")
        assert (item["actor"], item["evidence"]["reference"]) == ("Sam Lee", "old list 3")
        document = stack.ask(f"/v1/customers/{customer}").json()
        assert [(one["address"], one["primary"], one["standing"]) for one in document["addresses"]] == [
            (address, True, "invalid"),
            (other, False, "valid"),
        ]
        found = codes(stack.ask(f"/v1/customers/{customer}/diagnosis").json())
        assert "So says a list of another system" in found["suppressed_complaint"]["text"]
        assert found["opted_out"]["address"] == other

    settled(is_there, 30, "all lists are read back")
