"""GET /v1/receipts/{receipt_id}: what a provider posted, behind an event of a message's trail."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from aiohttp import web

from query.auth import scope_of
from query.context import Context, asked
from query.sql.receipts import kept_sql, of_receipts, receipts_sql
from query.sql.where import Scope
from runtime.http import json_response
from schemas.problems import NOT_FOUND, ProblemError
from schemas.tenants import Principal


async def get_receipt(request: web.Request) -> web.Response:
    """One receipt with its untouched body."""
    context, principal, given = asked(request, {})
    return json_response(await receipt_document(context, principal, given, request.match_info["receipt_id"]))


async def receipt_document(
    context: Context, principal: Principal, given: Mapping[str, Any], receipt_id: str
) -> dict[str, Any]:
    """One receipt. Raises ProblemError where there is none of this id, or none any longer."""
    where = of_receipts(scope_of(principal, given), [receipt_id])
    rows = await context.rows(receipts_sql(where), where.parameters)
    if not rows:
        raise ProblemError(NOT_FOUND, "no receipt of this id is kept")
    row = rows[0]
    tenant = row.pop("tenant") or None
    row["verified"] = orjson.loads(row["verified"])
    return row | ({"tenant": tenant} if principal.tenant is None else {})


async def kept_receipts(context: Context, scope: Scope, receipt_ids: Iterable[str]) -> set[str]:
    """Which of these receipts can be asked for."""
    where = of_receipts(scope, sorted(set(receipt_ids)))
    return {row["receipt_id"] for row in await context.rows(kept_sql(where), where.parameters)}
