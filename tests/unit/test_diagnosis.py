"""Why does an address not receive? A sentence for each finding, its evidence and its remedy."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from query.diagnosis import AddressEvidence, DomainFigures, Figures, Senders, Severity, of_address
from schemas.standing import PROVIDER_LIST_HINT, Reason
from schemas.times import format_time
from schemas.twilio_errors import ERRORS
from tests.diagnosing import (
    ANN,
    DAY,
    HOUR,
    NOW,
    ann,
    bounce,
    codes,
    consent,
    customer,
    message,
    phone,
    standing,
    text_message,
    the,
)

SENDERS = Senders("acme@ses.example.com", "acme-news@ses.example.com")


def test_an_address_that_nothing_was_sent_to_is_told_first_of_all_to_have_got_nothing() -> None:
    diagnosis = of_address(ann())
    assert codes(diagnosis) == ["never_sent", "no_opt_in", "cannot_know", "send_a_test"]
    assert diagnosis.summary == "Nothing was ever sent to this address, as far as Waybill was told."
    assert diagnosis.suggestion is None


@pytest.mark.parametrize("reason", Reason)
def test_a_suppressed_address_is_told_why_since_when_and_how_to_reset_it(reason: Reason) -> None:
    row = standing(reason, diagnostic="550 no", code="5.1.1", soft_bounces_in_a_row=5)
    first = of_address(ann(message("bounced", bounce=bounce("mailbox")), standing=row)).findings[0]
    assert (first.code, first.severity) == (f"suppressed_{reason}", Severity.ERROR)
    assert "17 Nov 2026 10:00 UTC" in first.text
    assert "POST /v1/addresses/ann@example.org/reset" in first.remedy
    (proof,) = first.evidence
    assert (proof.at, proof.message_id, proof.said) == (row["since"], "m-0", "550 no")


def test_what_the_provider_keeps_on_its_own_list_must_be_cleared_there_too() -> None:
    row = standing("provider_suppressed", hint=PROVIDER_LIST_HINT, cause="suppressed_after_bounce")
    found = the("suppressed_provider_suppressed", of_address(ann(message("invalid"), standing=row)))
    assert found.remedy.endswith(PROVIDER_LIST_HINT)
    assert "after a bounce" in found.text


def test_an_address_that_was_reset_here_and_not_at_the_provider_still_gets_nothing() -> None:
    reset = {
        "at": format_time(NOW - DAY),
        "actor": "Sam Lee",
        "reason": "ticket 4711",
        "key": "c",
        "lifted": "hard_bounce",
    }
    diagnosis = of_address(ann(message("invalid"), standing=standing(reset=reset, hint=PROVIDER_LIST_HINT)))
    assert diagnosis.findings[0].code == "on_the_providers_list"
    found = the("was_reset", diagnosis)
    assert (
        "Sam Lee reset this address on 21 Nov 2026 10:00 UTC. It had been invalid: hard bounce." in found.text
    )
    assert found.evidence[0].said == "ticket 4711"


@pytest.mark.parametrize(
    ("sent_since", "told"),
    [
        ([], "That was before Sam Lee reset the address; nothing was sent since."),
        ([message("sent", 0.01)], "That was before Sam Lee reset the address."),
    ],
)
def test_a_bounce_before_a_reset_is_no_cause_any_more(sent_since: list[dict[str, Any]], told: str) -> None:
    reset = {
        "at": format_time(NOW - HOUR),
        "actor": "Sam Lee",
        "reason": "r",
        "key": "c",
        "lifted": "hard_bounce",
    }
    bounced = message("bounced", bounce=bounce("mailbox"))
    found = the("bounced", of_address(ann(*sent_since, bounced, standing=standing(reset=reset))))
    assert found.severity is Severity.WARNING
    assert found.text.endswith(told)
    assert found.remedy == "Send again what is still wanted, and watch whether it arrives."
    blocked = message("bounced", bounce=bounce("blocked"))
    other = the("blocked_by_organisation", of_address(ann(blocked, standing=standing(reset=reset))))
    assert (other.severity, "reset" in other.text) == (Severity.ERROR, False)
    later = standing(reset=reset | {"at": format_time(NOW - 3 * DAY)})
    assert the("bounced", of_address(ann(bounced, standing=later))).severity is Severity.ERROR


def test_a_long_subject_to_search_by_is_cut() -> None:
    found = the("delivered_not_seen", of_address(ann(message("delivered", subject="x\n" * 500))))
    assert f"the subject “{'x ' * 50}…”." in found.remedy


def test_a_row_of_soft_bounces_is_told_whole_also_where_a_later_message_arrived() -> None:
    for count, told in ((0, "5 messages in a row"), (2, "5 messages in a row"), (7, "7 messages in a row")):
        row = standing("repeated_soft_bounces", soft_bounces_in_a_row=count, cause="full")
        found = of_address(ann(message("delivered"), standing=row)).findings[0]
        assert f"{told} could not be delivered: the mailbox is full." in found.text


@pytest.mark.parametrize("reason", ["hard_bounce", "complaint", "provider_suppressed", "landline"])
def test_what_only_another_systems_list_says_is_told_as_such(reason: str) -> None:
    row = standing(reason, cause="import", diagnostic="told by Sam Lee")
    found = of_address(ann(standing=row)).findings[0]
    assert found.text.endswith("So says a list of another system, which was brought in here.")
    assert found.evidence[0].said == "told by Sam Lee"


def test_the_reset_of_the_remedy_works_when_it_is_typed() -> None:
    address = "a/b?c#d%@example.org"
    found = of_address(ann(address=address, standing=standing("hard_bounce"))).findings[0]
    (path,) = re.findall(r"POST (/\S+/reset)", found.remedy)
    assert unquote(urlsplit(path).path) == f"/v1/addresses/{address}/reset"
    assert path.count("/") == 4


def test_times_are_told_in_the_zone_that_is_asked_for() -> None:
    row = standing("hard_bounce", since=format_time(NOW))
    assert "since 22 Nov 2026 10:00 UTC" in of_address(ann(standing=row)).summary
    assert "since 22 Nov 2026 11:00 CET" in of_address(ann(standing=row, zone="Europe/Berlin")).summary
    shown = of_address(ann(message("delivered", 0.5), zone="Pacific/Auckland"))
    assert "of 22 Nov 2026 11:00 NZDT" in the("delivered_not_seen", shown).text


def test_a_complaint_leaves_transactional_mail_and_other_reasons_are_told_besides() -> None:
    row = standing("hard_bounce", reasons=["hard_bounce", "complaint"], complained=True)
    assert "Besides: complaint." in of_address(ann(message("bounced"), standing=row)).findings[0].text
    complained = of_address(ann(message("complained"), standing=standing("complaint"))).findings[0]
    assert "for all but transactional messages: its owner reported one as spam" in complained.text


def test_soft_bounces_in_a_row_are_told_with_their_reason_before_they_are_too_many() -> None:
    soft = bounce("full", "4.2.2", "452 4.2.2 over quota", "soft") | {"message_id": "m-9", "event_id": "e"}
    row = standing(soft_bounces_in_a_row=2, soft_bounce=soft)
    found = the(
        "soft_bouncing", of_address(ann(message("sent", gave_up=True, soft_bounce=soft), standing=row))
    )
    assert "The latest 2 messages in a row could not be delivered for now: the mailbox is full." in found.text
    assert "After 5 in a row" in found.text
    assert (found.evidence[0].message_id, found.evidence[0].said) == ("m-9", "452 4.2.2 over quota")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (consent(evidence={"method": "link"}), "by themselves through an unsubscribe link"),
        (consent(evidence={"method": "portal"}), "by themselves in the portal"),
        (consent(source="staff", actor="Sam Lee"), "by Sam Lee on their behalf"),
        (consent(source="import", actor="old list"), "as imported by old list"),
        (consent(source="ses"), "as Amazon SES reported"),
    ],
)
def test_an_opt_out_is_told_with_when_and_by_whom(row: dict[str, Any], told: str) -> None:
    found = the("opted_out", of_address(ann(message("skipped"), consents=[row])))
    assert "Opted out of marketing messages on 19 Nov 2026 10:00 UTC" in found.text
    assert told in found.text
    assert "Transactional messages are not affected" in found.text
    assert found.severity is Severity.WARNING


def test_an_opt_out_keeps_the_words_and_the_reference_as_evidence() -> None:
    row = consent(
        evidence={"method": "written", "wording": "take me off", "reference": "ticket 1"}, reason="asked"
    )
    (proof,) = the("opted_out", of_address(ann(consents=[row]))).evidence
    assert proof.said == "take me off; ticket 1; asked"


def test_stop_ends_everything_from_that_number_until_start() -> None:
    row = consent(category="*", sender="+15005550006", source="twilio", channel="sms")
    found = the("opted_out", of_address(phone(text_message("skipped"), consents=[row])))
    assert found.severity is Severity.ERROR
    assert "Opted out of everything from +15005550006" in found.text
    assert "START" in found.remedy


def test_who_opted_in_is_not_told_to_be_out() -> None:
    assert "opted_out" not in codes(of_address(ann(consents=[consent("in")])))
    assert "opted_out" not in codes(of_address(ann(consents=[consent("out", "transactional")])))


@pytest.mark.parametrize("known", [ann, phone])
def test_what_needs_an_opt_in_that_is_not_on_record_is_told(known: Callable[..., AddressEvidence]) -> None:
    def told(*consents: dict[str, Any], **more: Any) -> str | None:
        found = of_address(known(*more.pop("messages", ()), consents=consents, **more)).findings
        return next((finding.text for finding in found if finding.code == "no_opt_in"), None)

    assert str(told()).startswith("No opt-in to marketing messages or notifications is on record:")
    assert str(told(consent("in"))).startswith("No opt-in to notifications is on record:")
    assert str(told(consent("out"))).startswith("No opt-in to notifications is on record:")
    assert str(told(needs_opt_in=["marketing"])).startswith("No opt-in to marketing messages is on record:")
    assert told(consent("in"), consent("in", "notification")) is None
    assert told(needs_opt_in=[]) is None
    sent = [message("delivered", category="marketing"), message("bounced", category="notification")]
    assert told(messages=sent) is None
    assert told(messages=[message("skipped", category="marketing")]) is not None


def test_a_start_is_no_opt_in_and_beside_a_stop_none_is_missed() -> None:
    start = consent("in", "*", sender="+15005550006", source="twilio")
    assert "no_opt_in" in codes(of_address(phone(consents=[start])))
    assert "no_opt_in" not in codes(of_address(phone(consents=[start | {"state": "out"}])))


@pytest.mark.parametrize(
    ("row", "code", "severity"),
    [
        (message("failed", error="template broken"), "failed", Severity.ERROR),
        (message("rejected", reason="virus"), "rejected", Severity.ERROR),
        (message("skipped", reason="opted_out"), "skipped", Severity.WARNING),
        (message("invalid", reason="hard_bounce"), "held_back", Severity.WARNING),
        (message("canceled"), "canceled", Severity.WARNING),
        (message("queued"), "not_handed_on", Severity.WARNING),
        (message("bounced", bounce=bounce("blocked", "5.7.1")), "blocked_by_organisation", Severity.ERROR),
        (message("bounced", bounce=bounce("blocklisted_ip", "5.7.1")), "sender_blocklisted", Severity.ERROR),
        (message("bounced", bounce=bounce("content", "5.6.0")), "content_refused", Severity.WARNING),
        (message("bounced", bounce=bounce("mailbox")), "bounced", Severity.ERROR),
        (message("bounced", bounce=None), "bounced", Severity.ERROR),
        (
            message("sent", gave_up=True, soft_bounce=bounce("full", kind="soft")),
            "mailbox_full",
            Severity.WARNING,
        ),
        (
            message("sent", gave_up=True, soft_bounce=bounce("rate_limited", kind="soft")),
            "rate_limited",
            Severity.WARNING,
        ),
        (
            message("sent", gave_up=True, soft_bounce=bounce("server", kind="soft")),
            "gave_up",
            Severity.WARNING,
        ),
        (
            message("sent", gave_up=True, soft_bounce=bounce("blocked", kind="soft")),
            "blocked_by_organisation",
            Severity.ERROR,
        ),
    ],
)
def test_each_kind_of_trouble_of_mail_has_its_finding(
    row: dict[str, Any], code: str, severity: Severity
) -> None:
    found = the(code, of_address(ann(row, senders=SENDERS)))
    assert found.severity is severity
    assert found.text.startswith("“Class list” of 21 Nov 2026 10:00 UTC ")
    assert found.evidence[0].message_id == row["message_id"]
    assert "{" not in found.text + found.remedy


@pytest.mark.parametrize(
    ("status", "error_code", "code"),
    [
        ("undelivered", "30003", "handset_off"),
        ("undelivered", "30005", "invalid_number"),
        ("undelivered", "30006", "landline"),
        ("undelivered", "30008", "undelivered"),
        ("undelivered", None, "undelivered"),
        ("undelivered", "30034", "sender_not_registered"),
        ("rejected", "30007", "carrier_filtered"),
        ("rejected", "30004", "carrier_filtered"),
        ("failed", "21614", "invalid_number"),
        ("failed", "30500", "provider_fault"),
        ("failed", "30001", "provider_fault"),
        ("failed", "21408", "failed"),
    ],
)
def test_each_kind_of_trouble_of_text_messages_has_its_finding(
    status: str, error_code: str | None, code: str
) -> None:
    row = text_message(status, error_code=error_code, error="Twilio's words")
    found = the(code, of_address(phone(row)))
    assert "“Class is canceled”" in found.text
    assert (found.evidence[0].said, error_code or status) == (
        "Twilio's words",
        found.evidence[0].fact.split()[-1],
    )


def test_error_codes_say_the_same_of_a_message_as_of_its_number() -> None:
    for code, row in ERRORS.items():
        status = str(row.outcome or "undelivered")
        (first, *_) = codes(of_address(phone(text_message(status, error_code=code))))
        expected = {
            "invalid_number": "invalid_number",
            "landline": "landline",
            "unreachable_carrier": "landline",
        }.get(row.standing or "", {"rejected": "carrier_filtered"}.get(status, first))
        assert first == expected, code


def test_a_mailbox_provider_has_no_it_department_to_ask() -> None:
    row = message("bounced", bounce=bounce("blocked", "5.7.1"))
    found = the("blocked_by_provider", of_address(ann(row, address="ann@gmail.com", senders=SENDERS)))
    assert "safe senders" in found.remedy
    organisation = the("blocked_by_organisation", of_address(ann(row, senders=SENDERS)))
    assert "IT department" in organisation.remedy
    assert (
        "acme@ses.example.com (transactional mail) or acme-news@ses.example.com (marketing mail)"
        in organisation.remedy
    )


def test_the_evidence_has_the_servers_own_words() -> None:
    row = message("bounced", bounce=bounce("blocked", "5.7.1", "550 5.7.1 denied by policy"))
    (proof,) = the("blocked_by_organisation", of_address(ann(row))).evidence
    assert (proof.said, proof.fact) == ("550 5.7.1 denied by policy", "hard bounce, code 5.7.1")


def test_while_the_provider_still_tries_it_is_told_until_when() -> None:
    delay = {
        "type": "General",
        "code": "4.4.1",
        "diagnostic": "421 busy",
        "at": format_time(NOW - HOUR),
        "expires_at": format_time(NOW + DAY),
    }
    found = the("still_trying", of_address(ann(message("sent", 0.2, delay=delay))))
    assert "it stops trying 23 Nov 2026 10:00 UTC" in found.remedy
    assert (found.evidence[0].said, found.evidence[0].fact) == ("421 busy", "delayed, code 4.4.1")
    assert "Class list" in found.text and ":" not in found.text.partition("UTC")[2]


@pytest.mark.parametrize(
    ("row", "code", "told"),
    [
        ({"delay": bounce("") | {"type": "MailboxFull", "expires_at": None}}, "still_trying", "is full."),
        ({"delay": bounce("") | {"type": "SpamDetected", "expires_at": None}}, "still_trying", "for spam."),
        ({"gave_up": True, "soft_bounce": bounce("server")}, "gave_up", "has a fault. The address may be"),
        (
            {"gave_up": True, "soft_bounce": bounce("unknown")},
            "gave_up",
            "some tries. The address may be fine.",
        ),
    ],
)
def test_why_it_is_still_tried_or_was_given_up_is_told_where_it_is_known(
    row: dict[str, Any], code: str, told: str
) -> None:
    assert told in the(code, of_address(ann(message("sent", **row)))).text


def test_trouble_that_was_followed_by_an_arrival_explains_less() -> None:
    failed = message("failed", 2)
    assert the("failed", of_address(ann(failed, message("delivered", 3)))).severity is Severity.ERROR
    later = the("failed", of_address(ann(message("delivered", 1), failed)))
    assert later.severity is Severity.WARNING
    assert later.text.endswith("Later ones did arrive.")


def test_trouble_of_long_ago_is_over_once_something_arrived() -> None:
    old = message("failed", 40)
    assert "failed" not in codes(of_address(ann(message("delivered", 1), old)))
    assert "failed" in codes(of_address(ann(old)))


def test_messages_with_the_same_trouble_are_one_finding_with_the_latest_as_evidence() -> None:
    rows = [message("failed", days) for days in range(1, 6)]
    found = the("failed", of_address(ann(*rows)))
    assert (
        found.text == "5 messages failed before going out, the latest “Class list” of 21 Nov 2026 10:00 UTC."
    )
    assert [proof.message_id for proof in found.evidence] == ["m-failed-1", "m-failed-2", "m-failed-3"]


def test_what_made_the_address_invalid_is_told_once() -> None:
    rows = [message("invalid", 1), message("bounced", 2, bounce=bounce("mailbox"))]
    found = codes(of_address(ann(*rows, standing=standing("hard_bounce"))))
    assert found[0] == "suppressed_hard_bounce"
    assert not {"bounced", "held_back"} & set(found)


def test_what_was_delivered_and_not_seen_is_to_be_looked_for_with_the_exact_senders() -> None:
    diagnosis = of_address(ann(message("delivered"), senders=SENDERS))
    assert codes(diagnosis)[:2] == ["delivered_not_seen", "opens_tell_little"]
    found = diagnosis.findings[0]
    for words in (
        "spam, promotions and other tabs",
        "acme@ses.example.com (transactional mail) or acme-news@ses.example.com (marketing mail)",
        "the subject “Class list”",
        "safe senders",
        "IT department",
    ):
        assert words in found.remedy
    assert (
        "IT department"
        not in the(
            "delivered_not_seen", of_address(ann(message("delivered"), address="ann@gmail.com"))
        ).remedy
    )
    assert "acme@ses.example.com" in the("delivered_not_seen", of_address(ann(message("delivered")))).remedy


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "images are off"),
        ({"tracking": "none"}, "opens are not tracked"),
        ({"opens": 2}, "opened by a program"),
        ({"opens": 2, "clicks": 3, "reached": ["sent", "delivered", "opened", "clicked"]}, "by a program"),
    ],
)
def test_that_no_person_was_seen_to_open_it_tells_little(fields: dict[str, Any], words: str) -> None:
    found = the("opens_tell_little", of_address(ann(message("delivered", **fields))))
    assert words in found.text
    assert found.severity is Severity.INFO


@pytest.mark.parametrize(
    ("status", "words"), [("opened", "it was opened"), ("clicked", "a link in it was clicked")]
)
def test_what_was_opened_is_told_to_have_been_seen(status: str, words: str) -> None:
    diagnosis = of_address(ann(message(status)))
    assert words in the("seen", diagnosis).text
    assert not {"delivered_not_seen", "opens_tell_little"} & set(codes(diagnosis))


def test_what_a_scanner_clicked_before_a_person_opened_it_is_told_as_opened_when_the_person_did() -> None:
    row = message("clicked") | {
        "reached": ["sent", "delivered", "opened", "human_opened", "clicked"],
        "first_human_opened_at": format_time(NOW - HOUR),
        "first_human_clicked_at": None,
    }
    assert "it was opened on 22 Nov 2026 09:00 UTC" in the("seen", of_address(ann(row))).text


def test_a_text_message_that_was_read_is_told_to_have_been_seen() -> None:
    row = text_message("opened", reached=["sent", "delivered", "opened"], human_opens=0)
    found = of_address(phone(row))
    assert "it was read on" in the("seen", found).text
    assert "delivered_to_handset" not in codes(found)


def test_a_text_message_on_the_handset_is_looked_for_among_filtered_senders() -> None:
    found = the("delivered_to_handset", of_address(phone(text_message("delivered"))))
    assert "+15005550006" in found.remedy


def test_what_is_on_its_way_needs_patience_and_what_was_never_reported_cannot_be_known() -> None:
    assert "under_way" in codes(of_address(ann(message("sent", 0.01))))
    found = the("no_report", of_address(ann(message("sent", 1))))
    assert "Waybill cannot know" in found.text
    assert "not every carrier" in the("no_report", of_address(phone(text_message("sent", 1)))).text


def test_a_domain_that_no_server_finds_is_told_with_what_may_be_meant() -> None:
    row = message("bounced", bounce=bounce("domain", "5.4.4", "unrouteable"))
    diagnosis = of_address(
        ann(row, address="ann@gmial.com", standing=standing("hard_bounce", cause="domain"))
    )
    assert codes(diagnosis)[:3] == ["suppressed_hard_bounce", "no_such_domain", "mistyped_domain"]
    assert the("no_such_domain", diagnosis).evidence[0].said == "unrouteable"
    assert diagnosis.suggestion == "ann@gmail.com"
    assert "no_such_domain" in codes(of_address(ann(standing=standing("hard_bounce", cause="domain"))))
    assert "no_such_domain" not in codes(of_address(ann(message("delivered"), row)))


def test_a_mistyped_domain_is_suggested_unless_a_person_reads_there() -> None:
    def of(*rows: dict[str, Any]) -> AddressEvidence:
        return ann(*rows, address="ann@gmial.com")

    assert the("mistyped_domain", of_address(of())).severity is Severity.WARNING
    assert the("mistyped_domain", of_address(of(message("sent")))).severity is Severity.ERROR
    taken = the("mistyped_domain", of_address(of(message("delivered"))))
    assert taken.severity is Severity.WARNING
    assert "somebody else’s" in taken.text
    assert "mistyped_domain" not in codes(of_address(of(message("opened"))))
    scanned = message("delivered", opens=1, clicks=1, reached=["sent", "delivered", "opened", "clicked"])
    assert "mistyped_domain" in codes(of_address(of(scanned)))


def test_what_is_no_address_is_told_first() -> None:
    found = of_address(ann(message("failed"), address="ann@@example")).findings[0]
    assert (found.code, found.severity) == ("not_an_address", Severity.ERROR)
    assert "expected an email address" in found.text


def test_stray_spaces_are_told_with_the_address_as_it_was_given() -> None:
    found = the("stray_spaces", of_address(ann(spellings=[ANN, " Ann@example.org"])))
    assert (found.evidence[0].said, found.suggestion, found.severity) == (
        " Ann@example.org",
        ANN,
        Severity.WARNING,
    )
    delivered = of_address(ann(message("delivered"), spellings=["ann @example.org"]))
    assert the("stray_spaces", delivered).severity is Severity.INFO
    assert "stray_spaces" not in codes(of_address(phone(spellings=["+1 500 555 0123"])))


def test_only_the_customers_primary_address_was_used() -> None:
    work = "ann@work.example"
    known = customer(ANN, work, primary=work, uses=((work, 7),))
    found = the("only_primary_used", of_address(ann(customers=[known])))
    assert (
        "In the last 90 days messages to customer 42 went to ann@work.example, the primary address, and none to this one."
        in found.text
    )
    assert found.evidence[0].fact.startswith("7 messages to ann@work.example")
    assert of_address(ann(customers=[known])).suggestion == work


def test_another_address_than_this_one_was_used() -> None:
    other = "ann@other.example"
    known = customer(ANN, primary=ANN, uses=((other, 1),))
    assert "another_address_used" in codes(of_address(ann(customers=[known])))
    used = customer(ANN, other, primary=ANN, uses=((ANN, 1), (other, 1)))
    assert "another_address_used" not in codes(of_address(ann(message("sent"), customers=[used])))


def test_an_address_that_messages_name_and_that_is_not_on_file_is_noticed() -> None:
    known = customer("ann@new.example", uses=((ANN, 2),))
    found = the("not_on_file", of_address(ann(message("delivered"), customers=[known])))
    assert "on file is ann@new.example" in found.text
    assert found.suggestion == "ann@new.example"
    unregistered = customer(uses=((ANN, 2),))
    assert "not_on_file" not in codes(of_address(ann(customers=[unregistered])))


def _figures(
    here: tuple[int, int], elsewhere: tuple[int, int] = (1000, 10), senders: int = 1
) -> DomainFigures:
    mine = Figures(*here), Figures(*elsewhere)
    return DomainFigures(
        7, senders, *mine, *(mine if senders == 1 else (Figures(400, 120), Figures(9000, 90)))
    )


def test_trouble_with_the_whole_domain_is_told_beside_how_others_fare() -> None:
    found = the("domain_in_trouble", of_address(ann(message("sent"), domain=_figures((40, 10)))))
    assert (
        "Of the mail to example.org in the last 7 days 25% did not arrive; to other domains 1%." in found.text
    )


def test_figures_of_all_senders_are_told_only_where_there_are_enough_of_them() -> None:
    across = the("domain_in_trouble", of_address(ann(domain=_figures((2, 0), senders=3))))
    assert (
        "Of the mail of several senders to example.org in the last 7 days 30% did not arrive" in across.text
    )
    assert "domain_in_trouble" not in codes(of_address(ann(domain=_figures((2, 0), senders=2))))


@pytest.mark.parametrize(
    ("here", "elsewhere"),
    [((19, 19), (1000, 0)), ((100, 9), (1000, 0)), ((100, 30), (1000, 110)), ((0, 0), (0, 0))],
)
def test_few_messages_small_shares_and_trouble_everywhere_are_no_trouble_of_the_domain(
    here: tuple[int, int], elsewhere: tuple[int, int]
) -> None:
    assert "domain_in_trouble" not in codes(of_address(ann(domain=_figures(here, elsewhere))))


def test_findings_come_by_what_they_explain_and_a_test_comes_last() -> None:
    diagnosis = of_address(
        ann(
            message("delivered", 1),
            message("skipped", 2),
            message("failed", 3),
            standing=standing("complaint"),
            consents=[consent()],
            spellings=[" x@example.org"],
            domain=_figures((40, 10)),
        )
    )
    assert codes(diagnosis) == [
        "suppressed_complaint",
        "opted_out",
        "skipped",
        "failed",
        "domain_in_trouble",
        "delivered_not_seen",
        "opens_tell_little",
        "stray_spaces",
        "no_opt_in",
        "cannot_know",
        "send_a_test",
    ]
    ranks = [list(Severity).index(finding.severity) for finding in diagnosis.findings]
    assert ranks == sorted(ranks)
    assert diagnosis.summary.endswith(" There are 5 more things to look at.")


def test_every_finding_says_something_and_what_to_do() -> None:
    for finding in of_address(ann(message("bounced", bounce=bounce("blocked")))).findings:
        assert finding.text.endswith((".", "?"))
        assert finding.remedy.endswith(".")
        document = finding.document()
        assert set(document) == {"code", "severity", "address", "text", "evidence", "remedy"}
