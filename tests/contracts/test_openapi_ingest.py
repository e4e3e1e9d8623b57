"""schemas/openapi.yaml says what ingest takes from applications, and what it answers them."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
import pytest_asyncio
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from deploy.topics import create_topics
from ingest.registering import Registrar
from ingest.unsubscribing import Unsubscriber
from schemas.registrations import Registration, read_registration
from schemas.unsubscribe import UnsubscribeLink, link_url, make_token
from tests.integration.ingest_stage import PARTITIONS, SECRETS, Client, within
from tests.properties.test_registrations import NOW, THINGS

DOCUMENT: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[2] / "schemas" / "openapi.yaml").read_text()
)
OF_INGEST = {
    path: {method: operation for method, operation in operations.items() if "ingest" in operation["tags"]}
    for path, operations in DOCUMENT["paths"].items()
    if not path.startswith("/webhooks/")
}
IN_THE_ADDRESS = {"Customer": "customer", "Reset": "address"}


def _resolved(node: Any) -> Any:
    while isinstance(node, dict) and "$ref" in node:
        found: Any = DOCUMENT
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def _validator(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(
        {**schema, "components": DOCUMENT["components"]}, format_checker=FormatChecker(())
    )


def test_every_route_for_applications_is_described_and_nothing_else() -> None:
    nothing = cast(Any, None)
    registrar = Registrar(nothing, nothing, nothing, 0)
    routes = registrar.routes() | Unsubscriber(nothing, nothing, registrar).routes()
    served = {path: {method.lower() for method in methods} - {"head"} for path, methods in routes.items()}
    described = {
        re.sub(r"\{\w+\}", "{}", path): set(operations)
        for path, operations in OF_INGEST.items()
        if operations
    }
    assert served == described


@pytest.mark.parametrize(("kind", "documents"), THINGS, ids=[kind.__name__ for kind, _ in THINGS])
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_is_accepted_is_described_as_such(
    kind: type[Registration], documents: Any, data: st.DataObject
) -> None:
    """The description leaves to words what no schema can say: whether an address is one, what evidence staff needs."""
    document = orjson.loads(orjson.dumps(data.draw(documents)))
    found = read_registration(kind, 0, document, NOW)
    schema = DOCUMENT["components"]["schemas"][f"{kind.__name__}Registration"]
    document.pop(IN_THE_ADDRESS.get(kind.__name__), None)
    if not isinstance(found, list):
        _validator(schema).validate(document)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ingest(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    await create_topics(kafka, partitions=PARTITIONS)
    async with within(kafka, tmp_path_factory.mktemp("ingest"), max_list_bytes=64 * 1024) as client:
        yield client


MESSAGE = {"id": "m", "channel": "email", "recipient": "ann@example.org"}


@pytest.mark.parametrize(
    ("method", "path", "document", "key", "status"),
    [
        ("POST", "/v1/messages", MESSAGE, "writer", 202),
        ("POST", "/v1/messages", b"{", "writer", 400),
        ("POST", "/v1/messages", MESSAGE, "ops", 400),
        ("POST", "/v1/messages", MESSAGE, None, 401),
        ("POST", "/v1/messages", MESSAGE, "reader", 403),
        ("POST", "/v1/messages?tenant=other", MESSAGE, "writer", 404),
        ("POST", "/v1/messages", b" " * 100_000, "writer", 413),
        ("POST", "/v1/messages", [MESSAGE, {}], "writer", 422),
        ("POST", "/v1/consents", {}, "writer", 422),
        ("PUT", "/v1/customers/{customer}", {"kind": "client", "addresses": []}, "writer", 202),
        ("POST", "/v1/addresses/{address}/reset", {}, "resetter", 422),
    ],
)
async def test_real_answers_to_applications_are_as_described(
    ingest: Client, method: str, path: str, document: object, key: str | None, status: int
) -> None:
    answer = await ingest.tell(method, path.replace("{", "").replace("}", ""), document, key=key)
    assert answer[0] == status
    operation = OF_INGEST[path.partition("?")[0]][method.lower()]
    content = _resolved(operation["responses"][str(status)])["content"]
    _validator(content[answer[2]]["schema"]).validate(answer[1])


@pytest.mark.parametrize(
    ("method", "secret", "expires", "status"),
    [
        ("get", SECRETS[0], None, 200),
        ("get", "x" * 32, None, 403),
        ("get", SECRETS[0], 1, 410),
        ("post", SECRETS[0], None, 400),
    ],
)
async def test_real_answers_to_who_holds_a_link_are_as_described(
    ingest: Client, method: str, secret: str, expires: int | None, status: int
) -> None:
    link = UnsubscribeLink(tenant="acme", address="ann@example.org", category="marketing", expires=expires)
    token = make_token(link, secret)
    operation = OF_INGEST["/unsubscribe/{token}"][method]
    (parameter,) = map(_resolved, operation["parameters"])
    assert re.fullmatch(parameter["schema"]["pattern"], token)
    answer = await ingest.call(method.upper(), link_url("", token))
    assert answer[0] == status
    content = _resolved(operation["responses"][str(status)])["content"]
    if answer[2] != "text/html":
        _validator(content[answer[2]]["schema"]).validate(answer[1])
