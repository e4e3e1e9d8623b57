"""GET /v1/consents: who is in and who is out, now or then; and the log of every change."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from query.auth import scope_of
from query.context import Context, asked
from query.lists import is_stream, list_document, list_parameters, stream_list
from query.parameters import Parameter, choice, domain, stripped, text, time
from query.sql.consents import CONSENTS, LOG, OF_MESSAGES, add_filters, add_log_filters, as_of
from query.sql.lists import Listed
from query.sql.where import Where
from runtime.http import json_response
from schemas.addresses import channel_of, normalise
from schemas.consent import CATEGORIES, EVERY_CATEGORY, IN, OUT, SOURCES
from schemas.status import CHANNELS
from schemas.tenants import Principal

FILTERS: dict[str, Parameter] = {
    "category": Parameter(choice(*CATEGORIES, EVERY_CATEGORY)),
    "channel": Parameter(choice(*CHANNELS)),
    "address": Parameter(text),
    "domain": Parameter(domain),
    "sender": Parameter(stripped),
    "source": Parameter(choice(*SOURCES)),
    **{name: Parameter(stripped) for name in ("customer", *OF_MESSAGES)},
    "from": Parameter(time),
    "to": Parameter(time),
}
PARAMETERS: dict[str, Parameter] = {
    **FILTERS,
    "state": Parameter(choice(IN, OUT)),
    "as_of": Parameter(time),
    **list_parameters(CONSENTS),
}
LOG_PARAMETERS: dict[str, Parameter] = {
    **FILTERS,
    "consent": Parameter(choice(IN, OUT)),
    "actor": Parameter(stripped),
    **list_parameters(LOG),
}


async def get_consents(request: web.Request) -> web.StreamResponse:
    """Consents as they are, or with `as_of` as they were."""
    context, principal, given = asked(request, PARAMETERS)
    if is_stream(given):
        return await stream_consents(request, context, principal, given)
    return json_response(await consents_document(context, principal, given))


async def consents_document(
    context: Context, principal: Principal, given: Mapping[str, Any]
) -> dict[str, Any]:
    """A page of consents. Raises ProblemError."""
    return await list_document(context, principal, given, *_consents(principal, given))


async def stream_consents(
    request: web.Request, context: Context, principal: Principal, given: Mapping[str, Any]
) -> web.StreamResponse:
    """All of them in the format asked for. Raises ProblemError."""
    return await stream_list(request, context, principal, given, *_consents(principal, given))


def _consents(principal: Principal, given: Mapping[str, Any]) -> tuple[Listed, Where]:
    scope = scope_of(principal, given)
    where = Where(scope)
    listed = as_of(where, given["as_of"]) if "as_of" in given else CONSENTS
    add_filters(where, normalised(given), scope)
    return listed, where


async def get_consent_log(request: web.Request) -> web.StreamResponse:
    """Every change of consent, the newest first."""
    context, principal, given = asked(request, LOG_PARAMETERS)
    if is_stream(given):
        return await stream_consent_log(request, context, principal, given)
    return json_response(await consent_log_document(context, principal, given))


async def consent_log_document(
    context: Context, principal: Principal, given: Mapping[str, Any]
) -> dict[str, Any]:
    """A page of changes. Raises ProblemError."""
    return await list_document(context, principal, given, LOG, _changes(principal, given))


async def stream_consent_log(
    request: web.Request, context: Context, principal: Principal, given: Mapping[str, Any]
) -> web.StreamResponse:
    """All of them in the format asked for. Raises ProblemError."""
    return await stream_list(request, context, principal, given, LOG, _changes(principal, given))


def _changes(principal: Principal, given: Mapping[str, Any]) -> Where:
    scope = scope_of(principal, given)
    where = Where(scope)
    add_log_filters(where, normalised(given), scope)
    return where


def normalised(given: Mapping[str, Any]) -> dict[str, Any]:
    """The address and the sender as addresses are compared. Only consents to text messages are of one sender."""
    found = dict(given)
    if address := given.get("address"):
        found["address"] = normalise(given.get("channel") or channel_of(address), address)
    if sender := given.get("sender"):
        found["sender"] = normalise("sms", sender)
    return found
