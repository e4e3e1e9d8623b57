"""POST /v1/sendability: may these addresses be written to?"""

import asyncio
import time
from collections import Counter
from itertools import islice
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from query.auth import tenant_of
from query.bodies import read_body
from query.context import asked
from query.limits import PerMessage, Window
from query.sendability import Answer, decide
from query.sending import SENDING, Sending
from runtime import metrics
from runtime.http import json_response
from schemas.addresses import listed_address, normalise
from schemas.registration_fields import Name
from schemas.tenants import Tenant
from schemas.times import format_optional

MAX_ADDRESSES = 10_000
_AT_ONCE = 1000
"""Addresses that are decided about before other requests have their turn."""


class Question(BaseModel):
    """What is asked. An address may be any text: whether it is an address, the answer says."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    channel: Literal["email", "sms"]
    category: Literal["transactional", "notification", "marketing"]
    sender: Name | None = None
    addresses: Annotated[list[str], Field(max_length=MAX_ADDRESSES)]


async def post_sendability(request: web.Request) -> web.Response:
    """A decision for each address, in the order asked."""
    context, principal, given = asked(request, {})
    name, tenant = tenant_of(context.tenants, principal, given)
    question = await read_body(request, Question)
    document = await sendability_document(request.app[SENDING], name, tenant, question)
    for decision, count in Counter(item["decision"] for item in document["items"]).items():
        metrics.DECISIONS.labels(decision).inc(count)
    return json_response(document)


async def sendability_document(
    sending: Sending, name: str, tenant: Tenant, question: Question
) -> dict[str, Any]:
    """A decision for each address of the question of that tenant. Raises ProblemError where too little is known to decide."""
    sending.check()
    now = time.time_ns() // 1_000_000
    channel = question.channel
    sender = normalise(channel, question.sender) if question.sender else None
    rules = sending.rules(name, tenant, question.category, sender)
    known = sending.known(
        name, tenant, channel, question.category, sender, asked=len(question.addresses), now=now
    )
    answers = decide(rules, known, (listed_address(channel, each) for each in question.addresses))
    items: list[dict[str, Any]] = []
    for start in range(0, len(question.addresses), _AT_ONCE):
        some = question.addresses[start : start + _AT_ONCE]
        items += map(_item, some, islice(answers, len(some)))
        await asyncio.sleep(0)
    window = sending.window_of_tenant(name, tenant, now)
    return {"items": items, "limits": _limits(sending.limits.message, channel, window)}


def _item(address: str, answer: Answer) -> dict[str, Any]:
    """`address` as it was asked."""
    return {
        "address": address,
        "decision": answer.decision,
        "reason": answer.reason,
        "until": format_optional(answer.until),
    }


def _limits(message: PerMessage, channel: str, window: Window) -> dict[str, int]:
    """What limits the tenant, beside what was decided."""
    return {
        "recipients_per_message": message.email if channel == "email" else message.sms,
        "recipients_per_hour": window.most,
        "sent_last_hour": window.used,
    }
