"""What is peculiar to one provider's payloads and not told by a fixture."""

from typing import Any

import orjson
import pytest

from processors.providers import Incomprehensible, adapt
from schemas.envelope import Envelope
from schemas.status import Outcome
from schemas.times import format_time
from schemas.twilio_errors import ERRORS
from tests.cases import RECEIVED_AT, TENANT, payload, ses, twilio
from tests.folding import events_of

FORM = {"MessageSid": "SM1", "MessageStatus": "sent", "To": "+15005550006", "From": "+15005550001"}


def refused(envelope: Envelope) -> str:
    read = adapt(envelope)
    assert isinstance(read, Incomprehensible), read
    return read.reason


def delivery(**mail: Any) -> dict[str, Any]:
    whole: dict[str, Any] = payload("ses", "delivery")
    whole["mail"] |= mail
    return whole


def test_a_receipt_that_no_tenant_was_found_for_is_incomprehensible() -> None:
    assert refused(ses(payload("ses", "delivery"), tenant=None)) == "unknown_tenant"


def test_a_provider_that_nobody_reads_is_incomprehensible() -> None:
    assert refused(Envelope("r", 1, "pigeon", TENANT, "m", {}, "", "", b"")) == "unknown_provider"


@pytest.mark.parametrize(
    ("sns", "reason"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"\xff\xfe", "not_json"),
        ([], "not_an_object"),
        ({}, "unknown_sns_type"),
        ({"Type": "Notification"}, "no_message"),
        ({"Type": "Notification", "Message": {"eventType": "Send"}}, "no_message"),
        ({"Type": "Notification", "Message": "[]"}, "not_ses"),
        ({"Type": "Notification", "Message": "{}"}, "no_event_type"),
        ({"Type": "Notification", "Message": '{"eventType": 7}'}, "no_event_type"),
        ({"Type": "Notification", "Message": '{"eventType": "Send"}'}, "no_mail"),
        ({"Type": "Notification", "Message": '{"eventType": "Send", "mail": []}'}, "no_mail"),
        ({"Type": "Notification", "Message": '{"eventType": "Send", "mail": {}}'}, "no_message_id"),
    ],
)
def test_what_is_no_event_of_ses_says_what_was_expected(sns: object, reason: str) -> None:
    assert refused(ses("", sns=sns)) == reason


@pytest.mark.parametrize("destination", [None, [], "ann@example.org", [None], [" "], ["x" * 600]])
def test_mail_to_nobody_who_can_be_read_is_incomprehensible(destination: object) -> None:
    assert refused(ses(delivery(destination=destination))) == "no_destination"


@pytest.mark.parametrize("message_id", [None, "", " ", 7, "x" * 600])
def test_mail_without_an_id_is_incomprehensible(message_id: object) -> None:
    assert refused(ses(delivery(messageId=message_id))) == "no_message_id"


def test_more_recipients_than_any_mail_has_are_not_believed() -> None:
    many = [f"a{n}@example.org" for n in range(1001)]
    assert refused(ses(delivery(destination=many))) == "too_many_recipients"
    whole = delivery()
    whole["delivery"]["recipients"] = many
    assert refused(ses(whole)) == "too_many_recipients"


def test_a_delivery_to_nobody_is_incomprehensible() -> None:
    whole = delivery()
    whole["delivery"]["recipients"] = [None, {}]
    assert refused(ses(whole)) == "no_recipients"


