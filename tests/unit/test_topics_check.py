"""The worker says what is wrong with the topics, and what to do."""

from processors.topics_check import fault_of_topics
from schemas.topics import TOPICS

ALL_WITH_FOUR = {topic.name: 4 for topic in TOPICS}


def test_topics_as_they_should_be_have_no_fault() -> None:
    assert fault_of_topics(ALL_WITH_FOUR, 4) is None


def test_missing_topics_are_named() -> None:
    found = {name: 4 for name in ALL_WITH_FOUR if name not in ("waybill-events", "waybill-receipts")}
    fault = fault_of_topics(found, 4)
    assert fault is not None
    assert "waybill-receipts, waybill-events" in fault
    assert "python -m deploy prepare" in fault


def test_another_number_of_partitions_is_named() -> None:
    fault = fault_of_topics(ALL_WITH_FOUR | {"waybill-events": 8}, 4)
    assert fault is not None
    assert "waybill-events has 8" in fault
