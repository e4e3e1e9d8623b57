"""The facts depend on what happened and on nothing else: not on order, repetition, or how batches were split."""

from itertools import accumulate, pairwise
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from processors.facts import MAX_BYTES, MessageFacts, fold, join
from processors.status import published, reached, status_of
from schemas.events import Descriptors, Event, event_identity
from schemas.machine_reasons import BY_CONTEXT, SHORT_IDENTITY
from schemas.status import RANK, SUPPORTS, Outcome, Status
from tests.strategies import FOLDING, events, histories

History = list[tuple[Event, int]]

JOURNAL = ("previous_status", "changed_at", "event_id")
"""What alone tells in which order events came: the last change of the status."""


def folded(history: History, facts: MessageFacts | None = None) -> MessageFacts:
    for event, revision in history:
        facts = fold(facts, event, revision)
    assert facts is not None
    return facts


def state(facts: MessageFacts) -> dict[str, Any]:
    """All facts but the journal."""
    whole: dict[str, Any] = orjson.loads(facts.encode())
    del whole["journal"]
    return whole


def status(facts: MessageFacts) -> dict[str, Any]:
    whole: dict[str, Any] = orjson.loads(published(facts))
    return {name: value for name, value in whole.items() if name not in JOURNAL}


@given(histories(), st.randoms(use_true_random=False))
def test_any_order_gives_the_same_facts_and_the_same_status(history: History, random: Any) -> None:
    shuffled = random.sample(history, len(history))
    assert state(folded(shuffled)) == state(folded(history))
    assert status(folded(shuffled)) == status(folded(history))


@given(histories(), st.data())
def test_any_repetition_gives_the_same_facts(history: History, data: st.DataObject) -> None:
    repeated = data.draw(st.lists(st.sampled_from(history), max_size=10)) + history
    assert state(folded(repeated)) == state(folded(history))


@given(histories(), st.data())
def test_an_event_folded_again_changes_nothing_but_the_revision(
    history: History, data: st.DataObject
) -> None:
    facts = folded(history)
    event, revision = data.draw(st.sampled_from(history))
    again = fold(facts, event, revision + 100)
    before, after = orjson.loads(facts.encode()), orjson.loads(again.encode())
    *before["at"], _, before_updated = before["at"]
    *after["at"], revision_after, after_updated = after["at"]
    assert after == before and after_updated == before_updated
    assert revision_after == max(facts.revision, revision + 100)


@given(histories(), st.data())
def test_a_fact_posted_again_later_is_no_news(history: History, data: st.DataObject) -> None:
    """The receipt is another one, so that it was updated is told; a fact without a time of its own keeps its first."""
    facts = folded(history)
    event, _ = data.draw(st.sampled_from(history))
    later = event.received_at + 60_000
    posted = replace(event, received_at=later, receipt_id="r-2", at=event.at if event.timed else later)
    before, after = status(facts), status(fold(facts, posted, 100))
    assert after.pop("updated_at") > before.pop("updated_at")
    assert after.pop("revision") == 100 and before.pop("revision") < 100
    assert after == before


@given(histories(), st.data())
def test_a_history_split_anywhere_and_joined_gives_the_same_facts(
    history: History, data: st.DataObject
) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(history)), max_size=3))
    edges = sorted({0, len(history), *cuts})
    parts = [folded(history[a:b]) for a, b in pairwise(edges)]
    *_, joined = accumulate(parts, join)
    assert state(joined) == state(folded(history))
    assert status(joined) == status(folded(history))


@given(histories(6), histories(6), histories(6))
def test_joining_is_commutative_associative_and_idempotent_journal_included(
    a: History, b: History, c: History
) -> None:
    x, y, z = folded(a), folded(b), folded(c)
    whole = orjson.loads(join(x, y).encode())
    assert orjson.loads(join(y, x).encode()) == whole
    assert orjson.loads(join(join(x, y), x).encode()) == whole
    assert orjson.loads(join(join(x, y), z).encode()) == orjson.loads(join(x, join(y, z)).encode())


@given(histories(), histories())
def test_folding_and_joining_leave_what_they_are_given_as_it_is(a: History, b: History) -> None:
    left, right = folded(a), folded(b)
    before = left.encode(), right.encode()
    join(left, right)
    folded(b, left)
    assert (left.encode(), right.encode()) == before


