"""What is known of addresses in memory: values by key, lower revisions ignored, defaults dropped, tombstones erase."""

from typing import Any

import orjson
import pytest
from prometheus_client import REGISTRY

from query import standing_cache
from query.sendability import OUT_OF_SENDER
from query.standing_cache import StandingCache
from schemas.consent import IN, MARKETING, NOTIFICATION, OUT
from schemas.standing import Reason
from schemas.topics import ADDRESS_STANDING, CONSENTS, TENANT_LOG, address_key, consent_key
from tests.contract import SCHEMAS

ANN = "ann@example.org"
NUMBER, SENDER, OTHER = "+15005550123", "+15005550006", "+15005550007"


def example(topic: str, name: str, **changed: Any) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads((SCHEMAS / "examples" / topic / f"{name}.json").read_bytes())
    return document | changed


def put_standing(cache: StandingCache, name: str, **changed: Any) -> None:
    value = example(ADDRESS_STANDING.name, name, **changed)
    key = address_key(value["tenant"], value["channel"], value["address"])
    cache.appliers[ADDRESS_STANDING.name](key.encode(), orjson.dumps(value))


def put_consent(cache: StandingCache, name: str, **changed: Any) -> None:
    value = example(CONSENTS.name, name, **changed)
    key = consent_key(value["tenant"], value["channel"], value["address"], value["category"], value["sender"])
    cache.appliers[CONSENTS.name](key.encode(), orjson.dumps(value))


def reason(cache: StandingCache, address: str = ANN, tenant: str = "acme") -> str | None:
    return cache.reason_of(tenant, "email")(address)


@pytest.mark.parametrize("path", sorted((SCHEMAS / "examples" / ADDRESS_STANDING.name).glob("*.json")))
def test_every_example_of_a_standing_is_known_by_its_reason(path: Any) -> None:
    cache = StandingCache()
    value = orjson.loads(path.read_bytes())
    put_standing(cache, path.stem)
    assert cache.reason_of(value["tenant"], value["channel"])(value["address"]) == value["reason"]
    assert cache.sizes["standings"] == (1 if value["standing"] == "invalid" else 0)


@pytest.mark.parametrize("name", [str(each) for each in Reason])
def test_every_reason_is_told_as_it_is(name: str) -> None:
    cache = StandingCache()
    put_standing(cache, "email-hard-bounced", reason=name)
    assert reason(cache) == name


def test_a_lower_revision_is_ignored_and_an_equal_one_is_not() -> None:
    cache = StandingCache()
    put_standing(cache, "email-hard-bounced", revision=7)
    put_standing(cache, "email-complained", revision=6)
    assert reason(cache) == Reason.HARD_BOUNCE
    put_standing(cache, "email-complained", revision=7)
    assert reason(cache) == Reason.COMPLAINT


def test_a_lower_revision_does_not_bring_back_what_was_reset_or_erased() -> None:
    cache = StandingCache()
    put_standing(cache, "email-hard-bounced", revision=7)
    put_standing(cache, "email-reset", revision=9)
    put_standing(cache, "email-hard-bounced", revision=8)
    assert reason(cache) is None
    put_standing(cache, "email-hard-bounced", revision=10)
    assert reason(cache) == Reason.HARD_BOUNCE
    cache.appliers[ADDRESS_STANDING.name](address_key("acme", "email", ANN).encode(), None)
    put_standing(cache, "email-hard-bounced", revision=10)
    assert reason(cache) is None


def test_what_is_remembered_of_defaults_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing_cache, "FORGOTTEN", 3)
    cache = StandingCache()
    for number in range(10):
        put_standing(cache, "email-reset", address=f"a{number}@example.org", revision=9)
    assert cache.sizes["standings"] == 0
    put_standing(cache, "email-hard-bounced", address="a9@example.org", revision=8)
    assert reason(cache, "a9@example.org") is None
    put_standing(cache, "email-hard-bounced", address="a0@example.org", revision=8)
    assert reason(cache, "a0@example.org") == Reason.HARD_BOUNCE


def test_tenants_and_channels_are_kept_apart() -> None:
    cache = StandingCache()
    put_standing(cache, "email-hard-bounced")
    assert reason(cache, tenant="other") is None
    assert cache.reason_of("acme", "sms")(ANN) is None


