"""What is written for a record of receipts, and that what one of them does wrong stays with it."""

import base64
import dataclasses
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from processors import tracking
from processors.facts import MessageFacts
from processors.facts import fold as real
from processors.tracking import Tracker, Written, revision_of
from schemas.envelope import Envelope
from schemas.times import format_time

TOPIC = "waybill-receipts"
NOW = 1_790_000_000_000
DAY_MS = 86_400_000


def receipt(
    kind: str, message_id: str, recipients: Sequence[str], *, sent_at: int = NOW - 60_000
) -> Envelope:
    """An SES receipt as ingest wraps it."""
    details: dict[str, dict[str, Any]] = {
        "Send": {"send": {}},
        "Open": {"open": {"timestamp": format_time(NOW - 1000), "ipAddress": "192.0.2.1", "userAgent": "x"}},
        "Delivery": {"delivery": {"timestamp": format_time(NOW - 2000), "recipients": list(recipients)}},
    }
    mail = {"timestamp": format_time(sent_at), "messageId": message_id, "destination": list(recipients)}
    sns = {
        "Type": "Notification",
        "Message": orjson.dumps({"eventType": kind, "mail": mail} | details[kind]).decode(),
    }
    return Envelope(
        f"{kind}-{message_id}", NOW, "ses", "acme", message_id, {}, "text/plain", "", orjson.dumps(sns)
    )


class Table:
    """Facts as the worker's table keeps them, and which keys were asked for."""

    def __init__(self) -> None:
        self.facts: dict[bytes, bytes] = {}
        self.asked: list[list[bytes]] = []

    def read(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """As FactsTable.read."""
        self.asked.append(list(keys))
        return [self.facts.get(key) for key in keys]


def track(value: bytes, table: Table, offset: int = 7) -> Written:
    """Tracks a record and stores its facts."""
    written = Tracker(epoch=2, state_days=60, partitions=4).track(
        value, topic=TOPIC, partition=3, offset=offset, now=NOW, read=table.read
    )
    table.facts |= written.facts
    return written


def lines(*receipts: Envelope) -> bytes:
    """The value of a record."""
    return b"\n".join(one.to_line() for one in receipts)


def status(written: Written, key: str) -> dict[str, Any]:
    """The status that was written for a key."""
    found = [orjson.loads(value) for name, value in written.statuses if name.decode() == key]
    assert len(found) == 1, f"{len(found)} statuses of {key}"
    return dict(found[0])


ANN = "acme/m1/ann@example.org"


def test_each_key_is_read_once_and_written_once_a_record() -> None:
    table = Table()
    written = track(
        lines(receipt("Send", "m1", ["ann@example.org"]), receipt("Open", "m1", ["ann@example.org"])), table
    )
    assert table.asked == [[ANN.encode()]]
    assert list(written.facts) == [ANN.encode()]
    assert status(written, ANN)["status"] == "opened"
    assert [orjson.loads(value)["outcome"] for _, value in written.events] == ["sent", "opened"]
    assert {key for key, _ in written.events} == {b"acme/m1"}


def test_every_key_of_a_repeat_is_written_again_with_the_same_revision() -> None:
    table = Table()
    value = lines(receipt("Send", "m1", ["ann@example.org"]), receipt("Delivery", "m2", ["bob@example.org"]))
    first = track(value, table)
    again = track(value, table)
    assert again.facts == first.facts
    assert again.statuses == first.statuses
    assert again.events == first.events
    assert status(again, ANN)["revision"] == revision_of(2, 7) == 2 * 2**40 + 7


def test_a_line_that_is_no_envelope_spoils_only_itself() -> None:
    good = receipt("Send", "m1", ["ann@example.org"])
    written = track(b"\x00\xff garbage\n" + good.to_line(), Table())
    assert status(written, ANN)["status"] == "sent"
    (letter,) = (orjson.loads(value) for _, value in written.dead_letters)
    assert (letter["reason"], letter["stage"], letter["receipt"]) == ("malformed_line", "track", None)
    assert base64.b64decode(letter["raw"]) == b"\x00\xff garbage"
    assert letter["source"] == {"topic": TOPIC, "partition": 3, "offset": 7, "index": 0}


def test_what_an_adapter_cannot_understand_is_kept_untouched_with_the_reason() -> None:
    stranger = dataclasses.replace(receipt("Send", "m1", ["ann@example.org"]), tenant=None)
    written = track(lines(stranger), Table())
    ((key, value),) = written.dead_letters
    letter = orjson.loads(value)
    assert key == b"/m1"
    assert letter["reason"] == "unknown_tenant"
    assert letter["receipt"]["body"] == stranger.body.decode()
    assert not written.events
    assert not written.facts


def test_an_unforeseen_error_puts_one_receipt_aside_with_all_its_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fold(facts: MessageFacts | None, event: Any, revision: int) -> MessageFacts:
        if event.recipient == "eve@example.org":
            raise RuntimeError("not foreseen")
        return real(facts, event, revision)

    monkeypatch.setattr(tracking, "fold", fold)
    both = receipt("Delivery", "m1", ["ann@example.org", "eve@example.org"])
    other = receipt("Send", "m2", ["bob@example.org"])
    written = track(lines(both, other), Table())
    (letter,) = (orjson.loads(value) for _, value in written.dead_letters)
    assert (letter["reason"], letter["receipt"]["receipt_id"]) == ("internal_error", both.receipt_id)
    assert "not foreseen" in letter["detail"]
    assert [key for key, _ in written.statuses] == [b"acme/m2/bob@example.org"]
    assert [key for key, _ in written.events] == [b"acme/m2"]


def test_stored_facts_that_cannot_be_read_are_not_overwritten() -> None:
    table = Table()
    table.facts[ANN.encode()] = b"from another version"
    written = track(lines(receipt("Send", "m1", ["ann@example.org"])), table)
    assert ANN.encode() not in written.facts
    assert [orjson.loads(value)["reason"] for _, value in written.dead_letters] == ["internal_error"]


def test_an_event_of_a_message_older_than_the_state_is_late_and_not_folded() -> None:
    table = Table()
    at_the_edge = receipt("Open", "m1", ["ann@example.org"], sent_at=NOW - 60 * DAY_MS)
    too_old = receipt("Open", "m2", ["bob@example.org"], sent_at=NOW - 60 * DAY_MS - 1000)
    written = track(lines(at_the_edge, too_old), table)
    assert [orjson.loads(value)["late"] for _, value in written.events] == [False, True]
    assert list(written.facts) == [ANN.encode()]
    assert written.late == 1


def test_an_empty_record_writes_nothing() -> None:
    assert track(b"", Table()) == Written()
