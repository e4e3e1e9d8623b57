"""Topics and their keys."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.topics import (
    ADDRESS_CHANGELOG,
    ADDRESS_STANDING,
    CONSENT_LOG,
    CONSENTS,
    CONSENTS_CHANGELOG,
    CUSTOMERS,
    FACTS_CHANGELOG,
    MAX_RECORD_BYTES,
    MESSAGE_STATUS,
    RECEIPTS,
    TENANT_LOG,
    TOPICS,
    Topic,
    address_key,
    consent_key,
    key_part,
    message_key,
    status_key,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(texts, texts, texts)
def test_the_parts_of_a_key_can_be_told_apart_and_read_back(
    tenant: str, message_id: str, recipient: str
) -> None:
    key = status_key(tenant, message_id, recipient)
    assert [unquote(part) for part in key.split("/")] == [tenant, message_id, recipient]
    assert key.startswith(message_key(tenant, message_id) + "/")


@given(texts, texts, texts, texts)
def test_the_consent_to_one_sender_has_a_key_of_its_own(
    tenant: str, address: str, category: str, sender: str
) -> None:
    key = consent_key(tenant, "sms", address, category, None)
    assert [unquote(part) for part in key.split("/")] == [tenant, "sms", address, category]
    assert key.startswith(address_key(tenant, "sms", address) + "/")
    own = consent_key(tenant, "sms", address, category, sender)
    assert own == (f"{key}/{key_part(sender)}" if sender else key)


def test_addresses_stay_readable_in_a_key() -> None:
    assert status_key("acme", "m 1/2", "ann+x@example.org") == "acme/m%201%2F2/ann+x@example.org"
    assert key_part("+15005550006") == "+15005550006"


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_every_topic_takes_the_largest_record_and_says_how_long_it_is_kept(topic: Topic) -> None:
    config = topic.config(60)
    assert config["max.message.bytes"] == str(MAX_RECORD_BYTES)
    assert config["retention.ms"] == "-1" or int(config["retention.ms"]) >= 14 * 86_400_000


def test_receipts_stay_14_days_and_state_as_long_as_it_lives() -> None:
    assert RECEIPTS.config(60)["retention.ms"] == str(14 * 86_400_000)
    for topic in (MESSAGE_STATUS, FACTS_CHANGELOG):
        config = topic.config(90)
        assert config["cleanup.policy"] == "compact,delete"
        assert int(config["retention.ms"]) > 90 * 86_400_000
        assert config["min.compaction.lag.ms"] == "86400000"


def test_what_is_known_of_addresses_and_customers_does_not_expire() -> None:
    for topic in (ADDRESS_STANDING, CONSENTS, CUSTOMERS, ADDRESS_CHANGELOG, CONSENTS_CHANGELOG):
        config = topic.config(90)
        assert (config["cleanup.policy"], config["retention.ms"]) == ("compact", "-1")
        assert config["min.compaction.lag.ms"] == "86400000"
    for topic in (CONSENT_LOG, TENANT_LOG):
        assert (topic.config(90)["cleanup.policy"], topic.config(90)["retention.ms"]) == ("delete", "-1")
