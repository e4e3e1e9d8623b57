"""What a provider posted, made readable: JSON with its lines, forms field by field. Pure."""

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson

from schemas.message_ids import load_json

LONGEST = 64 * 1024
"""Characters of a receipt on a page; who wants all of a longer one asks GET /v1/receipts/{receipt_id}."""


def readable(receipt: Mapping[str, Any]) -> str:
    """The event that a receipt carries. Of SNS's envelope only the message inside it: what is around it (signature, URLs that end
    the subscription) says nothing of the message, and is for nobody who only reads."""
    body = receipt["body"]
    if receipt["body_encoding"] == "base64":
        body = base64.b64decode(body).decode(errors="replace")
    if receipt["content_type"].startswith("application/x-www-form-urlencoded"):
        return "\n".join(f"{name}: {value}" for name, value in parse_qsl(body, keep_blank_values=True))
    try:
        document = load_json(body)
        if (
            receipt["provider"] == "ses"
            and isinstance(document, dict)
            and isinstance(document.get("Message"), str)
        ):
            body = document["Message"]
            document = load_json(body)
        return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()
    except (ValueError, TypeError):
        return str(body)


def verified(receipt: Mapping[str, Any]) -> str:
    """How a receipt was authenticated, in words."""
    how = receipt["verified"]
    match how.get("by"):
        case "sns":
            return f"signed by Amazon SNS, topic {how.get('topic')}"
        case "twilio":
            return f"signed by Twilio, account {how.get('account')}"
        case "key":
            return f"posted with the {'operator’s ' if how.get('operator') else ''}key {how.get('key')}"
        case "link":
            return "a signed unsubscribe link was used"
        case _:
            return "not told"
