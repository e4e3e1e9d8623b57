"""The trail of a document: the messages that it went out with, and their events."""

from collections.abc import Sequence

from query.sql.where import Scope, Where

EVENT_FIELDS = (
    "message_id event_id recipient outcome at received_at detail machine machine_reason timed late reported_recipient receipt_id"
).split()
"""Fields of an event, in this order."""

_OR_NULL = ("recipient", "machine_reason", "reported_recipient")


def of_document(scope: Scope, document: str) -> Where:
    """The rows of the messages that name this document, unattributed ones too."""
    where = Where(scope)
    where.equal("m.document", document)
    return where


def messages_sql(where: Where, columns: str, limit: int) -> str:
    """These rows in time order as items of the log, each with its tenant as of_tenant, and with what its message's facts
    unmasked."""
    return (
        f"SELECT {columns}, m.tenant AS of_tenant, m.unmasked AS unmasked FROM message_status AS m FINAL "
        f"WHERE {where.sql} ORDER BY m.filed_at, m.message_id, m.recipient, m.tenant LIMIT {limit}"
    )


def of_messages(tenant: str, message_ids: Sequence[str]) -> Where:
    """The events of these messages."""
    where = Where(Scope(tenant))
    where.add(f"m.message_id IN {where.bind('Array(String)', list(message_ids))}")
    return where


def events_sql(where: Where, limit: int) -> str:
    """These events in time order."""
    columns = {name: f"nullIf(m.{name}, '')" if name in _OR_NULL else f"m.{name}" for name in EVENT_FIELDS}
    selected = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
    return (
        f"SELECT {selected} FROM events AS m FINAL WHERE {where.sql} "
        f"ORDER BY m.at, m.received_at, m.message_id, m.event_id LIMIT {limit}"
    )
