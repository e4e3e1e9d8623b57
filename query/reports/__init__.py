"""The reports, each declared once: routes, schemas/openapi.yaml's test, docs and console pages read this table."""

from query.reports.consents import CONSENT_CHANGES, OPT_INS, OPTED_OUT
from query.reports.declaring import Column, Kind, Picture, Report
from query.reports.messages import BOUNCE_CAUSES, MONTHLY_VOLUME, SENT_AGAINST_CONSENT
from query.reports.newcomers import NEW_CUSTOMERS, NEW_RECIPIENTS
from query.reports.senders import SENDER_HEALTH
from query.reports.suppressions import SUPPRESSIONS

REPORTS: dict[str, Report] = {
    report.name: report
    for report in (
        MONTHLY_VOLUME,
        OPTED_OUT,
        OPT_INS,
        NEW_CUSTOMERS,
        NEW_RECIPIENTS,
        CONSENT_CHANGES,
        SENT_AGAINST_CONSENT,
        SUPPRESSIONS,
        BOUNCE_CAUSES,
        SENDER_HEALTH,
    )
}
"""By name, in the order in which people look for them."""

__all__ = ["REPORTS", "Column", "Kind", "Picture", "Report"]
