"""The fixtures as receipts: every payload under tests/fixtures, with what it should become.

A file of SES holds the payload that SES publishes and is wrapped as SNS posts it; one whose name begins with `sns-`
is the whole SNS message. A file of Twilio holds the parameters or the JSON body, the query string and the content type.
A file of an application holds the body that ingest wraps.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson

from processors.activity import activity_of
from processors.providers import Incomprehensible, Told, read
from schemas.envelope import Envelope
from schemas.times import parse_time

FIXTURES = Path(__file__).parent / "fixtures"
RECEIVED_AT = parse_time("2026-11-20T12:00:00.000Z")
TENANT = "acme"

VOLATILE = ("schema", "event_id", "tenant", "receipt_id", "received_at")
"""Members of an event that its expectation leaves out: the same in every case, or a hash."""

_IDENTITIES = ("event_id", "entry_id", "reset_id")


@dataclass(frozen=True)
class Case:
    """One fixture: its receipt, and the file with what it should become."""

    provider: str
    name: str
    envelope: Envelope
    expected: dict[str, Any]

    @property
    def id(self) -> str:
        """Its name in a test report."""
        return f"{self.provider}/{self.name}"


def cases(provider: str = "*") -> list[Case]:
    """Every fixture of a provider, or all."""
    files = sorted(FIXTURES.glob(f"{provider}/*.json"))
    return [_case(path) for path in files if not path.name.endswith(".expected.json")]


def payload(provider: str, name: str) -> Any:
    """What one fixture's file holds."""
    return orjson.loads((FIXTURES / provider / f"{name}.json").read_bytes())


def ses(
    payload: object, *, received_at: int = RECEIVED_AT, tenant: str | None = TENANT, sns: object = None
) -> Envelope:
    """The receipt of a payload of SES, or of a whole SNS message."""
    message = payload if isinstance(payload, str) else orjson.dumps(payload).decode()
    notice = (
        sns
        if sns is not None
        else {
            "Type": "Notification",
            "MessageId": "7f2b7f1e-0f7a-5d7a-9a39-2d0b9f0c1a2b",
            "TopicArn": "arn:aws:sns:eu-west-1:123456789012:ses-events",
            "Subject": "Amazon SES Email Event Notification",
            "Message": message,
            "Timestamp": "2026-11-20T12:00:00.000Z",
            "SignatureVersion": "1",
            "Signature": "RVhBTVBMRQ==",
            "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
            "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
        }
    )
    body = notice if isinstance(notice, bytes) else orjson.dumps(notice)
    return _envelope("ses", body, "text/plain; charset=UTF-8", "", received_at, tenant)


def twilio(
    form: dict[str, str] | bytes,
    *,
    query: str = "",
    content_type: str = "application/x-www-form-urlencoded; charset=UTF-8",
    received_at: int = RECEIVED_AT,
) -> Envelope:
    """The receipt of a callback of Twilio."""
    body = form if isinstance(form, bytes) else urlencode(form).encode()
    return _envelope("twilio", body, content_type, query, received_at, TENANT)


def app(body: object, *, received_at: int = RECEIVED_AT) -> Envelope:
    """The receipt of something that an application posted with the key `console`."""
    envelope = _envelope("app", orjson.dumps(body), "application/json", "", received_at, TENANT)
    return replace(envelope, verified={"by": "key", "key": "console"})


def outcome_of(envelope: Envelope) -> dict[str, Any]:
    """What the adapters make of a receipt, in the words of an `.expected.json`."""
    told = read(envelope)
    if isinstance(told, Incomprehensible):
        return {"incomprehensible": told.reason}
    events = {"events": [_said(orjson.loads(event.to_json())) for event in told.events]}
    return events | (_told_by_app(told) if envelope.provider == "app" else {})


def _told_by_app(told: Told) -> dict[str, Any]:
    """What an application says beside events, and what its events say about addresses."""
    activity = [*told.activity, *(one for event in told.events for one in activity_of(event, told.key))]
    lines = [orjson.loads(one.to_line()) for one in activity]
    for line in lines:
        line["what"] = {name: value for name, value in line["what"].items() if name not in _IDENTITIES}
    rest = {
        "activity": [_said(line) for line in lines],
        "customers": [_said(orjson.loads(one.to_json(0)), "revision") for one in told.customers],
    }
    return {name: value for name, value in rest.items() if value}


def _said(event: dict[str, Any], *without: str) -> dict[str, Any]:
    left_out = (*VOLATILE, *without)
    return {name: value for name, value in event.items() if value is not None and name not in left_out}


def _envelope(
    provider: str, body: bytes, content_type: str, query: str, received_at: int, tenant: str | None
) -> Envelope:
    return Envelope(
        "receipt-1", received_at, provider, tenant, "m-1", {"by": "test"}, content_type, query, body
    )


def _case(path: Path) -> Case:
    content = orjson.loads(path.read_bytes())
    if path.parent.name == "app":
        envelope = app(content)
    elif path.parent.name == "twilio":
        body = orjson.dumps(content["json"]) if "json" in content else urlencode(content["form"]).encode()
        envelope = twilio(body, query=content["query"], content_type=content["content_type"])
    else:
        envelope = ses("", sns=content) if path.name.startswith("sns-") else ses(content)
    expected = orjson.loads(path.with_suffix(".expected.json").read_bytes())
    return Case(path.parent.name, path.stem, envelope, expected)
