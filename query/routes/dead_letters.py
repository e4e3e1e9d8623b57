"""GET /v1/dead-letters: what could not be understood, with its reason."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aiohttp import web

from query.auth import scope_of
from query.context import Context, asked
from query.filters import SHARED
from query.lists import is_stream, list_document, list_parameters, stream_list
from query.parameters import Parameter, choice, text
from query.sql.dead_letters import DEAD_LETTERS, add_shared
from query.sql.lists import count_sql
from query.sql.where import Where
from runtime.http import json_response
from schemas.tenants import Principal

PARAMETERS = {
    **SHARED,
    "reason": Parameter(text),
    "stage": Parameter(choice("track", "standing", "sink")),
    **list_parameters(DEAD_LETTERS),
}
_LONGEST_BODY = 64 * 1024
"""Characters of a body on a page; a longer one is cut, and its dead letter says so. Streams have it whole."""


async def get_dead_letters(request: web.Request) -> web.StreamResponse:
    """Dead letters, newest first: a page of them as JSON or all as a stream."""
    context, principal, given = asked(request, PARAMETERS)
    if is_stream(given):
        return await stream_dead_letters(request, context, principal, given)
    return json_response(await dead_letters_document(context, principal, given))


async def dead_letters_document(
    context: Context, principal: Principal, given: Mapping[str, Any]
) -> dict[str, Any]:
    """A page of dead letters, newest first. Raises ProblemError."""
    return await list_document(context, principal, given, _CUT, _asked_for(principal, given))


async def dead_letters_count(context: Context, principal: Principal, given: Mapping[str, Any]) -> int:
    """How many dead letters that list has on all its pages."""
    where = _asked_for(principal, given)
    (row,) = await context.rows(count_sql(DEAD_LETTERS.source, where), where.parameters)
    return int(row["count"])


async def stream_dead_letters(
    request: web.Request, context: Context, principal: Principal, given: Mapping[str, Any]
) -> web.StreamResponse:
    """All dead letters that are asked for, whole. Raises ProblemError."""
    return await stream_list(request, context, principal, given, _WHOLE, _asked_for(principal, given))


def _asked_for(principal: Principal, given: Mapping[str, Any]) -> Where:
    where = Where(scope_of(principal, given))
    add_shared(where, given)
    for name in ("reason", "stage"):
        if name in given:
            where.equal(f"m.{name}", given[name])
    return where


def _cut(item: dict[str, Any]) -> dict[str, Any]:
    item["cut"] = False
    receipt = item["receipt"]
    if receipt is not None and len(receipt.get("body") or "") > _LONGEST_BODY:
        receipt["body"], item["cut"] = receipt["body"][:_LONGEST_BODY], True
    if len(item["raw"] or "") > _LONGEST_BODY:
        item["raw"], item["cut"] = item["raw"][:_LONGEST_BODY], True
    return item


_CUT = replace(DEAD_LETTERS, shape=_cut)
_WHOLE = replace(DEAD_LETTERS, shape=lambda item: item | {"cut": False})
