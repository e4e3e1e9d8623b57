"""GET /v1/addresses, and what is known and found of one of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from aiohttp import web

from query.auth import scope_of
from query.context import Context, asked
from query.diagnosis import of_address
from query.evidence import NEWEST, Known, about_address, evidence_of
from query.lists import is_stream, list_document, list_parameters, stream_list
from query.parameters import Parameter, choice, domain, stripped, time, zone
from query.sql.addresses import ADDRESSES, FIELDS, OF_MESSAGES, Place, add_filters
from query.sql.messages import FIELDS as MESSAGE_FIELDS
from query.sql.where import Scope, Where
from runtime.http import json_response
from schemas.addresses import channel_of, normalise
from schemas.consent import OUT
from schemas.problems import NOT_FOUND, ProblemError
from schemas.standing import Reason, Standing
from schemas.status import CHANNELS
from schemas.tenants import Principal

LIST_PARAMETERS: dict[str, Parameter] = {
    "standing": Parameter(choice(*Standing)),
    "reason": Parameter(choice(*Reason), many=True),
    "channel": Parameter(choice(*CHANNELS)),
    "domain": Parameter(domain),
    "address": Parameter(stripped),
    **{name: Parameter(stripped) for name in ("customer", *OF_MESSAGES)},
    "from": Parameter(time),
    "to": Parameter(time),
    **list_parameters(ADDRESSES),
}
ONE_PARAMETERS: dict[str, Parameter] = {"channel": Parameter(choice(*CHANNELS))}
DIAGNOSIS_PARAMETERS: dict[str, Parameter] = {**ONE_PARAMETERS, "tz": Parameter(zone)}

_LAST_MESSAGES = 10


async def get_addresses(request: web.Request) -> web.StreamResponse:
    """Addresses with their standing; with standing=invalid the suppression list."""
    context, principal, given = asked(request, LIST_PARAMETERS)
    if is_stream(given):
        return await stream_addresses(request, context, principal, given)
    return json_response(await addresses_document(context, principal, given))


async def addresses_document(
    context: Context, principal: Principal, given: Mapping[str, Any]
) -> dict[str, Any]:
    """A page of addresses with their standing. Raises ProblemError."""
    return await list_document(
        context, principal, given, ADDRESSES, _listed(scope_of(principal, given), given)
    )


async def stream_addresses(
    request: web.Request, context: Context, principal: Principal, given: Mapping[str, Any]
) -> web.StreamResponse:
    """All of them in the format asked for. Raises ProblemError."""
    where = _listed(scope_of(principal, given), given)
    return await stream_list(request, context, principal, given, ADDRESSES, where)


def _listed(scope: Scope, given: Mapping[str, Any]) -> Where:
    where = Where(scope)
    add_filters(where, given, scope)
    return where


async def get_address(request: web.Request) -> web.Response:
    """One address: its standing, its consents and its last messages."""
    context, principal, given = asked(request, ONE_PARAMETERS)
    return json_response(await address_document(context, principal, given, request.match_info["address"]))


async def address_document(
    context: Context, principal: Principal, given: Mapping[str, Any], address: str
) -> dict[str, Any]:
    """What is known of an address. Raises ProblemError where nothing is."""
    place = place_of(given, address)
    known = await about_address(context, scope_of(principal, given), place, _LAST_MESSAGES)
    if known is None:
        raise ProblemError(NOT_FOUND, "nothing is known of this address")
    document = {
        **standing_document(known),
        **consent_document(known.consents),
        "customers": [
            {
                "customer": row["customer"],
                "kind": row["kind"],
                "name": row["name"],
                "primary": any(
                    each["primary"]
                    for each in row["addresses"]
                    if (each["channel"], each["address"]) == place
                ),
            }
            for row in known.customers
        ],
        "last_messages": [{name: row[name] for name in MESSAGE_FIELDS} for row in known.messages],
    }
    return ({"tenant": known.tenant} if principal.tenant is None else {}) | document


async def get_diagnosis(request: web.Request) -> web.Response:
    """Why does this address not receive?"""
    context, principal, given = asked(request, DIAGNOSIS_PARAMETERS)
    return json_response(await diagnosis_document(context, principal, given, request.match_info["address"]))


async def diagnosis_document(
    context: Context, principal: Principal, given: Mapping[str, Any], address: str
) -> dict[str, Any]:
    """The diagnosis of an address, known or not. Raises ProblemError."""
    place = place_of(given, address)
    scope = scope_of(principal, given)
    known = await about_address(context, scope, place, NEWEST)
    # Also of an address that nobody ever wrote to there is something to say, be it only how it is written.
    looked_at = known or Known(scope.tenant or "", *place, None, [], [])
    (evidence,) = await evidence_of(context, [looked_at], zone=given.get("tz", "UTC"))
    if known is None:
        evidence = replace(evidence, spellings=[address])
    return of_address(evidence).document()


def place_of(given: Mapping[str, Any], text: str) -> Place:
    """Channel and normalised address that a path names. Raises ProblemError where nothing is left of it to look for."""
    channel = given.get("channel") or channel_of(text)
    address = normalise(channel, text)
    if not address:
        raise ProblemError(NOT_FOUND, "expected an address in the path")
    return channel, address


def standing_document(known: Known) -> dict[str, Any]:
    """The standing of an address; valid where nothing was ever heard that speaks against it."""
    if known.standing is not None:
        return {name: known.standing[name] for name in FIELDS}
    return dict.fromkeys(FIELDS) | {
        "address": known.address,
        "channel": known.channel,
        "standing": Standing.VALID,
        "reasons": [],
        "complained": False,
        "soft_bounces_in_a_row": 0,
    }


def consent_document(consents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Consents by category, as they count where no sender is named: an opt-out before an opt-in, then what is of no single
    sender, then the latest. And those that are of one sender alone, by sender and category."""
    by_category: dict[str, Any] = {}
    by_sender: dict[str, dict[str, Any]] = {}
    for row in sorted(consents, key=lambda row: (row["state"] == OUT, row["sender"] is None, row["since"])):
        told = {
            name: row[name] for name in ("state", "since", "source", "actor", "sender", "evidence", "reason")
        }
        by_category[row["category"]] = told
        if row["sender"]:
            by_sender.setdefault(row["sender"], {})[row["category"]] = told
    return {"consent": by_category, "consent_by_sender": by_sender}
