"""The email log and the SMS log: what became of every message for every recipient."""

from collections import Counter

from aiohttp import web

from query.auth import scope_of
from query.console.blocked import blocked_among
from query.console.forms import Field, Option, form_of
from query.console.navigation import Entry
from query.console.page import page, render
from query.console.visit import Visit
from query.console.wording import CAUSE_LABELS
from query.lists import is_stream
from query.routes.messages import PARAMETERS, messages_document, stream_messages
from schemas.status import COUNTS, Status, label

EMAIL, SMS = "/email-log", "/sms-log"

LOGS = {"email": Entry("Messages", "Email log", EMAIL), "sms": Entry("Messages", "SMS log", SMS)}
"""The log of each channel."""

ENTRIES = tuple(LOGS.values())


async def get_email_log(visit: Visit) -> web.StreamResponse:
    """GET /email-log: the parameters are those of GET /v1/messages."""
    return await _log(visit, "email")


async def get_sms_log(visit: Visit) -> web.StreamResponse:
    """GET /sms-log: the parameters are those of GET /v1/messages."""
    return await _log(visit, "sms")


async def _log(visit: Visit, channel: str) -> web.StreamResponse:
    given = visit.read(PARAMETERS, channel=channel)
    if is_stream(given):
        return await stream_messages(visit.request, visit.context, visit.principal, given)
    document = await messages_document(visit.context, visit.principal, given)
    return render(
        visit,
        "log.html",
        channel=channel,
        form=form_of(visit, fields(channel, visit.vocabulary)),
        sort=given.get("sort", "-at"),
        items=document["items"],
        next=document["next"],
        blocked=await blocked_among(
            visit,
            scope_of(visit.principal, given),
            channel,
            (item["recipient"] for item in document["items"]),
        ),
    )


def fields(channel: str, vocabulary: str) -> list[Field]:
    """The filters of a log."""
    statuses = _options(channel, vocabulary)
    content = Field("subject", "Subject") if channel == "email" else Field("text", "Text")
    searched = "Address, subject" if channel == "email" else "Phone number"
    return [
        Field("q", "Search", "search", primary=True, placeholder=f"{searched}, text, id, reason …"),
        Field("from", "From", "from", primary=True),
        Field("to", "To", "to", primary=True),
        Field("status", "Status", "choices", statuses, primary=True),
        Field("recipient", "Recipient" if channel == "email" else "Phone number"),
        content,
        Field("domain", "Recipient’s domain") if channel == "email" else Field("method", "Method", none=True),
        Field("sender", "Sender", none=True),
        Field("campaign", "Mailing", none=True),
        Field("category", "Category", none=True),
        Field("customer", "Customer", none=True),
        Field("document", "Document", none=True),
        *([Field("method", "Method", none=True)] if channel == "email" else []),
        Field("reached", "Ever was", "choices", [(name, name.replace("_", " ")) for name in COUNTS]),
        Field("gave_up", "Gave up", "choice", [("true", "yes"), ("false", "no")]),
        Field("updated_from", "Changed since", "from"),
        Field("reached_from", "For the first time from", "kept time"),
        Field("reached_to", "For the first time before", "kept time"),
        Field("clicked_link", "Clicked link", "kept", none=True),
        Field("subject_is", "Subject is", "kept", none=True),
        Field("cause", "Cause", "kept", list(CAUSE_LABELS.items()), none=True),
        Field("error_code", "Error", "kept", none=True),
        Field(
            "tracking",
            "Tracking",
            "kept",
            [("none", "declared untracked"), ("", "not declared untracked")],
            none=True,
        ),
        Field("day", "On the day", "kept"),
    ]


def _options(channel: str, vocabulary: str) -> list[Option]:
    """The statuses by their labels; where several have the same one, the status stands behind it."""
    labels = {status: label(status, channel, vocabulary=vocabulary) for status in Status}
    shared = Counter(labels.values())
    return [
        (str(status), f"{labels[status]} ({status})" if shared[labels[status]] > 1 else labels[status])
        for status in sorted(Status, key=lambda status: -status.rank)
    ]


ROUTES = [
    web.get(EMAIL, page(get_email_log)),
    web.get(SMS, page(get_sms_log)),
]
