"""Reports over consents: who is out, and every change with what stood before it."""

from collections.abc import Sequence

from query.sql.where import Scope, Where
from schemas.consent import OUT

CONSENTS = "consents AS m FINAL"


def changes_source(where: Where, scope: Scope, addresses: Sequence[str] | None = None) -> str:
    """The entries of the audit log, or those of these `addresses`, each with the consent `before` it, '' where there was none.

    Entries are in the order in which they count: by when they were decided, of two at the very same time the opt-out last.
    """
    own = "1" if scope.tenant is None else f"l.tenant = {where.bind('String', scope.tenant)}"
    if addresses is not None:
        own += f" AND l.address IN {where.bind('Array(String)', list(addresses))}"
    # None of an entry's key ever changes, so that of others nothing is read.
    return f"""
        (
            SELECT l.*, lagInFrame(toString(l.consent)) OVER (
                PARTITION BY l.tenant, l.channel, l.address, l.category, l.sender
                ORDER BY l.at, l.consent = '{OUT}', l.entry_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ) AS before
            FROM consent_log AS l FINAL PREWHERE {own}
        ) AS m
    """
