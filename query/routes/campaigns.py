"""GET /v1/campaigns: mailings with their figures; of one campaign also its opens and clicks over time, and its links."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from aiohttp import web

from query.auth import scope_of
from query.context import Context, asked
from query.evidence import only_tenant
from query.exports import FORMATS
from query.filters import DRILLED, SHARED, add_shared, attributed, span_of
from query.latest_mailings import latest_mailings
from query.lists import Paging, answer_list, is_stream, item_reader, list_document, stream_list
from query.parameters import Parameter, choice, limit, stripped, text, zone
from query.periods import Span
from query.previous_mailings import add_previous
from query.sql.campaigns import (
    LINK_SORT_VALUES,
    SORT_VALUES,
    add_mailing_filters,
    links_list,
    mailings_list,
    span_sql,
    tenants_sql,
    timeline_list,
    unattributed_sql,
)
from query.sql.lists import Listed, page_sql, whole_sql
from query.sql.where import Scope, Where
from runtime.http import json_response
from schemas.problems import NOT_FOUND, ProblemError
from schemas.tenants import Principal
from schemas.times import parse_time

_COMPARE = Parameter(choice("previous"))
_FORMAT = Parameter(choice("json", *FORMATS))
_OF_RANGE = ("from", "to", "day")

PARAMETERS: dict[str, Parameter] = {
    **SHARED,
    **DRILLED,
    "q": Parameter(stripped),
    "compare": _COMPARE,
    "sort": Parameter(choice(*SORT_VALUES)),
    "limit": Parameter(limit),
    "cursor": Parameter(text),
    "format": _FORMAT,
}
ONE_PARAMETERS: dict[str, Parameter] = {"compare": _COMPARE}
TIMELINE_PARAMETERS: dict[str, Parameter] = {
    **SHARED,
    "bucket": Parameter(choice("hour", "day")),
    "tz": Parameter(zone),
    "sort": Parameter(choice("at", "-at")),
    "limit": Parameter(limit),
    "cursor": Parameter(text),
    "format": _FORMAT,
}
LINKS_PARAMETERS: dict[str, Parameter] = {
    **SHARED,
    "sort": Parameter(choice(*LINK_SORT_VALUES)),
    "limit": Parameter(limit),
    "cursor": Parameter(text),
    "format": _FORMAT,
}


Found = tuple[str, tuple[int, int]]
"""A campaign's tenant, and between which times all its messages lie, ms."""


async def get_campaigns(request: web.Request) -> web.StreamResponse:
    """Mailings, the latest first: a page of them as JSON or all as a stream."""
    context, principal, given = asked(request, PARAMETERS)
    if is_stream(given):
        return await stream_campaigns(request, context, principal, given)
    return json_response(await campaigns_document(context, principal, given))


async def campaigns_document(
    context: Context, principal: Principal, given: Mapping[str, Any]
) -> dict[str, Any]:
    """A page of mailings, the latest first. Raises ProblemError."""
    document = await _page(context, principal, given)
    if "compare" in given:
        scope = scope_of(principal, given)
        await add_previous(context, scope, given, span_of(given), document["items"])
    return document


async def _page(context: Context, principal: Principal, given: Mapping[str, Any]) -> dict[str, Any]:
    listed, mailings = _mailings(principal, given, compare=False)
    if given.get("sort", listed.default_sort) != listed.default_sort:
        return await list_document(context, principal, given, listed, mailings)

    def mailings_of(span: Span) -> tuple[Listed, Where]:
        within = {name: value for name, value in given.items() if name not in _OF_RANGE}
        ends = {name: end for name, end in zip(("from", "to"), span, strict=True) if end is not None}
        return _mailings(principal, within | ends, compare=False)

    order = listed.order(listed.default_sort)
    paging = Paging(principal, given, listed.name, order)
    rows = await latest_mailings(
        context,
        _rows(principal, given, _OF_RANGE),
        mailings_of,
        order,
        paging.size + 1,
        span_of(given),
        given.get("tz", "UTC"),
        paging.place,
        with_tenant=principal.tenant is None,
    )
    return paging.document(rows, item_reader(listed))


async def stream_campaigns(
    request: web.Request, context: Context, principal: Principal, given: Mapping[str, Any]
) -> web.StreamResponse:
    """All mailings in the format asked for. Raises ProblemError."""
    mailings = _mailings(principal, given, compare="compare" in given)
    return await stream_list(request, context, principal, given, *mailings)


def _mailings(principal: Principal, given: Mapping[str, Any], *, compare: bool) -> tuple[Listed, Where]:
    # The mailing before is another one, so that its rows must be among those that are read.
    left_out = (*_OF_RANGE, "campaign") if compare else _OF_RANGE
    rows = _rows(principal, given, left_out)
    listed = mailings_list(rows, given.get("tz", "UTC"), span_of(given), compare=compare)
    mailings = rows.around()
    add_mailing_filters(mailings, given)
    return listed, mailings


def _rows(principal: Principal, given: Mapping[str, Any], left_out: Sequence[str]) -> Where:
    """The rows that pass these filters but those left out."""
    rows = Where(scope_of(principal, given))
    add_shared(rows, {name: value for name, value in given.items() if name not in left_out})
    return rows


async def get_campaign(request: web.Request) -> web.Response:
    """One campaign with its figures."""
    context, principal, given = asked(request, ONE_PARAMETERS)
    return json_response(await campaign_document(context, principal, given, request.match_info["campaign"]))


