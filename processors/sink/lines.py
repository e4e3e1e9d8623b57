"""Records of Kafka as lines of a table: what is inserted, what can be put aside, and how it becomes a dead letter. Pure."""

import base64
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote

import orjson

from schemas.times import format_time
from schemas.topics import message_key

DEAD_LETTER_SCHEMA = "dead-letter/1"
REASON = "not_storable"
"""Reason of a dead letter of stage "sink": ClickHouse refused the row."""


class Record(Protocol):
    """What the sink needs of a Kafka record."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Line:
    """One row as it came: line `index` of a record."""

    record: Record
    index: int
    text: bytes


def lines_of(records: Iterable[Record]) -> list[Line]:
    """Every row of those records. A tombstone is no row: what it erases, the store's own retention ends."""
    return [
        Line(record, index, text)
        for record in records
        if record.value
        for index, text in enumerate(record.value.split(b"\n"))
        if text.strip()
    ]


def joined(records: Iterable[Record]) -> bytes:
    """The rows of those records as one body."""
    return b"\n".join([record.value for record in records if record.value])


def row_count(record: Record) -> int:
    """How many rows a record has, without taking it apart."""
    return record.value.count(b"\n") + 1 if record.value else 0


def dead_letter(line: Line, detail: str) -> tuple[bytes | None, bytes]:
    """Key and value for `waybill-dead-letters` of a row that ClickHouse does not take."""
    key, tenant = _whose(line)
    return key, orjson.dumps(
        {
            "schema": DEAD_LETTER_SCHEMA,
            "tenant": tenant,
            "receipt": None,
            "raw": base64.b64encode(line.text).decode(),
            "reason": REASON,
            "detail": detail,
            "stage": "sink",
            "failed_at": format_time(int(time.time() * 1000)),
            "source": {
                "topic": line.record.topic,
                "partition": line.record.partition,
                "offset": line.record.offset,
                "index": line.index,
            },
        }
    )


def _whose(line: Line) -> tuple[bytes | None, str | None]:
    """The key `tenant/message_id` and the tenant of a line: from its record's key, or, for receipts, from the envelope."""
    if line.record.key:
        parts = line.record.key.split(b"/")
        return b"/".join(parts[:2]), unquote(parts[0].decode(errors="replace")) or None
    try:
        document = orjson.loads(line.text)
        tenant, message_id = document.get("tenant"), document.get("message_id")
    except (ValueError, AttributeError):
        return None, None
    if not isinstance(tenant, str) or not isinstance(message_id, str):
        return None, None
    return message_key(tenant, message_id).encode(), tenant


def halves(lines: Sequence[Line]) -> tuple[Sequence[Line], Sequence[Line]]:
    """Both halves of two or more lines."""
    middle = len(lines) // 2
    return lines[:middle], lines[middle:]
