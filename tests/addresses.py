"""Activity of one address, for tests that tell a story of it, and Hypothesis strategies for any activity."""

from random import Random
from typing import Any

import orjson
from hypothesis import strategies as st

from processors.address_facts import AddressFacts, fold
from processors.standing import published
from schemas.activity import DELIVERED, SOFT, Activity, Mark, Reset, SoftBounce, Verdict
from schemas.consent import IN, OUT, ConsentChange
from schemas.events import event_identity
from schemas.standing import Reason
from tests.cases import RECEIVED_AT, TENANT

ADDRESS = "ann@example.org"
MINUTE = 60_000
START = RECEIVED_AT - 30 * 24 * 60 * MINUTE
LIMIT = 5

MARKING = [reason for reason in Reason if reason is not Reason.REPEATED_SOFT_BOUNCES]


def activity(what: Verdict | Mark | ConsentChange | Reset, *, address: str = ADDRESS) -> Activity:
    """Something about the address, told by a receipt of its own time."""
    return Activity(TENANT, "email", address, RECEIVED_AT, "receipt-1", what)


def sent_at(number: int) -> int:
    """When the message of that number was sent, one a minute."""
    return START + number * MINUTE


def delivered(number: int) -> Activity:
    """The message of that number arrived."""
    return activity(Verdict(f"m-{number}", sent_at(number), DELIVERED, None))


def soft(number: int, after: int = 1000) -> Activity:
    """The message of that number gave up, so many ms after it was sent."""
    at = sent_at(number) + after
    bounce = SoftBounce(
        at, event_identity("soft", number, at), "MailboxFull", "4.2.2", "full", f"full {number}"
    )
    return activity(Verdict(f"m-{number}", sent_at(number), SOFT, bounce))


def mark(reason: Reason, number: int, after: int = 1000) -> Activity:
    """Something that makes the address invalid came of the message of that number."""
    at = sent_at(number) + after
    identity = event_identity(reason, number)
    return activity(Mark(reason, at, identity, f"m-{number}", "5.1.1", "mailbox", f"unknown {number}"))


def reset(at: int, actor: str = "Sam Lee") -> Activity:
    """Staff made it valid again."""
    return activity(Reset(event_identity("reset", at, actor), at, actor, "ticket 4711", "console"))


def facts_of(*told: Activity) -> AddressFacts:
    """The facts after all this, in this order."""
    facts: AddressFacts | None = None
    for revision, one in enumerate(told):
        facts = fold(facts, one, revision)
    assert facts is not None
    return facts


def standing(*told: Activity, limit: int = LIMIT) -> dict[str, Any]:
    """What is published after all this, in this order."""
    value: dict[str, Any] = orjson.loads(published(facts_of(*told), limit))
    return value


def verdicts(messages: int) -> st.SearchStrategy[Activity]:
    """Verdicts of so many messages; more than one may come of each."""
    numbers = st.integers(0, messages - 1)
    softs = st.builds(soft, numbers, st.sampled_from([1000, 2000]))
    return st.one_of(st.builds(delivered, numbers), softs, softs)


def activities(messages: int = 12) -> st.SearchStrategy[Activity]:
    """Everything that is folded into a standing. Times are few, so that they meet."""
    numbers = st.integers(0, messages - 1)
    marks = st.builds(mark, st.sampled_from(MARKING), numbers, st.sampled_from([1000, 3000]))
    resets = st.builds(reset, st.builds(sent_at, numbers), st.sampled_from(["Sam Lee", "Kim Roe"]))
    return st.one_of(verdicts(messages), verdicts(messages), marks, resets)


@st.composite
def long_histories(draw: st.DrawFn) -> list[Activity]:
    """Verdicts of more messages than the window holds, in rows of soft bounces and of deliveries, roughly in order; some
    told twice, some revised. Lists drawn one by one would hardly ever be as long."""
    chance = Random(draw(st.integers(0, 2**32)))
    messages = draw(st.integers(70, 200))
    unordered_by = draw(st.sampled_from([0, 0, 3, 40]))
    told: list[tuple[float, Activity]] = []
    softly = False
    for number in range(messages):
        softly = softly if chance.random() < 0.8 else not softly
        told.append((number + chance.random() * unordered_by, soft(number) if softly else delivered(number)))
        if chance.random() < 0.15:
            told.append((number + chance.random() * 90, delivered(number) if softly else soft(number)))
        if chance.random() < 0.1:
            told.append((number + chance.random() * 90, told[chance.randrange(len(told))][1]))
    return [one for _, one in sorted(told, key=lambda one: one[0])]


@st.composite
def changes(draw: st.DrawFn) -> Activity:
    """Changes of one consent. Times are few, so that they meet."""
    at = START + draw(st.integers(0, 5)) * MINUTE
    consent = draw(st.sampled_from([IN, OUT]))
    source = draw(st.sampled_from(["customer", "staff", "import"]))
    wording = draw(st.sampled_from([None, "yes", "x" * 2000]))
    evidence = {"method": "written", "wording": wording, "reference": None} if wording else None
    change = ConsentChange(
        entry_id=event_identity(at, consent, source, wording),
        category="marketing",
        sender=None,
        consent=consent,
        source=source,
        actor="Sam Lee",
        evidence=evidence,
        reason=None,
        at=at,
        recorded_by="console",
        message_id=None,
    )
    received_at = RECEIVED_AT + draw(st.integers(0, 2)) * MINUTE
    return Activity(TENANT, "email", ADDRESS, received_at, "receipt-1", change)
