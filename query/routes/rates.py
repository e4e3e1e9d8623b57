"""GET /v1/rates: counts and rates by group."""

import time as clock
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from query.auth import scope_of
from query.context import Context, asked
from query.exports import FORMATS
from query.filters import DRILLED, SHARED, attributed, span_of
from query.lists import answer_list, list_document
from query.parameters import Parameter, choice, limit, refused, text
from query.sql.lists import Listed
from query.sql.rates import BY_TENANT, GROUPS, Period, default_sort, rates_list
from query.sql.where import Where
from schemas.status import COUNTS
from schemas.tenants import Principal

_MOST_GROUPS = 2


def _groups(value: str) -> list[str]:
    groups = [] if value == "none" else value.split(",")
    for group in groups:
        if group not in (*GROUPS, BY_TENANT):
            raise ValueError(f"expected none, or up to two, comma-separated, of {', '.join(GROUPS)}")
    if len(groups) > _MOST_GROUPS or len(set(groups)) < len(groups):
        raise ValueError("expected up to two different groups")
    return groups


PARAMETERS: dict[str, Parameter] = {
    **SHARED,
    **DRILLED,
    "group_by": Parameter(_groups),
    "compare": Parameter(choice("previous")),
    "sort": Parameter(choice(*(f"{minus}{name}" for name in ("key", *COUNTS) for minus in ("", "-")))),
    "limit": Parameter(limit),
    "cursor": Parameter(text),
    "format": Parameter(choice("json", *FORMATS)),
}


async def get_rates(request: web.Request) -> web.StreamResponse:
    """Counts and rates, one item a group: a page of them as JSON or all as a stream."""
    context, principal, given = asked(request, PARAMETERS)
    return await answer_list(request, context, principal, given, *_asked_for(principal, given))


async def rates_document(context: Context, principal: Principal, given: Mapping[str, Any]) -> dict[str, Any]:
    """A page of counts and rates, one item a group. Raises ProblemError."""
    return await list_document(context, principal, given, *_asked_for(principal, given))


def _asked_for(principal: Principal, given: Mapping[str, Any]) -> tuple[Listed, Where]:
    groups: list[str] = given.get("group_by", [])
    if BY_TENANT in groups and principal.tenant is not None:
        raise refused("group_by", "only the operator's keys may group by tenant")
    period = _period(given)
    rows = attributed(
        scope_of(principal, given),
        {name: value for name, value in given.items() if name not in ("from", "to", "day")},
    )
    sort = given.get("sort", default_sort(groups))
    listed = rates_list(rows, groups, given.get("tz", "UTC"), period, sort)
    return listed, rows.around()


def _period(given: Mapping[str, Any]) -> Period:
    from_ms, to_ms = span_of(given)
    if "compare" not in given:
        return Period(from_ms, to_ms)
    if from_ms is None:
        raise refused(
            "compare",
            "expected `from` or `day`, so that there is a period to compare with the one before",
        )
    to_ms = int(clock.time() * 1000) if to_ms is None else to_ms
    if to_ms <= from_ms:
        raise refused("to", "expected a time after `from`")
    return Period(from_ms, to_ms, previous=True)
