"""Dead letters in words: why one could not be understood, what to do about it, and its receipt set out to be read. Pure."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import orjson


class Words(NamedTuple):
    """What a reason says, and what to do next."""

    says: str
    next: str

    @property
    def is_about_a_message(self) -> bool:
        """Whether a message can stand behind it; the id in what is not for Waybill is one of the post itself."""
        return self.next != _NOT_FOR_WAYBILL


_PROVIDER_CHANGED = (
    "Compare the receipt with the provider’s documentation. If the provider has changed its format, Waybill’s adapter must "
    "learn it: report the receipt. Its other events of the same message are not affected."
)
_NOT_FOR_WAYBILL = (
    "Nothing is lost: this was not about a message. Stop whatever else publishes to the same topic or URL."
)
_OUR_OWN = (
    "This is a fault of Waybill’s own, not of the sender: report it with the detail and the receipt. The receipt is kept and "
    "can be replayed once it is mended."
)
_REGISTER_AGAIN = "Ingest checks what applications post, so this should not happen: report it, then register the thing again."

REASONS: Mapping[str, Words] = {
    "unknown_tenant": Words(
        "It names no tenant that is known",
        "Send the SES tag “tenant”, or list the sender’s address or domain under the tenant in the tenants file.",
    ),
    "unknown_provider": Words("It comes from a provider that Waybill does not know", _OUR_OWN),
    "unknown_sns_type": Words(
        "SNS sent something that is neither a notification nor a confirmation", _PROVIDER_CHANGED
    ),
    "unknown_type": Words("It is of a kind that applications cannot register", _REGISTER_AGAIN),
    "unknown_status": Words("Its status is one that Waybill does not know", _PROVIDER_CHANGED),
    "not_ses": Words("Not an SES event", _NOT_FOR_WAYBILL),
    "not_json": Words("Not JSON", _NOT_FOR_WAYBILL),
    "not_an_object": Words("JSON, but not an object", _NOT_FOR_WAYBILL),
    "not_a_form": Words("Not a form as Twilio sends them", _NOT_FOR_WAYBILL),
    "no_mail": Words("It does not say which mail it is about", _PROVIDER_CHANGED),
    "no_event_type": Words("It does not say what happened", _PROVIDER_CHANGED),
    "no_message_id": Words("It does not say which message it is about", _PROVIDER_CHANGED),
    "no_status": Words("It has no status", _PROVIDER_CHANGED),
    "no_message": Words("There is no message in it", _PROVIDER_CHANGED),
    "no_content": Words("There is nothing in it", _PROVIDER_CHANGED),
    "no_recipient": Words("It names no recipient", _PROVIDER_CHANGED),
    "no_recipients": Words("It names no recipients", _PROVIDER_CHANGED),
    "no_destination": Words("It does not say whom the mail was sent to", _PROVIDER_CHANGED),
    "too_many_recipients": Words(
        "It names more recipients than one message can have", "Send messages to fewer recipients at once."
    ),
    "not_a_consent": Words("Not a consent", _REGISTER_AGAIN),
    "not_a_customer": Words("Not a customer", _REGISTER_AGAIN),
    "not_a_reset": Words("Not a reset", _REGISTER_AGAIN),
    "not_a_suppression": Words("Not a suppression", _REGISTER_AGAIN),
    "malformed_line": Words("A record on Kafka has something else in it than a receipt", _OUR_OWN),
    "internal_error": Words("Waybill failed on it", _OUR_OWN),
    "too_large": Words("What it says does not fit into a record", _OUR_OWN),
    "not_storable": Words("ClickHouse did not take it", _OUR_OWN),
}
"""By the stable code that processors give."""

STAGES: Mapping[str, str] = {
    "track": "reading it",
    "standing": "working out the standing of its address",
    "sink": "writing it to ClickHouse",
}
"""Where it failed, by the code of the stage."""


def words_of(reason: str) -> Words:
    """A reason in words; one from a later version says itself."""
    return REASONS.get(reason, Words(reason.replace("_", " ").capitalize(), _PROVIDER_CHANGED))


class SetOut(NamedTuple):
    """What arrived, and when (RFC 3339): `untouched`, and where it can be set out to be read, so too, under its name."""

    untouched: str
    parts: list[tuple[str, str]]
    received_at: str | None


def set_out(item: Mapping[str, Any]) -> SetOut:
    """The body of a dead letter's receipt, or its raw bytes where there was none to be read."""
    receipt = item["receipt"]
    if receipt is None:
        untouched = _decoded(item["raw"] or "")
        content_type = ""
    else:
        body = receipt.get("body") or ""
        untouched = _decoded(body) if receipt.get("body_encoding") == "base64" else body
        content_type = receipt.get("content_type") or ""
    return SetOut(untouched, _parts(untouched, content_type), receipt.get("received_at") if receipt else None)


def _decoded(text: str) -> str:
    """Base64 as the text that it stands for, as far as it is some; else as it is."""
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return text


def _parts(text: str, content_type: str) -> list[tuple[str, str]]:
    if "form-urlencoded" in content_type:
        pairs = parse_qsl(text, keep_blank_values=True)
        return [("Fields", "\n".join(f"{name}: {value}" for name, value in pairs))] if pairs else []
    document = _json(text)
    if document is None:
        return []
    parts = [("Body", _indented(document))]
    inside = document.get("Message") if isinstance(document, dict) else None
    if isinstance(inside, str) and (message := _json(inside)) is not None:
        parts.append(("Message inside it", _indented(message)))
    return parts


def _json(text: str) -> Any:
    """An object or a list; None where it is neither."""
    try:
        found = orjson.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict | list) else None


def _indented(document: Any) -> str:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()
