"""Dead letters keep what they can of the receipt and always fit into a record."""

import base64

import orjson

from processors.dead_letters import Place, dead_letter
from schemas.envelope import Envelope
from schemas.topics import MAX_RECORD_BYTES

PLACE = Place("waybill-receipts", 1, 2, 3)


def test_a_body_too_large_for_a_record_is_left_out_and_said_so() -> None:
    huge = Envelope("r1", 0, "ses", "acme", "m1", {}, "text/plain", "", b"\x01" * MAX_RECORD_BYTES)
    key, value = dead_letter(
        stage="track", reason="too_large", detail="why", place=PLACE, failed_at=0, envelope=huge
    )
    letter = orjson.loads(value)
    assert key == b"acme/m1"
    assert len(value) < MAX_RECORD_BYTES
    assert letter["receipt"]["receipt_id"] == "r1"
    assert letter["detail"].startswith("(left out: a body of ")


def test_bytes_without_an_envelope_are_kept_untouched() -> None:
    _, value = dead_letter(stage="sink", reason="refused", detail="", place=PLACE, failed_at=0, raw=b"a\xffb")
    assert base64.b64decode(orjson.loads(value)["raw"]) == b"a\xffb"
