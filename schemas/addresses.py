"""How addresses are compared, and what is an address at all: one rule for each channel, used by adapters, standing,
consent, registrations and search alike.

`normalise` takes whatever it is given and is quick with what providers report; `address_of` refuses what is none.
"""

import re
import unicodedata
from functools import lru_cache

import idna
import phonenumbers

_DISPLAY_NAME = re.compile(r"<([^<>]*)>\s*$")
_PLAIN_EMAIL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-z0-9.-]+").fullmatch
"""Nearly all addresses that are reported need nothing done."""

_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
"""What comes along unseen when an address is copied: zero-width characters, marks of direction, soft hyphens."""

_SPACES = re.compile(r"\s+")
_SPACE_WITHIN = re.compile(r"[^\s@]\s+[^\s@]")

_HOST = r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]"
"""A host name of at least two labels, the last of which is no number."""

_EMAIL = re.compile(
    rf"""(?:[^\s@"(),:;<>\[\]\\\x00-\x1f\x7f]{{1,64}}|"(?:[^"\\\r\n]|\\.){{1,62}}")@{_HOST}"""
).fullmatch
"""Local part of RFC 5321, 4.1.2, though dots may stand anywhere in it (some carriers gave out such mailboxes) and letters
be of any script (RFC 6531)."""

_LISTED_EMAIL = re.compile(rf"[a-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_HOST}").fullmatch
"""What nearly all addresses are that people keep in lists."""

_LONGEST_EMAIL = 254  # RFC 3696, erratum 1690
_LONGEST_DOMAIN = 253
_LONGEST_GIVEN = 1024  # with a display name and spaces; looking at more would take time for nothing

_PHONE_NOISE = re.compile(r"[\s()./\-\u2010-\u2015\u2212]")
_PHONE_CHANNEL = re.compile(r"(?:whatsapp|rcs):")
_DIALLED = re.compile(r"\+?[0-9]+").fullmatch
_E164 = re.compile(r"\+[1-9][0-9]{6,14}").fullmatch
_COUNTRY_CODES = frozenset(map(str, phonenumbers.COUNTRY_CODE_TO_REGION_CODE))


class AddressFault(ValueError):
    """A text that is no address; the message, and `expected`, say what was expected."""

    @property
    def expected(self) -> str:
        """What was expected, for people."""
        return str(self)


def bare_address(given: str) -> str:
    """The address without its display name: `"Ann" <ann@example.org>` is `ann@example.org`; stray spaces go."""
    found = _DISPLAY_NAME.search(given) if "<" in given else None
    return (found.group(1) if found else given).strip()


def normalise_email(given: str) -> str:
    """An email address as it is compared: without display name, spaces and what cannot be seen, in lower case, an
    internationalised domain in its ASCII form (IDNA 2008 with the mapping of UTS 46), as mail servers ask for it."""
    if _PLAIN_EMAIL(given):
        return given
    address = _visible(_SPACES.sub("", bare_address(_visible(given))).lower())
    if address.isascii():
        return address
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{_ascii_domain(domain)}" if at else address


def normalise_phone(given: str) -> str:
    """A phone number as it is compared: E.164, without spaces and punctuation, as Twilio gives it.

    A channel prefix (`whatsapp:+15005550006`), a sender's name and a short code stay what they are, in lower case.
    """
    if _E164(given):
        return _without_trunk_zero(given) if _has_trunk_zero(given) else given
    number = _visible(_PHONE_NOISE.sub("", _in_ascii_digits(_visible(given))).lower())
    return _without_trunk_zero(number) if _E164(number) and _has_trunk_zero(number) else number


def normalise(channel: str, given: str) -> str:
    """`given` as addresses of that channel ("email" or "sms") are compared."""
    return normalise_email(given) if channel == "email" else normalise_phone(given)


def channel_of(given: str) -> str:
    """The channel of an address where nobody says it: what could be dialled is a phone number, all else one of email."""
    number = _PHONE_CHANNEL.sub("", normalise_phone(given), count=1)
    return "sms" if _DIALLED(number) else "email"


def address_of(channel: str, given: str) -> str:
    """As `normalise`, for what people and applications tell; takes a tenth of a millisecond for a phone number.

    Raises AddressFault where it is no address of that channel.
    """
    return _email_of(given) if channel == "email" else _phone_of(given)


def listed_address(channel: str, given: str) -> str | None:
    """As `address_of`, for long lists: a few microseconds each, None for what is no address.

    Of a phone number only the form is looked at; whether there can be such a number, `address_of` knows.
    """
    if len(given) > _LONGEST_GIVEN:
        return None
    if channel != "email":
        number = normalise_phone(given)
        return number if _E164(number) or _E164(_PHONE_CHANNEL.sub("", number, count=1)) else None
    if given.isascii() and _LISTED_EMAIL(address := bare_address(given).lower()):
        return address if len(address) <= _LONGEST_EMAIL else None
    try:
        return _email_of(given)
    except AddressFault:
        return None


def domain_of(address: str) -> str:
    """The part after the last @ of a normalised address, empty where there is none."""
    return address.rpartition("@")[2] if "@" in address else ""


def _visible(given: str) -> str:
    """Without what cannot be seen, and what only looks different (full width) as the plain characters."""
    return given if given.isascii() else unicodedata.normalize("NFKC", _INVISIBLE.sub("", given))


def _in_ascii_digits(given: str) -> str:
    return given if given.isascii() else "".join([str(unicodedata.decimal(c, c)) for c in given])


@lru_cache(maxsize=4096)
def _ascii_domain(domain: str) -> str:
    """The domain in ASCII; as it is where it has no such form."""
    if domain.isascii() or len(domain) > _LONGEST_DOMAIN:
        return domain
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return domain


def _has_trunk_zero(number: str) -> bool:
    """Whether a zero follows the country's code: as in +44 (0)20 it is often one that is dialled within the country alone."""
    return (
        (number[2] == "0" and number[1:2] in _COUNTRY_CODES)
        or (number[3] == "0" and number[1:3] in _COUNTRY_CODES)
        or (number[4] == "0" and number[1:4] in _COUNTRY_CODES)
    )


@lru_cache(maxsize=4096)
def _without_trunk_zero(number: str) -> str:
    """The number without a zero that is not part of it; as it is where it is none either way."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return number
    return _e164(parsed) if phonenumbers.is_valid_number(parsed) else number


def _e164(number: phonenumbers.PhoneNumber) -> str:
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _email_of(given: str) -> str:
    address = normalise_email(given)
    if "@" not in address:
        raise AddressFault("expected an email address, such as ann@example.org")
    if _SPACE_WITHIN.search(bare_address(_visible(given))):
        raise AddressFault("expected one email address, without spaces in it")
    if not _EMAIL(address) or len(address) > _LONGEST_EMAIL:
        raise AddressFault(
            "expected an email address, such as ann@example.org: a name, one @ and a domain with a dot"
        )
    return address


def _phone_of(given: str) -> str:
    address = normalise_phone(given)
    number = _PHONE_CHANNEL.sub("", address, count=1)
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        raise AddressFault(
            "expected a phone number with its country's code, in E.164, such as +15005550006"
        ) from None
    reason, meant = phonenumbers.is_possible_number_with_reason(parsed), _e164(parsed)
    if reason != phonenumbers.ValidationResult.IS_POSSIBLE or not _E164(meant):
        raise AddressFault("expected a phone number in E.164 that is neither too short nor too long")
    if number != meant:
        raise AddressFault(f"expected a phone number in E.164, is {meant} meant?")
    return address
