"""The report over addresses that must not be written to."""

from query.sql.reports.owners import with_owners
from query.sql.where import Scope, Where


def suppressions_source(where: Where, scope: Scope) -> str:
    """Addresses with their standing and the customers whose they are."""
    return with_owners(
        "address_standing AS m FINAL", where, scope, "m.*, m.domain AS domain, m.since_ms AS since_ms"
    )
