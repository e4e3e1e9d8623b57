"""What is compared as one address, and what is an address at all."""

import pytest

from schemas.addresses import AddressFault, address_of, normalise


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("ann @example.org", "ann@example.org"),
        ("\u00a0ann@\u2003example.org\t", "ann@example.org"),
        ("\u200bAnn@exam\u00adple.org\ufeff", "ann@example.org"),
        ("\u202aAnn Lee <ann@example.org>\u202c", "ann@example.org"),
        ("ann＠example。org", "ann@example.org"),
        ("ann@MÜNCHEN.example", "ann@xn--mnchen-3ya.example"),
        ("ann@XN--MNCHEN-3YA.example", "ann@xn--mnchen-3ya.example"),
        ("ann@mu\u0308nchen.example", "ann@xn--mnchen-3ya.example"),
        ("ann@straße.example", "ann@xn--strae-oqa.example"),
        ("JÖRG@example.org", "jörg@example.org"),
        ("a..b@docomo.example.jp", "a..b@docomo.example.jp"),
        ('"a@b"@example.org', '"a@b"@example.org'),
        ("o'neil+news@example.org", "o'neil+news@example.org"),
    ],
)
def test_an_email_address_has_one_form_however_it_was_typed_or_copied(given: str, address: str) -> None:
    assert normalise("email", given) == address
    assert address_of("email", given) == address


@pytest.mark.parametrize(
    ("given", "number"),
    [
        ("+1 (500) 555-0006", "+15005550006"),
        ("\u202a+1\u00a0500\u2011555\u20110006\u202c", "+15005550006"),
        ("＋１５００５５５０００６", "+15005550006"),
        ("+١٥٠٠٥٥٥٠٠٠٦", "+15005550006"),
        ("+44 (0)20 7946 0018", "+442079460018"),
        ("+4402079460018", "+442079460018"),
        ("+39 06 1234 5678", "+390612345678"),
        ("+49 30/123456", "+4930123456"),
        ("whatsapp:+1 500 555 0006", "whatsapp:+15005550006"),
    ],
)
def test_a_phone_number_has_one_form_however_it_was_typed_or_copied(given: str, number: str) -> None:
    assert normalise("sms", given) == number
    assert address_of("sms", given) == number


@pytest.mark.parametrize(
    "given",
    [
        "",
        "   ",
        "ann",
        "@example.org",
        "ann@",
        "ann@example",
        "ann@example.org.",
        "ann@.example.org",
        "ann@-example.org",
        "ann@example.123",
        "ann@[192.0.2.1]",
        "ann@ben@example.org",
        "ann@example.org, ben@example.org",
        "Ann ann@example.org",
        "ann@exam_ple.org",
        "ann@☃.example",
        "+15005550006",
        "a" * 65 + "@example.org",
        "ann@" + "a" * 64 + ".org",
        "ann@" + "abcd." * 60 + "org",
    ],
)
def test_what_is_no_email_address_is_refused_and_says_what_was_expected(given: str) -> None:
    with pytest.raises(AddressFault) as refused:
        address_of("email", given)
    assert refused.value.expected.startswith("expected ")


@pytest.mark.parametrize(
    "given",
    [
        "",
        "ann@example.org",
        "15005550006",
        "0044 20 7946 0018",
        "72727",
        "ACME",
        "+",
        "+1 555 0123",
        "+1500555",
        "+150055500061234567",
        "+999 123 456 789",
        "+1 800 FLOWERS",
    ],
)
def test_a_number_that_cannot_be_parsed_is_refused_and_says_what_was_expected(given: str) -> None:
    with pytest.raises(AddressFault) as refused:
        address_of("sms", given)
    assert refused.value.expected.startswith("expected a phone number")


def test_a_number_with_more_than_a_number_in_it_is_told_which_one_is_meant() -> None:
    with pytest.raises(AddressFault, match=r"is \+15005550006 meant"):
        address_of("sms", "+15005550006 ext. 5")


@pytest.mark.parametrize("given", ["ann lee@example.org", "x", "ann@☃.example", "72727", "ACME", "+99", ""])
def test_what_is_no_address_is_still_compared_since_providers_may_report_anything(given: str) -> None:
    for channel in ("email", "sms"):
        assert normalise(channel, given) == normalise(channel, f" {given.upper()}\u200b")
