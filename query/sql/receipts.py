"""Receipts: what a provider or an application posted, as it arrived."""

from collections.abc import Sequence

from query.sql.where import Scope, Where

_FIELDS = "receipt_id provider message_id verified content_type query body body_encoding".split()


def of_receipts(scope: Scope, receipt_ids: Sequence[str]) -> Where:
    """The receipts of these ids, found by the table's own order. What has expired is gone at once, though merges take their
    time to remove it."""
    where = Where(scope)
    where.add("m.expires_at > now()")
    where.add(f"m.receipt_id IN {where.bind('Array(String)', list(receipt_ids))}")
    return where


def receipts_sql(where: Where) -> str:
    """These receipts, each with its tenant, '' where it could not be placed; `verified` is JSON text. One that was stored
    twice is the same twice."""
    selected = ", ".join(f"m.{name} AS {name}" for name in _FIELDS)
    return f"SELECT {selected}, m.received AS received_at, m.tenant AS tenant FROM receipts AS m FINAL WHERE {where.sql}"


def kept_sql(where: Where) -> str:
    """Which of these receipts are kept."""
    return f"SELECT DISTINCT m.receipt_id AS receipt_id FROM receipts AS m WHERE {where.sql}"
