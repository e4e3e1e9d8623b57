"""GET /v1/messages/{message_id}: one message, its recipients and its trail."""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from query.auth import scope_of
from query.context import Context, asked
from query.machine_verdicts import with_verdicts
from query.parameters import refused
from query.routes.messages import as_item
from query.sql.message import DESCRIPTORS, EVENT_FIELDS, events_sql, recipients_sql, tenants_sql
from query.sql.messages import FIELDS, bind_labels, item_columns
from query.sql.where import Scope, Where
from runtime.http import json_response
from schemas.problems import NOT_FOUND, ProblemError
from schemas.tenants import Principal


async def get_message(request: web.Request) -> web.Response:
    """One message as the tenant knows it."""
    context, principal, given = asked(request, {})
    return json_response(await message_document(context, principal, given, request.match_info["message_id"]))


async def message_document(
    context: Context, principal: Principal, given: Mapping[str, Any], message_id: str
) -> dict[str, Any]:
    """One message, its recipients and its events. Raises ProblemError where there is none of this id."""
    scope = await _scope_of_one(context, scope_of(principal, given), message_id)
    where, where_events = Where(scope), Where(scope)
    for each in (where, where_events):
        each.equal("m.message_id", message_id)
    columns = item_columns(bind_labels(where, context.tenants), with_tenant=principal.tenant is None)
    rows = await context.rows(recipients_sql(where, columns), where.parameters)
    events = await context.rows(events_sql(where_events), where_events.parameters)
    if not rows and not events:
        raise ProblemError(NOT_FOUND, "no message of this id")
    unattributed = [row for row in rows if not row["recipient"]]
    attributed = [row for row in rows if row["recipient"]]
    return {
        "message": _message(message_id, attributed or unattributed or events),
        "recipients": [_recipient(row, principal.tenant is None) for row in attributed],
        "unattributed": {
            "opens": sum(row["all_opens"] for row in unattributed),
            "clicks": sum(row["all_clicks"] for row in unattributed),
        },
        "events": [
            as_event({name: row[name] for name in EVENT_FIELDS}) for row in with_verdicts(events, rows)
        ],
    }


async def _scope_of_one(context: Context, scope: Scope, message_id: str) -> Scope:
    """The tenant whose message it is. Both tables are in order of the tenant: to look through all of them for the columns that
    are told takes ten times as long as to see first whose it is. Raises ProblemError where that is nobody or not told."""
    if scope.tenant is not None:
        return scope
    where = Where(scope)
    where.equal("m.message_id", message_id)
    found = await asyncio.gather(
        *(context.rows(tenants_sql(table, where), where.parameters) for table in ("message_status", "events"))
    )
    tenants = {row["tenant"] for rows in found for row in rows}
    if len(tenants) > 1:
        raise refused("tenant", "expected: several tenants have a message of this id")
    if not tenants:
        raise ProblemError(NOT_FOUND, "no message of this id")
    return Scope(tenants.pop())


def _message(message_id: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What the rows say of the message as a whole: of each field the first that is said."""

    def first(name: str) -> Any:
        return next((row[name] for row in rows if row.get(name) not in (None, "")), None)

    return {
        "message_id": message_id,
        "tenant": first("of_tenant"),
        "channel": first("channel"),
        "provider": first("provider"),
        **{name: first(name) for name in DESCRIPTORS},
        "at": min(row["at"] for row in rows),
        "sent_at": first("sent_at"),
    }


def _recipient(row: dict[str, Any], with_tenant: bool) -> dict[str, Any]:
    names = (["tenant"] if with_tenant else []) + FIELDS
    return as_item({name: row[name] for name in names})


def as_event(row: dict[str, Any]) -> dict[str, Any]:
    """A row with the fields of an event as one: '' as null where it stands for none, its detail as an object."""
    none = {name: row[name] or None for name in ("recipient", "machine_reason", "reported_recipient")}
    return row | none | {"detail": orjson.loads(row["detail"]) if row["detail"] else {}}
