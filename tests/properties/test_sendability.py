"""May an address be written to? Total, in the product's order, and never more than a limit, whatever is asked."""

from collections import Counter
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from query.limits import HOUR_MS, Window, read_limits, tight
from query.sendability import (
    OUT_OF_SENDER,
    REASONS,
    SENDER_BLOCKED,
    TENANT_BLOCKED,
    Answer,
    Decision,
    Known,
    Rules,
    decide,
)
from query.standing_cache import StandingCache
from query.tenant_health import Counts, Standing, TenantRecord, judged, next_step, released
from schemas.consent import CATEGORIES, EVERY_CATEGORY, IN, MARKETING, OUT, TRANSACTIONAL
from schemas.standing import Reason
from schemas.tenant_log import TenantNote
from schemas.topics import ADDRESS_STANDING, CONSENTS

NOW = 1_800_000_000_000
MINUTE = 60_000
HEALTH = read_limits(None).health

ADDRESSES = [f"a{number}@example.org" for number in range(12)]
ASKED = st.lists(st.sampled_from([*ADDRESSES, None]), max_size=30)
STANDINGS = st.dictionaries(st.sampled_from(ADDRESSES), st.sampled_from([str(each) for each in Reason]))
CONSENT = st.dictionaries(st.sampled_from(ADDRESSES), st.sampled_from([IN, OUT, OUT_OF_SENDER]))
SENT = st.lists(st.tuples(st.integers(-5, 60), st.integers(1, 4)), max_size=6).map(
    lambda told: sorted((NOW + minute * MINUTE, many) for minute, many in told)
)
RULES = st.builds(
    Rules,
    st.sampled_from(CATEGORIES),
    st.booleans(),
    st.sampled_from([None, None, None, TENANT_BLOCKED, SENDER_BLOCKED]),
)


def answers_of(
    rules: Rules, standings: dict[str, str], consents: dict[str, str], windows: list[Window], asked: list[Any]
) -> list[Answer]:
    return list(decide(rules, Known(standings.get, consents.get, lambda _: windows), asked))


@given(RULES, STANDINGS, CONSENT, SENT, st.integers(1, 20), ASKED)
def test_every_address_has_one_answer_with_a_reason_that_belongs_to_it(
    rules: Rules,
    standings: dict[str, str],
    consents: dict[str, str],
    sent: list[tuple[int, int]],
    most: int,
    asked: list[str | None],
) -> None:
    answers = answers_of(rules, standings, consents, [Window("tenant_limit", most, sent, NOW)], asked)
    assert len(answers) == len(asked)
    for answer in answers:
        assert answer.reason in REASONS[answer.decision]
        assert (answer.until is not None) == (answer.decision is Decision.HOLD)
        assert answer.until is None or answer.until > NOW


@given(RULES, STANDINGS, CONSENT, SENT, st.integers(1, 20), ASKED)
def test_nobody_is_allowed_whom_the_order_of_decisions_stops(
    rules: Rules,
    standings: dict[str, str],
    consents: dict[str, str],
    sent: list[tuple[int, int]],
    most: int,
    asked: list[str | None],
) -> None:
    answers = answers_of(rules, standings, consents, [Window("tenant_limit", most, sent, NOW)], asked)
    for address, (decision, _, _) in zip(asked, answers, strict=True):
        if decision not in (Decision.ALLOW, Decision.HOLD):
            continue
        assert rules.stopped is None
        assert address is not None
        assert standings.get(address) in (
            (None, Reason.COMPLAINT) if rules.category == TRANSACTIONAL else (None,)
        )
        if rules.category != TRANSACTIONAL:
            assert consents.get(address) == IN or (not rules.needs_opt_in and address not in consents)


@given(RULES, STANDINGS, CONSENT, SENT, st.integers(1, 20), st.integers(1, 60), ASKED)
def test_a_limit_that_a_list_cannot_use_up_may_be_left_out(
    rules: Rules,
    standings: dict[str, str],
    consents: dict[str, str],
    sent: list[tuple[int, int]],
    most: int,
    more: int,
    asked: list[str | None],
) -> None:
    def windows() -> list[Window]:
        return [Window("tenant_limit", more, sent, NOW), Window("domain_limit", most, sent, NOW)]

    assert answers_of(rules, standings, consents, tight(windows(), len(asked)), asked) == answers_of(
        rules, standings, consents, windows(), asked
    )


@given(SENT, st.integers(1, 12), st.integers(0, 25))
def test_no_hour_ever_has_more_than_the_limit_if_all_go_when_they_are_told(
    sent: list[tuple[int, int]], most: int, asking: int
) -> None:
    window = Window("tenant_limit", most, sent, NOW)
    went: Counter[int] = Counter()  # by time
    for leaves_at, many in sent:
        if leaves_at > NOW:
            went[min(leaves_at, NOW + HOUR_MS) - HOUR_MS] += many
    times = []
    for _ in range(asking):
        if window.left > 0:
            window.left -= 1
            times.append(NOW)
        else:
            times.append(window.opens_at())
    assert times == sorted(times)
    for at in times:
        went[at] += 1
        assert sum(many for when, many in went.items() if at - HOUR_MS < when <= at) <= most


