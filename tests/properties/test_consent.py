"""The latest change of consent stands, whatever the order, repetition or split in which changes come."""

from itertools import pairwise
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from processors.consent import KEPT, MAX_BYTES, ConsentFacts, fold, join, published
from schemas.activity import Activity
from schemas.consent import OUT, ConsentChange
from schemas.events import event_identity
from tests.addresses import START, activity, changes


def facts_of(told: list[Activity]) -> ConsentFacts:
    facts: ConsentFacts | None = None
    for revision, one in enumerate(told):
        facts = fold(facts, one, revision)
    assert facts is not None
    return facts


def state(facts: ConsentFacts) -> Any:
    return facts.changes, facts.updated_at


def change_of(one: Activity) -> ConsentChange:
    assert isinstance(one.what, ConsentChange)
    return one.what


HISTORIES = st.lists(changes(), min_size=1, max_size=20)


@given(HISTORIES, st.randoms(use_true_random=False), st.data())
def test_any_order_and_any_repetition_gives_the_same_consent(
    told: list[Activity], random: Any, data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(told), max_size=5))
    shuffled = random.sample(told, len(told))
    assert state(facts_of([*shuffled, *again])) == state(facts_of(told))


@given(HISTORIES, st.data())
def test_a_split_anywhere_gives_the_same_consent(told: list[Activity], data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(told)), max_size=3))
    parts = [facts_of(told[start:end]) for start, end in pairwise(sorted({0, len(told), *cuts}))]
    joined = parts[0]
    for part in parts[1:]:
        joined = join(part, joined)
    assert state(joined) == state(facts_of(told))


@given(HISTORIES)
def test_the_latest_change_stands_and_of_two_at_once_the_opt_out(told: list[Activity]) -> None:
    said = orjson.loads(published(facts_of(told)))
    latest = max(change_of(one).at for one in told)
    at_last = {change_of(one).consent for one in told if change_of(one).at == latest}
    assert said["state"] == (OUT if OUT in at_last else "in")


@given(HISTORIES)
def test_what_is_encoded_decodes_to_the_same_and_stays_small(told: list[Activity]) -> None:
    facts = facts_of(told)
    assert ConsentFacts.decode(facts.encode()).encode() == facts.encode()
    assert len(facts.changes) <= KEPT


def test_a_webhook_posted_again_later_is_no_news() -> None:
    def change(entry: str, consent: str, at: int) -> Activity:
        return activity(
            ConsentChange(
                entry, "*", "+15005550006", consent, "twilio", "+15005550123", None, None, at, None, "SM1"
            )
        )

    stop, start = event_identity("stop"), event_identity("start")
    told = [change(stop, "out", START), change(start, "in", START + 1000), change(stop, "out", START + 2000)]
    facts = facts_of(told)
    assert orjson.loads(published(facts))["state"] == "in"
    assert [change[0] for change in facts.changes] == [START, START + 1000]


def test_the_facts_stay_within_their_bound_whatever_comes() -> None:
    worst = "\x01" * 5000
    told = [
        activity(
            ConsentChange(
                event_identity(n),
                "marketing",
                None,
                "out",
                "staff",
                worst,
                {"method": "written", "wording": worst, "reference": worst},
                worst,
                START + n,
                None,
                worst,
            )
        )
        for n in range(20)
    ]
    assert MAX_BYTES / 2 < len(facts_of(told).encode()) < MAX_BYTES
