"""Verdicts by what stands around an open or a click depend on what happened and on nothing else."""

import tomllib
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import processors.machine_opens
from processors.machine_opens import by_context, judge
from processors.sketches import Sighting
from schemas.machine_reasons import BY_CONTEXT, MACHINE_REASONS
from schemas.status import Outcome

_BURSTS = [
    (burst["links"], burst["within_ms"])
    for burst in tomllib.loads(Path(processors.machine_opens.__file__).with_suffix(".toml").read_text())[
        "context"
    ]["burst"]
]
_DELIVERED_AT = 10_000_000

OUTCOMES = st.sampled_from([Outcome.OPENED, Outcome.CLICKED])
DELIVERIES = st.none() | st.just(_DELIVERED_AT)


@st.composite
def sightings(draw: st.DrawFn) -> list[Sighting]:
    """Opens or clicks around the delivery and long after it, close enough to meet; each identity once."""
    identities = draw(st.lists(st.integers(0, 2**64 - 1), max_size=12, unique=True))
    around = draw(st.sampled_from([_DELIVERED_AT, _DELIVERED_AT + 3_600_000]))
    return [
        [
            identity,
            around
            + draw(
                st.sampled_from(
                    [-700_000, -1, 0, 100, 299, 300, 301, 1999, 2000, 2600, 3000, 5000, 5001, 9000]
                )
            ),
            draw(st.sampled_from([0, 0, 0, 1])),
            draw(st.integers(0, 5)),
        ]
        for identity in identities
    ]


@given(OUTCOMES, sightings(), DELIVERIES, st.randoms(use_true_random=False))
def test_any_order_gives_the_same_verdicts(
    outcome: Outcome, seen: list[Sighting], delivered_at: int | None, random: Any
) -> None:
    shuffled = random.sample(seen, len(seen))
    assert by_context(outcome, shuffled, delivered_at) == by_context(outcome, seen, delivered_at)


@given(OUTCOMES, sightings(), DELIVERIES)
def test_only_what_no_agent_gives_away_gets_a_verdict_and_only_a_declared_one(
    outcome: Outcome, seen: list[Sighting], delivered_at: int | None
) -> None:
    found = by_context(outcome, seen, delivered_at)
    assert set(found) <= {identity for identity, _, machine, _ in seen if not machine}
    assert set(found.values()) <= set(BY_CONTEXT)
    if outcome is Outcome.OPENED:
        assert "many_links" not in found.values()
    if delivered_at is None:
        assert set(found.values()) <= {"many_links"}


@given(OUTCOMES, sightings(), sightings(), DELIVERIES)
def test_one_more_click_makes_no_machine_a_person(
    outcome: Outcome, seen: list[Sighting], more: list[Sighting], delivered_at: int | None
) -> None:
    known = {identity for identity, *_ in seen}
    all_of_them = seen + [one for one in more if one[0] not in known]
    assert set(by_context(outcome, seen, delivered_at)) <= set(by_context(outcome, all_of_them, delivered_at))


@given(sightings())
def test_a_click_is_of_a_sweep_exactly_where_some_stretch_of_time_around_it_has_so_many_links(
    seen: list[Sighting],
) -> None:
    def swept(click: Sighting) -> bool:
        return any(
            start[1] <= click[1] <= start[1] + within
            and len({link for _, at, _, link in seen if start[1] <= at <= start[1] + within}) >= links
            for start in seen
            for links, within in _BURSTS
        )

    expected = {click[0] for click in seen if not click[2] and swept(click)}
    assert set(by_context(Outcome.CLICKED, seen, None)) == expected


@given(OUTCOMES, st.text(max_size=30).map(lambda text: text * 30))
def test_whatever_an_agent_says_it_gets_a_verdict_of_which_the_reason_is_declared(
    outcome: Outcome, agent: str
) -> None:
    verdict = judge(outcome, agent)
    assert verdict.machine == (verdict.reason in MACHINE_REASONS)
    assert judge(outcome, agent) == verdict
