"""How a list is answered: a page of it as JSON, or the whole as a stream."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from aiohttp import web

from query.context import Context
from query.cursors import decode_cursor, encode_cursor, question
from query.exports import FORMATS, AsItem, export
from query.parameters import Parameter, choice, limit, refused, text
from query.sql.lists import Listed, page_sql, whole_sql
from query.sql.where import SortColumn, Where, after
from runtime.http import json_response
from schemas.tenants import Principal

DEFAULT_LIMIT = 50
_KINDS = {"time": int, "Int64": int, "UInt64": int, "UInt32": int, "UInt8": int, "String": str}
_NOT_THE_QUESTION = ("limit", "cursor", "format")


def list_parameters(listed: Listed) -> dict[str, Parameter]:
    """The parameters that every list takes."""
    return {
        "sort": Parameter(choice(*listed.sort_values)),
        "limit": Parameter(limit),
        "cursor": Parameter(text),
        "format": Parameter(choice("json", *FORMATS)),
    }


async def answer_list(
    request: web.Request,
    context: Context,
    principal: Principal,
    given: Mapping[str, Any],
    listed: Listed,
    where: Where,
) -> web.StreamResponse:
    """The rows of `where`, as the parameters ask for them. Raises ProblemError."""
    if is_stream(given):
        return await stream_list(request, context, principal, given, listed, where)
    return json_response(await list_document(context, principal, given, listed, where))


def is_stream(given: Mapping[str, Any]) -> bool:
    """Whether the whole result is asked for, and not a page of it."""
    return bool(given.get("format", "json") != "json")


class Paging:
    """Which page of a list is asked for: the one after `place` (the order's values of a row; None = the first), `size` items."""

    def __init__(
        self, principal: Principal, given: Mapping[str, Any], name: str, order: Sequence[SortColumn]
    ) -> None:
        """`name` tells whose cursors these are. Raises ProblemError for a cursor that is not one of this question."""
        filters = {each: value for each, value in given.items() if each not in _NOT_THE_QUESTION}
        self._question = question(name, principal.tenant, filters=filters)
        self._order = order
        self.size: int = given.get("limit", DEFAULT_LIMIT)
        self.place: list[Any] | None = None
        if "cursor" in given:
            kinds = [_KINDS[column.kind] for column in order]
            self.place = decode_cursor(given["cursor"], self._question, kinds)

    def document(self, rows: Sequence[dict[str, Any]], as_item: AsItem) -> dict[str, Any]:
        """The page out of its rows and one more, if there is one; they have the order's values as k0, k1, …"""
        more = None
        if len(rows) > self.size:
            last = rows[self.size - 1]
            more = encode_cursor(self._question, [last[f"k{number}"] for number in range(len(self._order))])
        return {"items": [as_item(row) for row in rows[: self.size]], "next": more}


async def list_document(
    context: Context, principal: Principal, given: Mapping[str, Any], listed: Listed, where: Where
) -> dict[str, Any]:
    """A page of the rows of `where`: its items and the cursor of the next one. Raises ProblemError."""
    order = listed.order(given.get("sort", listed.default_sort))
    paging = Paging(principal, given, listed.name, order)
    if paging.place is not None:
        where.add(after(where, order, paging.place))
    sql = page_sql(listed, where, order, paging.size + 1, with_tenant=principal.tenant is None)
    return paging.document(await context.rows(sql, where.parameters), item_reader(listed))


async def stream_list(
    request: web.Request,
    context: Context,
    principal: Principal,
    given: Mapping[str, Any],
    listed: Listed,
    where: Where,
    settings: Mapping[str, Any] | None = None,
) -> web.StreamResponse:
    """All rows of `where` in the format asked for, with these settings of ClickHouse's besides. Raises ProblemError."""
    if "cursor" in given:
        raise refused("cursor", "a stream is the whole result and has no pages")
    order = listed.order(given.get("sort", listed.default_sort))
    sql = whole_sql(listed, where, order, with_tenant=principal.tenant is None)
    return await export(
        request, context, sql, where.parameters, given["format"], listed.name, item_reader(listed), settings
    )


def item_reader(listed: Listed) -> AsItem:
    """Makes rows items: objects as objects, without the order's values."""
    fields = frozenset((*listed.columns, "tenant"))

    def as_item(row: dict[str, Any]) -> dict[str, Any]:
        item = {name: value for name, value in row.items() if name in fields}
        for name in listed.objects:
            item[name] = orjson.loads(item[name]) if item[name] else None
        return listed.shape(item) if listed.shape else item

    return as_item
