"""Counting distinct events: exact to 64, mergeable, and a fair estimate beyond."""

import random

from hypothesis import given
from hypothesis import strategies as st

from processors.sketches import KEPT, Sighting, Sketch, overflowed, sketch_add, sketch_count, sketch_join

_FEW = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=30)
_MANY = st.integers(0, 2**32).flatmap(
    lambda seed: st.integers(1, 300).map(lambda n: [random.Random(seed).getrandbits(64) for _ in range(n)])
)
_HASHES = _FEW | _MANY


def seen(hashes: list[int]) -> Sketch:
    sketch: Sketch | None = None
    for each in hashes:
        sketch = sketch_add(sketch, _sighting(each))
    assert sketch is not None
    return sketch


def _sighting(identity: int) -> Sighting:
    return [identity, 5, 0, 0]


@given(_HASHES)
def test_the_count_is_exact_to_64_and_known_to_be_an_estimate_beyond(hashes: list[int]) -> None:
    sketch, distinct = seen(hashes), len(set(hashes))
    assert overflowed(sketch) == (distinct > KEPT)
    if distinct <= KEPT:
        assert sketch_count(sketch) == distinct
    else:
        assert sketch_count(sketch) > KEPT
    assert [each[0] for each in sketch[0]] == sorted(set(hashes))[:KEPT]


@given(_HASHES, _HASHES)
def test_joined_sketches_are_the_sketch_of_all(left: list[int], right: list[int]) -> None:
    assert sketch_join(seen(left), seen(right)) == seen(left + right)
    assert sketch_join(seen(right), seen(left)) == seen(left + right)


@given(_HASHES)
def test_seen_again_in_another_order_it_is_the_same(hashes: list[int]) -> None:
    assert seen(hashes + hashes[::-1]) == seen(hashes)


@given(_FEW, st.integers(0, 9))
def test_a_sighting_told_at_two_times_keeps_the_earlier(hashes: list[int], at: int) -> None:
    first = hashes[0]
    again = sketch_add(seen(hashes), [first, at, 0, 0])
    assert [each[1] for each in again[0] if each[0] == first] == [min(5, at)]
    assert sketch_join(seen(hashes), [[[first, at, 0, 0]]]) == again


def test_the_estimate_is_within_a_third_for_a_thousand() -> None:
    errors = []
    for seed in range(50):
        numbers = random.Random(seed)
        errors.append(sketch_count(seen([numbers.getrandbits(64) for _ in range(1000)])) / 1000 - 1)
    assert abs(sum(errors) / len(errors)) < 0.08, "it is unbiased"
    assert max(map(abs, errors)) < 0.45


def test_nothing_seen_is_none() -> None:
    assert sketch_count(None) == 0
    assert not overflowed(None)