@given(SENT, st.integers(1, 12))
def test_who_is_held_is_held_no_longer_than_the_limit_asks_for(
    sent: list[tuple[int, int]], most: int
) -> None:
    window = Window("tenant_limit", most, sent, NOW)
    if window.left > 0:
        return
    until = window.opens_at()
    just_before = sum(many for leaves_at, many in sent if leaves_at >= until)
    assert just_before >= most


VALUES = st.lists(
    st.tuples(
        st.sampled_from(ADDRESSES[:3]),
        st.sampled_from([None, *(str(each) for each in Reason)]),
        st.integers(0, 5),
    ),
    max_size=20,
)


def standing_value(address: str, reason: str | None, revision: int) -> bytes:
    return orjson.dumps(
        {
            "tenant": "acme",
            "channel": "email",
            "address": address,
            "standing": "invalid" if reason else "valid",
            "reason": reason,
            "revision": revision,
        }
    )


@given(VALUES)
def test_what_stands_of_an_address_is_the_last_value_of_the_highest_revision(
    told: list[tuple[str, str | None, int]],
) -> None:
    cache = StandingCache()
    expected: dict[str, tuple[int, str | None]] = {}
    for address, reason, revision in told:
        cache.appliers[ADDRESS_STANDING.name](b"", standing_value(address, reason, revision))
        if revision >= expected.get(address, (-1, None))[0]:
            expected[address] = revision, reason
    reason_of = cache.reason_of("acme", "email")
    assert {address: reason_of(address) for address in expected} == {
        address: reason for address, (_, reason) in expected.items()
    }
    assert cache.sizes["standings"] == sum(reason is not None for _, reason in expected.values())


CHANGES = st.lists(
    st.tuples(
        st.sampled_from([MARKETING, "notification", EVERY_CATEGORY]),
        st.sampled_from([None, "+15005550006", "+15005550007"]),
        st.sampled_from([IN, OUT]),
    ),
    max_size=12,
)


@given(CHANGES, st.sampled_from([None, "+15005550006", "+15005550007"]))
def test_an_opt_out_of_the_category_or_of_everything_counts_whatever_else_was_said(
    told: list[tuple[str, str | None, str]], sender: str | None
) -> None:
    cache = StandingCache()
    stands: dict[tuple[str, str | None], str] = {}
    for revision, (category, of, state) in enumerate(told):
        stands[category, of] = state
        value = {
            "tenant": "acme",
            "channel": "sms",
            "address": "+15005550123",
            "category": category,
            "sender": of,
            "state": state,
            "revision": revision,
        }
        cache.appliers[CONSENTS.name](b"", orjson.dumps(value))
    concerned = {
        (category, of): state
        for (category, of), state in stands.items()
        if category in (MARKETING, EVERY_CATEGORY) and (of is None or sender in (None, of))
    }
    found = cache.consent_of("acme", "sms", MARKETING, sender)("+15005550123")
    if OUT in {state for (_, of), state in concerned.items() if of is None}:
        assert found == OUT
    elif OUT in concerned.values():
        assert found == OUT_OF_SENDER
    else:
        assert found == (IN if any(category == MARKETING for category, _ in concerned) else None)


COUNTS = st.builds(
    lambda sent, bounced, complained: Counts(sent, sent - bounced, bounced, min(complained, sent - bounced)),
    st.integers(0, 2000).map(lambda n: n + 300),
    st.integers(0, 300),
    st.integers(0, 10),
)


@given(st.lists(st.one_of(COUNTS, st.just("release")), max_size=12), st.randoms(use_true_random=False))
def test_whatever_the_rates_do_nobody_is_blocked_without_a_warning_or_freed_without_a_release(
    happens: list[Any], random: Any
) -> None:
    record, log = TenantRecord(), list[TenantNote]()
    for number, what in enumerate(happens):
        before = record.state(None)
        if what == "release":
            note: TenantNote | None = released("acme", "Olga", "r", "ops", NOW + number)
        else:
            note = next_step("acme", None, before, what, HEALTH, NOW, NOW + number)
        if note is None:
            assert before.standing in (Standing.BLOCKED, judged(what, HEALTH)[0])
            continue
        record.apply(note)
        log.append(note)
        after = record.state(None).standing
        if after is Standing.BLOCKED:
            assert before.standing is Standing.WARNED
        if before.standing is Standing.BLOCKED:
            assert what == "release"
            assert after is Standing.OK
    # Repeats of what is in the log, wherever they come later, change nothing.
    again = TenantRecord()
    for number, note in enumerate(log):
        again.apply(note)
        again.apply(random.choice(log[: number + 1]))
    assert again.states == record.states
    assert again.entries == record.entries
