"""Gathers what is known of an address or a customer: for the answers about them, and as evidence for the diagnosis."""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from query.context import Context
from query.diagnosis import AddressEvidence, CustomerEvidence, DomainFigures, Figures, Senders, Use
from query.lists import item_reader
from query.parameters import refused
from query.routes.messages import as_item
from query.sql.addresses import ADDRESSES, about, standings_sql
from query.sql.consents import CONSENTS, consents_sql
from query.sql.customers import customers_sql, of_address, of_ids, tenants_naming_sql, uses_sql
from query.sql.diagnosis import domain_sql, newest_sql, sent_to
from query.sql.messages import bind_labels, item_columns
from query.sql.where import Scope
from runtime.clickhouse import ClickHouseAway
from schemas.addresses import domain_of
from schemas.problems import NOT_FOUND, ProblemError

log = logging.getLogger(__name__)

Rows = list[dict[str, Any]]

NEWEST = 50
"""Messages that a diagnosis looks at."""
_CUSTOMERS = 20
"""Customers of one address that are looked at."""
_DAY_MS = 86_400_000
_USED_DAYS = 90
"""How far back the use of a customer's addresses counts."""
DOMAIN_DAYS = 7
_ARRIVING_MS = 3_600_000
"""Mail that is younger may still arrive."""
_DOMAIN_TIMEOUT_S = 5
"""A diagnosis does without the figures of the domain rather than wait longer."""

_standing_item = item_reader(ADDRESSES)
_consent_item = item_reader(CONSENTS)


@dataclass(frozen=True, slots=True)
class Known:
    """What one tenant knows of an address: rows as items. `standing` is None where nothing was ever heard."""

    tenant: str
    channel: str
    address: str
    standing: dict[str, Any] | None
    consents: Rows
    messages: Rows
    customers: Rows = field(default_factory=list)


def now_ms() -> int:
    """Now, in ms since the epoch."""
    return time.time_ns() // 1_000_000


async def about_address(
    context: Context, scope: Scope, channel: str, address: str, newest: int
) -> Known | None:
    """What is known of an address, with its newest messages; None where nothing is.

    Raises ProblemError where the operator names no tenant and several know it.
    """
    there = about(scope, channel, address)
    messages = sent_to(scope, channel, address)
    columns = item_columns(bind_labels(messages, context.tenants), with_tenant=False)
    customers = of_address(scope, channel, address)
    standings, consents, sent, owners = await asyncio.gather(
        context.rows(standings_sql(there), there.parameters),
        context.rows(consents_sql(there), there.parameters),
        context.rows(newest_sql(messages, columns, newest), messages.parameters),
        context.rows(customers_sql(customers, _CUSTOMERS), customers.parameters),
    )
    tenant = only_tenant((*standings, *consents, *sent, *owners))
    if tenant is None:
        return None
    return Known(
        tenant,
        channel,
        address,
        _standing_item(standings[0]) if standings else None,
        [_consent_item(row) for row in consents],
        [as_item(row) for row in sent],
        owners,
    )


def only_tenant(rows: Iterable[Mapping[str, Any]]) -> str | None:
    """The tenant of all these rows; None without rows. Raises ProblemError where there are several."""
    tenants = {row["tenant"] for row in rows}
    if len(tenants) > 1:
        raise refused("tenant", "expected: several tenants know of this")
    return next(iter(tenants), None)


async def customers_of(context: Context, tenant: str, ids: Sequence[str]) -> dict[str, CustomerEvidence]:
    """These customers of a tenant, registered or only named by messages, with the uses of their addresses."""
    if not ids:
        return {}
    scope = Scope(tenant)
    registered, used = of_ids(scope, ids), of_ids(scope, ids)
    used.between("m.filed_at", now_ms() - _USED_DAYS * _DAY_MS, None)
    rows, uses = await asyncio.gather(
        context.rows(customers_sql(registered, len(ids)), registered.parameters),
        context.rows(uses_sql(used), used.parameters),
    )
    by_id = {row["customer"]: row for row in rows}
    return {
        one: CustomerEvidence(
            one,
            by_id.get(one),
            [
                Use(row["channel"], row["address"], row["messages"], row["last_at"])
                for row in uses
                if row["customer"] == one
            ],
        )
        for one in ids
    }


async def the_customer(context: Context, scope: Scope, customer: str) -> tuple[str, CustomerEvidence]:
    """A customer and its tenant. Raises ProblemError where no tenant in the scope has one, or several have."""
    registered, named = of_ids(scope, [customer]), of_ids(scope, [customer])
    rows, uses = await asyncio.gather(
        context.rows(customers_sql(registered, 2), registered.parameters),
        context.rows(tenants_naming_sql(named), named.parameters),
    )
    tenant = only_tenant((*rows, *uses))
    if tenant is None:
        raise ProblemError(NOT_FOUND, "no customer of this id")
    return tenant, (await customers_of(context, tenant, [customer]))[customer]


async def evidence_of(
    context: Context, known: Known, customers: Sequence[CustomerEvidence] | None = None
) -> AddressEvidence:
    """The evidence for a diagnosis; `customers` where it is known already whose address it is."""
    if customers is None:
        named = [row["customer"] for row in (*known.customers, *known.messages) if row["customer"]]
        found = await customers_of(context, known.tenant, list(dict.fromkeys(named))[:_CUSTOMERS])
        customers = list(found.values())
    rules = context.tenants.tenants.get(known.tenant)
    return AddressEvidence(
        channel=known.channel,
        address=known.address,
        now=now_ms(),
        standing=known.standing,
        consents=known.consents,
        messages=known.messages,
        spellings=_spellings(known),
        customers=customers,
        domain=await _domain_figures(context, known),
        senders=Senders(rules.senders.transactional, rules.senders.marketing) if rules else Senders(),
        soft_bounce_limit=rules.soft_bounce_limit if rules else 5,
    )


def _spellings(known: Known) -> list[str]:
    given = [row["recipient_as_given"] for row in known.messages]
    given += [
        each["address_as_given"]
        for customer in known.customers
        for each in customer["addresses"]
        if (each["channel"], each["address"]) == (known.channel, known.address)
    ]
    return [one for one in dict.fromkeys(given) if one]


async def _domain_figures(context: Context, known: Known) -> DomainFigures | None:
    domain = domain_of(known.address) if known.channel == "email" else ""
    if not domain:
        return None
    now = now_ms()
    sql, where = domain_sql(known.tenant, domain, now - DOMAIN_DAYS * _DAY_MS, now - _ARRIVING_MS)
    try:
        (row,) = await context.rows(sql, where.parameters, timeout_s=_DOMAIN_TIMEOUT_S)
    except ClickHouseAway as away:
        log.warning("no figures of the domain %s for a diagnosis: %s", domain, away)
        return None
    figures = {
        name: Figures(row[name], row[f"{name}_troubled"])
        for name in ("own", "own_elsewhere", "all", "all_elsewhere")
    }
    return DomainFigures(days=DOMAIN_DAYS, senders=row["senders"], **figures)
