"""Whether a value keeps to the contract of its topic."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
from jsonschema import Draft202012Validator

SCHEMAS = Path(__file__).parents[1] / "schemas"


@lru_cache
def schema(topic: str) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads((SCHEMAS / "json" / topic / "v1.schema.json").read_bytes())
    return document


def faults(topic: str, value: bytes) -> list[str]:
    """Where a value leaves its contract; one that lacks a member or has one that the contract does not name, too."""
    contract, document = schema(topic), orjson.loads(value)
    found = [error.message for error in Draft202012Validator(contract).iter_errors(document)]
    if set(document) != set(contract["properties"]):
        found.append(f"members {set(document) ^ set(contract['properties'])} are not in both")
    return found
