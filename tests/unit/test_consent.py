"""Consent as an application tells it: from what it posts to what stands, and to the audit log."""

from typing import Any

import orjson

from processors.consent import ConsentFacts, fold, logged, published
from processors.providers import Told, read
from schemas.activity import Activity
from schemas.envelope import Envelope
from schemas.registrations import Consent, read_registration
from schemas.times import format_time
from tests.cases import RECEIVED_AT

MINUTE = 60_000
KEY = {"by": "key", "key": "console"}

OPT_IN = {
    "address": "Ann@Example.org",
    "channel": "email",
    "category": "marketing",
    "consent": "in",
    "source": "staff",
    "actor": "Sam Lee",
    "evidence": {"method": "verbal", "wording": "Yes, send me the news", "reference": "call 17"},
    "reason": "asked for it at the desk",
}
OPT_OUT = OPT_IN | {"consent": "out", "source": "customer", "actor": "ann", "evidence": None, "reason": None}


def told(document: dict[str, Any], now: int, verified: dict[str, Any] = KEY) -> Activity:
    """What the worker reads of a consent that was posted at that time, in ms."""
    consent = read_registration(Consent, 0, document, now)
    assert isinstance(consent, Consent), consent
    key, body = consent.receipt_key(), consent.receipt_body(now)
    found = read(Envelope("receipt-1", now, "app", "acme", key, verified, "application/json", "", body))
    assert isinstance(found, Told), found
    (activity,) = found.activity
    return activity


def state(*changes: Activity) -> dict[str, Any]:
    """What is published after these changes."""
    facts: ConsentFacts | None = None
    for revision, one in enumerate(changes):
        facts = fold(facts, one, revision)
    assert facts is not None
    document: dict[str, Any] = orjson.loads(published(facts))
    return document


def test_the_audit_log_says_who_when_by_which_key_from_what_source_on_what_evidence_and_why() -> None:
    at = format_time(RECEIVED_AT - 3 * MINUTE)
    entry = orjson.loads(logged(told(OPT_IN | {"at": at}, RECEIVED_AT)))
    assert entry.pop("entry_id")
    assert entry == {
        "schema": "consent-log/1",
        "tenant": "acme",
        "channel": "email",
        "address": "ann@example.org",
        "category": "marketing",
        "sender": None,
        "consent": "in",
        "source": "staff",
        "actor": "Sam Lee",
        "evidence": OPT_IN["evidence"],
        "reason": "asked for it at the desk",
        "at": at,
        "recorded_at": format_time(RECEIVED_AT),
        "recorded_by": "console",
        "receipt_id": "receipt-1",
        "message_id": None,
    }


def test_the_key_of_an_operator_is_told_apart_from_a_tenants_of_the_same_name() -> None:
    entry = orjson.loads(logged(told(OPT_IN, RECEIVED_AT, KEY | {"operator": True})))
    assert entry["recorded_by"] == "operator:console"


def test_an_opt_in_of_a_clock_that_is_ahead_does_not_overrule_the_opt_out_that_follows_it() -> None:
    ahead = told(OPT_IN | {"at": format_time(RECEIVED_AT + 4 * MINUTE)}, RECEIVED_AT)
    assert state(ahead)["since"] == format_time(RECEIVED_AT)
    assert state(ahead, told(OPT_OUT, RECEIVED_AT + MINUTE))["state"] == "out"


def test_what_was_decided_earlier_and_told_later_does_not_stand() -> None:
    before = told(OPT_IN | {"at": format_time(RECEIVED_AT - MINUTE)}, RECEIVED_AT + MINUTE)
    said = state(told(OPT_OUT, RECEIVED_AT), before)
    assert (said["state"], said["since"], said["actor"]) == ("out", format_time(RECEIVED_AT), "ann")
