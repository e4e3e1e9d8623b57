"""The standing depends on what happened and on nothing else: not on order, repetition, or how batches were split."""

from itertools import pairwise
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from processors.address_facts import MAX_BYTES, AddressFacts, fold, join
from processors.standing import published, reasons_of
from processors.verdicts import EMPTY, KEPT, Window, rows, window_add, window_join
from schemas.activity import DELIVERED, Activity, Mark, Reset, SoftBounce, Verdict
from schemas.events import event_identity
from schemas.standing import Reason, Standing
from tests.addresses import (
    MARKING,
    MINUTE,
    START,
    activities,
    activity,
    facts_of,
    long_histories,
    standing,
    verdicts,
)

LIMITS = st.integers(1, 6)
NEVER, EVER = -(2**53), 2**53
BY_PATH = ("revision", "updated_at")


def whole(facts: AddressFacts) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(facts.encode())
    return document


def state(facts: AddressFacts) -> dict[str, Any]:
    """All facts but the revision, which tells of the records."""
    return {name: value for name, value in whole(facts).items() if name != "at"}


def window(told: list[Activity]) -> Window:
    return facts_of(*told).window


def longest_that_left(found: Window) -> int:
    return max((len(times) for times, _ in found.left), default=0)


@given(st.lists(activities(), min_size=1, max_size=30), st.randoms(use_true_random=False), LIMITS)
def test_any_order_gives_the_same_facts_and_the_same_standing(
    told: list[Activity], random: Any, limit: int
) -> None:
    shuffled = random.sample(told, len(told))
    assert state(facts_of(*shuffled)) == state(facts_of(*told))
    one, other = standing(*told, limit=limit), standing(*shuffled, limit=limit)
    assert {name: one[name] for name in one if name not in BY_PATH} == {
        name: other[name] for name in other if name not in BY_PATH
    }


@given(st.lists(activities(), min_size=1, max_size=30) | long_histories(), st.data())
def test_any_repetition_of_what_was_told_gives_the_same_facts(
    told: list[Activity], data: st.DataObject
) -> None:
    """Also of what has left the window."""
    again = data.draw(st.lists(st.sampled_from(told), min_size=1, max_size=20))
    assert state(facts_of(*told, *again)) == state(facts_of(*told))


@given(st.lists(activities(), min_size=1, max_size=30), st.data())
def test_a_split_anywhere_gives_the_same_facts(told: list[Activity], data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(told)), max_size=3))
    edges = sorted({0, len(told), *cuts})
    parts = [facts_of(*told[start:end]) for start, end in pairwise(edges)]
    joined = parts[0]
    for part in parts[1:]:
        joined = join(joined, part)
    assert state(joined) == state(facts_of(*told))


@given(st.lists(st.lists(activities(), min_size=1, max_size=15), min_size=3, max_size=3))
def test_joining_is_commutative_associative_and_idempotent(told: list[list[Activity]]) -> None:
    one, two, three = (facts_of(*part) for part in told)
    assert whole(join(one, two)) == whole(join(two, one))
    assert whole(join(join(one, two), three)) == whole(join(one, join(two, three)))
    assert whole(join(one, one)) == whole(one)


@given(long_histories(), st.data())
def test_joining_with_an_earlier_state_of_its_own_changes_nothing(
    told: list[Activity], data: st.DataObject
) -> None:
    """What recovery does: the changelog may be behind the store, or the store behind the changelog."""
    earlier = facts_of(*told[: data.draw(st.integers(1, len(told)))])
    now = facts_of(*told)
    assert state(join(now, earlier)) == state(join(earlier, now)) == state(now)


@given(long_histories(), long_histories())
def test_windows_of_any_size_join_in_either_order(one: list[Activity], two: list[Activity]) -> None:
    left, right = window(one), window(two)
    joined = window_join(left, right)
    assert joined == window_join(right, left)
    assert window_join(joined, joined) == joined
    assert window_join(joined, left) == joined


@given(st.lists(activities(), min_size=1, max_size=30), LIMITS)
def test_the_standing_is_that_of_the_plain_rules(told: list[Activity], limit: int) -> None:
    """The rules said once more, over all that was told and without any window."""
    reset = max((one.what.at for one in told if isinstance(one.what, Reset)), default=NEVER)
    reasons = {
        one.what.reason for one in told if isinstance(one.what, Mark) and earliest(told, one.what) > reset
    }
    verdict: dict[int, str] = {}
    for one in told:
        if isinstance(one.what, Verdict) and one.what.message_at > reset:
            known = verdict.get(one.what.message_at)
            verdict[one.what.message_at] = DELIVERED if known == DELIVERED else one.what.verdict
    in_a_row = longest = 0
    for at in sorted(verdict):
        in_a_row = 0 if verdict[at] == DELIVERED else in_a_row + 1
        longest = max(longest, in_a_row)
    if longest >= limit:
        reasons.add(Reason.REPEATED_SOFT_BOUNCES)
    said = standing(*told, limit=limit)
    assert said["reasons"] == [reason for reason in Reason if reason in reasons]
    assert said["standing"] == (Standing.INVALID if reasons else Standing.VALID)
    assert said["soft_bounces_in_a_row"] == in_a_row
    assert said["complained"] == (Reason.COMPLAINT in reasons)


