"""The envelope: one webhook as it arrived, with where, when and how it was verified.

A record of `waybill-receipts` holds a batch of envelopes as JSON lines, one envelope a line: the sink hands the
lines on as they are, and a damaged line spoils only itself.
"""

import base64
from dataclasses import asdict, dataclass
from typing import Any

import msgspec
import orjson

SCHEMA = "receipts/1"

_LONG_LINE_BYTES = 2 * 1024 * 1024


class EnvelopeFault(ValueError):
    """A line of a receipts record that is not an envelope; the message says what was expected."""


@dataclass(slots=True)  # not frozen: making a frozen one takes ten times as long, for every callback, twice
class Envelope:
    """A receipt with its circumstances. Nobody changes one.

    `tenant` is None where a shared endpoint could not place it. `message_id` is the provider's, or, where the body
    could not be understood, whatever else identifies the receipt (SNS MessageId, receipt id): it only chooses the
    partition. `verified` says how the receipt was authenticated: {"by": "sns", "version": "2", "topic": …, "certificate": …},
    {"by": "twilio", "account": …}, {"by": "key", "key": name} (with "operator": true where it is an operator's), or
    {"by": "link"} for a signed unsubscribe link. `query` is the query string exactly as received.
    `received_at` is in ms since the epoch. `body` is the untouched body.
    """

    receipt_id: str
    received_at: int
    provider: str
    tenant: str | None
    message_id: str
    verified: dict[str, Any]
    content_type: str
    query: str
    body: bytes

    def to_line(self) -> bytes:
        """One JSON line without its newline.

        A body that is not UTF-8 is carried as base64, and so is one that JSON's escapes would blow up beyond what a
        record may have: a control character takes six bytes there.
        """
        try:
            line = self._line(self.body.decode(), "utf-8")
        except UnicodeDecodeError:
            return self._line(base64.b64encode(self.body).decode(), "base64")
        if len(line) > _LONG_LINE_BYTES:
            return self._line(base64.b64encode(self.body).decode(), "base64")
        return line

    def _line(self, body: str, encoding: str) -> bytes:
        return orjson.dumps(
            {
                "receipt_id": self.receipt_id,
                "received_at": self.received_at,
                "provider": self.provider,
                "tenant": self.tenant,
                "message_id": self.message_id,
                "verified": self.verified,
                "content_type": self.content_type,
                "query": self.query,
                "body": body,
                "body_encoding": encoding,
            }
        )


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    receipt_id: str
    received_at: int
    provider: str
    tenant: str | None
    message_id: str
    verified: dict[str, Any]
    content_type: str
    query: str
    body: str
    body_encoding: str


_lines = msgspec.json.Decoder(_Line)


def parse_line(line: bytes) -> Envelope:
    """The envelope of one line. Raises EnvelopeFault."""
    try:
        read = _lines.decode(line)
        body = read.body
        raw = base64.b64decode(body, validate=True) if read.body_encoding == "base64" else body.encode()
    except (ValueError, RecursionError) as fault:  # msgspec's are ValueErrors
        raise EnvelopeFault(f"expected one envelope of {SCHEMA} a line: {fault!r:.200}") from None
    return Envelope(
        read.receipt_id,
        read.received_at,
        read.provider,
        read.tenant,
        read.message_id,
        read.verified,
        read.content_type,
        read.query,
        raw,
    )


def envelope_document(envelope: Envelope) -> dict[str, Any]:
    """The envelope as a JSON document, as it stands in a dead letter."""
    document = asdict(envelope)
    line: dict[str, Any] = orjson.loads(envelope.to_line())
    document.update(body=line["body"], body_encoding=line["body_encoding"])
    return document
