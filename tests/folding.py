"""From payloads to the published status and to what they tell of addresses, for tests that tell a story."""

from collections.abc import Iterator
from typing import Any

import orjson

from processors.activity import activity_of, verdict_of
from processors.facts import MessageFacts, fold, folds
from processors.providers import Incomprehensible, adapt, read
from processors.status import published
from schemas.activity import Activity
from schemas.envelope import Envelope
from schemas.events import Event
from schemas.topics import status_key
from tests.cases import RECEIVED_AT, payload, ses, twilio

MINUTE = 60_000


def events_of(envelope: Envelope) -> list[Event]:
    """The events of a receipt that is understood."""
    read = adapt(envelope)
    assert not isinstance(read, Incomprehensible), read
    return read


def mail_event(name: str, *, at: str | None = None, **changes: Any) -> Envelope:
    """The receipt of a fixture of SES. `at` is another time for its fact; `changes` replace members of the part that
    tells of the fact."""
    whole = payload("ses", name)
    part = next((key for key in whole if key not in ("eventType", "notificationType", "mail")), None)
    if part is not None:
        whole[part] |= changes | ({"timestamp": at} if at else {})
    return ses(whole)


def text_event(name: str, *, received_at: int = RECEIVED_AT, **changes: str) -> Envelope:
    """The receipt of a fixture of Twilio with some of its parameters replaced."""
    whole = payload("twilio", name)
    return twilio(whole["form"] | changes, query=whole["query"], received_at=received_at)


def facts_of(*receipts: Envelope) -> dict[str | None, MessageFacts]:
    """The facts by recipient after these receipts, in this order."""
    facts: dict[str | None, MessageFacts] = {}
    for revision, receipt in enumerate(receipts):
        for event in filter(folds, events_of(receipt)):
            facts[event.recipient] = fold(facts.get(event.recipient), event, revision)
    return facts


def told_of_addresses(receipt: Envelope, messages: dict[str, MessageFacts]) -> Iterator[Activity]:
    """All that a receipt tells of addresses, the verdicts of its messages included, whose facts by key are `messages`;
    nothing where it is not understood."""
    told = read(receipt)
    if isinstance(told, Incomprehensible):
        return
    yield from told.activity
    for event in told.events:
        yield from activity_of(event, told.key)
        if folds(event):
            key = status_key(event.tenant, event.message_id, event.recipient or "")
            facts = messages[key] = fold(messages.get(key), event, 0)
            if verdict := verdict_of(facts, [event]):
                yield verdict


def statuses(*receipts: Envelope) -> dict[str | None, dict[str, Any]]:
    """What is published by recipient after these receipts, in this order."""
    return {recipient: orjson.loads(published(facts)) for recipient, facts in facts_of(*receipts).items()}


def status(*receipts: Envelope) -> dict[str, Any]:
    """What is published of the only recipient after these receipts, in this order."""
    (only,) = statuses(*receipts).values()
    return only
