"""The contracts as files: every example keeps to its schema, and so does everything that adapters and fold make."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from processors.facts import MessageFacts, fold, folds
from processors.providers import ADAPTERS, Incomprehensible, adapt
from processors.providers.bounces import CAUSES
from processors.status import published
from schemas.events import Event
from schemas.status import COUNTS, Outcome, Status
from schemas.topics import CHANGELOGS, TOPICS
from tests.cases import Case, cases, outcome_of
from tests.contract import SCHEMAS, faults, schema

CONTRACTS = [topic.name for topic in TOPICS if topic not in CHANGELOGS]
EXAMPLES = sorted(SCHEMAS.glob("examples/*/*.json"))


def ids(items: list[Any]) -> list[str]:
    return [getattr(item, "id", None) or f"{item.parent.name}/{item.stem}" for item in items]


def read(case: Case) -> list[Event]:
    adapted = adapt(case.envelope)
    return [] if isinstance(adapted, Incomprehensible) else adapted


@pytest.mark.parametrize("topic", CONTRACTS)
def test_every_topic_has_a_sound_schema_and_examples(topic: str) -> None:
    Draft202012Validator.check_schema(schema(topic))
    assert any(path.parent.name == topic for path in EXAMPLES)


def test_no_schema_and_no_example_is_of_a_topic_that_does_not_exist() -> None:
    found = {path.parent.name for path in (*SCHEMAS.glob("json/*/*"), *EXAMPLES)}
    assert found == set(CONTRACTS)


@pytest.mark.parametrize("path", EXAMPLES, ids=ids(EXAMPLES))
def test_every_example_keeps_to_its_schema(path: Path) -> None:
    assert faults(path.parent.name, path.read_bytes()) == []


@pytest.mark.parametrize("topic", CONTRACTS)
@pytest.mark.parametrize("damage", ["a member is missing", "a member has the wrong type"])
def test_a_damaged_example_does_not_pass(topic: str, damage: str) -> None:
    document = orjson.loads(next(path for path in EXAMPLES if path.parent.name == topic).read_bytes())
    name = next(iter(document))
    document[name] = ["wrong"]
    if damage == "a member is missing":
        del document[name]
    assert faults(topic, orjson.dumps(document))


def test_the_schemas_name_the_same_words_as_the_code() -> None:
    event, status = (
        schema("waybill-events")["properties"],
        schema("waybill-message-status")["properties"],
    )
    assert event["outcome"]["enum"] == [outcome.value for outcome in Outcome]
    assert status["status"]["enum"] == [each.value for each in Status]
    assert status["reached"]["items"]["enum"] == list(COUNTS)
    assert set(status["bounce"]["properties"]["cause"]["enum"]) == CAUSES | {None}


@pytest.mark.parametrize("case", cases(), ids=ids(cases()))
def test_every_payload_becomes_what_its_expectation_says(case: Case) -> None:
    assert outcome_of(case.envelope) == case.expected


@pytest.mark.parametrize("case", cases(), ids=ids(cases()))
def test_every_payload_read_twice_gives_the_same_and_keeps_to_the_contract(case: Case) -> None:
    events = read(case)
    assert read(case) == events
    for event in events:
        assert faults("waybill-events", event.to_json()) == []
    assert faults("waybill-receipts", case.envelope.to_line()) == []


@pytest.mark.parametrize("case", cases(), ids=ids(cases()))
def test_every_payload_folds_to_a_status_that_keeps_to_the_contract(case: Case) -> None:
    for event in filter(folds, read(case)):
        facts = fold(None, event, 1)
        assert MessageFacts.decode(facts.encode()).encode() == facts.encode()
        assert faults("waybill-message-status", published(facts)) == []


@pytest.mark.parametrize("provider", sorted(ADAPTERS))
def test_every_provider_has_fixtures(provider: str) -> None:
    assert len(cases(provider)) > 10
