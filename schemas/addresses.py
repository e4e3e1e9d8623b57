"""How addresses are compared: one rule for each channel, used by adapters, standing, consent and search alike."""

import re

_PHONE_NOISE = re.compile(r"[\s().\-\u2010-\u2015]")
_DISPLAY_NAME = re.compile(r"<([^<>]*)>\s*$")


def bare_address(given: str) -> str:
    """The address without its display name: `"Ann" <ann@example.org>` is `ann@example.org`; stray spaces go."""
    found = _DISPLAY_NAME.search(given) if "<" in given else None
    return (found.group(1) if found else given).strip()


def normalise_email(given: str) -> str:
    """An email address as it is compared: display name and stray spaces stripped, lower case."""
    return bare_address(given).lower()


def normalise_phone(given: str) -> str:
    """A phone number as it is compared: E.164 as Twilio gives it, without spaces and punctuation.

    A channel prefix (`whatsapp:+15005550006`) and a short code stay what they are, in lower case.
    """
    return _PHONE_NOISE.sub("", given.strip()).lower()


def normalise(channel: str, given: str) -> str:
    """`given` as addresses of that channel ("email" or "sms") are compared."""
    return normalise_email(given) if channel == "email" else normalise_phone(given)


def domain_of(address: str) -> str:
    """The part after the last @ of a normalised address, empty where there is none."""
    return address.rpartition("@")[2] if "@" in address else ""
