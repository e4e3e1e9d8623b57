"""One message: what became of it for each recipient, and its trail step by step."""

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from query.console.blocked import blocked_among
from query.console.page import page, render
from query.console.steps import PARAMETERS as OF_TRAIL
from query.console.steps import part_of, young
from query.console.visit import Visit
from query.parameters import Parameter, text
from query.routes.message import message_document
from query.routes.receipts import kept_receipts
from query.sql.where import Scope
from schemas.addresses import normalise
from schemas.problems import NOT_FOUND, ProblemError

PARAMETERS = {"recipient": Parameter(text), **OF_TRAIL}


async def get_message(visit: Visit) -> web.StreamResponse:
    """GET /messages/{message_id}?recipient=&skip=: with a recipient, only what is about that one or about nobody in
    particular."""
    given = visit.read(PARAMETERS)
    document = await message_document(
        visit.context, visit.principal, given, visit.request.match_info["message_id"]
    )
    message, recipients = document["message"], document["recipients"]
    chosen = _chosen(message["channel"], recipients, given.get("recipient"))
    events = [event for event in document["events"] if chosen is None or event["recipient"] in (None, chosen)]
    scope = Scope(message["tenant"])
    shown = [item for item in recipients if chosen in (None, item["recipient"])]
    part = part_of(visit, events, given.get("skip", 0), {None: message})
    return render(
        visit,
        "message.html",
        message=message,
        recipients=recipients,
        chosen=chosen,
        shown=shown,
        unattributed=document["unattributed"],
        part=part,
        kept=await kept_receipts(visit.context, scope, part.receipt_ids),
        young=young(),
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
