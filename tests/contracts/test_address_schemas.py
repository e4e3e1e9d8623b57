"""The contracts about addresses: everything that any payload tells of them keeps to its schema, on every topic."""

from typing import Any

import orjson
import pytest

from processors import address_facts, consent, standing
from processors.providers import Incomprehensible, Told, read
from schemas.activity import DELIVERED, SOFT, Activity, Reset, parse_activity
from schemas.consent import CATEGORIES, EVERY_CATEGORY, EVIDENCE_METHODS, SOURCES, ConsentChange
from schemas.customers import KINDS
from schemas.standing import Reason, Standing
from tests.addresses import MARKING, mark, reset, sent_at, soft
from tests.cases import Case, cases
from tests.contract import faults, schema
from tests.contracts.test_schemas import ids
from tests.folding import told_of_addresses


def told(case: Case) -> Told:
    found = read(case.envelope)
    return Told() if isinstance(found, Incomprehensible) else found


def activity(case: Case) -> list[Activity]:
    return list(told_of_addresses(case.envelope, {}))


TELLING = [case for case in cases() if activity(case)]


@pytest.mark.parametrize("case", TELLING, ids=ids(TELLING))
def test_everything_told_of_an_address_keeps_to_the_contract_and_reads_back_the_same(case: Case) -> None:
    for one in activity(case):
        line = one.to_line()
        assert faults("waybill-address-activity", line) == []
        assert parse_activity(line) == one


@pytest.mark.parametrize("case", TELLING, ids=ids(TELLING))
def test_what_is_made_of_it_keeps_to_the_contracts(case: Case) -> None:
    for one in activity(case):
        if isinstance(one.what, ConsentChange):
            facts = consent.fold(None, one, 1)
            assert faults("waybill-consents", consent.published(facts)) == []
            assert faults("waybill-consent-log", consent.logged(one)) == []
        else:
            value = standing.published(address_facts.fold(None, one, 1), 1)
            assert faults("waybill-address-standing", value) == []


def test_what_an_application_says_of_customers_keeps_to_the_contract() -> None:
    customers = [one.to_json(7) for case in cases("app") for one in told(case).customers]
    assert customers
    assert all(faults("waybill-customers", value) == [] for value in customers)


@pytest.mark.parametrize("reason", MARKING)
def test_a_standing_with_everything_in_it_keeps_to_the_contract(reason: Reason) -> None:
    facts = None
    for one in (
        mark(reason, 1),
        reset(sent_at(2)),
        mark(reason, 3),
        *(soft(number) for number in range(3, 9)),
    ):
        facts = address_facts.fold(facts, one, 1)
    assert facts is not None
    value = standing.published(facts, 5)
    assert faults("waybill-address-standing", value) == []
    assert orjson.loads(value)["reasons"] == [
        one for one in Reason if one in (reason, Reason.REPEATED_SOFT_BOUNCES)
    ]


def test_the_schemas_name_the_same_words_as_the_code() -> None:
    said: dict[str, Any] = schema("waybill-address-standing")["properties"]
    reasons = [reason.value for reason in Reason]
    assert said["reason"]["enum"] == [*reasons, None]
    assert said["reasons"]["items"]["enum"] == reasons
    assert said["reset"]["properties"]["lifted"]["enum"] == [*reasons, None]
    assert said["standing"]["enum"] == [standing.value for standing in Standing]
    for topic in ("waybill-consents", "waybill-consent-log"):
        said = schema(topic)["properties"]
        assert said["category"]["enum"] == [*CATEGORIES, EVERY_CATEGORY]
        assert said["source"]["enum"] == list(SOURCES)
        assert said["evidence"]["properties"]["method"]["enum"] == [*EVIDENCE_METHODS, None]
    assert schema("waybill-customers")["properties"]["kind"]["enum"] == list(KINDS)
    verdict, a_mark, change, a_reset = schema("waybill-address-activity")["properties"]["what"]["oneOf"]
    assert verdict["properties"]["verdict"]["enum"] == [DELIVERED, SOFT]
    assert a_mark["properties"]["reason"]["enum"] == [reason.value for reason in MARKING]
    assert list(change["properties"]) == list(ConsentChange.__dataclass_fields__)
    assert list(a_reset["properties"]) == list(Reset.__dataclass_fields__)
