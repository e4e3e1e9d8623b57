"""Messages to several, of which SES does not say who opened or clicked: what the fold gives for the counts of a mailing."""

from typing import Any

from schemas.envelope import Envelope
from tests.cases import app, payload, ses
from tests.folding import mail_event, statuses

PEOPLE = {"ann@example.org", "bob@example.net", "cy@example.org"}


def to_several(name: str, tags: dict[str, list[str]] | None = None, **part: Any) -> Envelope:
    """The receipt of a fixture of SES as of a message to Ann, Bob and Cy; `part` replaces members of what it tells."""
    whole = payload("ses", name)
    whole["mail"]["destination"] = payload("ses", "send-to-several")["mail"]["destination"]
    whole["mail"]["tags"] |= tags or {}
    told = next(key for key in whole if key not in ("eventType", "mail"))
    whole[told] |= part
    return ses(whole)


DELIVERED = to_several("delivery", recipients=sorted(PEOPLE))


def test_an_open_and_a_click_count_for_the_message_and_for_none_of_its_recipients() -> None:
    said = statuses(
        to_several("send"),
        DELIVERED,
        to_several("open"),
        to_several("open", timestamp="2026-11-20T11:00:00.000Z"),
        to_several("open"),
        to_several("click"),
    )
    nobody = said.pop(None)
    assert (nobody["opens"], nobody["human_opens"], nobody["clicks"], nobody["human_clicks"]) == (2, 2, 1, 1)
    assert set(said) == PEOPLE
    for one in said.values():
        assert (one["status"], one["opens"], one["clicks"]) == ("delivered", 0, 0)
        assert one["reached"] == ["sent", "delivered"]


def test_what_nobody_can_be_named_for_is_found_by_the_mailing_and_the_time_of_its_message() -> None:
    said = statuses(to_several("open"), to_several("send"), DELIVERED)
    for name in (
        "campaign",
        "customer",
        "category",
        "document",
        "method",
        "sender",
        "subject",
        "filed_at",
        "sent_at",
    ):
        assert {one[name] for one in said.values()} == {said["ann@example.org"][name]}, name
    assert said[None]["campaign"] == "spring"


def test_a_tag_that_declares_a_mailing_untracked_stands_with_every_row_of_it() -> None:
    untracked = {"tracking": ["none"]}
    said = statuses(
        to_several("send", untracked), to_several("open", untracked), to_several("click", untracked)
    )
    assert set(said) == {*PEOPLE, None}
    assert {one["tracking"] for one in said.values()} == {"none"}


def test_without_that_tag_nothing_is_declared_so_that_tracking_is_known_by_an_open_or_not_at_all() -> None:
    undeclared: list[dict[str, list[str]]] = [{}, {"tracking": ["opens"]}, {"tracking": []}]
    for tags in undeclared:
        said = statuses(to_several("send", tags), to_several("open", tags))
        assert {one["tracking"] for one in said.values()} == {None}
        assert sum(one["opens"] for one in said.values()) == 1


def test_a_machine_that_opens_a_message_to_several_is_told_apart_as_far_as_its_agent_tells() -> None:
    said = statuses(DELIVERED, to_several("open-apple-mail-privacy"), to_several("open"))[None]
    assert (said["opens"], said["human_opens"]) == (2, 1)


def test_what_only_the_application_registered_of_a_mailing_stands_with_its_recipients_and_not_with_nobody() -> (
    None
):
    message_id = payload("ses", "send-to-several")["mail"]["messageId"]
    message = {
        "id": message_id,
        "channel": "email",
        "recipients": sorted(PEOPLE),
        "campaign": "autumn",
        "tracking": "none",
    }
    said = statuses(to_several("open"), app({"type": "message", "message": message}), to_several("send"))
    assert {said[each]["campaign"] for each in PEOPLE} == {"autumn"}
    assert {said[each]["tracking"] for each in PEOPLE} == {"none"}
    assert (said[None]["campaign"], said[None]["tracking"]) == ("spring", None)
    assert {one["message_id"] for one in said.values()} == {message_id}


def test_of_one_recipient_nothing_is_unattributed() -> None:
    assert set(statuses(mail_event("send"), mail_event("open"), mail_event("click"))) == {"ann@example.org"}
