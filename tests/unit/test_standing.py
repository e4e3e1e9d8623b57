"""What makes an address invalid, what does not, and what makes it valid again: from payloads to the standing."""

from typing import Any

import orjson
import pytest

from processors import address_facts
from processors.address_facts import AddressFacts
from processors.facts import MessageFacts
from processors.standing import published
from schemas.consent import ConsentChange
from schemas.envelope import Envelope
from schemas.standing import PROVIDER_LIST_HINT, Reason
from schemas.times import format_time
from tests.addresses import LIMIT, START, delivered, mark, reset, sent_at, soft, standing
from tests.cases import RECEIVED_AT, app, payload, ses
from tests.folding import mail_event, text_event, told_of_addresses


def standings(*receipts: Envelope, limit: int = LIMIT) -> dict[str, dict[str, Any]]:
    """What is published by address after these receipts, in this order."""
    messages: dict[str, MessageFacts] = {}
    addresses: dict[str, AddressFacts] = {}
    for revision, receipt in enumerate(receipts):
        for one in told_of_addresses(receipt, messages):
            if not isinstance(one.what, ConsentChange):
                addresses[one.address] = address_facts.fold(addresses.get(one.address), one, revision)
    return {
        address: orjson.loads(published(facts, limit)) for address, facts in addresses.items() if facts.noted
    }


def reset_at(at: str, address: str = "ann@example.org", channel: str = "email") -> Envelope:
    told = {"address": address, "channel": channel, "actor": "Sam Lee", "reason": "ticket 4711", "at": at}
    return app({"type": "reset", "reset": told})


def gave_up(number: int, name: str = "bounce-transient-mailbox-full", **changes: Any) -> Envelope:
    """A soft bounce of one of several messages."""
    return of_message(number, name, "bounce", changes)


def of_message(number: int, name: str, part: str, changes: dict[str, Any]) -> Envelope:
    """A payload about one of several messages."""
    whole = payload("ses", name)
    whole["mail"] |= {"messageId": f"m-{number}", "timestamp": format_time(sent_at(number))}
    whole[part] |= {"timestamp": format_time(sent_at(number) + 1000)} | changes
    return ses(whole)


def registered(number: int) -> Envelope:
    """The application registers one of several messages, all of them at the same time."""
    message = {"id": f"m-{number}", "channel": "email", "recipient": "ann@example.org"}
    return app({"type": "message", "message": message})


@pytest.mark.parametrize(
    ("name", "reason", "cause"),
    [
        ("bounce-permanent-general", "hard_bounce", "mailbox"),
        ("bounce-permanent-noemail", "hard_bounce", "mailbox"),
        ("bounce-permanent-invalid-domain", "hard_bounce", "domain"),
        ("bounce-transient-with-unknown-mailbox", "hard_bounce", "mailbox"),
        ("complaint-abuse", "complaint", "abuse"),
        ("bounce-permanent-suppressed", "provider_suppressed", "suppressed_after_bounce"),
        ("bounce-permanent-on-account-suppression-list", "provider_suppressed", "suppressed_after_bounce"),
        ("complaint-on-account-suppression-list", "provider_suppressed", "suppressed_after_complaint"),
    ],
)
def test_an_address_becomes_invalid(name: str, reason: str, cause: str) -> None:
    (said,) = standings(mail_event(name)).values()
    assert (said["standing"], said["reason"], said["cause"]) == ("invalid", reason, cause)
    assert said["event_id"] and said["message_id"] and said["since"]
    assert (said["hint"] == PROVIDER_LIST_HINT) == (reason == "provider_suppressed")


@pytest.mark.parametrize(
    "name",
    [
        "bounce-permanent-blocklisted",
        "bounce-permanent-policy",
        "complaint-not-spam",
        "delay-mailbox-full",
        "reject",
        "rendering-failure",
        "send",
        "open",
    ],
)
def test_nothing_is_held_against_an_address(name: str) -> None:
    assert standings(mail_event(name)) == {}


@pytest.mark.parametrize(
    "name",
    [
        "bounce-transient-attachment-rejected",
        "bounce-transient-content-rejected",
        "bounce-transient-message-too-large",
        "bounce-transient-rate-limited",
    ],
)
def test_soft_bounces_for_what_the_message_or_the_sender_is_never_count_against_the_address(
    name: str,
) -> None:
    assert standings(*(gave_up(number, name) for number in range(9)), limit=1) == {}


@pytest.mark.parametrize(
    "name",
    [
        "bounce-of-an-outsider-of-several",
        "complaint-of-somebody-at-the-domain",
        "open-of-a-message-to-several",
    ],
)
def test_what_cannot_be_attributed_touches_no_address(name: str) -> None:
    assert standings(mail_event(name)) == {}