async def campaign_document(
    context: Context,
    principal: Principal,
    given: Mapping[str, Any],
    campaign: str,
    found: Found | None = None,
) -> dict[str, Any]:
    """A campaign with its figures and what is unattributed; here and below, `found` spares looking for it where that was
    done. Raises ProblemError where there is none of this name."""
    tenant, span = found or await find_campaign(context, principal, given, campaign)
    document, unattributed = await asyncio.gather(
        _one(context, tenant, span, campaign, compare="compare" in given),
        _unattributed(context, tenant, span, campaign),
    )
    document["unattributed"] = unattributed
    return {name: value for name, value in document.items() if name != "tenant" or principal.tenant is None}


async def _one(
    context: Context, tenant: str, span: tuple[int, int], campaign: str, *, compare: bool
) -> dict[str, Any]:
    """The campaign as an item of the list, with the one before it where that is asked."""
    rows = Where(Scope(tenant))
    rows.equal("m.campaign", campaign)
    listed = mailings_list(rows, "UTC", span, are_campaigns=True)
    mailings = rows.around()
    add_mailing_filters(mailings, {"campaign": campaign})
    sql = page_sql(listed, mailings, listed.order(listed.default_sort), 1, with_tenant=True)
    (document,) = map(item_reader(listed), await context.rows(sql, mailings.parameters))
    if compare:
        since = parse_time(document["first_at"]), None
        await add_previous(context, Scope(tenant), {}, since, [document])
    return document


async def _unattributed(
    context: Context, tenant: str, span: tuple[int, int], campaign: str
) -> dict[str, Any]:
    """Opens and clicks of the campaign's messages that name no recipient."""
    around = Where(Scope(tenant))
    sql = unattributed_sql(around, campaign, span)
    (unattributed,) = await context.rows(sql, around.parameters)
    return unattributed


async def get_timeline(request: web.Request) -> web.StreamResponse:
    """Opens and clicks of a campaign over time, as JSON or as a stream."""
    context, principal, given = asked(request, TIMELINE_PARAMETERS)
    campaign = request.match_info["campaign"]
    if not is_stream(given):
        return json_response(await timeline_document(context, principal, given, campaign))
    listed, where = _timeline(*await find_campaign(context, principal, given, campaign), given, campaign)
    return await stream_list(request, context, principal, given, listed, where)


async def timeline_document(
    context: Context,
    principal: Principal,
    given: Mapping[str, Any],
    campaign: str,
    found: Found | None = None,
) -> dict[str, Any]:
    """First opens and clicks of a campaign in each hour or day, all of them unless pages are asked for. Raises ProblemError."""
    tenant, span = found or await find_campaign(context, principal, given, campaign)
    listed, where = _timeline(tenant, span, given, campaign)
    if "limit" in given or "cursor" in given:
        return await list_document(context, principal, given, listed, where)
    order = listed.order(given.get("sort", listed.default_sort))
    sql = whole_sql(listed, where, order, with_tenant=False)
    return {"items": await context.rows(sql, where.parameters), "next": None}


def _timeline(tenant: str, span: Span, given: Mapping[str, Any], campaign: str) -> tuple[Listed, Where]:
    rows = attributed(Scope(tenant), given)
    rows.equal("m.campaign", campaign)
    rows.between("m.filed_at", *span)
    listed = timeline_list(rows, given.get("bucket", "hour"), given.get("tz", "UTC"))
    return replace(listed, name=f"timeline of {campaign}"), rows.around()


async def get_links(request: web.Request) -> web.StreamResponse:
    """The links of a campaign that were clicked: a page of them as JSON or all as a stream."""
    context, principal, given = asked(request, LINKS_PARAMETERS)
    campaign = request.match_info["campaign"]
    listed, where = _links(*await find_campaign(context, principal, given, campaign), given, campaign)
    return await answer_list(request, context, principal, given, listed, where)


async def links_document(
    context: Context,
    principal: Principal,
    given: Mapping[str, Any],
    campaign: str,
    found: Found | None = None,
) -> dict[str, Any]:
    """A page of the links of a campaign that were clicked. Raises ProblemError."""
    tenant, span = found or await find_campaign(context, principal, given, campaign)
    listed, where = _links(tenant, span, given, campaign)
    return await list_document(context, principal, given, listed, where)


def _links(tenant: str, span: Span, given: Mapping[str, Any], campaign: str) -> tuple[Listed, Where]:
    rows = Where(Scope(tenant))
    add_shared(rows, given)
    rows.equal("m.campaign", campaign)
    rows.between("m.filed_at", *span)
    listed = links_list(tenant, rows)
    return replace(listed, name=f"links of {campaign}"), rows.around()


async def find_campaign(
    context: Context, principal: Principal, given: Mapping[str, Any], campaign: str
) -> Found:
    """Whose campaign it is, and between which times all its messages lie. Raises ProblemError where there is none of this
    name, or several tenants have one.

    A mailing is a matter of days: within them all else is found quickly, however long the log is.
    """
    scope = scope_of(principal, given)
    named = Where(scope)
    named.equal("m.campaign", campaign)
    (ends,) = await context.rows(span_sql(named), named.parameters)
    span = (int(ends["first_ms"]), int(ends["last_ms"]) + 1)
    named.between("m.filed_at", *span)
    tenant = only_tenant(await context.rows(tenants_sql(named), named.parameters) if ends["rows"] else ())
    if tenant is None:
        raise ProblemError(NOT_FOUND, "no campaign of this name")
    return tenant, span
