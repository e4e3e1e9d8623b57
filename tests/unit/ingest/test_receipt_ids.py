"""Receipt ids are UUIDs of version 7: unique, and sorted by arrival."""

import uuid

from ingest.receipt_ids import new_receipt_id


def test_it_is_a_uuid_of_version_7_and_its_time_can_be_read_from_it() -> None:
    one = uuid.UUID(new_receipt_id(1_785_405_405_123))
    assert (one.version, one.variant) == (7, uuid.RFC_4122)
    assert one.int >> 80 == 1_785_405_405_123


def test_a_later_one_sorts_behind_an_earlier_one() -> None:
    ids = [new_receipt_id(ms) for ms in (0, 1, 999, 1_785_405_405_123, 2**48 - 1)]
    assert ids == sorted(ids)


def test_no_two_of_one_moment_are_equal() -> None:
    assert len({new_receipt_id(5) for _ in range(10_000)}) == 10_000
