"""The query server hands out schemas/openapi.yaml with the servers of this installation, to whoever asks."""

from collections.abc import AsyncIterator

import orjson
import pytest
import pytest_asyncio
import yaml

from schemas import openapi
from tests.integration.query_stage import QueryServer, write_tenants

INGEST = "https://in.example/waybill"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(clickhouse: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[QueryServer]:
    tenants = write_tenants(tmp_path_factory.mktemp("served") / "tenants.toml")
    async with QueryServer(clickhouse, "127.0.0.1:1", tenants, ingest_url=f"{INGEST}/") as server:
        yield server


def test_each_operation_names_the_servers_that_answer_it() -> None:
    every = openapi.document()["servers"]
    for path, operations in openapi.document()["paths"].items():
        for method, operation in operations.items():
            urls = {server["url"] for server in operation.get("servers", every)}
            expected = {
                "query": {openapi.QUERY},
                "ingest": {openapi.INGEST},
                "operations": {openapi.QUERY, openapi.INGEST},
            }[operation["tags"][0]]
            assert urls == expected, (method, path)


async def test_it_is_served_without_a_key_as_yaml_and_as_json(server: QueryServer) -> None:
    status, headers, body = await server.raw("/v1/openapi.yaml", key=None)
    assert (status, headers["Content-Type"]) == (200, "application/yaml; charset=utf-8")
    as_yaml = yaml.safe_load(body)
    status, headers, body = await server.raw("/v1/openapi.json", key=None)
    assert (status, headers["Content-Type"]) == (200, "application/json; charset=utf-8")
    assert orjson.loads(body) == as_yaml
    assert set(as_yaml["paths"]) == set(openapi.document()["paths"])


async def test_its_servers_are_those_of_this_installation_whatever_their_ports(server: QueryServer) -> None:
    _, _, body = await server.raw("/v1/openapi.json", key=None)
    document = orjson.loads(body)
    assert document["servers"] == [{"url": server.url, "description": "query"}]
    assert [each["url"] for each in document["paths"]["/v1/messages"]["post"]["servers"]] == [INGEST]
    assert [each["url"] for each in document["paths"]["/healthz"]["get"]["servers"]] == [server.url, INGEST]
    assert openapi.QUERY not in body.decode() and openapi.INGEST not in body.decode()


async def test_a_parameter_that_it_does_not_take_is_refused(server: QueryServer) -> None:
    status, document = await server.get("/v1/openapi.json", ("version", "2"), key=None)
    assert (status, document["code"], document["parameter"]) == (400, "bad_parameter", "version")
