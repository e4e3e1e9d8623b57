"""GET /v1/messages: the log."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from query.auth import scope_of
from query.context import Context, asked
from query.exports import FORMATS, export
from query.filters import DRILLED, SHARED, attributed, span_of
from query.lists import Paging, is_stream
from query.log_pages import log_page
from query.parameters import Parameter, boolean, choice, limit, refused, stripped, text, time
from query.sql.messages import (
    OBJECTS,
    OR_NULL,
    SORTS,
    add_log_filters,
    bind_labels,
    item_columns,
    order_of,
    recipient_sql,
    whole_sql,
)
from query.sql.reached import FIRST_AT
from query.sql.where import SortColumn, Where
from runtime.http import json_response
from schemas.addresses import channel_of, listed_address
from schemas.status import COUNTS, Status
from schemas.tenants import Principal

PARAMETERS: dict[str, Parameter] = {
    **SHARED,
    **DRILLED,
    **{name: Parameter(stripped) for name in ("recipient", "subject", "text", "q")},
    "status": Parameter(choice(*Status), many=True),
    "reached": Parameter(choice(*COUNTS), many=True),
    "reached_from": Parameter(time),
    "reached_to": Parameter(time),
    "gave_up": Parameter(boolean),
    "updated_from": Parameter(time),
    "clicked_link": Parameter(text),
    "sort": Parameter(choice(*(f"{minus}{name}" for name in SORTS for minus in ("", "-")))),
    "limit": Parameter(limit),
    "cursor": Parameter(text),
    "format": Parameter(choice("json", *FORMATS)),
}


async def get_messages(request: web.Request) -> web.StreamResponse:
    """The log, a page of it as JSON or the whole as a stream."""
    context, principal, given = asked(request, PARAMETERS)
    if is_stream(given):
        return await stream_messages(request, context, principal, given)
    return json_response(await messages_document(context, principal, given))


async def messages_document(
    context: Context, principal: Principal, given: Mapping[str, Any]
) -> dict[str, Any]:
    """A page of the log: its items and the cursor of the next one. Raises ProblemError."""
    where = attributed(scope_of(principal, given), given)
    return await log_document(context, principal, given, where, "messages", is_all=True)


async def stream_messages(
    request: web.Request, context: Context, principal: Principal, given: Mapping[str, Any]
) -> web.StreamResponse:
    """The whole log in the format asked for. Raises ProblemError."""
    return await stream_log(request, context, principal, given, attributed(scope_of(principal, given), given))


async def stream_log(
    request: web.Request, context: Context, principal: Principal, given: Mapping[str, Any], where: Where
) -> web.StreamResponse:
    """All log rows of `where` in the format asked for."""
    if "cursor" in given:
        raise refused("cursor", "a stream is the whole result and has no pages")
    columns, order = _as_asked(context, principal, given, where, nulls=True)
    sql = whole_sql(where, columns, order)
    return await export(request, context, sql, where.parameters, given["format"], "messages", as_item)


def _as_asked(
    context: Context, principal: Principal, given: Mapping[str, Any], where: Where, *, nulls: bool = False
) -> tuple[str, list[SortColumn]]:
    """Adds the log's own filters to `where`; gives the columns of an item and the order. Raises ProblemError."""
    if "clicked_link" in given and not given.get("campaign"):
        raise refused("clicked_link", "expected `campaign` beside it")
    for name in ("reached_from", "reached_to"):
        if name in given and not set(given.get("reached", [""])) <= set(FIRST_AT):
            raise refused(name, f"expected `reached` beside it, of {', '.join(FIRST_AT)}")
    add_log_filters(where, given)
    labelled, with_tenant = bind_labels(where, context.tenants), principal.tenant is None
    columns = item_columns(labelled, with_tenant=with_tenant, nulls=nulls)
    return columns, order_of(given.get("sort", "-at"))


async def log_document(
    context: Context,
    principal: Principal,
    given: Mapping[str, Any],
    where: Where,
    name: str,
    *,
    is_all: bool = False,
    are_few: bool = False,
) -> dict[str, Any]:
    """A page of the log rows of `where`; `name` tells whose cursors these are, `is_all` that nothing but `given` chooses them,
    `are_few` that they are hardly more than a page."""
    columns, order = _as_asked(context, principal, given, where)
    paging = Paging(principal, given, name, order)
    scope, names_address = scope_of(principal, given), _names_address(given)
    rows = await log_page(
        context,
        scope,
        where,
        columns,
        order,
        paging.size + 1,
        span_of(given),
        paging.place,
        expects_few=are_few or names_address or "clicked_link" in given,
        unchanging=_by_address_alone(where, given) if is_all and names_address else None,
    )
    return paging.document(rows, as_item)


def _names_address(given: Mapping[str, Any]) -> bool:
    """Whether a whole address is searched, which some dozens of messages went to."""
    texts = [given[name] for name in ("recipient", "q") if given.get(name)]
    return any(listed_address(channel_of(text), text) is not None for text in texts)


_BESIDE_ADDRESS = frozenset(("recipient", "from", "to", "day", "tz", "tenant", "sort", "limit", "cursor"))
"""What may be asked beside an address and is no filter, or one on what never changes of a row."""


def _by_address_alone(where: Where, given: Mapping[str, Any]) -> str | None:
    """The condition on a row's key that a search for a whole address is, where nothing else is asked: all rows pass by it but
    those whose address reads so only as it was given."""
    return recipient_sql(where, given["recipient"]) if _BESIDE_ADDRESS.issuperset(given) else None


def as_item(row: dict[str, Any]) -> dict[str, Any]:
    """A row as an item: objects as objects, '' as null where it stands for none, without the order's values."""
    item = {name: value for name, value in row.items() if not (name[0] == "k" and name[1:].isdigit())}
    for name in OR_NULL:
        item[name] = item[name] or None
    for name in OBJECTS:
        item[name] = orjson.loads(item[name]) if item[name] else None
    return item
