"""Topics and their keys."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.topics import MAX_RECORD_BYTES, RECEIPTS, TOPICS, key_part, message_key, status_key

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(texts, texts, texts)
def test_the_parts_of_a_key_can_be_told_apart_and_read_back(
    tenant: str, message_id: str, recipient: str
) -> None:
    key = status_key(tenant, message_id, recipient)
    assert [unquote(part) for part in key.split("/")] == [tenant, message_id, recipient]
    assert key.startswith(message_key(tenant, message_id) + "/")


def test_addresses_stay_readable_in_a_key() -> None:
    assert status_key("acme", "m 1/2", "ann+x@example.org") == "acme/m%201%2F2/ann+x@example.org"
    assert key_part("+15005550006") == "+15005550006"


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_every_topic_takes_the_largest_record_and_says_how_long_it_is_kept(topic: object) -> None:
    config = topic.config(60)  # type: ignore[attr-defined]
    assert config["max.message.bytes"] == str(MAX_RECORD_BYTES)
    assert int(config["retention.ms"]) >= 14 * 86_400_000


def test_receipts_stay_14_days_and_state_as_long_as_it_lives() -> None:
    assert RECEIPTS.config(60)["retention.ms"] == str(14 * 86_400_000)
    compacted = [topic for topic in TOPICS if "compact" in topic.kept]
    assert compacted
    for topic in compacted:
        config = topic.config(90)
        assert config["cleanup.policy"] == "compact,delete"
        assert int(config["retention.ms"]) > 90 * 86_400_000
        assert config["min.compaction.lag.ms"] == "86400000"
