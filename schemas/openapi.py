"""The description of the HTTP API that stands beside this file, in openapi.yaml."""

from functools import cache
from pathlib import Path
from typing import Any

import orjson
import yaml

PATH = Path(__file__).with_name("openapi.yaml")

QUERY, INGEST = "http://127.0.0.1:8081", "http://127.0.0.1:8080"
"""How the description calls the two servers: where they are by default."""


@cache
def text() -> str:
    """The description as it stands in the file."""
    return PATH.read_text()


@cache
def document() -> dict[str, Any]:
    """The description as a document. Not to be changed."""
    found: dict[str, Any] = yaml.load(text(), yaml.CSafeLoader)
    return found


@cache
def json() -> str:
    """The description as JSON."""
    return orjson.dumps(document()).decode()


def resolved(node: Any) -> Any:
    """A node of the document, or what its $ref names. Raises KeyError where that names nothing."""
    while isinstance(node, dict) and "$ref" in node:
        found: Any = document()
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node
