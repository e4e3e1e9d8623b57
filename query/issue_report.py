"""The issue report: all that support asks for when somebody reports a problem, gathered once, as a document or as text."""

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from query.auth import scope_of
from query.context import Context
from query.diagnosis import of_address
from query.evidence import NEWEST, Known, about_address, evidence_of
from query.parameters import Parameter, choice, text
from query.routes.addresses import consent_document, standing_document
from query.routes.message import message_document
from query.routes.messages import as_item
from query.sql.addresses import Place
from query.sql.issue_report import counts_of_others_sql, newest_of_others_sql, others_where
from query.sql.messages import FIELDS as ITEM_FIELDS
from query.sql.messages import bind_labels, item_columns
from query.sql.where import Scope
from schemas.addresses import channel_of, domain_of, normalise
from schemas.problems import NOT_FOUND, ProblemError
from schemas.status import COUNTS
from schemas.tenants import Principal
from schemas.times import format_time

PROBLEMS: dict[str, str] = {
    "not_received": "Not received",
    "late": "Received late",
    "in_spam": "Found in spam or another folder",
    "not_formatted": "Not formatted as it should be",
    "part_missing": "Part of it is missing",
    "attachment_missing": "Attachment missing or not readable",
    "link_broken": "A link does not work",
    "wrong_content": "Wrong content",
    "wrong_recipient": "Went to the wrong recipient",
    "received_twice": "Received more than once",
    "unwanted": "Received in spite of opting out",
    "other": "Something else",
}
"""What can be reported, in stable words, each with what people read."""

_BETWEEN_WORDS = re.compile(r"[\s_-]+")


def _problem(value: str) -> dict[str, str] | None:
    """Code and label of a problem: one of PROBLEMS by its code, or as people write it, in whose own words it stays then, as
    does what is none of them."""
    words = value.strip()
    code = "_".join(_BETWEEN_WORDS.split(words.lower()))
    if words in PROBLEMS or not words:
        return {"code": words, "label": PROBLEMS[words]} if words else None
    return {"code": code if code in PROBLEMS else "other", "label": words}


PARAMETERS: dict[str, Parameter] = {
    "problem": Parameter(_problem),
    "description": Parameter(text),
    "tried_address": Parameter(text),
    "format": Parameter(choice("json", "text")),
}
"""What the reporter adds, and the form of the answer."""

_LAST_MESSAGES = 10
_OTHERS = 20
OTHERS_DAYS = 7
"""Others at the domain that are told, and how far back the messages to them are looked at."""

_DAY_MS = 86_400_000


async def of_message(
    context: Context, principal: Principal, given: Mapping[str, Any], message_id: str
) -> dict[str, Any]:
    """The report on a message: on one recipient of it, or on all where there are several and `recipient` names none. Raises
    ProblemError where there is no such message or recipient."""
    message = await message_document(context, principal, given, message_id)
    tenant, channel = message["message"]["tenant"], message["message"]["channel"]
    recipients = message["recipients"]
    events = message["events"]
    if "recipient" in given:
        wanted = normalise(channel, given["recipient"])
        recipients = [item for item in recipients if item["recipient"] == wanted]
        if not recipients:
            raise ProblemError(NOT_FOUND, "no such recipient of this message")
    if len(recipients) == 1:
        events = [event for event in events if event["recipient"] in (None, recipients[0]["recipient"])]
        place = channel, recipients[0]["recipient"]
        about = await _about(context, Scope(tenant), place, recipients[0]["recipient_as_given"])
    else:
        about = {"address": None, "diagnosis": None, "domain": None}
    return {
        **await _reported(context, tenant, given),
        "tenant": tenant,
        "message": message["message"],
        "messages": recipients,
        "unattributed": message["unattributed"],
        "events": events,
        **about,
    }


