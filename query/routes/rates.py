"""GET /v1/rates: counts and rates by group."""

import time as clock
from typing import Any

from aiohttp import web

from query.auth import scope_of
from query.context import asked
from query.cursors import decode_cursor, encode_cursor, question
from query.filters import SHARED, attributed
from query.parameters import Parameter, choice, limit, refused, text, zone
from query.sql.rates import BY_TENANT, GROUPS, Period, figures, order_of, rates_sql
from runtime.http import json_response
from schemas.status import COUNTS
from schemas.tenants import Principal

_MOST_GROUPS = 2
DEFAULT_LIMIT = 50


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
    "group_by": Parameter(_groups),
    "tz": Parameter(zone),
    "compare": Parameter(choice("previous")),
    "sort": Parameter(choice(*(f"{minus}{name}" for name in ("key", *COUNTS) for minus in ("", "-")))),
    "limit": Parameter(limit),
    "cursor": Parameter(text),
}
_NOT_THE_QUESTION = ("limit", "cursor")


async def get_rates(request: web.Request) -> web.Response:
    """Counts and rates, one item a group."""
    context, principal, given = asked(request, PARAMETERS)
    groups: list[str] = given.get("group_by", [])
    _check_groups(groups, principal)
    period = _period(given)
    where = attributed(
        scope_of(principal, given),
        {name: value for name, value in given.items() if name not in ("from", "to")},
    )
    order = order_of(groups, given.get("sort"))
    this = question(
        "rates", principal.tenant, filters={n: v for n, v in given.items() if n not in _NOT_THE_QUESTION}
    )
    size = given.get("limit", DEFAULT_LIMIT)
    place = None
    if "cursor" in given:
        place = decode_cursor(
            given["cursor"], this, [str if column.kind == "String" else int for column in order]
        )
    sql = rates_sql(where, groups, given.get("tz", "UTC"), period, order, place, size + 1)
    rows = await context.rows(sql, where.parameters)
    more = encode_cursor(this, [rows[size - 1][column.sql] for column in order]) if len(rows) > size else None
    return json_response({"items": [_item(row, groups, period) for row in rows[:size]], "next": more})


def _check_groups(groups: list[str], principal: Principal) -> None:
    if BY_TENANT in groups and principal.tenant is not None:
        raise refused("group_by", "only the operator's keys may group by tenant")


def _period(given: dict[str, Any]) -> Period:
    from_ms, to_ms = given.get("from"), given.get("to")
    if "compare" not in given:
        return Period(from_ms, to_ms)
    if from_ms is None:
        raise refused("compare", "expected `from`, so that there is a period to compare with the one before")
    to_ms = int(clock.time() * 1000) if to_ms is None else to_ms
    if to_ms <= from_ms:
        raise refused("to", "expected a time after `from`")
    return Period(from_ms, to_ms, previous=True)


def _item(row: dict[str, Any], groups: list[str], period: Period) -> dict[str, Any]:
    item = {"key": {group: row[f"g{number}"] or None for number, group in enumerate(groups)}, **figures(row)}
    return item | {"previous": figures(row, "p_")} if period.previous else item
