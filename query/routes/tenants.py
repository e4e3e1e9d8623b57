"""GET /v1/tenants: the health of tenants as senders; POST /v1/tenants/{tenant}/release: one may send again. Operator only."""

import time
from typing import Any

from aiohttp import web
from aiokafka.errors import KafkaError
from pydantic import BaseModel, ConfigDict

from query.bodies import checked, read_json
from query.context import Context, asked
from query.cursors import decode_cursor, encode_cursor, question
from query.parameters import Parameter, choice, limit, refused, text
from query.sending import SENDING, Sending
from query.tenant_health import Counts, Sender, Standing, TenantRecord, released, senders_of
from runtime.http import json_response
from schemas.problems import FORBIDDEN, UNAVAILABLE, UNKNOWN_TENANT, ProblemError
from schemas.registration_fields import Name, Reason
from schemas.tenant_log import TenantNote
from schemas.tenants import Principal
from schemas.times import format_optional, format_time

PARAMETERS: dict[str, Parameter] = {
    "standing": Parameter(choice(*Standing)),
    "limit": Parameter(limit),
    "cursor": Parameter(text),
}
DEFAULT_LIMIT = 50

_MOST_SENDERS = 100
"""Senders of a tenant that are told: those that are warned or blocked first, then those that send most."""


class ReleaseBody(BaseModel):
    """Who releases a tenant, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    actor: Name
    reason: Reason


async def get_tenants(request: web.Request) -> web.Response:
    """A page of the tenants of the file, by name."""
    context, principal, given = asked(request, PARAMETERS)
    check_operator(principal)
    sending = request.app[SENDING]
    sending.check(counts=False)
    this = question("tenants", None, filters={n: given[n] for n in ("standing", "tenant") if n in given})
    after = decode_cursor(given["cursor"], this, [str])[0] if "cursor" in given else ""
    now = time.time_ns() // 1_000_000
    found = [
        name
        for name in sorted(context.tenants)
        if name > after
        and given.get("tenant") in (None, name)
        and given.get("standing") in (None, _record(sending, name).state(None).standing)
    ]
    size = given.get("limit", DEFAULT_LIMIT)
    items = [_item(sending, name, context.tenants[name].name, now) for name in found[:size]]
    more = encode_cursor(this, [found[size - 1]]) if len(found) > size else None
    return json_response({"items": items, "next": more})


async def post_release(request: web.Request) -> web.Response:
    """Writes the release into the tenants' log, where this server and all others read it."""
    context, principal, given = asked(request, {}, "admin")
    check_operator(principal)
    if given:
        raise refused("tenant", "expected no such parameter, the address names it")
    await release(
        context, request.app[SENDING], principal, request.match_info["tenant"], await read_json(request)
    )
    return json_response({"accepted": 1}, status=202)


async def release(context: Context, sending: Sending, principal: Principal, tenant: str, given: Any) -> None:
    """Releases a tenant; `given` is who does it and why, as ReleaseBody has them. Raises ProblemError."""
    check_operator(principal)
    if tenant not in context.tenants:
        raise ProblemError(UNKNOWN_TENANT)
    body = checked(given, ReleaseBody)
    note = released(tenant, body.actor, body.reason, principal.key, time.time_ns() // 1_000_000)
    try:
        await sending.tenants_log.write(note)
    except (KafkaError, OSError, TimeoutError) as fault:
        raise ProblemError(UNAVAILABLE, f"Kafka did not take it: {fault!r:.100}", retry_after=2) from None


def check_operator(principal: Principal) -> None:
    """Raises ProblemError `forbidden` where this is no operator's key."""
    if principal.tenant is not None:
        raise ProblemError(FORBIDDEN, "this needs an operator's key")


def _record(sending: Sending, tenant: str) -> TenantRecord:
    return sending.cache.tenants.get(tenant) or TenantRecord()


def _item(sending: Sending, tenant: str, name: str, now: int) -> dict[str, Any]:
    record = _record(sending, tenant)
    counts = sending.health.counts.get(tenant, {})
    senders = [sender for sender in senders_of(counts, record) if sender is not None]
    senders.sort(key=lambda sender: _by_weight(record, sender, counts.get(sender, Counts())))
    return {
        "tenant": tenant,
        "name": name,
        **_state(record, None, counts),
        "counted_from": format_time(sending.health.since(tenant, now)),
        "sending_history": sending.health.history(tenant),
        "senders": [{"sender": each, **_state(record, each, counts)} for each in senders[:_MOST_SENDERS]],
        "history": [_entry(note) for note in reversed(record.entries)],
    }


def _by_weight(record: TenantRecord, sender: str, counts: Counts) -> tuple[bool, int]:
    return record.state(sender).standing is Standing.OK, -counts.sent


def _state(record: TenantRecord, sender: Sender, counts: dict[Sender, Counts]) -> dict[str, Any]:
    state = record.state(sender)
    return {
        "standing": state.standing,
        "reason": state.reason,
        "since": format_optional(state.since),
        **counts.get(sender, Counts()).document(),
    }


def _entry(note: TenantNote) -> dict[str, Any]:
    return {
        "at": format_time(note.at),
        "kind": note.kind,
        "sender": note.sender,
        "actor": note.actor,
        "reason": note.reason,
        "figures": note.figures,
        "recorded_by": note.recorded_by,
    }
