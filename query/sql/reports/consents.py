"""Reports over consents: who is out, and every change with what stood before it."""

from query.sql.where import Scope, Where
from schemas.consent import OUT

CONSENTS = "consents AS m FINAL"


def changes_source(where: Where, scope: Scope) -> str:
    """The entries of the audit log, each with the consent `before` it, '' where there was none.

    Entries are in the order in which they count: by when they were decided, of two at the very same time the opt-out last.
    """
    own = "1" if scope.tenant is None else f"l.tenant = {where.bind('String', scope.tenant)}"
    return f"""
        (
            SELECT l.*, lagInFrame(toString(l.consent)) OVER (
                PARTITION BY l.tenant, l.channel, l.address, l.category, l.sender
                ORDER BY l.at, l.consent = '{OUT}', l.entry_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ) AS before
            FROM consent_log AS l FINAL WHERE {own}
        ) AS m
    """
