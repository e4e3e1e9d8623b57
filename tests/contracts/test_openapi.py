"""schemas/openapi.yaml says what the servers do: every route, every parameter, every answer."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest
import pytest_asyncio
import yaml
from jsonschema import Draft202012Validator

from query.app import make_app
from query.console.security import is_console
from query.context import Context
from query.lag import Lag
from query.parameters import Parameter
from query.routes import (
    addresses,
    campaigns,
    consents,
    customers,
    dead_letters,
    messages,
    rates,
    statuses,
    tenants,
)
from runtime.clickhouse import ClickHouse
from runtime.tenants_file import TenantsFile
from schemas.problems import PROBLEMS
from schemas.settings import QuerySettings
from schemas.status import COUNTS, Status
from tests.integration import address_model
from tests.integration.log_model import make_rows
from tests.integration.query_stage import OPERATOR, TENANTS, QueryServer, key_of, write_tenants

DOCUMENT: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[2] / "schemas" / "openapi.yaml").read_text()
)
SCHEMAS = DOCUMENT["components"]["schemas"]
NOW = "2026-11-20T09:00:19.652Z"
LOG = address_model.log_entries(TENANTS, 100)


def _resolved(node: Any) -> Any:
    """A node, or what its $ref names."""
    if isinstance(node, dict) and "$ref" in node:
        found: Any = DOCUMENT
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return found
    return node


def _check(schema: Mapping[str, Any], value: Any) -> None:
    Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(value)


def _answer(path: str, status: int, kind: str, method: str = "get") -> dict[str, Any]:
    response = _resolved(DOCUMENT["paths"][path][method]["responses"][str(status)])
    schema: dict[str, Any] = response["content"][kind]["schema"]
    return schema


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def test_every_reference_names_something_and_every_schema_is_one() -> None:
    for reference in _references(DOCUMENT):
        assert _resolved({"$ref": reference}) is not None
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)


def test_the_vocabulary_is_the_codes() -> None:
    assert SCHEMAS["Status"]["enum"] == [str(status) for status in Status]
    assert SCHEMAS["Count"]["enum"] == list(COUNTS)
    told = orjson.dumps(DOCUMENT["components"]["responses"]).decode()
    for code in re.findall(r"`([a-z]+_[a-z]+|unavailable|forbidden)`", told):
        assert code in {problem.code for problem in PROBLEMS}, code


async def test_every_route_of_query_is_described_and_nothing_else(tmp_path: Path) -> None:
    context = Context(
        QuerySettings(),
        TenantsFile(write_tenants(tmp_path / "tenants.toml")),
        ClickHouse("http://127.0.0.1:1"),
        Lag("127.0.0.1:1"),
    )
    routes = {
        route.resource.canonical
        for route in make_app(context).router.routes()
        if route.resource is not None and not is_console(route.resource.canonical)
    }
    described = {
        path
        for path, operations in DOCUMENT["paths"].items()
        if any(operation["tags"] != ["ingest"] for operation in operations.values())
    }
    assert routes == described


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        ("/v1/messages", messages.PARAMETERS),
        ("/v1/rates", rates.PARAMETERS),
        ("/v1/campaigns", campaigns.PARAMETERS),
        ("/v1/campaigns/{campaign}", campaigns.ONE_PARAMETERS),
        ("/v1/campaigns/{campaign}/timeline", campaigns.TIMELINE_PARAMETERS),
        ("/v1/campaigns/{campaign}/links", campaigns.LINKS_PARAMETERS),
        ("/v1/documents/{document}", {}),
        ("/v1/receipts/{receipt_id}", {}),
        ("/v1/statuses", statuses.PARAMETERS),
        ("/v1/dead-letters", dead_letters.PARAMETERS),
        ("/v1/tenants", tenants.PARAMETERS),
        ("/v1/addresses", addresses.LIST_PARAMETERS),
        ("/v1/addresses/{address}", addresses.ONE_PARAMETERS),
        ("/v1/addresses/{address}/diagnosis", addresses.DIAGNOSIS_PARAMETERS),
        ("/v1/consents", consents.PARAMETERS),
        ("/v1/consents/log", consents.LOG_PARAMETERS),
        ("/v1/customers/{customer}", {}),
        ("/v1/customers/{customer}/messages", messages.PARAMETERS),
        ("/v1/customers/{customer}/diagnosis", customers.DIAGNOSIS_PARAMETERS),
    ],
)
def test_the_parameters_are_those_that_are_taken(path: str, taken: dict[str, Parameter]) -> None:
    every = [_resolved(parameter) for parameter in DOCUMENT["paths"][path]["get"]["parameters"]]
    described = [parameter for parameter in every if parameter["in"] == "query"]
    assert sorted(parameter["name"] for parameter in described) == sorted([*taken, "tenant"])
    for parameter in described:
        for value in _resolved(parameter["schema"]).get("enum", []):
            taken[parameter["name"]].parse(value)
        several = parameter["schema"].get("type") == "array"
        assert several == (parameter["name"] in taken and taken[parameter["name"]].many)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(clickhouse: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[QueryServer]:
    tenants = write_tenants(tmp_path_factory.mktemp("openapi") / "tenants.toml")
    async with QueryServer(clickhouse, "127.0.0.1:1", tenants) as server:
        rows = make_rows(200, TENANTS)
        clicked = next(row for row in rows if row["tenant"] == "acme" and row["status"] == "clicked")
        clicked |= {
            "message_id": "m-clicked",
            "campaign": "linked",
            "document": "linked document",
            "clicks": 1,
            "first_clicked_at": NOW,
        }
        click = {
            "event_id": "1" * 32,
            "tenant": "acme",
            "message_id": "m-clicked",
            "recipient": clicked["recipient"],
            "outcome": "clicked",
            "at": NOW,
            "received_at": NOW,
            "detail": {"link": "https://acme.example/"},
            "receipt_id": "r-clicked",
        }
        receipt = {
            "receipt_id": "r-clicked",
            "received_at": 1795176000000,
            "provider": "ses",
            "tenant": "acme",
            "message_id": "m-clicked",
            "verified": {"by": "key", "key": "console"},
            "content_type": "application/json",
            "query": "",
            "body": "{}",
            "body_encoding": "utf-8",
        }
        await server.store.insert_lines("message_status", b"\n".join(map(orjson.dumps, rows)))
        for table, values in (
            ("address_standing", address_model.standings(TENANTS)),
            ("consents", address_model.consents(LOG)),
            ("consent_log", LOG),
            ("customers", address_model.customers(TENANTS)),
            ("events", [click]),
            ("receipts", [receipt]),
        ):
            await server.store.insert_lines(table, b"\n".join(map(orjson.dumps, values)))
        yield server


@pytest.mark.parametrize("key", [key_of("acme"), OPERATOR])
@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("/v1/messages", [("limit", "500")]),
        ("/v1/messages", [("limit", "1")]),
        ("/v1/statuses", []),
        ("/v1/rates", []),
        (
            "/v1/rates",
            [("group_by", "campaign,day"), ("from", "2026-01-01T00:00:00Z"), ("compare", "previous")],
        ),
        ("/v1/campaigns", [("limit", "500")]),
        ("/v1/campaigns", [("compare", "previous"), ("limit", "500")]),
        ("/v1/dead-letters", []),
        ("/v1/addresses", [("limit", "500")]),
        ("/v1/consents", [("limit", "500")]),
        ("/v1/consents", [("as_of", "2026-10-01T00:00:00Z"), ("limit", "2")]),
        ("/v1/consents/log", [("limit", "500")]),
        ("/healthz", []),
        ("/readyz", []),
    ],
)
async def test_real_answers_are_as_described(
    server: QueryServer, path: str, parameters: list[tuple[str, str]], key: str
) -> None:
    status, headers, body = await server.raw(path, parameters, key)
    assert (status, headers["Content-Type"].split(";")[0]) == (200, "application/json")
    _check(_answer(path, 200, "application/json"), orjson.loads(body))


async def test_real_problems_are_as_described(server: QueryServer) -> None:
    for path, parameters, key, expected in (
        ("/v1/messages", [("x", "1")], key_of("acme"), 400),
        ("/v1/rates", [], None, 401),
        ("/v1/dead-letters", [], "writer-acme", 403),
        ("/v1/messages/none", [], key_of("acme"), 404),
    ):
        status, headers, body = await server.raw(path, parameters, key)
        assert (status, headers["Content-Type"]) == (expected, "application/problem+json")
        described = "/v1/messages/{message_id}" if path.endswith("none") else path
        _check(_answer(described, expected, "application/problem+json"), orjson.loads(body))


async def test_a_real_message_is_as_described(server: QueryServer) -> None:
    (item,) = (await server.page("/v1/messages", ("limit", "1")))["items"]
    document = await server.page("/v1/messages/" + quote(item["message_id"], safe=""))
    _check(_answer("/v1/messages/{message_id}", 200, "application/json"), document)


async def test_a_real_receipt_is_as_described(server: QueryServer) -> None:
    (event,) = (await server.page("/v1/messages/m-clicked"))["events"]
    for key in (key_of("acme"), OPERATOR):
        document = await server.page(f"/v1/receipts/{event['receipt_id']}", key=key)
        _check(_answer("/v1/receipts/{receipt_id}", 200, "application/json"), document)


async def test_a_real_campaign_is_as_described(server: QueryServer) -> None:
    for under, parameters in (("", [("compare", "previous")]), ("/timeline", []), ("/links", [])):
        document = await server.page(f"/v1/campaigns/linked{under}", *parameters)
        assert under == "" or document["items"]
        _check(_answer(f"/v1/campaigns/{{campaign}}{under}", 200, "application/json"), document)


async def test_a_real_document_is_as_described(server: QueryServer) -> None:
    document = await server.page("/v1/documents/linked%20document")
    assert document["messages"] and document["events"]
    _check(_answer("/v1/documents/{document}", 200, "application/json"), document)


async def test_real_addresses_customers_and_diagnoses_are_as_described(server: QueryServer) -> None:
    known = [row["address"] for row in address_model.standings(["acme"])[:6]]
    paths = [("/v1/addresses/{address}", f"/v1/addresses/{address}") for address in known]
    paths += [
        (f"/v1/customers/{{customer}}{more}", f"/v1/customers/{customer}{more}")
        for customer in ("42", "a%2Fb%20%25")
        for more in ("", "/messages", "/diagnosis")
    ]
    paths += [
        ("/v1/addresses/{address}/diagnosis", f"/v1/addresses/{address}/diagnosis") for address in known
    ]
    for described, path in paths:
        for key, more in ((key_of("acme"), ()), (OPERATOR, (("tenant", "acme"),))):
            document = await server.page(path, *more, key=key)
            _check(_answer(described, 200, "application/json"), document)
