"""Issue reports: what the reporter adds is asked, the rest is gathered, and all of it can be copied or kept as a file."""

from typing import Any

from aiohttp import web

from query.console.page import page, render
from query.console.visit import Visit, segment
from query.console.wording import capitalised, undirected
from query.diagnosis.findings import named
from query.issue_report import PROBLEMS, of_message
from query.routes.issue_reports import (
    ADDRESS_PARAMETERS,
    MESSAGE_PARAMETERS,
    address_issue_report,
    text_answer,
    text_of,
)


async def get_message_issue_report(visit: Visit) -> web.StreamResponse:
    """GET /messages/{message_id}/issue-report: the parameters are those of the same path under /v1."""
    message_id = visit.request.match_info["message_id"]
    given = visit.read(MESSAGE_PARAMETERS)
    document = await of_message(visit.context, visit.principal, given, message_id)
    about = capitalised(undirected(named(document["message"], visit.zone)))
    return _answer(visit, given, document, about, visit.url(f"/messages/{segment(message_id)}"))


async def get_address_issue_report(visit: Visit) -> web.StreamResponse:
    """GET /addresses/{address}/issue-report: the parameters are those of the same path under /v1."""
    address = visit.request.match_info["address"]
    given = visit.read(ADDRESS_PARAMETERS)
    document = await address_issue_report(visit.context, visit.principal, given, address)
    channel = document["address"]["channel"]
    back = visit.url(f"/addresses/{segment(address)}", channel=channel)
    return _answer(visit, given, document, address, back)


def _answer(
    visit: Visit, given: dict[str, Any], document: dict[str, Any], about: str, back: str
) -> web.Response:
    if given.get("format") == "text":
        return text_answer(visit.context, document)
    return render(
        visit,
        "issue_report.html",
        document=document,
        text=text_of(visit.context, document),
        problems=PROBLEMS,
        given=given,
        about=about,
        back=back,
    )


# They come before the pages of a message and of an address, whose paths take what has slashes in it.
ROUTES = [
    web.get("/messages/{message_id:(?s:.+)}/issue-report", page(get_message_issue_report)),
    web.get("/addresses/{address:(?s:.+)}/issue-report", page(get_address_issue_report)),
]
