"""GET …/issue-report of a message or an address: what support asks for, as JSON or as text."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from query.context import Context, asked
from query.issue_report import PARAMETERS, name_of, of_an_address, of_message
from query.issue_report_text import file_name, issue_text
from query.parameters import Parameter, text
from query.routes.addresses import ONE_PARAMETERS, place_of
from runtime.http import json_response
from schemas.tenants import Principal

MESSAGE_PARAMETERS: dict[str, Parameter] = {"recipient": Parameter(text), **PARAMETERS}
ADDRESS_PARAMETERS: dict[str, Parameter] = {**ONE_PARAMETERS, **PARAMETERS}


async def get_message_issue_report(request: web.Request) -> web.Response:
    """The report on a message."""
    context, principal, given = asked(request, MESSAGE_PARAMETERS)
    document = await of_message(context, principal, given, request.match_info["message_id"])
    return _answer(context, given, document)


async def get_address_issue_report(request: web.Request) -> web.Response:
    """The report on an address."""
    context, principal, given = asked(request, ADDRESS_PARAMETERS)
    document = await address_issue_report(context, principal, given, request.match_info["address"])
    return _answer(context, given, document)


async def address_issue_report(
    context: Context, principal: Principal, given: Mapping[str, Any], address: str
) -> dict[str, Any]:
    """The report on an address, as it is spelled. Raises ProblemError."""
    return await of_an_address(context, principal, given, place_of(given, address), address)


def _answer(context: Context, given: Mapping[str, Any], document: Mapping[str, Any]) -> web.Response:
    return text_answer(context, document) if given.get("format") == "text" else json_response(document)


def text_of(context: Context, document: Mapping[str, Any]) -> str:
    """A report as plain text."""
    tenant = context.tenants.tenants.get(document["tenant"] or "")
    return issue_text(document, tenant.name if tenant else None)


def text_answer(context: Context, document: Mapping[str, Any]) -> web.Response:
    """A report as a file of plain text."""
    return web.Response(
        text=text_of(context, document),
        content_type="text/plain",
        charset="utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file_name(name_of(document))}"'},
    )
