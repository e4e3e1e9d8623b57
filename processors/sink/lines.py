"""Records of Kafka as lines of a table: what is inserted, what can be put aside, and how it becomes a dead letter. Pure."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from processors.dead_letters import NOT_STORABLE, Place, dead_letter
from schemas.envelope import Envelope, EnvelopeFault, parse_line

STAGE = "sink"
"""Stage of the dead letters made here."""


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


def dead_letter_of(line: Line, detail: str) -> tuple[bytes, bytes]:
    """Key and value for `waybill-dead-letters` of a row that ClickHouse does not take."""
    record = line.record
    # Where there is a key its first part is the tenant and the second the message, of addresses the channel; receipts
    # have none.
    key = b"/".join(record.key.split(b"/")[:2]) if record.key else None
    return dead_letter(
        stage=STAGE,
        reason=NOT_STORABLE,
        detail=detail,
        place=Place(record.topic, record.partition, record.offset, line.index),
        failed_at=int(time.time() * 1000),
        envelope=None if key else _envelope(line.text),
        raw=line.text,
        key=key,
    )


def _envelope(text: bytes) -> Envelope | None:
    try:
        return parse_line(text)
    except EnvelopeFault:
        return None


def halves(lines: Sequence[Line]) -> tuple[Sequence[Line], Sequence[Line]]:
    """Both halves of two or more lines."""
    middle = len(lines) // 2
    return lines[:middle], lines[middle:]
