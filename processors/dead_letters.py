"""Dead letters: what could not be understood or not be stored, kept with its reason and where it stood. Pure."""

import base64
from urllib.parse import unquote

import msgspec
import orjson

from schemas.envelope import Envelope, envelope_document
from schemas.times import format_time
from schemas.topics import MAX_RECORD_BYTES, message_key

SCHEMA = "dead-letter/1"

MALFORMED_LINE = "malformed_line"
"""A line of a record that is no envelope, or no address activity; its bytes are in `raw`, as base64."""
INTERNAL_ERROR = "internal_error"
"""An error of Waybill's own that this one receipt provoked; `detail` names it."""
TOO_LARGE = "too_large"
"""What would have been published of this receipt is larger than a record may be."""

NOT_STORABLE = "not_storable"
"""ClickHouse refused the row; its bytes are in `raw`."""

_ROOM_FOR_BODY = MAX_RECORD_BYTES - 256 * 1024
_DETAIL_CHARACTERS = 2000


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where a receipt stood: topic, partition and offset of its record, and its line in it, from 0."""

    topic: str
    partition: int
    offset: int
    index: int


def dead_letter(
    *,
    stage: str,
    reason: str,
    detail: str,
    place: Place,
    failed_at: int,
    envelope: Envelope | None = None,
    raw: bytes | None = None,
    key: bytes | None = None,
) -> tuple[bytes, bytes]:
    """Key and value of a record of `waybill-dead-letters`.

    `stage` is the part that gave up ("track", "standing", "sink"), `failed_at` in ms since the epoch. Either the whole `envelope`
    goes in or, where there is none, the `raw` bytes as base64, and the `key` `tenant/message_id` where it is known.
    A body that would not fit into a record is left out and `detail` says so; it remains with its receipt, under the
    receipt's id.
    """
    if envelope:
        key = message_key(envelope.tenant or "", envelope.message_id).encode()
    key = key or b"/"
    receipt = envelope_document(envelope) if envelope else None
    document = {
        "schema": SCHEMA,
        "tenant": unquote(key.partition(b"/")[0].decode()) or None,
        "receipt": receipt,
        "raw": None if raw is None else base64.b64encode(raw).decode(),
        "reason": reason,
        "detail": detail[:_DETAIL_CHARACTERS],
        "stage": stage,
        "failed_at": format_time(failed_at),
        "source": {
            "topic": place.topic,
            "partition": place.partition,
            "offset": place.offset,
            "index": place.index,
        },
    }
    value = orjson.dumps(document)
    if len(value) > _ROOM_FOR_BODY:
        if receipt:
            receipt["body"] = ""
        document["raw"] = None
        document["detail"] = f"(left out: a body of {len(value)} bytes) {document['detail']}"
        value = orjson.dumps(document)
    return key, value
