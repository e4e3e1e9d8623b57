"""Both servers keep to schemas/openapi.yaml, whatever is asked of them: schemathesis makes requests of the description, such as
it allows and such as it does not, and judges each answer by it."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from deploy.topics import create_topics
from schemas import openapi
from tests.integration import address_model, ingest_stage, sending_stage
from tests.integration.log_model import make_rows
from tests.integration.query_stage import OPERATOR, QueryServer, key_of
from tests.integration.report_stage import insert

# Some of its negative data schemathesis draws with the module random, which Hypothesis seeds for it.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning"
)

TENANTS = ("acme", "small")
EXAMPLES = 6
"""Requests of each kind, for each operation and key."""

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]

OPERATIONS = [
    (path, method, operation)
    for path, methods in openapi.document()["paths"].items()
    for method, operation in methods.items()
]
SCHEMA = schemathesis.openapi.from_dict(openapi.document())

ROWS = make_rows(300, TENANTS)
KNOWN = {
    "message_id": ROWS[0]["message_id"],
    "campaign": next(row["campaign"] for row in ROWS if row["campaign"]),
    "document": next(row["document"] for row in ROWS if row["document"]),
    "address": address_model.standings(["acme"])[0]["address"],
    "customer": "42",
    "tenant": "acme",
}
"""What is there, so that not every answer is that there is no such thing."""

called: set[str] = set()
"""Operations that were answered."""


@dataclass(frozen=True)
class Servers:
    """Where the two are."""

    query: str
    ingest: str


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def servers(
    kafka: str, clickhouse: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Servers]:
    await create_topics(kafka, partitions=ingest_stage.PARTITIONS)
    folder = tmp_path_factory.mktemp("conformance")
    tenants = sending_stage.write_tenants(folder / "query.toml")
    async with (
        QueryServer(clickhouse, kafka, tenants) as query,
        ingest_stage.within(kafka, folder) as ingest,
    ):
        await insert(query, "message_status", *ROWS)
        await insert(query, "address_standing", *address_model.standings(TENANTS))
        log = address_model.log_entries(TENANTS, 60)
        await insert(query, "consents", *address_model.consents(log))
        await insert(query, "consent_log", *log)
        await insert(query, "customers", *address_model.customers(TENANTS))
        await sending_stage.until_able(query, 60)
        yield Servers(query.url, ingest.base)


def _keys(operation: Mapping[str, Any]) -> Sequence[str | None]:
    if operation.get("security") == []:
        return [None]
    if operation["tags"] == ["ingest"]:
        own = "resetter" if operation["operationId"] == "postReset" else "writer"
        return [ingest_stage.bearer(own), ingest_stage.bearer("ops")]
    return [key_of("acme"), OPERATOR]


CASES = [
    pytest.param(path, method, operation, key, id=f"{operation['operationId']}-{key or 'nobody'}")
    for path, method, operation in OPERATIONS
    for key in _keys(operation)
]


@pytest.mark.parametrize(("path", "method", "operation", "key"), CASES)
async def test_every_answer_is_as_described(
    servers: Servers, path: str, method: str, operation: Mapping[str, Any], key: str | None
) -> None:
    url = servers.ingest if operation["tags"] == ["ingest"] else servers.query
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    described = SCHEMA[path][method.upper()]
    there = {name: quote(value, safe="") for name, value in KNOWN.items() if f"{{{name}}}" in path}
    kinds = [described.as_strategy(GenerationMode.POSITIVE)]
    if "parameters" in operation or "requestBody" in operation:
        kinds.append(described.as_strategy(GenerationMode.NEGATIVE))
    if there:
        kinds.append(described.as_strategy(GenerationMode.POSITIVE, path_parameters=there))

    def ask_all() -> None:
        for kind in kinds:

            @given(case=kind)
            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            def ask(case: schemathesis.Case[Any]) -> None:
                case.call_and_validate(base_url=url, headers=headers, checks=CHECKS, timeout=20)
                called.add(operation["operationId"])

            ask()

    await asyncio.to_thread(ask_all)


async def test_every_operation_was_asked() -> None:
    assert called == {operation["operationId"] for _, _, operation in OPERATIONS}