def test_consent_is_of_a_category() -> None:
    cache = StandingCache()
    put_consent(cache, "email-opted-in", category=MARKETING)
    put_consent(cache, "email-opted-out-by-staff", category=NOTIFICATION)
    assert cache.consent_of("acme", "email", MARKETING, None)(ANN) == IN
    assert cache.consent_of("acme", "email", NOTIFICATION, None)(ANN) == OUT
    assert cache.consent_of("acme", "email", "transactional", None)(ANN) is None
    assert cache.consent_of("other", "email", MARKETING, None)(ANN) is None


def test_a_stop_is_of_its_sender_and_of_every_category() -> None:
    cache = StandingCache()
    put_consent(cache, "sms-stopped", address=NUMBER, sender=SENDER)
    for category in (MARKETING, NOTIFICATION, "transactional"):
        assert cache.consent_of("acme", "sms", category, SENDER)(NUMBER) == OUT_OF_SENDER
        assert cache.consent_of("acme", "sms", category, OTHER)(NUMBER) is None
        assert cache.consent_of("acme", "sms", category, None)(NUMBER) == OUT_OF_SENDER


def test_a_start_lifts_the_stop_and_is_no_opt_in() -> None:
    cache = StandingCache()
    put_consent(cache, "sms-stopped", address=NUMBER, sender=SENDER, revision=1)
    put_consent(cache, "sms-stopped", address=NUMBER, sender=SENDER, revision=2, state="in")
    assert cache.consent_of("acme", "sms", MARKETING, SENDER)(NUMBER) is None
    assert cache.sizes["consents"] == 0


def test_an_opt_in_to_a_category_does_not_lift_a_stop_and_an_opt_out_of_it_goes_first() -> None:
    cache = StandingCache()
    put_consent(cache, "sms-stopped", address=NUMBER, sender=SENDER)
    put_consent(cache, "email-opted-in", channel="sms", address=NUMBER, category=MARKETING, revision=1)
    assert cache.consent_of("acme", "sms", MARKETING, SENDER)(NUMBER) == OUT_OF_SENDER
    assert cache.consent_of("acme", "sms", MARKETING, OTHER)(NUMBER) == IN
    put_consent(
        cache, "email-opted-out-by-staff", channel="sms", address=NUMBER, category=MARKETING, revision=2
    )
    assert cache.consent_of("acme", "sms", MARKETING, SENDER)(NUMBER) == OUT


def test_a_consent_to_one_sender_alone_is_of_that_sender() -> None:
    cache = StandingCache()
    put_consent(cache, "email-opted-in", channel="sms", address=NUMBER, category=MARKETING, sender=SENDER)
    assert cache.consent_of("acme", "sms", MARKETING, SENDER)(NUMBER) == IN
    assert cache.consent_of("acme", "sms", MARKETING, OTHER)(NUMBER) is None


def test_a_tombstone_erases_a_consent_whatever_stands_in_its_key() -> None:
    cache = StandingCache()
    address = "odd/part@example.org"
    put_consent(cache, "email-opted-in", address=address, category=MARKETING)
    assert cache.consent_of("acme", "email", MARKETING, None)(address) == IN
    key = consent_key("acme", "email", address, MARKETING, None)
    cache.appliers[CONSENTS.name](key.encode(), None)
    assert cache.consent_of("acme", "email", MARKETING, None)(address) is None


@pytest.mark.parametrize("topic", [ADDRESS_STANDING.name, CONSENTS.name, TENANT_LOG.name])
@pytest.mark.parametrize("value", [b"", b"[]", b"{}", b"\xff", b'{"standing": "invalid"}'])
def test_a_value_that_cannot_be_read_spoils_nothing_but_itself(topic: str, value: bytes) -> None:
    cache = StandingCache()
    before = REGISTRY.get_sample_value("waybill_query_unreadable_values_total") or 0
    cache.appliers[topic](b"acme/email/x", value)
    assert REGISTRY.get_sample_value("waybill_query_unreadable_values_total") == before + 1
    assert set(cache.sizes.values()) == {0}


def test_cleared_it_knows_nothing_and_can_be_filled_anew() -> None:
    cache = StandingCache()
    appliers = cache.appliers
    put_standing(cache, "email-hard-bounced", revision=7)
    cache.clear()
    assert set(cache.sizes.values()) == {0}
    value = orjson.dumps(example(ADDRESS_STANDING.name, "email-complained", revision=1))
    appliers[ADDRESS_STANDING.name](b"", value)
    assert reason(cache) == Reason.COMPLAINT
