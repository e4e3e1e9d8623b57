"""The standing of an address and everything else that is published of its facts: pure functions of the facts.

Which events count, and how: the product's definition, docs/data-model.md, “Address standing”.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from processors.address_facts import NEVER, AddressFacts
from processors.verdicts import Row, Soft, rows
from schemas.standing import PROVIDER_LIST_HINT, SCHEMA, Reason, Standing
from schemas.times import format_optional, format_time

_EVER = 2**53
"""A time in ms after all others."""


class Why(NamedTuple):
    """Why an address is invalid: the event that made it so, as far as it was told. `at` in ms since the epoch."""

    reason: Reason
    at: int
    event_id: str
    message_id: str | None
    code: str | None
    cause: str | None
    diagnostic: str | None


def reasons_of(facts: AddressFacts, soft_bounce_limit: int) -> list[Why]:
    """Everything that makes the address invalid now, in the order of Reason; none = valid.

    What happened until the latest reset does not count: of soft bounces, by the time the messages were sent.
    """
    return list(_reasons(facts, soft_bounce_limit, facts.reset_at, _EVER))


def _reasons(facts: AddressFacts, limit: int, after: int, until: int) -> Iterator[Why]:
    for reason in Reason:
        if reason is Reason.REPEATED_SOFT_BOUNCES:
            for row in rows(facts.window, after, until):
                if row.count >= limit:
                    yield _gave_up(row.soft(limit))
                    break
        else:
            for mark in facts.marks.get(reason, ()):
                if after < mark[0] <= until:
                    yield Why(reason, *mark)
                    break


def _gave_up(soft: Soft) -> Why:
    at, event_id, message_id, _subtype, code, cause, diagnostic = soft
    return Why(Reason.REPEATED_SOFT_BOUNCES, at, event_id, message_id, code, cause, diagnostic)


def published(facts: AddressFacts, soft_bounce_limit: int) -> bytes:
    """The value of a record of `waybill-address-standing`: schemas/json/waybill-address-standing/v1.schema.json.

    `soft_bounce_limit` is how many messages in a row of that tenant give up before the address is invalid.
    """
    whys = reasons_of(facts, soft_bounce_limit)
    why = whys[0] if whys else None
    row = next((row for row in rows(facts.window, facts.reset_at, _EVER) if row.newest), None)
    since = why.at if why else facts.resets[-1][0] if facts.resets else None
    return orjson.dumps(
        {
            "schema": SCHEMA,
            "tenant": facts.tenant,
            "channel": facts.channel,
            "address": facts.address,
            "standing": Standing.INVALID if why else Standing.VALID,
            "reason": why.reason if why else None,
            "reasons": [one.reason for one in whys],
            "complained": any(one.reason is Reason.COMPLAINT for one in whys),
            "since": format_optional(since),
            "event_id": why.event_id if why else None,
            "message_id": why.message_id if why else None,
            "cause": why.cause if why else None,
            "code": why.code if why else None,
            "diagnostic": why.diagnostic if why else None,
            "hint": PROVIDER_LIST_HINT if _on_the_providers_list(facts) else None,
            "soft_bounces_in_a_row": row.count if row else 0,
            "soft_bounce": _soft_bounce(row) if row else None,
            "last_verdict_at": format_time(facts.window.entries[-1][0]) if facts.window.entries else None,
            "reset": _reset(facts, soft_bounce_limit),
            "revision": facts.revision,
            "updated_at": format_time(facts.updated_at),
        }
    )


def _soft_bounce(row: Row) -> dict[str, Any]:
    at, event_id, message_id, subtype, code, cause, diagnostic = row.last
    return {
        "message_id": message_id,
        "event_id": event_id,
        "at": format_time(at),
        "subtype": subtype,
        "code": code,
        "cause": cause,
        "diagnostic": diagnostic,
    }


def _reset(facts: AddressFacts, limit: int) -> dict[str, Any] | None:
    """The latest reset, and what it lifted: the first reason for which the address was invalid when it came."""
    if not facts.resets:
        return None
    at, _, actor, reason, key = facts.resets[-1]
    before = facts.resets[-2][0] if len(facts.resets) > 1 else NEVER
    lifted = next((why.reason for why in _reasons(facts, limit, before, at)), None)
    return {"at": format_time(at), "actor": actor, "reason": reason, "key": key, "lifted": lifted}


def _on_the_providers_list(facts: AddressFacts) -> bool:
    """Whether the provider suppressed it and nothing has arrived since: a reset here does not clear the provider's list."""
    suppressed = facts.marks.get(Reason.PROVIDER_SUPPRESSED)
    if not suppressed:
        return False
    latest: int = suppressed[-1][0]
    return not any(len(entry) == 2 and entry[0] > latest for entry in facts.window.entries)
