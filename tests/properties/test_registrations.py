"""Whatever an application posts: it is either told its faults, or the worker understands it, and as the same thing."""

import string
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.providers.app import adapt
from processors.providers.told import Told
from schemas.activity import Verdict
from schemas.addresses import normalise
from schemas.consent import CATEGORIES, EVIDENCE_METHODS, IN, OUT
from schemas.customers import KINDS
from schemas.envelope import Envelope, parse_line
from schemas.registration_fields import MAX_SKEW_MS
from schemas.registrations import (
    Consent,
    Customer,
    Message,
    Registration,
    Reset,
    Suppression,
    read_registration,
)
from schemas.standing import Reason as StandingReason
from schemas.status import CHANNELS
from schemas.times import format_time

NOW = 1_795_339_697_123  # 2026-11-22T09:28:17.123Z


def _mostly(usual: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """One in sixteen is odd: a document of twenty fields is to have a chance of being accepted."""
    return st.one_of(*[usual] * 15, odd)


ODD = st.one_of(
    st.none(), st.text(max_size=12), st.text(" \u200b\x00\x1f\n", max_size=3), st.text("a", max_size=600)
)
TEXT = _mostly(st.text(min_size=1, max_size=12), ODD)
NAMES = _mostly(
    st.text(string.ascii_letters, min_size=1, max_size=8), st.one_of(ODD, st.integers(-(2**53), 2**53))
)
EMAILS = ["ann@example.org", " Ann@Example.org", "jörg@münchen.example", "Ann Lee <ann@example.org>"]
NUMBERS = ["+15005550006", "+44 (0)20 7946 0018", "+1 500\u2011555\u20110006"]
ADDRESSES = st.one_of(
    st.sampled_from(EMAILS + NUMBERS), st.text("ann@example.org+15005550006 \u200b", max_size=14)
)
TIMES = _mostly(
    st.integers(NOW - 10**11, NOW + MAX_SKEW_MS).map(format_time),
    st.one_of(
        st.none(),
        st.integers(NOW - 10**13, NOW + 10**13).map(format_time),
        st.sampled_from(["2026-11-20t10:00:00.123456789+14:00", "2026-11-20", ""]),
    ),
)
CHANNEL = _mostly(st.sampled_from(CHANNELS), st.just("fax"))


def _of(required: dict[str, st.SearchStrategy[Any]], optional: dict[str, st.SearchStrategy[Any]]) -> Any:
    return st.fixed_dictionaries(required, optional=optional)


EVIDENCE = _of(
    {"method": st.sampled_from([*EVIDENCE_METHODS, "rumour"])}, {"wording": TEXT, "reference": NAMES}
)
THINGS: list[tuple[type[Registration], Any]] = [
    (
        Message,
        _of(
            {"id": NAMES, "channel": CHANNEL},
            {
                "recipient": ADDRESSES,
                "recipients": st.lists(ADDRESSES, max_size=3),
                "status": st.sampled_from(
                    ["queued", "skipped", "invalid", "failed", "canceled", "sent", None]
                ),
                "tracking": st.sampled_from(["none", "yes", None]),
                "at": TIMES,
                **dict.fromkeys(["sender", "campaign", "customer", "category", "document", "method"], NAMES),
                **dict.fromkeys(["subject", "text", "link", "reason", "error"], TEXT),
                "error_code": NAMES,
            },
        ),
    ),
    (
        Consent,
        _of(
            {
                "address": ADDRESSES,
                "channel": CHANNEL,
                "category": st.sampled_from(CATEGORIES),
                "consent": st.sampled_from([IN, OUT]),
                "source": st.sampled_from(["customer", "staff", "import"]),
                "actor": NAMES,
            },
            {"sender": NAMES, "evidence": EVIDENCE, "reason": TEXT, "message_id": NAMES, "at": TIMES},
        ),
    ),
    (
        Customer,
        _of(
            {
                "customer": NAMES,
                "kind": st.sampled_from([*KINDS, "cat"]),
                "addresses": st.lists(
                    _of({"address": ADDRESSES, "channel": CHANNEL}, {"primary": st.booleans()}), max_size=3
                ),
            },
            {"name": TEXT, "created_at": TIMES},
        ),
    ),
    (
        Suppression,
        _of(
            {
                "address": ADDRESSES,
                "channel": CHANNEL,
                "reason": st.sampled_from(list(StandingReason)),
                "actor": NAMES,
            },
            {"note": TEXT, "at": TIMES},
        ),
    ),
    (Reset, _of({"address": ADDRESSES, "channel": CHANNEL, "actor": NAMES, "reason": TEXT}, {})),
]


def received(thing: Registration) -> Envelope:
    """The receipt of that thing, as the worker reads it from Kafka."""
    envelope = Envelope(
        receipt_id="r",
        received_at=NOW,
        provider="app",
        tenant="acme",
        message_id=thing.receipt_key(),
        verified={"by": "key", "key": "writer"},
        content_type="application/json",
        query="",
        body=thing.receipt_body(NOW),
    )
    return parse_line(envelope.to_line())


@pytest.mark.parametrize(("kind", "documents"), THINGS, ids=[kind.__name__ for kind, _ in THINGS])
@given(data=st.data())
def test_what_is_accepted_the_worker_understands_and_what_is_not_says_why(
    kind: type[Registration], documents: Any, data: st.DataObject
) -> None:
    document = data.draw(documents)
    found = read_registration(kind, 7, orjson.loads(orjson.dumps(document)), NOW)
    if isinstance(found, list):
        assert found
        for fault in found:
            assert fault.index == 7
            assert fault.field
            assert fault.expected.startswith("expected")
        return
    envelope = received(found)
    read = adapt(envelope, "acme")
    assert isinstance(read, Told), (document, read)
    for event in read.events:
        assert event.message_id == envelope.message_id == document["id"].strip()
        assert event.at <= NOW
    for activity in read.activity:
        assert activity.address == normalise(document["channel"], document["address"])
        assert not isinstance(activity.what, Verdict) and activity.what.at <= NOW
    for customer in read.customers:
        assert (customer.created_at is None) == (not document.get("created_at"))
        assert len(customer.addresses) == len(document["addresses"])
    assert len(read.events) + len(read.activity) + len(read.customers) >= 1


@pytest.mark.parametrize(("kind", "documents"), THINGS, ids=[kind.__name__ for kind, _ in THINGS])
@given(data=st.data())
def test_a_receipt_body_is_a_registration_again(
    kind: type[Registration], documents: Any, data: st.DataObject
) -> None:
    found = read_registration(kind, 0, data.draw(documents), NOW)
    if isinstance(found, list):
        return
    body = orjson.loads(found.receipt_body(NOW))
    part = body[body["type"]]
    if "at" not in kind.model_fields:
        part.pop("at")
    again = read_registration(kind, 0, part, NOW)
    assert not isinstance(again, list)
    assert again.receipt_body(NOW) == found.receipt_body(NOW)
    assert again.receipt_key() == found.receipt_key()


def test_the_vocabulary_is_that_of_the_contracts() -> None:
    assert Consent.model_json_schema()["properties"]["category"]["enum"] == list(CATEGORIES)
    assert Customer.model_json_schema()["properties"]["kind"]["enum"] == list(KINDS)
    evidence = Consent.model_json_schema()["$defs"]["Evidence"]
    assert evidence["properties"]["method"]["enum"] == list(EVIDENCE_METHODS)
