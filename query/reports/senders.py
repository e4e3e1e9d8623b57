"""The report over the health of tenants and senders: as query/health_watch.py judges them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from query.parameters import Parameter, choice, stripped
from query.reports.declaring import Asked, Column, Kind, Line, Picture, Report, Rows
from query.reports.parameters import with_paging
from query.sql.reports.health import bound_source
from query.sql.where import SortColumn, Where
from query.tenant_health import Counts, Sender, Standing, TenantRecord, senders_of
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
}
_SORTS = ("standing", "sender", "sent", "bounced", "complained")


def _rows(asked: Asked) -> Rows:
    """Raises ProblemError `unavailable` where nothing is known of it as of now."""
    asked.sending.check(counts=False)
    own = asked.scope.tenant
    tenants = [name for name in sorted(asked.tenants) if own in (None, name)]
    where = Where(asked.scope)
    source = bound_source(where, [row for name in tenants for row in _rows_of(asked, name)], _TYPES)
    for name in ("sender", "standing"):
        if name in asked.given:
            where.equal(f"m.{name}", asked.given[name])
    return Rows(source, where)


def _rows_of(asked: Asked, tenant: str) -> Iterator[Mapping[str, Any]]:
    record = asked.sending.cache.tenants.get(tenant) or TenantRecord()
    counts = asked.sending.health.counts.get(tenant, {})
    counted_from = asked.sending.health.since(tenant, asked.now)
    for sender in senders_of(counts, record):
        yield _row(tenant, sender, record, counts.get(sender, Counts()), counted_from)


def _row(
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
)
