"""Bodies of what is posted to the query server: one JSON object of a known shape, refused with what was expected."""

from dataclasses import asdict
from typing import Any, TypeVar

import orjson
from aiohttp import web
from pydantic import BaseModel, ValidationError

from schemas.problems import BAD_REQUEST, INVALID_FIELDS, ProblemError
from schemas.registration_fields import faults_of_shape

M = TypeVar("M", bound=BaseModel)

MAX_BODY_BYTES = 8 * 1024 * 1024
"""Largest body taken: 10,000 addresses of the longest kind, and room to spare."""

_MAX_FAULTS = 100


async def read_body(request: web.Request, kind: type[M]) -> M:
    """The object that the body describes. Raises ProblemError `bad_request` where it is no JSON, `invalid_fields`, with
    each fault, where it is another one."""
    return checked(await read_json(request), kind)


async def read_json(request: web.Request) -> Any:
    """What the body has. Raises ProblemError `bad_request` where it is no JSON."""
    try:
        return orjson.loads(await request.read())
    except ValueError as fault:
        raise ProblemError(BAD_REQUEST, f"expected JSON in UTF-8: {fault}") from None


def checked(given: Any, kind: type[M]) -> M:
    """A value as what it should be. Raises ProblemError `invalid_fields`, with each fault, where it is something else."""
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        faults = list(faults_of_shape(0, error))
    raise ProblemError(
        INVALID_FIELDS, f"{len(faults)} faults", errors=[asdict(fault) for fault in faults[:_MAX_FAULTS]]
    )