async def of_an_address(
    context: Context, principal: Principal, given: Mapping[str, Any], place: Place, spelling: str
) -> dict[str, Any]:
    """The report on an address, as it was spelled by whoever asks, with the last messages to it. Raises ProblemError where
    several tenants know it and none is named."""
    scope = scope_of(principal, given)
    known = await about_address(context, scope, place, NEWEST)
    tenant = known.tenant if known else scope.tenant
    return {
        **await _reported(context, tenant, given),
        "tenant": tenant,
        "message": None,
        "messages": [_as_log_item(row) for row in known.messages[:_LAST_MESSAGES]] if known else [],
        "unattributed": None,
        "events": [],
        **await _about_known(context, scope, known, place, spelling),
    }


async def _reported(context: Context, tenant: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the reporter says; of the other address that was tried, what is known of it."""
    tried = given.get("tried_address", "").strip()
    return {
        "made_at": format_time(_now()),
        "problem": given.get("problem"),
        "description": given.get("description", "").strip() or None,
        "tried_address": await _tried(context, tenant, tried) if tried else None,
    }


async def _tried(context: Context, tenant: str | None, given: str) -> dict[str, Any]:
    channel = channel_of(given)
    address = normalise(channel, given)
    known = await about_address(context, Scope(tenant), (channel, address), 1) if tenant and address else None
    standing = standing_document(known or _unknown(tenant, (channel, address)))
    return {
        "given": given,
        **{name: standing[name] for name in ("address", "channel", "standing", "reason", "since")},
        "last_message": _as_log_item(known.messages[0]) if known and known.messages else None,
    }


async def _about(context: Context, scope: Scope, place: Place, spelling: str | None) -> dict[str, Any]:
    return await _about_known(
        context, scope, await about_address(context, scope, place, NEWEST), place, spelling
    )


async def _about_known(
    context: Context, scope: Scope, known: Known | None, place: Place, spelling: str | None
) -> dict[str, Any]:
    """Standing and consent of an address, its diagnosis, and how others at its domain fare."""
    looked_at = known or _unknown(scope.tenant, place)
    (evidence,), others = await asyncio.gather(
        evidence_of(context, [looked_at]), _others(context, looked_at.tenant, place)
    )
    if known is None and spelling:
        evidence = replace(evidence, spellings=[spelling])
    return {
        "address": {
            **standing_document(looked_at),
            **consent_document(looked_at.consents),
            "customers": [row["customer"] for row in looked_at.customers],
        },
        "diagnosis": of_address(evidence).document(),
        "domain": others,
    }


def _unknown(tenant: str | None, place: Place) -> Known:
    return Known(tenant or "", *place, None, [], [])


async def _others(context: Context, tenant: str, place: Place) -> dict[str, Any] | None:
    channel, address = place
    domain = domain_of(address) if channel == "email" else ""
    if not domain:
        return None
    counted = others_where(tenant, domain, address, _now() - OTHERS_DAYS * _DAY_MS)
    listed = counted.copy()
    columns = item_columns(bind_labels(listed, context.tenants), with_tenant=False)
    counts, newest = await asyncio.gather(
        context.rows(counts_of_others_sql(counted), counted.parameters),
        context.rows(newest_of_others_sql(listed, columns, _OTHERS), listed.parameters),
    )
    return {
        "domain": domain,
        "days": OTHERS_DAYS,
        "addresses": counts[0]["addresses"],
        "counts": {name: counts[0][name] for name in COUNTS},
        "others": [as_item(row) for row in newest],
    }


def _as_log_item(row: Mapping[str, Any]) -> dict[str, Any]:
    """A message as the log tells it, without what a diagnosis looks at besides."""
    return {name: row[name] for name in ITEM_FIELDS}


def _now() -> int:
    return time.time_ns() // 1_000_000


def name_of(document: Mapping[str, Any]) -> str:
    """What the report is on, for its file's name."""
    message = document["message"]
    return str(message["message_id"] if message else document["address"]["address"])
