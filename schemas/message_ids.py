"""Where a provider's id of a message stands in what it posts.

Ingest chooses the partition by this id and the worker the key, so both read it here: read differently, the facts of
one message would be folded in two places.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import orjson

MAX_MESSAGE_ID = 512
"""Longest message id that is believed, in characters; SES's have 60, Twilio's 34."""

_SURROGATE = re.compile(
    r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)

_TWILIO_NAMES = ("MessageSid", "SmsSid", "SmsMessageSid")


def load_json(data: bytes | str) -> Any:
    """The JSON in `data`. Raises ValueError where there is none.

    Half of a surrogate pair, as SES leaves it where it cuts a long header, spoils only its own character.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        text = data.decode(errors="replace") if isinstance(data, bytes) else data
        mended = _SURROGATE.sub(_mend, text)
        if mended == text:
            raise
        return orjson.loads(mended)


def _mend(found: re.Match[str]) -> str:
    escape = found.group()
    return "\\ufffd" if len(escape) == 6 else escape


class _Mail(msgspec.Struct, rename="camel"):
    message_id: object = None


class _Payload(msgspec.Struct):
    mail: _Mail | None = None


_payloads = msgspec.json.Decoder(_Payload)


def ses_message_id(mail: Mapping[str, Any]) -> str | None:
    """The id that SES gave the message, of a payload's `mail`; None where there is none that could be one."""
    return _believed(mail.get("messageId"))


def find_ses_message_id(message: str) -> str | None:
    """The same of a payload as text, None where it is no payload; what else is in it is passed over, not made.

    That takes a quarter of the time that load_json does, which decides wherever the two might differ.
    """
    try:
        mail = _payloads.decode(message).mail
    except (msgspec.DecodeError, RecursionError):
        return ses_message_id(ses_mail(message))
    return _believed(mail.message_id) if mail is not None else None


def ses_mail(message: str) -> dict[str, Any]:
    """The `mail` of a payload as text, empty where it has none or is no payload."""
    try:
        payload = load_json(message)
    except ValueError:
        return {}
    mail = payload.get("mail") if isinstance(payload, dict) else None
    return mail if isinstance(mail, dict) else {}


def twilio_message_id(value_of: Callable[[str], str | None]) -> str | None:
    """The id that Twilio gave the message, of the values of its fields; older callbacks call it SmsSid."""
    for name in _TWILIO_NAMES:
        if given := value_of(name):
            return _believed(given)
    return None


def _believed(given: object) -> str | None:
    if not isinstance(given, str):
        return None
    stripped = given.strip()
    return stripped if 0 < len(stripped) <= MAX_MESSAGE_ID else None
