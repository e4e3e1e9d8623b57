"""GET /v1/dead-letters: what could not be understood, with its reason."""

from typing import Any

import orjson
from aiohttp import web

from query.auth import scope_of
from query.context import asked
from query.cursors import decode_cursor, encode_cursor, question
from query.parameters import Parameter, choice, limit, text, time
from query.sql.dead_letters import KINDS, ORDER, dead_letters_sql
from query.sql.where import Where, after
from runtime.http import json_response

PARAMETERS = {
    "from": Parameter(time),
    "to": Parameter(time),
    "reason": Parameter(text),
    "stage": Parameter(choice("track", "standing", "sink")),
    "limit": Parameter(limit),
    "cursor": Parameter(text),
}
DEFAULT_LIMIT = 50
_LONGEST_BODY = 64 * 1024
"""Characters of a body in a list; a longer one is cut, and its dead letter says so."""


async def get_dead_letters(request: web.Request) -> web.Response:
    """A page of dead letters, newest first."""
    context, principal, given = asked(request, PARAMETERS)
    where = Where(scope_of(principal, given))
    where.between("m.failed_at", given.get("from"), given.get("to"))
    for name in ("reason", "stage"):
        if name in given:
            where.equal(f"m.{name}", given[name])
    this = question(
        "dead-letters",
        principal.tenant,
        filters={n: v for n, v in given.items() if n not in ("limit", "cursor")},
    )
    size = given.get("limit", DEFAULT_LIMIT)
    if "cursor" in given:
        where.add(after(where, ORDER, decode_cursor(given["cursor"], this, KINDS)))
    rows = await context.rows(
        dead_letters_sql(where, size + 1, with_tenant=principal.tenant is None), where.parameters
    )
    more = (
        encode_cursor(this, [rows[size - 1][f"k{number}"] for number in range(len(ORDER))])
        if len(rows) > size
        else None
    )
    return json_response({"items": [_item(row) for row in rows[:size]], "next": more})


def _item(row: dict[str, Any]) -> dict[str, Any]:
    item = {name: value for name, value in row.items() if not (name[0] == "k" and name[1:].isdigit())}
    item["source"] = orjson.loads(row["source"]) if row["source"] else None
    receipt = item["receipt"] = orjson.loads(row["receipt"]) if row["receipt"] else None
    item["cut"] = False
    if receipt is not None and len(receipt.get("body") or "") > _LONGEST_BODY:
        receipt["body"], item["cut"] = receipt["body"][:_LONGEST_BODY], True
    if len(item["raw"] or "") > _LONGEST_BODY:
        item["raw"], item["cut"] = item["raw"][:_LONGEST_BODY], True
    return item
