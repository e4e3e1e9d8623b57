"""May an address be written to? Every pair of what is known and what it is for, in the product's order."""

import itertools
from collections.abc import Sequence

import pytest

from query.limits import HOUR_MS, Window
from query.sendability import (
    DOMAIN_LIMIT,
    NO_OPT_IN,
    NOT_AN_ADDRESS,
    OPTED_OUT,
    OPTED_OUT_OF_SENDER,
    OUT_OF_SENDER,
    REASONS,
    SENDER_BLOCKED,
    TENANT_BLOCKED,
    TENANT_LIMIT,
    Answer,
    Decision,
    Known,
    Rules,
    before_limits,
    decide,
    within_limits,
)
from schemas.consent import CATEGORIES, IN, MARKETING, NOTIFICATION, OUT, TRANSACTIONAL
from schemas.standing import Reason

NOW = 1_800_000_000_000
MINUTE = 60_000

ALLOW, SKIP, INVALID, HOLD, BLOCK = (
    Decision.ALLOW,
    Decision.SKIP,
    Decision.INVALID,
    Decision.HOLD,
    Decision.BLOCK,
)
BOUNCED = [reason for reason in Reason if reason is not Reason.COMPLAINT]
CONSENTS = (None, IN, OUT, OUT_OF_SENDER)

TABLE: dict[tuple[str | None, str | None, str], tuple[Decision, str | None]] = {
    # (why it is invalid, its consent, what for): where marketing and notifications need an opt-in.
    (None, None, TRANSACTIONAL): (ALLOW, None),
    (None, None, NOTIFICATION): (SKIP, NO_OPT_IN),
    (None, None, MARKETING): (SKIP, NO_OPT_IN),
    (None, IN, TRANSACTIONAL): (ALLOW, None),
    (None, IN, NOTIFICATION): (ALLOW, None),
    (None, IN, MARKETING): (ALLOW, None),
    (None, OUT, TRANSACTIONAL): (ALLOW, OPTED_OUT),
    (None, OUT, NOTIFICATION): (SKIP, OPTED_OUT),
    (None, OUT, MARKETING): (SKIP, OPTED_OUT),
    (None, OUT_OF_SENDER, TRANSACTIONAL): (ALLOW, OPTED_OUT_OF_SENDER),
    (None, OUT_OF_SENDER, NOTIFICATION): (SKIP, OPTED_OUT_OF_SENDER),
    (None, OUT_OF_SENDER, MARKETING): (SKIP, OPTED_OUT_OF_SENDER),
    **{
        (Reason.COMPLAINT, consent, category): (
            (ALLOW, Reason.COMPLAINT) if category == TRANSACTIONAL else (INVALID, Reason.COMPLAINT)
        )
        for consent in CONSENTS
        for category in CATEGORIES
    },
    **{
        (reason, consent, category): (INVALID, reason)
        for reason in BOUNCED
        for consent in CONSENTS
        for category in CATEGORIES
    },
}

EVERYTHING = list(itertools.product((None, *Reason), CONSENTS, CATEGORIES))


def rules(category: str, *, needs_opt_in: bool = True, stopped: str | None = None) -> Rules:
    return Rules(category, needs_opt_in, stopped)


def full(reason: str = TENANT_LIMIT, until: int = NOW + MINUTE) -> Window:
    return Window(reason, 1, [(until, 1)], NOW)


def open_window(most: int = 1) -> Window:
    return Window(TENANT_LIMIT, most, [], NOW)


def test_the_table_of_these_tests_has_every_pair() -> None:
    assert set(TABLE) == set(EVERYTHING)


@pytest.mark.parametrize(("standing", "consent", "category"), EVERYTHING)
def test_every_pair_of_standing_consent_and_category_is_decided_in_the_products_order(
    standing: str | None, consent: str | None, category: str
) -> None:
    answer = before_limits(rules(category), True, standing, consent)
    assert (answer.decision, answer.reason) == TABLE[standing, consent, category]
    assert answer.reason in REASONS[answer.decision]


