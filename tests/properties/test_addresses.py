"""Whatever an address looks like: comparing it once more changes nothing, and what is taken is in the form compared."""

from hypothesis import example, given
from hypothesis import strategies as st

from schemas.addresses import AddressFault, address_of, listed_address, normalise
from schemas.status import CHANNELS

EMAILS = st.text('ab@. <>\u200b\u00a0ÄßİΣς＠ﬁÅ\u0301。xn-üA\t"01', max_size=40)
NUMBERS = st.from_regex(
    r"(whatsapp:)?\+(1|7|39|44|49|52|54|225)? ?\(?0{0,2}\)?[0-9٣３ ()\-]{3,14}", fullmatch=True
)
TEXTS = st.one_of(st.text(), EMAILS, NUMBERS)


@given(st.sampled_from(CHANNELS), TEXTS)
def test_normalising_twice_is_normalising_once(channel: str, text: str) -> None:
    once = normalise(channel, text)
    assert normalise(channel, once) == once


@given(st.sampled_from(CHANNELS), TEXTS)
def test_what_is_taken_as_an_address_is_compared_in_that_very_form(channel: str, text: str) -> None:
    try:
        address = address_of(channel, text)
    except AddressFault:
        return
    assert address == normalise(channel, text) == address_of(channel, address)


@given(
    st.from_regex(r"[a-z0-9.+_-]{1,30}@([a-z]{1,10}\.){1,3}[a-z]{2,5}", fullmatch=True),
    st.sampled_from(" \t\u00a0\u200b\ufeff"),
)
def test_stray_characters_around_and_beside_the_at_sign_and_case_make_no_other_address(
    address: str, stray: str
) -> None:
    name, _, domain = address.partition("@")
    typed = f"{stray}{name.upper()}{stray}@{stray}{domain.title()}{stray}"
    assert normalise("email", typed) == normalise("email", address) == address


@given(
    st.from_regex(r"[2-9][0-9]{9}", fullmatch=True),
    st.lists(st.sampled_from(" ()-./\u00a0\u2011\u202a"), min_size=10, max_size=10),
)
def test_punctuation_makes_no_other_number(national: str, noise: list[str]) -> None:
    typed = "+1" + "".join(map("".join, zip(noise, national, strict=True)))
    assert normalise("sms", typed) == normalise("sms", f"+1{national}")


@given(TEXTS)
def test_in_a_list_an_email_address_is_what_it_is_alone(text: str) -> None:
    try:
        alone: str | None = address_of("email", text)
    except AddressFault:
        alone = None
    assert listed_address("email", text) == alone


@given(TEXTS)
@example("+490000")  # the library takes it for possible
def test_in_a_list_no_number_is_lost_and_none_is_told_apart_from_what_it_is_alone(text: str) -> None:
    listed = listed_address("sms", text)
    assert listed in (None, normalise("sms", text))
    try:
        alone = address_of("sms", text)
    except AddressFault:
        return
    assert listed == alone
