"""GET /v1/documents/{document}: the trail of an invoice, a receipt or a statement."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from query.auth import scope_of
from query.context import Context, asked
from query.evidence import only_tenant
from query.machine_verdicts import with_verdicts
from query.routes.message import as_event
from query.routes.messages import as_item
from query.sql.documents import events_sql, messages_sql, of_document, of_messages
from query.sql.messages import bind_labels, item_columns
from runtime.http import json_response
from schemas.problems import NOT_FOUND, ProblemError
from schemas.tenants import Principal

MOST_MESSAGES = 1000
MOST_EVENTS = 5000
"""A document is one person's, and has a handful of both; what has more is cut, and says so."""


async def get_document(request: web.Request) -> web.Response:
    """The trail of one document."""
    context, principal, given = asked(request, {})
    return json_response(await document_trail(context, principal, given, request.match_info["document"]))


async def document_trail(
    context: Context, principal: Principal, given: Mapping[str, Any], document: str
) -> dict[str, Any]:
    """The messages of a document and their events, in time order. Raises ProblemError where no message names it."""
    where = of_document(scope_of(principal, given), document)
    columns = item_columns(bind_labels(where, context.tenants), with_tenant=principal.tenant is None)
    rows = await context.rows(messages_sql(where, columns, MOST_MESSAGES + 1), where.parameters)
    tenant = only_tenant({"tenant": row.pop("of_tenant")} for row in rows)
    verdicts = [{"unmasked": row.pop("unmasked")} for row in rows]
    if tenant is None:
        raise ProblemError(NOT_FOUND, "no document of this name")
    told = rows[:MOST_MESSAGES]
    about = of_messages(tenant, list(dict.fromkeys(row["message_id"] for row in told)))
    events = await context.rows(events_sql(about, MOST_EVENTS + 1), about.parameters)
    return ({"tenant": tenant} if principal.tenant is None else {}) | {
        "document": document,
        "messages": [as_item(row) for row in told if row["recipient"]],
        "unattributed": {
            name: sum(row[name] for row in told if not row["recipient"]) for name in ("opens", "clicks")
        },
        "events": [as_event(row) for row in with_verdicts(events[:MOST_EVENTS], verdicts)],
        "cut": len(rows) > MOST_MESSAGES or len(events) > MOST_EVENTS,
    }
