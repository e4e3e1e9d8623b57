"""The report over addresses that must not be written to."""

from query.parameters import Parameter, choice, domain, stripped, time
from query.reports.declaring import Asked, Column, Kind, Picture, Report, Rows
from query.reports.parameters import TIMES, with_paging
from query.sql.addresses import OF_MESSAGES, add_filters
from query.sql.reports.owners import with_owners
from query.sql.where import SortColumn, Where
from schemas.standing import Reason, Standing
from schemas.status import CHANNELS

_STANDINGS = "address_standing AS m FINAL"
_SORTS = ("since", "address", "reason")


def _suppressions(asked: Asked) -> Rows:
    where = Where(asked.scope)
    source = with_owners(_STANDINGS, where, asked.scope, "m.*, m.domain AS domain, m.since_ms AS since_ms")
    add_filters(where, {**asked.given, "standing": Standing.INVALID}, asked.scope)
    return Rows(source, where, _STANDINGS)


SUPPRESSIONS = Report(
    name="suppressions",
    title="Suppressions",
    tells="Which addresses must not be written to, why, since when, and whose are they?",
    columns=(
        Column("address", Kind.WORD, "The address, as addresses are compared."),
        Column("channel", Kind.WORD, "email or sms."),
        Column("domain", Kind.TEXT, "Its domain."),
        Column("reason", Kind.WORD, "The first reason that counts."),
        Column("reasons", Kind.OBJECT, "All reasons that count.", "toJSONString(m.reasons)"),
        Column(
            "since",
            Kind.TIME,
            "When it became invalid.",
            sort=SortColumn("m.since_ms", "Int64", False),
            optional=True,
        ),
        Column("cause", Kind.TEXT, "The cause of its bounce."),
        Column("code", Kind.TEXT, "The code of its bounce."),
        Column("diagnostic", Kind.TEXT, "What the recipient's server or the carrier said."),
        Column("message_id", Kind.TEXT, "The message that made it invalid."),
        Column("hint", Kind.TEXT, "Where a provider's own list must be cleared too."),
        Column(
            "customers",
            Kind.OBJECT,
            "Customers who have the address on file: {customer, kind, name, primary} each.",
        ),
    ),
    sorts=_SORTS,
    default_sort="-since",
    place=("address", "channel"),
    picture=Picture("Suppressed addresses, by since when and reason", x="since", by="reason"),
    parameters=with_paging(
        {
            "reason": Parameter(choice(*Reason), many=True),
            "channel": Parameter(choice(*CHANNELS)),
            "domain": Parameter(domain),
            "address": Parameter(stripped),
            **{name: Parameter(stripped) for name in ("customer", *OF_MESSAGES)},
            "from": Parameter(time),
            "to": Parameter(time),
            **TIMES,
        },
        _SORTS,
    ),
    rows=_suppressions,
)