@given(histories())
def test_what_is_encoded_decodes_to_the_same(history: History) -> None:
    facts = folded(history)
    again = MessageFacts.decode(facts.encode())
    assert again.encode() == facts.encode()
    assert published(again) == published(facts)


@given(histories(), events(FOLDING))
def test_the_status_is_the_highest_that_a_fact_supports_from_every_state(
    history: History, event: Event
) -> None:
    before = status_of(folded(history))
    supported = SUPPORTS[event.outcome]
    assert supported is not None
    after = folded([(event, 9)], folded(history))
    assert status_of(after) is max(before, supported, key=lambda each: RANK[each])
    assert after.status == status_of(after)


@given(histories())
def test_no_rate_can_exceed_one_because_every_count_is_within_its_base(history: History) -> None:
    facts = folded(history)
    found = set(reached(facts))
    assert len(found) == len(reached(facts))
    for part, base in (
        ("delivered", "sent"),
        ("opened", "delivered"),
        ("human_opened", "opened"),
        ("clicked", "opened"),
        ("human_clicked", "clicked"),
        ("human_clicked", "human_opened"),
        ("complained", "delivered"),
        ("unsubscribed", "delivered"),
        ("bounced", "sent"),
        ("soft_bounced", "sent"),
        ("undelivered", "sent"),
        ("rejected", "sent"),
        ("failed", "sent"),
    ):
        assert part not in found or base in found, (part, found)
    assert not {"bounced", "delivered"} <= found
    alone = {"queued", "skipped", "invalid", "canceled"}
    assert not (found & alone) or len(found) == 1
    assert found, "every pair counts as something"


@given(histories())
def test_a_pair_counts_as_bounced_exactly_where_it_ends_so(history: History) -> None:
    facts = folded(history)
    assert ("bounced" in reached(facts)) == (status_of(facts) is Status.BOUNCED)


@given(histories())
def test_counts_of_people_never_exceed_those_of_all(history: History) -> None:
    said = status(folded(history))
    assert said["human_opens"] <= said["opens"]
    assert said["human_clicks"] <= said["clicks"]


@given(histories())
def test_opens_and_clicks_are_by_people_or_by_a_machine_for_one_reason_and_never_both(
    history: History,
) -> None:
    said = status(folded(history))
    told = [(reason, event) for reason, events in said["unmasked"].items() for event in events]
    unmasked = {event for _, event in told}
    assert set(said["unmasked"]) <= set(BY_CONTEXT) and len(unmasked) == len(told)
    seen = {
        event.event_id: event for event, _ in history if event.outcome in (Outcome.OPENED, Outcome.CLICKED)
    }
    assert unmasked <= {event_id[:SHORT_IDENTITY] for event_id in seen}
    people = [
        event.outcome
        for event_id, event in seen.items()
        if not event.machine and event_id[:SHORT_IDENTITY] not in unmasked
    ]
    assert said["human_opens"] == people.count(Outcome.OPENED)
    assert said["human_clicks"] == people.count(Outcome.CLICKED)


def test_the_facts_stay_within_their_bound_whatever_comes() -> None:
    """The worst there can be: all outcomes, more events than are counted one by one, and each text as long as can be,
    in characters that JSON writes as six."""
    worst = "\x01" * 5000
    facts: MessageFacts | None = None
    for n in range(70):
        for outcome in FOLDING:
            for subtype in ("General", worst):
                facts = fold(facts, _huge(outcome, subtype, worst, n), n)
    assert facts is not None
    assert MAX_BYTES / 2 < len(facts.encode()) < MAX_BYTES


def _huge(outcome: Outcome, subtype: str, worst: str, n: int) -> Event:
    texts = ("code", "cause", "diagnostic", "error_code", "error", "reason", "link", "expires_at")
    return Event(
        event_id=event_identity(outcome, subtype, n),
        tenant=worst[:63],
        provider="ses",
        channel="email",
        message_id=worst[:512],
        recipient=worst[:512],
        recipient_as_given=worst,
        outcome=outcome,
        at=2**42 + n,
        timed=True,
        received_at=2**42 + n,
        receipt_id=worst,
        sent_at=2**42,
        descriptors=Descriptors(**dict.fromkeys(Descriptors.__struct_fields__, worst)),
        detail={**dict.fromkeys(texts, worst), "type": "Transient", "subtype": subtype},
        machine=True,
    )
