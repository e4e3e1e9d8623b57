"""Reports over consents: who is opted out, who opted in, every change."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from query.parameters import Parameter, choice, stripped
from query.reports.declaring import Asked, Chosen, Column, Kind, Picture, Report, Rows
from query.reports.parameters import TIMES, with_paging
from query.routes.consents import FILTERS, normalised
from query.sql.consents import LOG, add_filters, add_log_filters
from query.sql.reports.consents import CONSENTS, changes_source
from query.sql.reports.owners import with_owners
from query.sql.where import SortColumn, Where
from schemas.consent import IN, OUT

_OWNERS = Column(
    "customers", Kind.OBJECT, "Customers who have the address on file: {customer, kind, name, primary} each."
)
_ADDRESS = Column("address", Kind.WORD, "The address, as addresses are compared.")
_CHANNEL = Column("channel", Kind.WORD, "email or sms.")
_CATEGORY = Column(
    "category", Kind.WORD, "Of which messages; `*` stands for all that a sender sends, as STOP is."
)
_SENDER = Column("sender", Kind.TEXT, "The one sender that it is about, if it is about one.")
_SOURCE = Column("source", Kind.WORD, "From where it came: customer, staff, import, ses or twilio.")
_ACTOR = Column("actor", Kind.WORD, "Who decided.")
_EVIDENCE = Column("evidence", Kind.OBJECT, "{method, wording, reference}; null without any.", optional=True)
_REASON = Column("reason", Kind.TEXT, "Why, as it was told.")
_ENTRY = Column("entry_id", Kind.WORD, "The entry of the audit log.")

_OUT_SORTS = ("since", "address", "category")


def _opted_out(asked: Asked) -> Rows:
    where = Where(asked.scope)
    source = with_owners(CONSENTS, where, asked.scope)
    add_filters(where, normalised(asked.given) | {"state": OUT}, asked.scope)
    return Rows(source, where, CONSENTS)


OPTED_OUT = Report(
    name="opted-out",
    title="Opted out",
    tells="Which addresses are opted out now, of what, since when, and whose are they?",
    columns=(
        _ADDRESS,
        _CHANNEL,
        _CATEGORY,
        _SENDER,
        Column("since", Kind.TIME, "When it was decided."),
        _SOURCE,
        _ACTOR,
        _REASON,
        _EVIDENCE,
        _OWNERS,
        _ENTRY,
    ),
    sorts=_OUT_SORTS,
    default_sort="-since",
    place=("address", "channel", "category", "sender"),
    picture=Picture(
        "Addresses that are opted out, by when they opted out and category", x="since", by="category"
    ),
    parameters=with_paging({**FILTERS, **TIMES}, _OUT_SORTS),
    rows=_opted_out,
)

_LOG_SORTS = ("at", "recorded_at", "address")
_LOG_PLACE = ("at", "entry_id", "channel", "address")
_LOG_FILTERS: Mapping[str, Parameter] = {**FILTERS, **TIMES, "actor": Parameter(stripped)}
_BEFORE = Column("before", Kind.TEXT, "What stood before: in, out, or null where nothing did.")
_AT = Column("at", Kind.TIME, "When it was decided.", sort=SortColumn("m.at", "time", True))
_RECORDED = (
    Column("recorded_at", Kind.TIME, "When it was recorded."),
    Column(
        "recorded_by",
        Kind.TEXT,
        "The name of the key it was posted with; null where a provider or a signed link told it.",
    ),
)


def _changes(asked: Asked, **more: Any) -> Rows:
    where = Where(asked.scope)
    source = with_owners(changes_source(where, asked.scope), where, asked.scope)
    add_log_filters(where, normalised(asked.given) | more, asked.scope)
    return Rows(source, where, LOG.source, Chosen(_TOLD_APART, partial(_chosen_changes, asked)))


_TOLD_APART = {
    "of_tenant": "m.tenant",
    "of_channel": "m.channel",
    "of_address": "m.address",
    "of_entry": "m.entry_id",
}


def _chosen_changes(asked: Asked, entries: Sequence[Mapping[str, Any]]) -> Rows:
    where = Where(asked.scope)
    chosen = [(one["of_tenant"], one["of_channel"], one["of_address"], one["of_entry"]) for one in entries]
    addresses = [address for _, _, address, _ in chosen]
    changes = changes_source(where, asked.scope, addresses)
    source = with_owners(changes, where, asked.scope, addresses=addresses)
    kind = "Array(Tuple(String, String, String, String))"
    where.add(f"(m.tenant, m.channel, m.address, m.entry_id) IN {where.bind(kind, chosen)}")
    return Rows(source, where)


OPT_INS = Report(
    name="opt-ins",
    title="Opt-ins",
    tells="Who opted in within a time frame, to what, how, and was it new?",
    columns=(
        _ADDRESS,
        _CHANNEL,
        _CATEGORY,
        _SENDER,
        _AT,
        _BEFORE,
        _SOURCE,
        _ACTOR,
        _REASON,
        _EVIDENCE,
        _OWNERS,
        *_RECORDED,
        _ENTRY,
    ),
    sorts=_LOG_SORTS,
    default_sort="-at",
    place=_LOG_PLACE,
    picture=Picture("Opt-ins, by when and source", x="at", by="source"),
    parameters=with_paging(_LOG_FILTERS, _LOG_SORTS),
    rows=lambda asked: _changes(asked, consent=IN),
)

CONSENT_CHANGES = Report(
    name="consent-changes",
    title="Consent changes",
    tells="Which consents changed within a time frame, from what to what, by whom, on what evidence?",
    columns=(
        _ADDRESS,
        _CHANNEL,
        _CATEGORY,
        _SENDER,
        _AT,
        _BEFORE,
        Column("consent", Kind.WORD, "What it became: in or out."),
        _SOURCE,
        _ACTOR,
        _REASON,
        _EVIDENCE,
        _OWNERS,
        *_RECORDED,
        _ENTRY,
    ),
    sorts=_LOG_SORTS,
    default_sort="-at",
    place=_LOG_PLACE,
    picture=Picture("Changes of consent, by when and what they became", x="at", by="consent"),
    parameters=with_paging({**_LOG_FILTERS, "consent": Parameter(choice(IN, OUT))}, _LOG_SORTS),
    rows=_changes,
)
