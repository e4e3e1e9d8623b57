"""Creates the topics of schemas/topics.py, and keeps the settings of those that exist as the table says."""

import asyncio
import logging
from collections.abc import Mapping, Sequence

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from runtime.kafka import open_admin
from schemas.topics import TOPICS, Topic

log = logging.getLogger(__name__)

_TOPIC_ALREADY_EXISTS = 36
_SET_ON_TOPIC = 1
"""describe_configs' source of a value that was set on the topic itself."""
_FIXED = "cleanup.policy"
"""Changing it would drop records that readers count on, or keep what was promised to go."""


class TopicFault(Exception):
    """A topic exists in a shape that cannot be mended without loss; the message says what to do."""


async def create_topics(
    bootstrap: str,
    *,
    partitions: int,
    replication: int = 1,
    state_days: int = 60,
    topics: Sequence[Topic] = TOPICS,
    wait_s: float = 60,
) -> None:
    """Creates what is missing and returns when every partition has a leader; calling it again changes nothing.

    Waits up to `wait_s` seconds for the broker, then raises aiokafka's KafkaError. Raises TopicFault for a topic of
    another number of partitions or another cleanup policy.
    """
    admin = await _reach(bootstrap, wait_s)
    try:
        wanted = {topic.name: topic.config(state_days) for topic in topics}
        made = await _create(admin, wanted, partitions, replication)
        if made:
            log.info("topics created, %d partitions each: %s", partitions, ", ".join(sorted(made)))
        await _wait_for_leaders(admin, wanted, partitions, wait_s)
        for name in sorted(wanted.keys() - made):
            await _align(admin, name, wanted[name])
    finally:
        await admin.close()


async def _reach(bootstrap: str, wait_s: float) -> AIOKafkaAdminClient:
    deadline = asyncio.get_running_loop().time() + wait_s
    loud = logging.getLogger("aiokafka")
    level, tries = loud.level, 0
    # It calls every try an error, when waiting is all that is wanted.
    loud.setLevel(logging.CRITICAL)
    try:
        while True:
            admin = open_admin(bootstrap, "waybill-prepare")
            try:
                await admin.start()
                return admin
            except KafkaError:
                await admin.close()
                if asyncio.get_running_loop().time() > deadline:
                    raise
                tries += 1
                if tries % 50 == 0:
                    log.info("still waiting for Kafka at %s", bootstrap)
                await asyncio.sleep(0.2)
    finally:
        loud.setLevel(level)


async def _create(
    admin: AIOKafkaAdminClient, wanted: Mapping[str, dict[str, str]], partitions: int, replication: int
) -> set[str]:
    """Names of the topics that were not there."""
    new = [
        NewTopic(name=name, num_partitions=partitions, replication_factor=replication, topic_configs=config)
        for name, config in wanted.items()
    ]
    response = await admin.create_topics(new)
    made = set()
    for name, code, *message in response.topic_errors:
        if code == 0:
            made.add(name)
        elif code != _TOPIC_ALREADY_EXISTS:
            raise TopicFault(
                f"topic {name} could not be created: error {code} {message[0] if message else ''}"
            )
    return made


async def _wait_for_leaders(
    admin: AIOKafkaAdminClient, wanted: Mapping[str, dict[str, str]], partitions: int, wait_s: float
) -> None:
    deadline = asyncio.get_running_loop().time() + wait_s
    while True:
        described = await admin.describe_topics(list(wanted))
        leaderless = [
            topic["topic"]
            for topic in described
            if topic["error_code"] or any(p["error_code"] or p["leader"] < 0 for p in topic["partitions"])
        ]
        if not leaderless:
            break
        if asyncio.get_running_loop().time() > deadline:
            raise TopicFault(f"no leader for {', '.join(sorted(leaderless))} after {wait_s:g} s")
        await asyncio.sleep(0.1)
    for topic in described:
        found = len(topic["partitions"])
        if found != partitions:
            raise TopicFault(
                f"topic {topic['topic']} has {found} partitions, WAYBILL_PARTITIONS is {partitions}: "
                f"set it to {found}, or recreate all topics and raise WAYBILL_EPOCH"
            )


async def _align(admin: AIOKafkaAdminClient, name: str, wanted: dict[str, str]) -> None:
    """Brings a topic's settings to what they should be; what others have set on it besides stays."""
    present, effective = await _settings(admin, name)
    different = {key: value for key, value in wanted.items() if effective.get(key) != value}
    if _FIXED in different and sorted(effective[_FIXED].split(",")) == sorted(wanted[_FIXED].split(",")):
        del different[_FIXED]
    if _FIXED in different:
        raise TopicFault(
            f"topic {name} has {_FIXED}={effective[_FIXED]}, expected {wanted[_FIXED]}: it is not Waybill's, or must be recreated"
        )
    if different:
        changes = ", ".join(
            f"{key} {effective.get(key)} -> {value}" for key, value in sorted(different.items())
        )
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, present | wanted)])
        log.warning("topic %s: %s", name, changes)


async def _settings(admin: AIOKafkaAdminClient, name: str) -> tuple[dict[str, str], dict[str, str]]:
    """What is set on the topic itself, and all that is in force for it."""
    [response] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    [(_, _, _, _, entries)] = response.resources
    effective = {entry[0]: entry[1] for entry in entries}
    return {entry[0]: entry[1] for entry in entries if entry[3] == _SET_ON_TOPIC}, effective
