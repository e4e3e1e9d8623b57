"""Cursors: where the next page begins, as text that programs hand back unread.

A cursor carries the sort values of the last row and a digest of the question that it belongs to (who asks, which
call, filters and order), so one that was altered, or is used with another question, is refused.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from query.parameters import refused

_DIGEST_BYTES = 12


def question(*parts: str | None, filters: Mapping[str, Any]) -> bytes:
    """What identifies a question."""
    return orjson.dumps([*parts, sorted((name, str(value)) for name, value in filters.items())])


def encode_cursor(asked: bytes, values: Sequence[Any]) -> str:
    """The cursor after a row with these sort values."""
    payload = orjson.dumps(list(values))
    return base64.urlsafe_b64encode(_digest(asked, payload) + payload).rstrip(b"=").decode()


def decode_cursor(cursor: str, asked: bytes, kinds: Sequence[type]) -> list[Any]:
    """The sort values of a cursor, of the types `kinds`. Raises ProblemError where it is not one of this question."""
    try:
        raw = base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        digest, payload = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
        values = orjson.loads(payload)
    except (binascii.Error, ValueError):
        raise refused("cursor", "expected the `next` of a page of this question") from None
    whole = isinstance(values, list) and [type(value) for value in values] == list(kinds)
    if digest != _digest(asked, payload) or not whole:
        raise refused(
            "cursor", "expected the `next` of a page of this question, with the same filters and order"
        )
    return list(values)


def _digest(asked: bytes, payload: bytes) -> bytes:
    return hashlib.blake2b(
        len(asked).to_bytes(4, "big") + asked + payload, digest_size=_DIGEST_BYTES, person=b"waybill-cursor"
    ).digest()
