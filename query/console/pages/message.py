"""One message: what became of it for each recipient, and its trail step by step."""

import time
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from query.console.blocked import blocked_among
from query.console.page import page, render
from query.console.trail import step_of
from query.console.visit import Visit
from query.parameters import Parameter, text
from query.routes.message import message_document
from query.routes.receipts import kept_receipts
from query.sql.where import Scope
from schemas.addresses import normalise
from schemas.problems import NOT_FOUND, ProblemError
from schemas.times import format_time

PARAMETERS = {"recipient": Parameter(text)}

MOST_STEPS = 500
"""Steps of a trail that are shown; a message to many that was opened by programs over and over has more."""

_STORED_WITHIN_MS = 60_000
"""An event may be stored a little before its receipt; after this time a receipt that is not there has expired."""


async def get_message(visit: Visit) -> web.StreamResponse:
    """GET /messages/{message_id}?recipient=: with a recipient, only what is about that one or about nobody in particular."""
    given = visit.read(PARAMETERS)
    document = await message_document(
        visit.context, visit.principal, given, visit.request.match_info["message_id"]
    )
    message, recipients = document["message"], document["recipients"]
    chosen = _chosen(message["channel"], recipients, given.get("recipient"))
    events = [event for event in document["events"] if chosen is None or event["recipient"] in (None, chosen)]
    scope = Scope(message["tenant"])
    shown = [item for item in recipients if chosen in (None, item["recipient"])]
    return render(
        visit,
        "message.html",
        message=message,
        recipients=recipients,
        chosen=chosen,
        shown=shown,
        unattributed=document["unattributed"],
        steps=[step_of(event, message["channel"]) for event in events[:MOST_STEPS]],
        further=max(0, len(events) - MOST_STEPS),
        kept=await kept_receipts(
            visit.context, scope, (event["receipt_id"] for event in events[:MOST_STEPS])
        ),
        young=format_time(time.time_ns() // 1_000_000 - _STORED_WITHIN_MS),
        blocked=await blocked_among(visit, scope, message["channel"], (item["recipient"] for item in shown)),
    )


def _chosen(channel: str, recipients: Sequence[dict[str, Any]], given: str | None) -> str | None:
    """The recipient that the page is about; None = all of several. Raises ProblemError where it is none of the message's."""
    if given is None:
        return recipients[0]["recipient"] if len(recipients) == 1 else None
    wanted = normalise(channel, given)
    if wanted not in [item["recipient"] for item in recipients]:
        raise ProblemError(NOT_FOUND, "no such recipient of this message")
    return wanted


ROUTES = [
    # An id may have slashes in it. The issue report of a message has a page of its own.
    web.get("/messages/{message_id:(?!.+/issue-report$).+}", page(get_message)),
]
