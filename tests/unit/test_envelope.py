"""The envelope keeps a receipt untouched, one line each, whatever the body is."""

from dataclasses import replace

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.envelope import Envelope, EnvelopeFault, envelope_document, parse_line
from schemas.topics import MAX_RECORD_BYTES

ONE = Envelope(
    receipt_id="0198f4f1-0000-7000-8000-000000000000",
    received_at=1_785_405_405_123,
    provider="ses",
    tenant="acme",
    message_id="m-1",
    verified={"by": "sns", "version": "2"},
    content_type="text/plain",
    query="a=%2f",
    body=b"{}",
)
texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.binary(), st.none() | texts, texts, texts)
@example(b"\xff\n\x00", None, "", "\n\u2028")
def test_it_comes_back_from_its_line_as_it_was(
    body: bytes, tenant: str | None, message_id: str, query: str
) -> None:
    one = replace(ONE, body=body, tenant=tenant, message_id=message_id, query=query)
    line = one.to_line()
    assert b"\n" not in line
    assert parse_line(line) == one


@pytest.mark.parametrize(
    "body", [b"\x01" * 2_000_000, b'"' * 2_000_000, b"\xff" * 2_000_000, b"\n" * 768 * 1024]
)
def test_the_line_of_the_largest_body_fits_into_a_record(body: bytes) -> None:
    line = replace(ONE, body=body).to_line()
    assert len(line) < MAX_RECORD_BYTES - 64 * 1024
    assert parse_line(line).body == body


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b"5",
        b"{}",
        b"\xff",
        orjson.dumps({"receipt_id": "x"}),
        ONE.to_line()[:-10],
        ONE.to_line().replace(b'"{}"', b"5"),
        ONE.to_line().replace(b"1785405405123", b'"now"'),
        ONE.to_line().replace(b'"m-1"', b"null"),
        ONE.to_line().replace(b'"utf-8"', b'"base64"'),
        ONE.to_line().replace(b'"query"', b'"other"'),
    ],
)
def test_a_line_that_is_no_envelope_is_told(line: bytes) -> None:
    with pytest.raises(EnvelopeFault, match="expected"):
        parse_line(line)


def test_as_a_document_it_has_its_body_as_text_or_base64() -> None:
    assert envelope_document(ONE)["body"] == "{}"
    document = envelope_document(replace(ONE, body=b"\xff"))
    assert (document["body"], document["body_encoding"]) == ("/w==", "base64")
    assert orjson.loads(orjson.dumps(document)) == document