def test_of_several_recipients_the_only_one_that_a_complaint_lists_is_meant() -> None:
    (listed,) = payload("ses", "complaint-of-one-of-several")["complaint"]["complainedRecipients"]
    assert list(standings(mail_event("complaint-of-one-of-several"))) == [listed["emailAddress"]]


def test_a_bounce_of_a_forwarding_target_counts_against_the_address_that_was_written_to() -> None:
    assert list(standings(mail_event("bounce-of-a-forwarding-target"))) == ["ann@example.org"]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (21211, "invalid_number"),
        (21614, "invalid_number"),
        (30005, "invalid_number"),
        (21635, "landline"),
        (30006, "unreachable_carrier"),
    ],
)
def test_a_number_becomes_invalid(code: int, reason: str) -> None:
    (said,) = standings(text_event(f"error-{code}")).values()
    assert (said["channel"], said["reason"], said["code"]) == ("sms", reason, str(code))
    assert said["diagnostic"]


@pytest.mark.parametrize(
    "code", [21408, 21610, 21612, 30001, 30002, 30003, 30004, 30007, 30008, 30034, 30500]
)
def test_other_errors_of_text_messages_are_not_held_against_the_number(code: int) -> None:
    assert standings(text_event(f"error-{code}")) == {}


@pytest.mark.parametrize("name", ["inbound-opt-out-type-stop", "inbound-stop-by-keyword"])
def test_stop_is_consent_and_no_standing(name: str) -> None:
    assert standings(text_event(name)) == {}


def test_what_the_application_held_back_is_not_held_against_the_address() -> None:
    message = {"id": "own-1", "channel": "email", "recipient": "ann@example.org", "status": "invalid"}
    assert standings(app({"type": "message", "message": message})) == {}


def test_a_delivery_never_makes_an_invalid_address_valid() -> None:
    for order in (("bounce-permanent-general", "delivery"), ("delivery", "bounce-permanent-general")):
        (said,) = standings(*map(mail_event, order)).values()
        assert said["reason"] == "hard_bounce"


def test_five_messages_in_a_row_that_gave_up_make_it_invalid_and_four_do_not() -> None:
    four = [gave_up(number) for number in range(4)]
    (said,) = standings(*four).values()
    assert (said["standing"], said["soft_bounces_in_a_row"]) == ("valid", 4)
    (said,) = standings(*four, gave_up(4)).values()
    assert (said["standing"], said["reason"]) == ("invalid", "repeated_soft_bounces")
    assert (said["since"], said["message_id"]) == (format_time(sent_at(4) + 1000), "m-4")
    assert (said["cause"], said["soft_bounce"]["subtype"]) == ("full", "MailboxFull")


def test_the_same_message_that_gave_up_five_times_counts_once() -> None:
    bounces = [gave_up(1, timestamp=format_time(sent_at(number))) for number in range(1, 6)]
    (said,) = standings(*bounces).values()
    assert (said["standing"], said["soft_bounces_in_a_row"]) == ("valid", 1)


def test_a_delivery_in_between_ends_the_row() -> None:
    said = standing(*(soft(number) for number in (0, 1, 3, 4, 5)), delivered(2))
    assert (said["standing"], said["soft_bounces_in_a_row"]) == ("valid", 3)


def test_messages_are_in_the_order_in_which_they_were_sent_whenever_they_were_registered() -> None:
    told = [gave_up(number) for number in (0, 1, 2, 4, 5)] + [of_message(3, "delivery", "delivery", {})]
    registrations = [registered(number) for number in (3, 5, 1, 0, 4, 2)]
    for receipts in ([*told, *registrations], [*registrations, *told]):
        (said,) = standings(*receipts).values()
        assert (said["standing"], said["soft_bounces_in_a_row"]) == ("valid", 2)


def test_a_message_sent_before_a_reset_does_not_count_though_it_was_registered_after_it() -> None:
    receipts = [reset_at(format_time(sent_at(5))), *map(registered, range(5)), *map(gave_up, range(5))]
    (said,) = standings(*receipts).values()
    assert (said["standing"], said["soft_bounces_in_a_row"]) == ("valid", 0)


def test_a_late_delivery_revises_the_row_that_made_it_invalid() -> None:
    softs = [soft(number) for number in range(5)]
    assert standing(*softs)["reason"] == "repeated_soft_bounces"
    said = standing(*softs, delivered(2))
    assert (said["standing"], said["since"], said["soft_bounces_in_a_row"]) == ("valid", None, 2)


def test_a_delivery_of_a_later_message_does_not_end_an_invalid_standing() -> None:
    said = standing(*(soft(number) for number in range(5)), delivered(5))
    assert (said["reason"], said["soft_bounces_in_a_row"]) == ("repeated_soft_bounces", 0)


