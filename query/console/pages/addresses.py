"""The suppression list, and all that is known of one address."""

import asyncio
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from query.console.forms import CHANNELS, Field, form_of
from query.console.navigation import Entry
from query.console.page import page, render
from query.console.pages.log import LOGS
from query.console.visit import Visit
from query.console.wording import STANDING_REASONS
from query.lists import is_stream
from query.routes.addresses import (
    LIST_PARAMETERS,
    ONE_PARAMETERS,
    address_document,
    addresses_document,
    diagnosis_document,
    place_of,
    stream_addresses,
)
from query.routes.sendability import Question, sendability_document
from query.sending import SENDING
from query.sql.addresses import ADDRESSES, Place
from schemas.consent import CATEGORIES, EVERY_CATEGORY
from schemas.problems import NOT_FOUND, UNAVAILABLE, ProblemError
from schemas.standing import Standing

SUPPRESSED = "/addresses"

LIST = Entry("People", "Suppression list", SUPPRESSED)
ENTRIES = (LIST,)

FILTERS = [
    Field("address", "Search", "search", primary=True, placeholder="Address or number"),
    Field(
        "reason",
        "Reason",
        "choices",
        [(reason, told.label) for reason, told in STANDING_REASONS.items()],
        primary=True,
    ),
    Field("channel", "Channel", "choice", CHANNELS, primary=True),
    Field("from", "Since", "from", primary=True),
    Field("to", "Until", "to", primary=True),
    Field("domain", "Domain"),
    Field("customer", "On file of customer"),
    Field("campaign", "Got the mailing"),
    Field("category", "Got messages of category"),
    Field("sender", "Got messages from"),
]


async def get_suppressed(visit: Visit) -> web.StreamResponse:
    """GET /addresses: the parameters are those of GET /v1/addresses, the standing is invalid."""
    given = visit.read(LIST_PARAMETERS, standing=Standing.INVALID)
    if is_stream(given):
        return await stream_addresses(visit.request, visit.context, visit.principal, given)
    document = await addresses_document(visit.context, visit.principal, given)
    return render(
        visit,
        "addresses.html",
        form=form_of(visit, FILTERS),
        sort=given.get("sort", ADDRESSES.default_sort),
        items=document["items"],
        next=document["next"],
    )


async def get_address(visit: Visit) -> web.StreamResponse:
    """GET /addresses/{address}?channel=: with its diagnosis, also where nothing is known of it."""
    given = visit.read(ONE_PARAMETERS)
    address = visit.request.match_info["address"]
    place = place_of(given, address)
    diagnosis, known = await asyncio.gather(
        diagnosis_document(visit.context, visit.principal, {**given, "tz": visit.zone}, address),
        _known(visit, given, address),
    )
    if known is None:
        return render(
            visit, "unknown_address.html", status=404, place=place, diagnosis=diagnosis, above=LOGS[place[0]]
        )
    tenant = known.get("tenant") or visit.principal.tenant
    assert tenant is not None, "what is known of an address is known of one tenant's"
    rules = visit.context.tenants.tenants.get(tenant)
    return render(
        visit,
        "address.html",
        above=LIST if known["standing"] == Standing.INVALID else LOGS[known["channel"]],
        known=known,
        tenant=tenant if visit.is_operator else None,
        diagnosis=diagnosis,
        limit=rules.soft_bounce_limit if rules else None,
        categories=[*CATEGORIES, *([EVERY_CATEGORY] if EVERY_CATEGORY in known["consent"] else [])],
        may_send=await _may_send(visit, tenant, place),
    )


async def _known(visit: Visit, given: Mapping[str, Any], address: str) -> dict[str, Any] | None:
    try:
        return await address_document(visit.context, visit.principal, given, address)
    except ProblemError as problem:
        if problem.problem is not NOT_FOUND:
            raise
        return None


async def _may_send(visit: Visit, tenant: str, place: Place) -> dict[str, dict[str, Any]]:
    """The answer to “May we send?” for each category; none where it cannot be told now."""
    rules, (channel, address) = visit.context.tenants.tenants.get(tenant), place
    if rules is None:
        return {}
    found = {}
    for category in CATEGORIES:
        question = Question.model_validate({"channel": channel, "category": category, "addresses": [address]})
        try:
            answer = await sendability_document(visit.request.app[SENDING], tenant, rules, question)
        except ProblemError as problem:
            if problem.problem is not UNAVAILABLE:
                raise
            return {}
        found[category] = answer["items"][0]
    return found


ROUTES = [
    web.get(SUPPRESSED, page(get_suppressed)),
    web.get("/addresses/{address}", page(get_address)),
]
