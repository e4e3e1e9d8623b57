"""GET /v1/messages: the log."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from query.auth import scope_of
from query.context import Context, asked
from query.cursors import decode_cursor, encode_cursor, question
from query.exports import FORMATS, export
from query.filters import DRILLED, SHARED, attributed, span_of
from query.log_pages import log_page
from query.parameters import Parameter, boolean, choice, limit, refused, stripped, text, time
from query.sql.messages import (
    OBJECTS,
    SORTS,
    add_log_filters,
    bind_labels,
    item_columns,
    order_of,
    whole_sql,
)
from query.sql.where import Scope, Where
from runtime.http import json_response
from schemas.status import COUNTS, Status
from schemas.tenants import Principal

PARAMETERS: dict[str, Parameter] = {
    **SHARED,
    **DRILLED,
    **{name: Parameter(stripped) for name in ("recipient", "subject", "text", "q")},
    "status": Parameter(choice(*Status), many=True),
    "reached": Parameter(choice(*COUNTS), many=True),
    "gave_up": Parameter(boolean),
    "updated_from": Parameter(time),
    "clicked_link": Parameter(text),
    "sort": Parameter(choice(*(f"{minus}{name}" for name in SORTS for minus in ("", "-")))),
    "limit": Parameter(limit),
    "cursor": Parameter(text),
    "format": Parameter(choice("json", *FORMATS)),
}

_KINDS = {"time": int, "UInt8": int, "String": str}
_NOT_THE_QUESTION = ("limit", "cursor", "format")
DEFAULT_LIMIT = 50


async def get_messages(request: web.Request) -> web.StreamResponse:
    """The log, a page of it as JSON or the whole as a stream."""
    context, principal, given = asked(request, PARAMETERS)
    scope = scope_of(principal, given)
    where = attributed(scope, given)
    return await answer_log(request, context, principal, scope, given, where, "messages")


async def answer_log(
    request: web.Request,
    context: Context,
    principal: Principal,
    scope: Scope,
    given: Mapping[str, Any],
    where: Where,
    name: str,
) -> web.StreamResponse:
    """The log rows of `where`, which are of `scope`, as the log's parameters ask for them; `name` tells whose cursors these
    are."""
    if "clicked_link" in given and not given.get("campaign"):
        raise refused("clicked_link", "expected `campaign` beside it")
    add_log_filters(where, given)
    order = order_of(given.get("sort", "-at"))
    columns = item_columns(bind_labels(where, context.tenants), with_tenant=principal.tenant is None)
    if (form := given.get("format", "json")) != "json":
        if "cursor" in given:
            raise refused("cursor", "a stream is the whole result and has no pages")
        return await export(
            request, context, whole_sql(where, columns, order), where.parameters, form, "messages", as_item
        )

    filters = {each: value for each, value in given.items() if each not in _NOT_THE_QUESTION}
    this = question(name, principal.tenant, filters=filters)
    size = given.get("limit", DEFAULT_LIMIT)
    place = None
    if "cursor" in given:
        place = decode_cursor(given["cursor"], this, [_KINDS[column.kind] for column in order])
    rows = await log_page(context, scope, where, columns, order, size + 1, span_of(given), place)
    more = (
        encode_cursor(this, [rows[size - 1][f"k{number}"] for number in range(len(order))])
        if len(rows) > size
        else None
    )
    return json_response({"items": [as_item(row) for row in rows[:size]], "next": more})


def as_item(row: dict[str, Any]) -> dict[str, Any]:
    """A row as an item: objects as objects, without the order's values."""
    item = {name: value for name, value in row.items() if not (name[0] == "k" and name[1:].isdigit())}
    for name in OBJECTS:
        if item[name] is not None:
            item[name] = orjson.loads(item[name])
    return item
