"""Which columns of a report stand below each other on a page, so that all of them have room on a screen: pure."""

from collections.abc import Mapping, Sequence

from query.reports.declaring import Column, Report

LAYOUTS: Mapping[str, Sequence[str]] = {
    "monthly-volume": (
        "month channel",
        "sender category method",
        "recipients messages",
        "sent queued skipped invalid canceled",
        "delivered undelivered rejected failed",
        "opened human_opened",
        "clicked human_clicked",
        "bounced soft_bounced",
        "complained unsubscribed",
    ),
    "opted-out": (
        "address channel",
        "category sender",
        "since",
        "actor source reason",
        "evidence",
        "customers entry_id",
    ),
    "opt-ins": (
        "address channel",
        "category sender before",
        "at recorded_at recorded_by",
        "actor source reason",
        "evidence",
        "customers entry_id",
    ),
    "new-customers": (
        "customer name",
        "kind",
        "registered known_by",
        "since",
        "addresses",
        "messages first_message_at",
    ),
    "new-recipients": (
        "address channel domain",
        "first_at",
        "subject message_id sender campaign",
        "category method",
        "status",
        "messages",
        "customers customer",
    ),
    "consent-changes": (
        "address channel",
        "category sender",
        "consent before",
        "at recorded_at recorded_by",
        "actor source reason",
        "evidence",
        "customers entry_id",
    ),
    "sent-against-consent": (
        "address channel customer",
        "sent_at status",
        "subject message_id sender campaign category method",
        "why reason",
        "since source actor",
        "known_then recorded_at entry_id",
    ),
    "suppressions": (
        "address channel domain",
        "reason reasons",
        "since",
        "cause code diagnostic message_id hint",
        "customers",
    ),
    "bounce-causes": (
        "domain",
        "kind cause",
        "recipients",
        "rate base",
        "diagnostic code",
        "last_at message_id",
    ),
    "sender-health": (
        "sender",
        "standing reason since counted_from released_at released_by released_why",
        "sent delivered",
        "bounced bounce_rate",
        "complained complaint_rate",
        "authentication spf dkim dmarc",
    ),
}
"""By the report's name: each place of its table with its columns. Of those below the first, a page shows what there is."""


def places(report: Report) -> list[list[Column]]:
    """The places of a report's table from left to right, each with its columns from top to bottom."""
    columns = {column.name: column for column in report.columns}
    return [[columns[name] for name in place.split()] for place in LAYOUTS[report.name]]
