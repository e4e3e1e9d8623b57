"""Times and addresses: the small rules that everything compares by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.addresses import bare_address, domain_of, normalise_email, normalise_phone
from schemas.events import event_identity
from schemas.times import EARLIEST, LATEST, format_optional, format_time, parse_time


@given(st.integers(EARLIEST, LATEST))
def test_every_time_that_is_written_is_read_again_exactly(ms: int) -> None:
    text = format_time(ms)
    assert len(text) == len("2026-11-22T09:28:17.123Z")
    assert parse_time(text) == ms


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2026-11-22T09:28:17Z", "2026-11-22T09:28:17.000Z"),
        ("2026-11-22T09:28:17.123456Z", "2026-11-22T09:28:17.123Z"),
        ("2026-11-22T10:28:17.123+01:00", "2026-11-22T09:28:17.123Z"),
        ("2026-11-22T09:28:17", "2026-11-22T09:28:17.000Z"),
        ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
    ],
)
def test_times_of_other_zones_and_precisions_are_read(text: str, written: str) -> None:
    assert format_time(parse_time(text)) == written


@pytest.mark.parametrize("text", ["", "now", "2026-13-01T00:00:00Z", "2026-11-22T25:00:00Z", "1700000000"])
def test_what_is_no_time_is_refused_and_says_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match="expected an RFC 3339 time"):
        parse_time(text)


def test_no_time_stays_none() -> None:
    assert format_optional(None) is None
    assert format_optional(0) == "1970-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("ann@example.org", "ann@example.org"),
        (" Ann@Example.ORG ", "ann@example.org"),
        ('"Lee, Ann" <Ann@Example.org>', "ann@example.org"),
        ("<ann@example.org>", "ann@example.org"),
        ("Ann <x> <ann@example.org> ", "ann@example.org"),
        ("<>", ""),
    ],
)
def test_addresses_are_compared_without_names_spaces_and_case(given: str, address: str) -> None:
    assert normalise_email(given) == address
    assert bare_address(given).lower() == address


@pytest.mark.parametrize(
    ("given", "number"),
    [
        ("+15005550006", "+15005550006"),
        (" +1 (500) 555-0006 ", "+15005550006"),
        ("whatsapp:+15005550006", "whatsapp:+15005550006"),
        ("72727", "72727"),
        ("ACME", "acme"),
    ],
)
def test_numbers_are_compared_without_punctuation(given: str, number: str) -> None:
    assert normalise_phone(given) == number


def test_the_domain_is_what_follows_the_last_at() -> None:
    assert domain_of('"a@b"@example.org') == "example.org"
    assert domain_of("+15005550006") == ""


@given(st.lists(st.text(max_size=5), min_size=1), st.lists(st.text(max_size=5), min_size=1))
def test_identities_are_equal_exactly_where_the_content_is(a: list[str], b: list[str]) -> None:
    joined = "\x1f".join(a) == "\x1f".join(b)
    assert (event_identity(*a) == event_identity(*b)) == joined
    assert len(event_identity(*a)) == 32
