"""Whether an answer keeps to schemas/openapi.yaml."""

from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

DOCUMENT: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[1] / "schemas" / "openapi.yaml").read_text()
)


def resolved(node: Any) -> Any:
    """A node, or what its $ref names."""
    while isinstance(node, dict) and "$ref" in node:
        found: Any = DOCUMENT
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def described(path: str, status: int = 200, kind: str = "application/json") -> dict[str, Any]:
    """What is said of the answer to a GET: its schema, and its example where there is one."""
    found: dict[str, Any] = resolved(DOCUMENT["paths"][path]["get"]["responses"][str(status)])["content"][
        kind
    ]
    return found


def check(path: str, value: Any) -> None:
    """Raises ValidationError where a JSON answer is not as described."""
    Draft202012Validator({**described(path)["schema"], "components": DOCUMENT["components"]}).validate(value)