@pytest.mark.parametrize(("standing", "consent", "category"), EVERYTHING)
@pytest.mark.parametrize("is_address", [True, False])
@pytest.mark.parametrize("stopped", [TENANT_BLOCKED, SENDER_BLOCKED])
def test_a_stopped_tenant_is_blocked_whatever_else_is_known(
    standing: str | None, consent: str | None, category: str, is_address: bool, stopped: str
) -> None:
    blocked = before_limits(rules(category, stopped=stopped), is_address, standing, consent)
    assert blocked == (BLOCK, stopped, None)


@pytest.mark.parametrize("category", CATEGORIES)
def test_what_is_no_address_is_invalid_for_every_category(category: str) -> None:
    assert before_limits(rules(category), False, None, None) == (INVALID, NOT_AN_ADDRESS, None)


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize(
    ("consent", "decision"), [(None, ALLOW), (IN, ALLOW), (OUT, SKIP), (OUT_OF_SENDER, SKIP)]
)
def test_where_no_opt_in_is_needed_only_an_opt_out_counts(
    category: str, consent: str | None, decision: Decision
) -> None:
    answer = before_limits(rules(category, needs_opt_in=False), True, None, consent)
    assert answer.decision is (ALLOW if category == TRANSACTIONAL else decision)


@pytest.mark.parametrize(("standing", "consent", "category"), EVERYTHING)
def test_a_used_up_limit_holds_what_would_be_allowed_and_nothing_else(
    standing: str | None, consent: str | None, category: str
) -> None:
    before = before_limits(rules(category), True, standing, consent)
    after = within_limits(before, [full()])
    if before.decision is ALLOW:
        assert after == (HOLD, TENANT_LIMIT, NOW + MINUTE)
    else:
        assert after == before


def test_of_two_used_up_limits_the_one_that_opens_last_is_told() -> None:
    tenant, domain = full(until=NOW + MINUTE), full(DOMAIN_LIMIT, NOW + 2 * MINUTE)
    assert within_limits(Answer(ALLOW, None), [tenant, domain]) == (HOLD, DOMAIN_LIMIT, NOW + 2 * MINUTE)


def test_who_is_held_by_one_limit_takes_no_place_under_another() -> None:
    tenant = open_window(1)
    assert within_limits(Answer(ALLOW, None), [tenant, full(DOMAIN_LIMIT)]).decision is HOLD
    assert within_limits(Answer(ALLOW, None), [tenant]).decision is ALLOW
    assert within_limits(Answer(ALLOW, None), [tenant]).decision is HOLD


def test_an_allowed_complaint_keeps_its_reason_and_falls_under_limits_as_all_do() -> None:
    complained = Answer(ALLOW, Reason.COMPLAINT)
    assert within_limits(complained, [open_window()]) == complained
    assert within_limits(complained, [full()]).decision is HOLD


def decided(addresses: Sequence[str | None], window: Window, category: str = TRANSACTIONAL) -> list[Answer]:
    known = Known({"bad@example.org": str(Reason.HARD_BOUNCE)}.get, lambda _: None, lambda _: (window,))
    return list(decide(rules(category), known, addresses))


def test_answers_come_in_the_order_asked_and_a_list_is_allowed_as_far_as_the_limit_goes() -> None:
    answers = decided(
        ["a@example.org", None, "bad@example.org", "b@example.org", "c@example.org"], open_window(2)
    )
    assert [answer.decision for answer in answers] == [ALLOW, INVALID, INVALID, ALLOW, HOLD]
    assert answers[-1].until == NOW + HOUR_MS


def test_the_same_address_again_has_the_same_answer_and_counts_once() -> None:
    answers = decided(["a@example.org", "a@example.org", "b@example.org"], open_window(2))
    assert [answer.decision for answer in answers] == [ALLOW, ALLOW, ALLOW]
