"""What is logged stays readable while Kafka is away."""

import logging

from runtime.logs import FewerRepeats


def record(name: str, message: str, at: float, *arguments: object) -> logging.LogRecord:
    """A log record of that moment."""
    made = logging.LogRecord(name, logging.ERROR, "", 0, message, arguments, None)
    made.created = at
    return made


def test_aiokafka_says_the_same_once_in_ten_seconds() -> None:
    few = FewerRepeats(10)
    unable = "Unable connect to node with id %s"
    moments = (0.0, 0.1, 9.9, 10.0, 10.1)
    assert [few.filter(record("aiokafka", unable, at, at)) for at in moments] == [
        True,
        False,
        False,
        True,
        False,
    ]
    assert few.filter(record("aiokafka", "something else", 0.2))
    assert few.filter(record("aiokafka.producer.sender", unable, 0.2))


def test_our_own_lines_are_never_held_back() -> None:
    few = FewerRepeats(10)
    assert all(few.filter(record("processors.outputs", "again", at)) for at in (0.0, 0.1))
