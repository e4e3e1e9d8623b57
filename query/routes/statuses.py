"""GET /v1/statuses: every status in the tenant's words."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from query.context import Context, asked
from query.parameters import Parameter, choice
from runtime.http import json_response
from schemas.status import CHANNELS, WORDINGS, Status, label
from schemas.tenants import Principal

PARAMETERS = {"channel": Parameter(choice(*CHANNELS))}


async def get_statuses(request: web.Request) -> web.Response:
    """Label (of `channel`, else of email), labels of each channel, meaning, next step and rank; highest rank first."""
    context, principal, given = asked(request, PARAMETERS)
    return json_response(statuses_document(context, principal, given))


def statuses_document(context: Context, principal: Principal, given: Mapping[str, Any]) -> dict[str, Any]:
    """Every status, highest rank first."""
    tenant = principal.tenant if principal.tenant is not None else given.get("tenant")
    vocabulary = context.tenants.vocabulary(tenant) if tenant is not None else "waybill"
    channel = given.get("channel", "email")
    items = [
        {
            "status": status,
            "rank": status.rank,
            "label": label(status, channel, vocabulary=vocabulary),
            "labels": {each: label(status, each, vocabulary=vocabulary) for each in CHANNELS},
            "meaning": WORDINGS[status].meaning,
            "next_step": WORDINGS[status].next_step,
        }
        for status in sorted(Status, key=lambda status: -status.rank)
    ]
    return {"items": items, "next": None}