@pytest.mark.parametrize(
    "time", [None, 1_700_000_000, "", "yesterday", "9999-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "+" * 100]
)
def test_a_time_that_cannot_be_believed_is_when_it_was_received(time: object) -> None:
    whole = delivery()
    whole["delivery"]["timestamp"] = time
    (event,) = events_of(ses(whole))
    assert (event.at, event.timed, event.outcome) == (RECEIVED_AT, False, Outcome.DELIVERED)


def test_times_of_other_zones_and_precisions_are_understood() -> None:
    for time in ("2026-11-20T08:15:04.133Z", "2026-11-20T09:15:04.133+01:00", "2026-11-20T08:15:04.133000Z"):
        whole = delivery()
        whole["delivery"]["timestamp"] = time
        (event,) = events_of(ses(whole))
        assert format_time(event.at) == "2026-11-20T08:15:04.133Z"


def test_half_a_surrogate_pair_where_a_header_was_cut_spoils_only_itself() -> None:
    text = orjson.dumps(payload("ses", "send")).decode()
    cut = text.replace('"subject":"Spring class list"', '"subject":"Spring \\ud83d"')
    assert cut != text
    (event,) = events_of(ses(cut))
    assert event.descriptors.subject == "Spring \ufffd"
    whole = text.replace('"subject":"Spring class list"', '"subject":"\\ud83d\\ude00 \\\\ud83d \\udc00"')
    (event,) = events_of(ses(whole))
    assert event.descriptors.subject == "\U0001f600 \\ud83d \ufffd"


@pytest.mark.parametrize(
    ("header", "subject"),
    [
        ("=?UTF-8?B?R3LDvMOfZQ==?=", "Grüße"),
        ("=?iso-8859-1?Q?Gr=FC=DFe?= again", "Grüße again"),
        ("=?no-such-charset?Q?abc?=", "=?no-such-charset?Q?abc?="),
        ("=?UTF-8?B?!!!?=", "=?UTF-8?B?!!!?="),
        ("Is 1=?2", "Is 1=?2"),
        ("", None),
        (None, None),
        (["a"], None),
    ],
)
def test_subjects_are_decoded_where_they_can_be(header: object, subject: str | None) -> None:
    (event,) = events_of(ses(delivery(commonHeaders={"subject": header}, headers=[])))
    assert event.descriptors.subject == subject


@pytest.mark.parametrize(
    "tags", [None, [], "campaign=a", {"campaign": None}, {"campaign": []}, {"campaign": [7, ""]}]
)
def test_tags_that_say_nothing_are_unsaid(tags: object) -> None:
    (event,) = events_of(ses(delivery(tags=tags)))
    assert event.descriptors.campaign is None


def test_texts_in_events_are_bounded() -> None:
    (event,) = events_of(
        ses(delivery(commonHeaders={"subject": "x" * 100_000}, tags={"campaign": ["y" * 9999]}))
    )
    assert len(event.descriptors.subject or "") == 4096
    assert len(event.descriptors.campaign or "") == 512


def test_one_address_twice_in_one_payload_is_one_event() -> None:
    whole = delivery()
    whole["delivery"]["recipients"] = ["ann@example.org", "ANN@example.org "]
    assert len(events_of(ses(whole))) == 1


def test_a_destination_that_cannot_be_read_makes_an_open_nobodys() -> None:
    whole = payload("ses", "open")
    whole["mail"]["destination"] = ["ann@example.org", None]
    (event,) = events_of(ses(whole))
    assert event.recipient is None


@pytest.mark.parametrize("count", [1, 201])
def test_a_form_of_nothing_or_of_far_too_much_is_incomprehensible(count: int) -> None:
    body = "&".join(["=", *(f"f{n}=1" for n in range(count - 1))]).encode()
    assert refused(twilio(body)) == "not_a_form"


@pytest.mark.parametrize("missing", ["MessageSid", "MessageStatus", "To"])
def test_a_callback_without_what_it_must_say_is_incomprehensible(missing: str) -> None:
    form = {name: value for name, value in FORM.items() if name != missing}
    assert refused(twilio(form)) in ("no_message_id", "no_status", "no_recipient")


def test_an_inbound_message_without_a_sender_is_incomprehensible() -> None:
    assert refused(twilio({"MessageSid": "SM1", "Body": "hi", "To": "+15005550001"})) == "no_recipient"


def test_an_error_code_on_a_message_that_goes_on_changes_no_outcome() -> None:
    (event,) = events_of(twilio(FORM | {"ErrorCode": "30007"}))
    assert (event.outcome, event.detail["error_code"]) == (Outcome.SENT, "30007")


def test_every_error_code_that_changes_an_outcome_says_why() -> None:
    for code, row in ERRORS.items():
        assert code.isdigit() and row.meaning.endswith(".")
        assert (row.outcome is None) == (row.reason is None)


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        *(
            (word, Outcome.OPTED_OUT)
            for word in "stop UNSUBSCRIBE End QUIT StopAll REVOKE OPTOUT cancel".split()
        ),
        *((word, Outcome.OPTED_IN) for word in "start YES UnStop".split()),
        ("stop it", None),
        ("HELP", None),
        ("yes please", None),
    ],
)
def test_the_whole_body_decides_without_advanced_opt_out(word: str, outcome: Outcome | None) -> None:
    form = {
        "MessageSid": "SM1",
        "SmsStatus": "received",
        "From": "+15005550006",
        "To": "+15005550001",
        "Body": word,
    }
    events = events_of(twilio(form))
    assert [event.outcome for event in events] == [Outcome.INBOUND, *([outcome] if outcome else [])]
    assert {event.recipient for event in events} == {"+15005550006"}


def test_where_advanced_opt_out_says_what_it_was_the_words_do_not_matter() -> None:
    form = {
        "MessageSid": "SM1",
        "SmsStatus": "received",
        "From": "+15005550006",
        "Body": "STOP",
        "OptOutType": "HELP",
    }
    assert [event.outcome for event in events_of(twilio(form))] == [Outcome.INBOUND]


def test_the_senders_own_parameters_come_from_the_query_and_not_from_the_body() -> None:
    (event,) = events_of(
        twilio(FORM | {"campaign": "forged"}, query="campaign=a+b&campaign=c&customer=&document=%C3%BC")
    )
    said = event.descriptors
    assert (said.campaign, said.customer, said.document, said.category) == ("a b", None, "ü", None)


def test_an_empty_address_in_a_report_is_nobodys_and_nothing() -> None:
    whole = payload("ses", "bounce-permanent-general")
    whole["bounce"]["bouncedRecipients"] = [{"emailAddress": "<>"}]
    assert refused(ses(whole)) == "no_recipients"


def test_a_complaint_that_lists_one_person_twice_is_that_persons() -> None:
    whole = payload("ses", "complaint-of-one-of-several")
    whole["complaint"]["complainedRecipients"] = [
        {"emailAddress": "bob@example.net"},
        {"emailAddress": "Bob@example.net"},
    ]
    (event,) = events_of(ses(whole))
    assert event.recipient == "bob@example.net"


def test_a_complaint_of_which_one_of_two_cannot_be_read_is_nobodys() -> None:
    whole = payload("ses", "complaint-of-one-of-several")
    whole["complaint"]["complainedRecipients"] = [{"emailAddress": "bob@example.net"}, {"emailAddress": None}]
    (event,) = events_of(ses(whole))
    assert (event.recipient, event.outcome) == (None, Outcome.COMPLAINED)


def test_complaints_at_one_moment_about_different_people_are_two() -> None:
    def complaint(*people: str) -> str:
        whole = payload("ses", "complaint-of-somebody-at-the-domain")
        whole["complaint"]["complainedRecipients"] = [{"emailAddress": person} for person in people]
        (event,) = events_of(ses(whole))
        return event.event_id

    assert complaint("ann@example.org", "cy@example.org") == complaint("cy@example.org", "ann@example.org")
    assert complaint("ann@example.org", "cy@example.org") != complaint("ann@example.org", "bob@example.net")