def earliest(told: list[Activity], mark: Mark) -> int:
    """When the event of a mark was first told: a repeat does not come after a reset."""
    return min(
        one.what.at for one in told if isinstance(one.what, Mark) and one.what.event_id == mark.event_id
    )


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 40)), min_size=5, max_size=20), LIMITS, st.data())
def test_told_in_order_no_run_of_soft_bounces_is_forgotten_however_long_ago(
    blocks: list[tuple[bool, int]], limit: int, data: st.DataObject
) -> None:
    """But for what was sent before a reset, wherever that lies."""
    arrived = [one for one, length in blocks for _ in range(length)]
    reset = data.draw(st.integers(-1, len(arrived)))
    found = EMPTY
    for number, one in enumerate(arrived):
        at = START + number * MINUTE
        found = window_add(
            found, [at, number] if one else [at, number, [at, "e", "m", None, None, None, None]]
        )
    runs = "".join("d" if one else "s" for one in arrived[reset + 1 :]).split("d")
    invalid = any(row.count >= limit for row in rows(found, START + reset * MINUTE, EVER))
    assert invalid == (max(map(len, runs)) >= limit)


@given(long_histories(), st.lists(verdicts(200), max_size=30))
def test_what_has_become_permanent_stays_so_whatever_else_is_told(
    told: list[Activity], later: list[Activity]
) -> None:
    assert longest_that_left(window([*told, *later])) >= longest_that_left(window(told))


@given(long_histories())
def test_the_window_keeps_the_newest_and_no_more_than_64(told: list[Activity]) -> None:
    found = facts_of(*told).window
    keys = [entry[:2] for entry in found.entries]
    assert keys == sorted(keys) and len(keys) <= KEPT
    newest = sorted({one.what.message_at for one in told if isinstance(one.what, Verdict)})[-KEPT:]
    assert [at for at, _ in keys] == newest


@given(st.lists(activities(), min_size=1, max_size=30), LIMITS)
def test_only_a_reset_makes_an_invalid_address_valid_once_its_marks_are_told(
    told: list[Activity], limit: int
) -> None:
    marked = [one for one in told if isinstance(one.what, Mark)]
    facts = facts_of(*told)
    counted = {why.reason for why in reasons_of(facts, limit)}
    if marked and not any(isinstance(one.what, Reset) for one in told):
        assert {one.what.reason for one in marked if isinstance(one.what, Mark)} <= counted


@given(st.lists(activities(), min_size=1, max_size=30))
def test_folding_leaves_what_it_is_given_as_it_is_and_what_is_encoded_decodes_to_the_same(
    told: list[Activity],
) -> None:
    facts = facts_of(*told)
    before = facts.encode()
    fold(facts, told[0], 100)
    join(facts, facts_of(*told[::-1]))
    published(facts, 5)
    assert facts.encode() == before == AddressFacts.decode(before).encode()


@given(st.lists(activities(), min_size=1, max_size=30))
def test_an_address_is_published_from_the_first_thing_told_of_it_but_deliveries(told: list[Activity]) -> None:
    only_deliveries = all(isinstance(one.what, Verdict) and one.what.soft is None for one in told)
    assert facts_of(*told).noted == (not only_deliveries)


def test_the_facts_stay_within_their_bound_whatever_comes() -> None:
    """The worst there can be: every message gives up, every mark comes often, and each text is as long as can be, in
    characters that JSON writes as six."""
    worst = "\x01" * 5000
    told: list[Activity] = []
    arrives = [False] * KEPT
    for length in range(KEPT):
        arrives = [*[False] * (length + 1), True, *arrives]
    for n, one in enumerate(arrives):
        at = START + n * MINUTE
        bounce = None if one else SoftBounce(at, event_identity(n), worst, worst, worst, worst)
        told.append(activity(Verdict(f"{n}{worst}", at, DELIVERED if one else "soft", bounce)))
    for n in range(20):
        told.append(activity(Reset(event_identity("reset", n), at - n, worst, worst, worst)))
        told += [
            activity(Mark(reason, at, event_identity(reason, n), worst, worst, worst, worst))
            for reason in MARKING
        ]
    facts = facts_of(*told)
    assert len(facts.window.left) == len(facts.window.entries) == KEPT
    assert MAX_BYTES / 2 < len(facts.encode()) < MAX_BYTES
