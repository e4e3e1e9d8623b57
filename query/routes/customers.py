"""GET /v1/customers/{customer}: a customer with addresses and standing, all messages, and why they do not receive."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from query.auth import scope_of
from query.context import Context, asked
from query.diagnosis import CustomerEvidence, of_customer
from query.evidence import NEWEST, Known, about_addresses, evidence_of, the_customer
from query.filters import add_shared
from query.lists import is_stream
from query.parameters import Parameter, zone
from query.routes.addresses import consent_document, standing_document
from query.routes.messages import PARAMETERS, log_document, stream_log
from query.sql.addresses import Place
from query.sql.customers import sent_to
from query.sql.where import Scope, Where
from runtime.http import json_response
from schemas.tenants import Principal

DIAGNOSIS_PARAMETERS: dict[str, Parameter] = {"tz": Parameter(zone)}
_ADDRESSES = 20
"""Addresses of one customer that a diagnosis looks into."""

Found = tuple[str, CustomerEvidence]
"""A customer's tenant, and the customer."""


async def get_customer(request: web.Request) -> web.Response:
    """The customer, with the addresses on file and those that messages went to besides."""
    context, principal, given = asked(request, {})
    return json_response(await customer_document(context, principal, given, request.match_info["customer"]))


async def customer_document(
    context: Context,
    principal: Principal,
    given: Mapping[str, Any],
    customer_id: str,
    found: Found | None = None,
) -> dict[str, Any]:
    """A customer with addresses, each with standing and consent; here and below, `found` spares looking for it where that was
    done. Raises ProblemError."""
    tenant, customer = found or await the_customer(context, scope_of(principal, given), customer_id)
    looked_into = await about_addresses(context, tenant, _places(customer), newest=0)
    known = {(one.channel, one.address): one for one in looked_into}
    registered = customer.registered or {}
    document = {
        "customer": customer.customer,
        "registered": customer.registered is not None,
        **{name: registered.get(name) for name in ("kind", "name", "created_at", "updated_at")},
        "addresses": [
            {
                **{name: each[name] for name in ("address", "address_as_given", "channel", "primary")},
                **_state(known[each["channel"], each["address"]]),
            }
            for each in customer.addresses
        ],
        "other_addresses": [
            {
                "address": use.address,
                "channel": use.channel,
                "messages": use.messages,
                "last_at": use.last_at,
                **_state(known[use.channel, use.address]),
            }
            for use in customer.uses
            if not customer.is_on_file(use.channel, use.address)
        ],
    }
    return ({"tenant": tenant} if principal.tenant is None else {}) | document


def _state(known: Known) -> dict[str, Any]:
    """Standing and consent of an address."""
    standing = standing_document(known)
    return {
        **{name: standing[name] for name in ("standing", "reason", "since")},
        **consent_document(known.consents),
    }


async def get_customer_messages(request: web.Request) -> web.StreamResponse:
    """The log over all addresses of the customer, and of all messages that name them."""
    context, principal, given = asked(request, PARAMETERS)
    customer_id = request.match_info["customer"]
    if is_stream(given):
        return await stream_customer_messages(request, context, principal, given, customer_id)
    return json_response(await customer_messages_document(context, principal, given, customer_id))


async def customer_messages_document(
    context: Context,
    principal: Principal,
    given: Mapping[str, Any],
    customer_id: str,
    found: Found | None = None,
) -> dict[str, Any]:
    """A page of a customer's messages. Raises ProblemError."""
    where = _messages_of(found or await the_customer(context, scope_of(principal, given), customer_id), given)
    name = f"messages of customer {customer_id}"
    return await log_document(context, principal, given, where, name, are_few=True)


async def stream_customer_messages(
    request: web.Request,
    context: Context,
    principal: Principal,
    given: Mapping[str, Any],
    customer_id: str,
) -> web.StreamResponse:
    """All of a customer's messages in the format asked for. Raises ProblemError."""
    where = _messages_of(await the_customer(context, scope_of(principal, given), customer_id), given)
    return await stream_log(request, context, principal, given, where)


def _messages_of(found: Found, given: Mapping[str, Any]) -> Where:
    tenant, customer = found
    where = sent_to(Scope(tenant), customer.customer, [each["address"] for each in customer.addresses])
    add_shared(where, given)
    return where


async def get_customer_diagnosis(request: web.Request) -> web.Response:
    """Why does this customer not receive?"""
    context, principal, given = asked(request, DIAGNOSIS_PARAMETERS)
    customer_id = request.match_info["customer"]
    return json_response(await customer_diagnosis_document(context, principal, given, customer_id))


async def customer_diagnosis_document(
    context: Context,
    principal: Principal,
    given: Mapping[str, Any],
    customer_id: str,
    found: Found | None = None,
) -> dict[str, Any]:
    """The diagnosis of a customer. Raises ProblemError."""
    tenant, customer = found or await the_customer(context, scope_of(principal, given), customer_id)
    known = await about_addresses(context, tenant, _places(customer)[:_ADDRESSES], NEWEST)
    told_in = given.get("tz", "UTC")
    evidence = await evidence_of(context, known, customer, told_in)
    return of_customer(customer, evidence, told_in).document()


def _places(customer: CustomerEvidence) -> list[Place]:
    """The customer's addresses: the primary ones first, then the others on file, then others in use."""
    on_file = sorted(customer.addresses, key=lambda each: not each["primary"])
    places = [(each["channel"], each["address"]) for each in on_file]
    places += [(use.channel, use.address) for use in customer.uses]
    return list(dict.fromkeys(places))
