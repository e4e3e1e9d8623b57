"""The report over the health of tenants and senders: as query/health_watch.py judges them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from query.parameters import Parameter, choice, stripped
from query.reports.declaring import Asked, Column, Kind, Line, Picture, Report, Rows
from query.reports.parameters import with_paging
from query.sender_authentication import SenderDomain, dkim, dmarc, spf
from query.sql.reports.health import bound_source
from query.sql.where import SortColumn, Where
from query.tenant_health import Counts, Sender, Standing, TenantRecord, senders_of
from schemas.addresses import domain_of
from schemas.tenant_log import RELEASED

_TYPES: Mapping[str, str] = {
    "tenant": "String",
    "sender": "String",
    "standing": "String",
    "standing_rank": "UInt8",
    "reason": "String",
    "since_ms": "Int64",
    "sent": "UInt64",
    "delivered": "UInt64",
    "bounced": "UInt64",
    "complained": "UInt64",
    "bounce_rate": "Nullable(Float64)",
    "complaint_rate": "Nullable(Float64)",
    "counted_from_ms": "Int64",
    "released_ms": "Int64",
    "released_by": "String",
    "released_why": "String",
    "spf": "String",
    "dkim": "String",
    "dmarc": "String",
    "authentication": "String",
}
_SORTS = ("standing", "sender", "sent", "bounced", "complained")


async def _ask_dns(asked: Asked) -> None:
    """Raises ProblemError `unavailable` where nothing is known of tenants as of now."""
    asked.sending.check(counts=False)
    await asked.sending.dns.ask(
        name
        for tenant in _tenants(asked)
        for sender in _senders(asked, tenant)
        if (domain := _domain(asked, tenant, sender))
        for name in domain.names
    )


def _tenants(asked: Asked) -> Sequence[str]:
    """Those that the question is about."""
    return [name for name in sorted(asked.tenants) if asked.scope.tenant in (None, name)]


def _record(asked: Asked, tenant: str) -> TenantRecord:
    return asked.sending.cache.tenants.get(tenant) or TenantRecord()


def _senders(asked: Asked, tenant: str) -> Iterable[Sender]:
    return senders_of(asked.sending.health.counts.get(tenant, {}), _record(asked, tenant))


def _domain(asked: Asked, tenant: str, sender: Sender) -> SenderDomain | None:
    """What the DNS is asked of for a sender; None for a tenant as a whole."""
    domain = domain_of(sender or "")
    told = asked.tenants[tenant].senders
    return SenderDomain(domain, told.mail_from, told.dkim_selectors) if domain else None


def _rows(asked: Asked) -> Rows:
    where = Where(asked.scope)
    rows = [row for name in _tenants(asked) for row in _rows_of(asked, name)]
    source = bound_source(where, rows, _TYPES)
    for name in ("sender", "standing"):
        if name in asked.given:
            where.equal(f"m.{name}", asked.given[name])
    return Rows(source, where)


def _rows_of(asked: Asked, tenant: str) -> Iterator[Mapping[str, Any]]:
    counts = asked.sending.health.counts.get(tenant, {})
    counted_from = asked.sending.health.since(tenant, asked.now)
    for sender in _senders(asked, tenant):
        health = _health(tenant, sender, _record(asked, tenant), counts.get(sender, Counts()), counted_from)
        yield {**health, **_authentication(asked, _domain(asked, tenant, sender))}


def _authentication(asked: Asked, domain: SenderDomain | None) -> Mapping[str, str]:
    """What the DNS says, as far as it was asked."""
    if domain is None:
        return dict.fromkeys(("spf", "dkim", "dmarc", "authentication"), "")
    records = asked.sending.dns.records(domain.names)
    verdicts = {
        name: judge(domain, records) for name, judge in (("spf", spf), ("dkim", dkim), ("dmarc", dmarc))
    }
    said = {name: verdict.said for name, verdict in verdicts.items()}
    states = {name: verdict.state for name, verdict in verdicts.items()}
    return {**states, "authentication": orjson.dumps(said).decode()}


def _health(
    tenant: str, sender: Sender, record: TenantRecord, counts: Counts, counted_from: int
) -> Mapping[str, Any]:
    state = record.state(sender)
    release = next((note for note in reversed(record.entries) if note.kind == RELEASED), None)
    return {
        "tenant": tenant,
        "sender": sender or "",
        "standing": state.standing,
        "standing_rank": list(Standing).index(state.standing),
        "reason": state.reason or "",
        "since_ms": state.since or 0,
        "sent": counts.sent,
        "delivered": counts.delivered,
        "bounced": counts.bounced,
        "complained": counts.complained,
        "bounce_rate": counts.bounce_rate,
        "complaint_rate": counts.complaint_rate,
        "counted_from_ms": counted_from,
        "released_ms": record.released_at,
        "released_by": release.actor if release else "",
        "released_why": release.reason if release else "",
    }


def _accepted(asked: Asked) -> Sequence[Line]:
    health = asked.sending.limits.health
    return [
        Line(name, by, value)
        for by, accepted in (("bounce_rate", health.bounce), ("complaint_rate", health.complaint))
        for name, value in (("warn", accepted.warn), ("block", accepted.block))
    ]


def _time(name: str) -> str:
    return f"if(m.{name} = 0, NULL, fromUnixTimestamp64Milli(m.{name}, 'UTC'))"


SENDER_HEALTH = Report(
    name="sender-health",
    title="Sender health",
    tells="Which tenants and senders keep within the accepted complaint and bounce rates? Who was warned, blocked or released?",
    columns=(
        Column("sender", Kind.TEXT, "The sender's address; null for the tenant as a whole."),
        Column(
            "standing",
            Kind.WORD,
            "ok, warned or blocked.",
            sort=SortColumn("m.standing_rank", "UInt8", False),
        ),
        Column("reason", Kind.TEXT, "Which rate it is for: bounce_rate or complaint_rate."),
        Column("since", Kind.TIME, "Since when it stands so.", _time("since_ms"), optional=True),
        Column("sent", Kind.COUNT, "Recipients of email that were attempted since `counted_from`."),
        Column("delivered", Kind.COUNT, "Of them accepted, and not bounced in the end."),
        Column("bounced", Kind.COUNT, "Of them hard bounced."),
        Column("complained", Kind.COUNT, "Of them reported as spam."),
        Column("bounce_rate", Kind.RATE, "bounced / sent."),
        Column("complaint_rate", Kind.RATE, "complained / delivered."),
        Column(
            "counted_from",
            Kind.TIME,
            "From when on mail counts: the begin of the window, or the latest release.",
            _time("counted_from_ms"),
        ),
        Column(
            "released_at",
            Kind.TIME,
            "When an operator released the tenant last.",
            _time("released_ms"),
            optional=True,
        ),
        Column("released_by", Kind.TEXT, "Who did."),
        Column("released_why", Kind.TEXT, "And why."),
        Column(
            "spf",
            Kind.TEXT,
            "Whether the domain that bounces go to has an SPF record and is the sender's: `aligned`, `not_aligned`, `missing`, "
            "`faulty` or `not_asked`.",
        ),
        Column(
            "dkim",
            Kind.TEXT,
            "Whether the sender's domain has the DKIM keys named: `aligned`, `missing` or `not_asked`.",
        ),
        Column(
            "dmarc",
            Kind.TEXT,
            "Whether it has a DMARC policy: `published`, `missing`, `faulty` or `not_asked`.",
        ),
        Column(
            "authentication",
            Kind.OBJECT,
            "What these three rest on, in words: {spf, dkim, dmarc}; null of a tenant as a whole.",
            optional=True,
        ),
    ),
    sorts=_SORTS,
    default_sort="-standing",
    place=("sender",),
    picture=Picture(
        "Bounce and complaint rates beside the accepted ones, by sender",
        x="sender",
        values=("bounce_rate", "complaint_rate"),
    ),
    parameters=with_paging({"sender": Parameter(stripped), "standing": Parameter(choice(*Standing))}, _SORTS),
    rows=_rows,
    lines=_accepted,
    ahead=_ask_dns,
)
