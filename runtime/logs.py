"""Logging as every part does it: one readable line per thing, to standard error, no secrets, no bodies."""

import logging
import sys
import time

REPEATS_S = 10.0
"""aiokafka says each failed attempt to connect anew, some fifty a second while Kafka is away."""


class FewerRepeats(logging.Filter):
    """Lets a message of aiokafka through once in so many seconds, whatever its arguments."""

    def __init__(self, seconds: float = REPEATS_S) -> None:
        super().__init__()
        self._seconds = seconds
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is to be written."""
        if not record.name.startswith("aiokafka"):
            return True
        kind = record.name, str(record.msg)
        if record.created - self._said.get(kind, float("-inf")) < self._seconds:
            return False
        self._said[kind] = record.created
        return True


def set_up_logging(level: str) -> None:
    """Sends the root logger's lines to standard error, times in UTC."""
    formatter = logging.Formatter(
        "%(asctime)s.%(msecs)03dZ %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S"
    )
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(FewerRepeats())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("aiokafka").setLevel(max(root.level, logging.WARNING))
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
