"""Reports over what was sent: volume by month, causes of bounces and complaints, sent against consent."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from query.filters import SHARED, attributed
from query.parameters import Parameter, choice
from query.reports.declaring import Asked, Chosen, Column, Kind, Note, Picture, Report, Rows
from query.reports.parameters import TIMES, with_paging
from query.sql.messages import among_keys
from query.sql.reports.against_consent import AS_WRITTEN, against_consent_source, judged, unjudged
from query.sql.reports.messages import causes_source, volume_source
from schemas.consent import MARKETING, NOTIFICATION, TRANSACTIONAL
from schemas.status import COUNTS

_COUNTED = {
    "sent": "Recipients that were attempted: all but queued, skipped, invalid and canceled.",
    "delivered": "Accepted by the recipient's server or handset, and not bounced in the end.",
    "opened": "Opened at least once, by whomever.",
    "human_opened": "Opened by a person; machine opens left out.",
    "clicked": "A link was clicked.",
    "human_clicked": "A link was clicked by a person.",
    "bounced": "Hard bounced, also after a delivery.",
    "soft_bounced": "Soft bounced and given up.",
    "complained": "Reported as spam.",
    "unsubscribed": "Opted out through the message.",
    "undelivered": "Text messages that the carrier could not deliver.",
    "rejected": "Refused before delivery, by the provider or the carrier.",
    "failed": "Could not be sent.",
    "canceled": "Withdrawn before an attempt.",
    "skipped": "Not attempted: opted out, or not in.",
    "invalid": "Not attempted: the address is suppressed.",
    "queued": "Registered or accepted, and not yet handed on.",
}

_VOLUME_KEYS = ("month", "sender", "category", "method", "channel")
_VOLUME_SORTS = (*_VOLUME_KEYS, "messages", "recipients", *COUNTS)


def _volume(asked: Asked) -> Rows:
    where = attributed(asked.scope, asked.given)
    source = volume_source(where, asked.zone)
    return Rows(source, where.around())


MONTHLY_VOLUME = Report(
    name="monthly-volume",
    title="Monthly volume",
    tells="How much was sent each month, by whom, for what, and what became of it?",
    columns=(
        Column(
            "month",
            Kind.MONTH,
            "First day of the month, in `tz`, of when messages were sent, else registered.",
        ),
        Column("sender", Kind.TEXT, "The sender of the messages."),
        Column("category", Kind.TEXT, "What they were sent for."),
        Column("method", Kind.TEXT, "How the application sent them."),
        Column("channel", Kind.WORD, "email or sms."),
        Column("messages", Kind.COUNT, "Messages; one to several recipients counts once."),
        Column("recipients", Kind.COUNT, "Pairs of message and recipient: what all counts below are of."),
        *(Column(name, Kind.COUNT, _COUNTED[name]) for name in COUNTS),
    ),
    sorts=_VOLUME_SORTS,
    default_sort="-month",
    place=_VOLUME_KEYS,
    picture=Picture("Recipients attempted, by month and category", x="month", by="category", value="sent"),
    parameters=with_paging({**SHARED, **TIMES}, _VOLUME_SORTS),
    rows=_volume,
    is_costly=True,
)

_CAUSES_FILTERS = {
    **SHARED,
    "kind": Parameter(choice("hard_bounce", "soft_bounce", "complaint")),
}
_CAUSES_KEYS = ("domain", "kind", "cause")
_CAUSES_SORTS = ("recipients", "domain", "last_at")


def _causes(asked: Asked) -> Rows:
    where = attributed(asked.scope, asked.given)
    source = causes_source(where)
    around = where.around()
    if "kind" in asked.given:
        around.equal("m.kind", asked.given["kind"])
    return Rows(source, around)


BOUNCE_CAUSES = Report(
    name="bounce-causes",
    title="Causes of bounces and complaints",
    tells="At which domains does mail bounce or bring complaints, how much of it, and why?",
    columns=(
        Column("domain", Kind.WORD, "Domain of the recipients."),
        Column("kind", Kind.WORD, "`hard_bounce`, `soft_bounce` (given up) or `complaint`."),
        Column(
            "cause",
            Kind.TEXT,
            "Of a bounce its cause; of a complaint what the feedback report calls it, such as abuse.",
        ),
        Column("recipients", Kind.COUNT, "Recipients whom this befell."),
        Column(
            "base",
            Kind.COUNT,
            "Recipients at the domain: attempted for bounces, delivered to for complaints.",
        ),
        Column(
            "rate", Kind.RATE, "`recipients` / `base`.", sql="if(m.base = 0, NULL, m.recipients / m.base)"
        ),
        Column("code", Kind.TEXT, "Enhanced status code of the latest."),
        Column("diagnostic", Kind.TEXT, "What the recipient's server said to the latest."),
        Column("message_id", Kind.WORD, "The message of the latest."),
        Column("last_at", Kind.TIME, "When the latest came."),
    ),
    sorts=_CAUSES_SORTS,
    default_sort="-recipients",
    place=_CAUSES_KEYS,
    picture=Picture("Bounces and complaints, by domain and cause", x="domain", by="what", value="recipients"),
    parameters=with_paging(_CAUSES_FILTERS, _CAUSES_SORTS),
    rows=_causes,
    is_costly=True,
)

_CONSENTED = (MARKETING, NOTIFICATION)
"""The categories that need consent; transactional messages always go out."""

_AGAINST_SORTS = ("sent_at", "address", "why")


def _against_consent(asked: Asked) -> Rows:
    return _against(asked)._replace(chosen=Chosen(_TOLD_APART, partial(_against, asked)))


_TOLD_APART = {
    "of_tenant": "m.tenant",
    "of_ms": "toUnixTimestamp64Milli(m.filed_at)",
    "of_message": "m.message_id",
    "of_address": "m.address",
}


def _against(asked: Asked, chosen: Sequence[Mapping[str, Any]] | None = None) -> Rows:
    """All rows, or those that are `chosen` of them."""
    where = attributed(asked.scope, asked.given)
    judged(where, _CONSENTED)
    addresses = None
    if chosen is not None:
        addresses = [one["of_address"] for one in chosen]
        keys = [(one["of_tenant"], one["of_ms"], one["of_message"], one["of_address"]) for one in chosen]
        where.add(among_keys(where, keys))
    source = against_consent_source(where, asked.scope, _without_opt_in(asked), addresses)
    around = where.around()
    if "why" in asked.given:
        around.equal("m.why", asked.given["why"])
    return Rows(source, around, settings=AS_WRITTEN)


def _without_opt_in(asked: Asked) -> dict[str, list[str]]:
    """By category the tenants that write to whoever did not opt out."""
    tenants = asked.tenants.tenants.items()
    return {
        MARKETING: [name for name, tenant in tenants if tenant.marketing_consent == "opt-out"],
        NOTIFICATION: [name for name, tenant in tenants if tenant.notification_consent == "opt-out"],
    }


def _not_judged(asked: Asked) -> Rows:
    where = attributed(asked.scope, asked.given)
    unjudged(where, (*_CONSENTED, TRANSACTIONAL))
    return Rows("message_status AS m FINAL", where)


_STOOD = "notEmpty(m.outs)"

SENT_AGAINST_CONSENT = Report(
    name="sent-against-consent",
    title="Sent against consent",
    tells="Was anything sent to somebody who had opted out of it, or had not opted in, when it was sent? This should be empty.",
    columns=(
        Column("message_id", Kind.WORD, "The message."),
        Column("channel", Kind.WORD, "email or sms."),
        Column("address", Kind.WORD, "To whom it was sent."),
        Column("sender", Kind.TEXT, "The sender of the message."),
        Column("subject", Kind.TEXT, "Its subject."),
        Column("category", Kind.WORD, "What it was sent for: marketing or notification."),
        Column("campaign", Kind.TEXT, "The mailing."),
        Column("method", Kind.TEXT, "How the application sent it."),
        Column("customer", Kind.TEXT, "The customer that the message names."),
        Column("status", Kind.WORD, "What became of it."),
        Column("sent_at", Kind.TIME, "When it was sent; where nobody tells, when it was first heard of."),
        Column(
            "why", Kind.WORD, "`opted_out` of the category, `opted_out_of_sender` (as STOP), or `no_opt_in`."
        ),
        Column(
            "since",
            Kind.TIME,
            "When that opt-out was decided; null without one.",
            f"if({_STOOD}, m.stood.1, NULL)",
            optional=True,
        ),
        Column("source", Kind.TEXT, "From where the opt-out came.", f"if({_STOOD}, m.stood.6, NULL)"),
        Column("actor", Kind.TEXT, "Who opted out.", f"if({_STOOD}, m.stood.7, NULL)"),
        Column(
            "recorded_at", Kind.TIME, "When it was recorded.", f"if({_STOOD}, m.stood.8, NULL)", optional=True
        ),
        Column(
            "known_then",
            Kind.YES,
            "Whether the opt-out was on record when the message was sent; null without one.",
            f"CAST(if({_STOOD}, m.stood.8 <= m.sent_at, NULL), 'Nullable(Bool)')",
            optional=True,
        ),
        Column(
            "reason",
            Kind.TEXT,
            "The reason given for the opt-out.",
            f"if({_STOOD}, nullIf(m.stood.9, ''), NULL)",
        ),
        Column(
            "entry_id", Kind.TEXT, "The opt-out's entry of the audit log.", f"if({_STOOD}, m.stood.5, NULL)"
        ),
    ),
    sorts=_AGAINST_SORTS,
    default_sort="-sent_at",
    place=("message_id", "address"),
    picture=Picture("Sent against consent, by when and why", x="sent_at", by="why"),
    parameters=with_paging(
        {**SHARED, **TIMES, "why": Parameter(choice("opted_out", "opted_out_of_sender", "no_opt_in"))},
        _AGAINST_SORTS,
    ),
    rows=_against_consent,
    is_costly=True,
    notes=(
        Note(
            "Recipients that were not judged: {count}. Their messages have none of the categories transactional, notification "
            "and marketing: send the tag `category`, or register them with one.",
            _not_judged,
        ),
    ),
)
