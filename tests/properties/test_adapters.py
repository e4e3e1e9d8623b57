"""Whatever stands in an authentic body, an adapter answers with a value, and what it answers can be published."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.facts import fold, folds
from processors.providers import Incomprehensible, adapt
from processors.status import published
from schemas.envelope import Envelope
from schemas.message_ids import load_json
from schemas.times import EARLIEST, LATEST
from tests.cases import RECEIVED_AT, ses, twilio
from tests.contract import faults
from tests.strategies import ANY_JSON, damaged_ses, damaged_twilio


def check(envelope: Envelope) -> None:
    read = adapt(envelope)
    assert adapt(envelope) == read
    if isinstance(read, Incomprehensible):
        assert read.reason and read.detail
        return
    assert len({event.event_id for event in read}) == len(read)
    for event in read:
        assert len(event.to_json()) < 256 * 1024
        assert EARLIEST < event.at < LATEST
        assert faults("waybill-events", event.to_json()) == []
        if folds(event):
            assert faults("waybill-message-status", published(fold(None, event, 1))) == []


@given(damaged_ses())
def test_a_damaged_payload_of_ses_is_read_or_refused_and_never_raises(envelope: Envelope) -> None:
    check(envelope)


@given(damaged_ses())
def test_a_payload_of_ses_says_the_same_whether_all_of_it_is_read_or_only_what_is_needed(
    envelope: Envelope,
) -> None:
    quick = adapt(envelope)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("processors.providers.ses._load", load_json)
        assert adapt(envelope) == quick


@given(ANY_JSON)
def test_any_message_in_an_sns_envelope_is_read_or_refused(message: object) -> None:
    check(ses(message))


@given(ANY_JSON)
def test_any_body_instead_of_an_sns_envelope_is_read_or_refused(body: object) -> None:
    check(ses("", sns=body))


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    check(ses("", sns=body))
    check(twilio(body))
    check(twilio(body, content_type="application/json"))


@given(damaged_twilio())
def test_a_damaged_callback_of_twilio_is_read_or_refused_and_never_raises(envelope: Envelope) -> None:
    check(envelope)


@given(st.text(max_size=40))
def test_any_query_string_is_read(query: str) -> None:
    form = {"MessageSid": "SM1", "MessageStatus": "sent", "To": "+15005550006"}
    check(twilio(form, query=query))


def test_nesting_deeper_than_a_parser_goes_is_incomprehensible() -> None:
    deep = "[" * 100_000 + "]" * 100_000
    read = adapt(ses(deep))
    assert isinstance(read, Incomprehensible) and read.reason == "not_ses"
    read = adapt(ses("", sns=deep.encode()))
    assert isinstance(read, Incomprehensible) and read.reason == "not_json"


def test_an_unknown_event_nested_as_deep_as_a_parser_goes_is_kept_without_its_payload() -> None:
    mail = {"messageId": "m", "destination": ["ann@example.org"]}
    whole = orjson.dumps({"eventType": "New", "mail": mail, "new": 0}).decode()
    read = adapt(ses(whole.replace('"new":0', '"new":' + "[" * 900 + "]" * 900)))
    assert not isinstance(read, Incomprehensible)
    assert read[0].detail == {"provider_type": "New"}
    assert read[0].at == RECEIVED_AT
