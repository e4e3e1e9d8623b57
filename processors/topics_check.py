"""Are the topics there that the worker needs? Faust would hang or make them with other settings."""

import asyncio
import logging
from collections.abc import Mapping

from aiokafka.errors import KafkaError

from runtime.kafka import open_admin
from schemas.topics import TOPICS

log = logging.getLogger(__name__)

_RETRY_S = 1.0
_TELL_EVERY = 10


async def partitions_of_topics(bootstrap: str) -> dict[str, int]:
    """How many partitions each needed topic has, without those that are missing. Waits for Kafka as long as it takes."""
    attempt = 0
    # aiokafka reports every attempt as an error of its own.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    while True:
        admin = open_admin(bootstrap, "waybill-worker-check")
        try:
            await admin.start()
            described = await admin.describe_topics([topic.name for topic in TOPICS])
        except (KafkaError, OSError) as error:
            if attempt % _TELL_EVERY == 0:
                log.warning("waiting for Kafka at %s: %s", bootstrap, error)
            attempt += 1
            await asyncio.sleep(_RETRY_S)
        else:
            logging.getLogger("aiokafka").setLevel(logging.WARNING)
            return {one["topic"]: len(one["partitions"]) for one in described if not one["error_code"]}
        finally:
            await admin.close()


def fault_of_topics(found: Mapping[str, int], partitions: int) -> str | None:
    """What is wrong with the topics, in a sentence that says what to do; None where all is well."""
    if missing := [topic.name for topic in TOPICS if topic.name not in found]:
        return f"missing in Kafka: {', '.join(missing)}; create the topics first: python -m deploy prepare"
    if wrong := [f"{name} has {count}" for name, count in found.items() if count != partitions]:
        return (
            f"WAYBILL_PARTITIONS is {partitions}, but {', '.join(sorted(wrong))}: all these topics must have as many "
            "partitions as that (docs/operations.md tells how to change them)"
        )
    return None
