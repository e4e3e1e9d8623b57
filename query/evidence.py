"""Gathers what is known of an address or a customer: for the answers about them, and as evidence for the diagnosis."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from query.context import Context
from query.diagnosis import USED_DAYS, AddressEvidence, CustomerEvidence, DomainFigures, Figures, Senders, Use
from query.lists import item_reader
from query.parameters import refused
from query.routes.messages import as_item
from query.sql.addresses import ADDRESSES, Place, about, standings_sql
from query.sql.consents import CONSENTS, consents_sql
from query.sql.customers import customers_sql, of_addresses, of_ids, tenants_naming_sql, uses_sql
from query.sql.diagnosis import domains_sql, newest_sql
from query.sql.messages import bind_labels, item_columns
from query.sql.where import Scope
from runtime.clickhouse import ClickHouseAway
from schemas.addresses import domain_of
from schemas.consent import MARKETING, NOTIFICATION
from schemas.problems import NOT_FOUND, ProblemError
from schemas.tenants import Tenant

log = logging.getLogger(__name__)

Rows = list[dict[str, Any]]

NEWEST = 50
"""Messages that a diagnosis looks at."""
_CUSTOMERS = 20
"""Customers of one address that are looked at."""
_DAY_MS = 86_400_000
DOMAIN_DAYS = 7
_ARRIVING_MS = 3_600_000
"""Mail that is younger may still arrive."""
_DOMAIN_TIMEOUT_S = 5
"""A diagnosis does without the figures of the domain rather than wait longer."""

_SOFT_BOUNCE_LIMIT = 5
"""Of a tenant that has left the file."""

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


async def about_address(context: Context, scope: Scope, place: Place, newest: int) -> Known | None:
    """What is known of an address, with its newest messages; None where nothing is.

    Raises ProblemError where the operator names no tenant and several know it.
    """
    rows = await _rows(context, scope, [place], newest)
    tenant = only_tenant(row for part in rows for row in part.get(place, ()))
    return None if tenant is None else _known(tenant, place, rows)


async def about_addresses(context: Context, tenant: str, places: Sequence[Place], newest: int) -> list[Known]:
    """What a tenant knows of each of these addresses, with its newest messages; with none of these, standing and consents
    alone."""
    if not places:
        return []
    rows = await _rows(context, Scope(tenant), places, newest)
    return [_known(tenant, place, rows) for place in places]


class _Rows(NamedTuple):
    """What the store has of some addresses, each by its place."""

    standings: Mapping[Place, Rows]
    consents: Mapping[Place, Rows]
    messages: Mapping[Place, Rows]
    customers: Mapping[Place, Rows]


async def _rows(context: Context, scope: Scope, places: Sequence[Place], newest: int) -> _Rows:
    there = about(scope, places)
    questions = [(standings_sql(there), there), (consents_sql(there), there)]
    if newest:
        messages, customers = about(scope, places, "recipient"), of_addresses(scope, places)
        columns = item_columns(bind_labels(messages, context.tenants), with_tenant=False)
        addresses = sorted({address for _, address in places})
        questions += [
            (newest_sql(messages, addresses, columns, newest), messages),
            (customers_sql(customers, _CUSTOMERS * len(places)), customers),
        ]
    standings, consents, *more = await asyncio.gather(
        *(context.rows(sql, where.parameters) for sql, where in questions)
    )
    messages_to, owners = more or ([], [])
    return _Rows(
        _by_place(standings, lambda row: [(row["channel"], row["address"])]),
        _by_place(consents, lambda row: [(row["channel"], row["address"])]),
        _by_place(messages_to, lambda row: [(row["channel"], row["recipient"])]),
        _by_place(owners, lambda row: [(each["channel"], each["address"]) for each in row["addresses"]]),
    )


def _by_place(rows: Rows, places_of: Callable[[dict[str, Any]], Iterable[Place]]) -> dict[Place, Rows]:
    found: dict[Place, Rows] = {}
    for row in rows:
        for place in places_of(row):
            found.setdefault(place, []).append(row)
    return found


def _known(tenant: str, place: Place, rows: _Rows) -> Known:
    standings = rows.standings.get(place, ())
    return Known(
        tenant,
        *place,
        _standing_item(standings[0]) if standings else None,
        [_consent_item(row) for row in rows.consents.get(place, ())],
        [as_item(row) for row in rows.messages.get(place, ())],
        rows.customers.get(place, []),
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
    scope, since = Scope(tenant), now_ms() - USED_DAYS * _DAY_MS
    registered, named = of_ids(scope, ids), of_ids(scope, ids)
    named.between("m.filed_at", since, None)
    rows, by_name = await asyncio.gather(
        context.rows(customers_sql(registered, len(ids)), registered.parameters),
        context.rows(uses_sql(named, "customer"), named.parameters),
    )
    by_id = {row["customer"]: row for row in rows}
    on_file = {(each["channel"], each["address"]) for row in rows for each in row["addresses"]}
    by_address: dict[Place, Use] = {}
    if on_file:
        there = about(scope, sorted(on_file), "recipient")
        there.between("m.filed_at", since, None)
        by_address = dict(map(_use, await context.rows(uses_sql(there), there.parameters)))
    found = {}
    for one in ids:
        customer = CustomerEvidence(one, by_id.get(one), ())
        uses = dict(_use(row) for row in by_name if row["customer"] == one)
        places = [(each["channel"], each["address"]) for each in customer.addresses]
        uses |= {place: by_address[place] for place in places if place in by_address}
        found[one] = replace(customer, uses=sorted(uses.values(), key=lambda use: use.last_at, reverse=True))
    return found


def _use(row: Mapping[str, Any]) -> tuple[Place, Use]:
    use = Use(row["channel"], row["address"], row["messages"], row["last_at"])
    return (use.channel, use.address), use


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
    context: Context, known: Sequence[Known], customer: CustomerEvidence | None = None, zone: str = "UTC"
) -> list[AddressEvidence]:
    """The evidence for a diagnosis of one tenant's addresses; `customer` where it is known already whose they are, `zone` the
    time zone that the diagnosis tells times in."""
    if not known:
        return []
    tenant = known[0].tenant
    named = [[customer.customer] if customer else _named(each) for each in known]
    missing = [] if customer else list(dict.fromkeys(name for names in named for name in names))
    domains = [domain_of(each.address) for each in known if each.channel == "email"]
    customers, figures = await asyncio.gather(
        customers_of(context, tenant, missing), _domain_figures(context, tenant, domains)
    )
    if customer:
        customers = {customer.customer: customer}
    rules = context.tenants.tenants.get(tenant)
    return [
        AddressEvidence(
            channel=each.channel,
            address=each.address,
            now=now_ms(),
            standing=each.standing,
            consents=each.consents,
            messages=each.messages,
            spellings=_spellings(each),
            customers=[customers[name] for name in names],
            domain=figures.get(domain_of(each.address)),
            senders=Senders(rules.senders.transactional, rules.senders.marketing) if rules else Senders(),
            needs_opt_in=_needs_opt_in(rules),
            soft_bounce_limit=rules.soft_bounce_limit if rules else _SOFT_BOUNCE_LIMIT,
            zone=zone,
        )
        for each, names in zip(known, named, strict=True)
    ]


def _needs_opt_in(rules: Tenant | None) -> list[str]:
    """The categories that are sent only to whoever opted in; of a tenant that has left the file, by default."""
    if rules is None:
        return [MARKETING, NOTIFICATION]
    settings = ((MARKETING, rules.marketing_consent), (NOTIFICATION, rules.notification_consent))
    return [category for category, setting in settings if setting == "opt-in"]


def _named(known: Known) -> list[str]:
    """The customers of an address: those who have it on file, and those whom messages to it name."""
    names = [row["customer"] for row in (*known.customers, *known.messages) if row["customer"]]
    return list(dict.fromkeys(names))[:_CUSTOMERS]


def _spellings(known: Known) -> list[str]:
    given = [row["recipient_as_given"] for row in known.messages]
    given += [
        each["address_as_given"]
        for customer in known.customers
        for each in customer["addresses"]
        if (each["channel"], each["address"]) == (known.channel, known.address)
    ]
    return [one for one in dict.fromkeys(given) if one]


async def _domain_figures(context: Context, tenant: str, domains: Sequence[str]) -> dict[str, DomainFigures]:
    """How mail to each of these domains fares; nothing where the store does not tell in time."""
    if not any(domains):
        return {}
    now = now_ms()
    sql, where = domains_sql(tenant, domains, now - DOMAIN_DAYS * _DAY_MS, now - _ARRIVING_MS)
    try:
        rows = await context.rows(sql, where.parameters, timeout_s=_DOMAIN_TIMEOUT_S)
    except ClickHouseAway as away:
        log.warning("no figures of domains for a diagnosis: %s", away)
        return {}
    return {row["domain"]: _figures(row, rows) for row in rows if row["domain"]}


def _figures(here: Mapping[str, Any], rows: Rows) -> DomainFigures:
    def of(whose: str) -> tuple[Figures, Figures]:
        at_all = [sum(row[f"{whose}{part}"] for row in rows) for part in ("", "_troubled")]
        at_domain = Figures(here[whose], here[f"{whose}_troubled"])
        return at_domain, Figures(at_all[0] - at_domain.attempted, at_all[1] - at_domain.troubled)

    return DomainFigures(DOMAIN_DAYS, here["senders"], *of("own"), *of("all"))
