"""Slips of the pen in addresses: which domain is meant, and which is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.diagnosis.typos import MAILBOX_PROVIDERS, distance, has_stray_spaces, meant_domain


@pytest.mark.parametrize(
    ("domain", "meant"),
    [
        ("gmial.com", "gmail.com"),
        ("gmai.com", "gmail.com"),
        ("gnail.com", "gmail.com"),
        ("gmaill.com", "gmail.com"),
        ("gmail.co", "gmail.com"),
        ("gmail.cm", "gmail.com"),
        ("gmail.con", "gmail.com"),
        ("gmail.com.com", "gmail.com"),
        ("gmail", "gmail.com"),
        ("gmailcom", "gmail.com"),
        ("yahoocouk", "yahoo.co.uk"),
        ("hotmial.com", "hotmail.com"),
        ("hitmaik.com", "hotmail.com"),
        ("yaho.com", "yahoo.com"),
        ("yahoo.con", "yahoo.com"),
        ("outlok.com", "outlook.com"),
        ("iclod.com", "icloud.com"),
        ("aol.con", "aol.com"),
        ("smalltown-gym.con", "smalltown-gym.com"),
        ("club.example.ogr", "club.example.org"),
    ],
)
def test_a_slip_of_the_pen_suggests_what_is_meant(domain: str, meant: str) -> None:
    assert meant_domain(domain) == meant


@pytest.mark.parametrize("domain", sorted(MAILBOX_PROVIDERS))
def test_a_mailbox_providers_own_domain_is_never_a_slip_of_another(domain: str) -> None:
    assert meant_domain(domain) is None


@pytest.mark.parametrize(
    "domain",
    [
        "email.com",
        "gmx.fr",
        "hotmail.be",
        "gmail.de",
        "gymnastics.com",
        "acme.co",
        "mad.com",
        "wed.de",
        "example.org",
        "localhost",
        "",
    ],
)
def test_what_may_well_be_meant_is_left_alone(domain: str) -> None:
    assert meant_domain(domain) is None


@given(st.sampled_from(sorted(MAILBOX_PROVIDERS)), st.text(max_size=8))
def test_whatever_is_suggested_is_no_slip_itself(domain: str, more: str) -> None:
    meant = meant_domain(more + domain)
    assert meant is None or meant_domain(meant) is None


words = st.text("abc", max_size=6)


@given(words, words)
def test_the_distance_is_the_same_both_ways_and_nothing_between_equal_words(left: str, right: str) -> None:
    assert distance(left, right, 9) == distance(right, left, 9)
    assert (distance(left, right, 9) == 0) == (left == right)


@given(words, words)
def test_a_distance_beyond_the_bound_is_none_and_below_it_the_same(left: str, right: str) -> None:
    exact = distance(left, right, 9)
    assert exact is not None
    for most in range(4):
        assert distance(left, right, most) == (exact if exact <= most else None)


@pytest.mark.parametrize(
    ("left", "right", "slips"), [("gmial", "gmail", 1), ("gmal", "gmail", 1), ("ab", "ba", 1), ("abc", "", 3)]
)
def test_swapped_lost_and_added_letters_are_a_slip_each(left: str, right: str, slips: int) -> None:
    assert distance(left, right, 9) == slips


@pytest.mark.parametrize(
    "given_as",
    [" ann@example.org", "ann@example.org\t", "ann @example.org", "ann@example.org\u200b", "\u00a0a@b.org"],
)
def test_stray_spaces_and_unseen_signs_are_noticed(given_as: str) -> None:
    assert has_stray_spaces(given_as)


@pytest.mark.parametrize(
    "given_as", ["ann@example.org", "Ann B. <ann@example.org>", "jörg@exämple.org", "+15005550006"]
)
def test_a_display_name_has_spaces_that_are_not_stray(given_as: str) -> None:
    assert not has_stray_spaces(given_as)