def test_a_row_that_has_left_the_window_of_64_messages_can_no_longer_be_revised() -> None:
    softs = [soft(number) for number in range(5)]
    within, beyond = [delivered(5 + n) for n in range(59)], [delivered(5 + n) for n in range(64)]
    late = [delivered(number) for number in range(5)]
    assert standing(*softs, *within, *late)["standing"] == "valid"
    assert standing(*softs, *beyond)["reason"] == "repeated_soft_bounces"
    assert standing(*softs, *beyond, *late)["reason"] == "repeated_soft_bounces"


def test_a_row_of_which_a_part_has_left_the_window_is_still_a_row() -> None:
    softs = [soft(number) for number in range(5)]
    later = [delivered(5 + n) for n in range(61)]
    assert standing(*softs, *later)["reason"] == "repeated_soft_bounces"
    assert standing(*softs, *later, delivered(3))["standing"] == "valid"


@pytest.mark.parametrize("later", [59, 60, 64, 80])
def test_of_a_row_on_both_sides_of_a_reset_what_came_after_it_counts_also_when_it_leaves_the_window(
    later: int,
) -> None:
    softs = [soft(number) for number in range(8)]
    told = [*softs, reset(sent_at(2)), *(delivered(8 + n) for n in range(later))]
    assert standing(*told)["reason"] == "repeated_soft_bounces"
    assert standing(*told, limit=6)["standing"] == "valid"
    assert standing(*told, reset(sent_at(3)))["standing"] == "valid"


def test_the_limit_of_the_tenant_decides_and_may_change() -> None:
    softs = [soft(number) for number in range(3)]
    assert [standing(*softs, limit=limit)["standing"] for limit in (2, 3, 4)] == [
        "invalid",
        "invalid",
        "valid",
    ]


@pytest.mark.parametrize(
    "reason", [reason for reason in Reason if reason is not Reason.REPEATED_SOFT_BOUNCES]
)
def test_a_reset_makes_it_valid_and_what_comes_after_counts_anew(reason: Reason) -> None:
    told = [mark(reason, 0), reset(sent_at(1))]
    said = standing(*told)
    assert (said["standing"], said["since"]) == ("valid", format_time(sent_at(1)))
    assert said["reset"] == {
        "at": format_time(sent_at(1)),
        "actor": "Sam Lee",
        "reason": "ticket 4711",
        "key": "console",
        "lifted": reason,
    }
    said = standing(*told, mark(reason, 2))
    assert (said["reason"], said["message_id"]) == (reason, "m-2")


def test_a_reset_that_comes_before_the_bounce_it_lifts_still_lifts_it() -> None:
    assert standing(reset(sent_at(1)), mark(Reason.HARD_BOUNCE, 0))["standing"] == "valid"


def test_a_reset_also_ends_the_row_of_soft_bounces() -> None:
    softs = [soft(number) for number in range(5)]
    said = standing(*softs, reset(sent_at(4)))
    assert (said["standing"], said["soft_bounces_in_a_row"]) == ("valid", 0)
    assert said["reset"]["lifted"] == "repeated_soft_bounces"
    assert standing(*softs, reset(sent_at(4)), soft(5))["soft_bounces_in_a_row"] == 1


def test_a_reset_that_had_nothing_to_lift_is_recorded_as_such() -> None:
    said = standing(reset(START))
    assert (said["standing"], said["reset"]["lifted"]) == ("valid", None)


def test_each_reset_tells_what_it_lifted_itself() -> None:
    said = standing(mark(Reason.HARD_BOUNCE, 0), reset(sent_at(1)), reset(sent_at(2)))
    assert said["reset"]["lifted"] is None


def test_a_repeat_of_a_bounce_after_the_reset_is_no_news() -> None:
    """Twilio's callbacks have no time: a repeat of one is received later."""
    error = text_event("error-30005")
    again = text_event("error-30005", received_at=RECEIVED_AT + 60_000)
    lifted = reset_at(format_time(RECEIVED_AT + 30_000), "+15005550006", "sms")
    (said,) = standings(error, lifted, again).values()
    assert said["standing"] == "valid"


def test_a_complaint_is_told_also_where_a_bounce_comes_first() -> None:
    said = standing(mark(Reason.COMPLAINT, 0), mark(Reason.HARD_BOUNCE, 1))
    assert (said["reason"], said["complained"]) == ("hard_bounce", True)
    assert said["reasons"] == ["hard_bounce", "complaint"]


def test_the_hint_to_clear_the_providers_list_stays_after_a_reset_until_something_arrives() -> None:
    told = [delivered(0), mark(Reason.PROVIDER_SUPPRESSED, 0), reset(sent_at(1))]
    assert standing(*told)["hint"] == PROVIDER_LIST_HINT
    assert standing(*told, delivered(2))["hint"] is None


def test_the_event_that_made_it_invalid_stays_the_cause_when_more_of_its_like_come() -> None:
    said = standing(*(mark(Reason.HARD_BOUNCE, number) for number in range(30)))
    assert said["message_id"] == "m-0"
