"""The trail of a document: the messages that it went out with, and their events."""

from collections.abc import Sequence

from query.sql.message import EVENT_FIELDS
from query.sql.where import Scope, Where


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
    """These events in time order; '' stands for none."""
    selected = ", ".join(f"m.{name} AS {name}" for name in ("message_id", *EVENT_FIELDS))
    return (
        f"SELECT {selected} FROM events AS m FINAL WHERE {where.sql} "
        f"ORDER BY m.at, m.received_at, m.message_id, m.event_id LIMIT {limit}"
    )
