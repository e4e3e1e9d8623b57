"""A downstream service that reads the public topics: it applies values by key, and is exact."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from tests.system import payloads as p
from tests.system.load import Load
from tests.system.model import plan
from tests.system.stack import Stack
from tests.system.tenants import ACME
from tests.system.topics import DEAD_LETTERS, EVENTS, STATUS, records_of
from tests.system.waiting import eventually, settled


def _key(*parts: str) -> str:
    return "/".join(quote(part, safe="@+:=-_.~") for part in parts)


def _applied(records: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The newest value of each key: a lower revision is ignored, equal and higher ones are applied."""
    state: dict[str, Any] = {}
    for key, value in records:
        if key not in state or value["revision"] >= state[key]["revision"]:
            state[key] = value
    return state


def test_whoever_applies_statuses_by_key_and_revision_is_exact_through_kills_of_the_worker(
    stack: Stack,
) -> None:
    planned = plan(stack, "downstream", 500)
    with Load(stack.ports["ingest"], planned.callbacks(), rate=120) as load:
        for share in (0.3, 0.6):
            load.until(share)
            old = stack.part("worker").pid
            stack.kill("worker")
            stack.until_back("worker", old)
        load.finish()
    settled(lambda: planned.check(stack), 60, f"the exact log and rates after {load}")
    state = _applied(records_of(stack.kafka, STATUS))
    for message in planned.messages:
        for recipient, end in message.ends.items():
            value = state[_key(ACME.name, message.message_id, recipient)]
            assert (value["status"], value["opens"], value["clicks"]) == (end.status, end.opens, end.clicks)
            assert set(value["reached"]) == end.counted
            assert (value["tenant"], value["message_id"]) == (ACME.name, message.message_id)
    mine = {message.message_id for message in planned.messages}
    events = [(key, value) for key, value in records_of(stack.kafka, EVENTS) if value["message_id"] in mine]
    assert {key for key, _ in events} == {_key(ACME.name, message_id) for message_id in mine}
    identities = {(value["message_id"], value["event_id"]) for _, value in events}

    def stored() -> None:
        for message_id in list(mine)[:20]:
            found = {(message_id, event["event_id"]) for event in stack.message(message_id)["events"]}
            assert found == {identity for identity in identities if identity[0] == message_id}

    # The log's exact figures say nothing of the events' table: the sink writes each by itself.
    settled(stored, 30, "the same events in the store as in the topic")


def test_a_change_tells_what_it_changed_and_its_cause(stack: Stack) -> None:
    m = p.mail(p.new_id(), [p.new_address()], p.at(0))
    for count, payload in enumerate((p.send(m), p.delivery(m, p.at(2)), p.bounce(m, p.at(900))), 1):
        stack.accept(payload)
        stack.until_events(m["messageId"], count)  # what comes together may be published as one change
    key = _key(ACME.name, m["messageId"], m["destination"][0])
    values = [value for found, value in records_of(stack.kafka, STATUS) if found == key]
    changes = {value["event_id"]: (value["previous_status"], value["status"]) for value in values}
    assert list(changes.values()) == [(None, "sent"), ("sent", "delivered"), ("delivered", "bounced")]
    told = {event["event_id"] for event in stack.message(m["messageId"])["events"]}
    assert set(changes) == told, "each change names the event that made it"
    revisions = [value["revision"] for value in values]
    assert revisions == sorted(revisions)


def test_an_unattributed_open_is_published_without_a_recipient(stack: Stack) -> None:
    m = p.mail(p.new_id(), [p.new_address(), p.new_address()], p.at(0))
    stack.accept(p.open_(m, p.at(900)))

    def published() -> None:
        state = _applied(records_of(stack.kafka, STATUS))
        value = state[_key(ACME.name, m["messageId"], "")]
        assert (value["recipient"], value["opens"]) == (None, 1)

    settled(published, 15, "the unattributed open")


def test_a_dead_letter_is_published_with_the_untouched_receipt(stack: Stack) -> None:
    mark = f"nonsense {p.new_id()}"
    request = stack.ses_request(mark)
    assert stack.ses(mark).status == 200

    def published() -> dict[str, Any]:
        letters = [value for _, value in records_of(stack.kafka, DEAD_LETTERS)]
        (letter,) = [letter for letter in letters if mark in str(letter)]
        return dict(letter)

    letter = eventually(published, 15, "the dead letter")
    assert letter["reason"] and letter["stage"]
    assert len(request.body) == len(letter["receipt"]["body"].encode()), letter
