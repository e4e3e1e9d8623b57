"""schemas/asyncapi.yaml describes the topics that others may read, as they are created and written."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.settings import StateSettings
from schemas.topics import TOPICS, Topic

FILE = Path(__file__).parents[2] / "schemas" / "asyncapi.yaml"
DOCUMENT: dict[str, Any] = yaml.safe_load(FILE.read_text())
PUBLIC = [topic for topic in TOPICS if topic.public]
CHANNELS = {channel["address"]: (name, channel) for name, channel in DOCUMENT["channels"].items()}


def _named(reference: str) -> Any:
    found: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def test_the_channels_are_the_public_topics_and_each_is_one_to_which_values_are_sent() -> None:
    assert set(CHANNELS) == {topic.name for topic in PUBLIC}
    sent = {operation["channel"]["$ref"] for operation in DOCUMENT["operations"].values()}
    assert sent == {f"#/channels/{name}" for name in DOCUMENT["channels"]}
    assert {operation["action"] for operation in DOCUMENT["operations"].values()} == {"send"}


@pytest.mark.parametrize("topic", PUBLIC, ids=lambda topic: topic.name)
def test_a_channel_says_how_its_topic_is_created(topic: Topic) -> None:
    settings = StateSettings()
    told = CHANNELS[topic.name][1]["bindings"]["kafka"]
    written = {
        name: ",".join(value) if isinstance(value, list) else str(value)
        for name, value in told["topicConfiguration"].items()
    }
    assert written == topic.config(settings.state_days)
    assert told["partitions"] == settings.partitions


@pytest.mark.parametrize("topic", PUBLIC, ids=lambda topic: topic.name)
def test_a_message_names_its_key_its_version_and_the_schema_that_its_values_keep_to(topic: Topic) -> None:
    (reference,) = CHANNELS[topic.name][1]["messages"].values()
    message = _named(reference["$ref"])
    assert message["name"] == topic.schema
    assert message["bindings"]["kafka"]["key"]["description"] == topic.key
    schema = FILE.parent / message["payload"]["$ref"]
    assert schema.is_file() and schema.parent.name == topic.name
