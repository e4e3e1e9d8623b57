"""One message: its recipients, what could not be attributed, and its events."""

from query.sql.where import Where


def recipients_sql(where: Where, columns: str) -> str:
    """All rows of the message, also the unattributed one, with what describes the message as a whole."""
    return (
        f"SELECT {columns}, m.tenant AS of_tenant, m.provider AS provider, nullIf(m.tracking, '') AS tracking, "
        "m.human_opens AS human_opens, m.opens AS all_opens, m.clicks AS all_clicks, m.unmasked AS unmasked "
        f"FROM message_status AS m FINAL WHERE {where.sql} ORDER BY m.tenant, m.recipient"
    )


def events_sql(where: Where) -> str:
    """The events of the message in time order, with what they say of the message."""
    return (
        "SELECT m.event_id AS event_id, nullIf(m.recipient, '') AS recipient, m.outcome AS outcome, m.at AS at, "
        "m.received_at AS received_at, m.detail AS detail, m.machine AS machine, nullIf(m.machine_reason, '') AS machine_reason, "
        "m.timed AS timed, m.late AS late, nullIf(m.reported_recipient, '') AS reported_recipient, m.receipt_id AS receipt_id, "
        "m.tenant AS of_tenant, m.provider AS provider, m.channel AS channel, m.sent_at AS sent_at, "
        + ", ".join(f"nullIf(m.{name}, '') AS {name}" for name in DESCRIPTORS)
        + f" FROM events AS m FINAL WHERE {where.sql} ORDER BY m.at, m.received_at, m.event_id"
    )


DESCRIPTORS = (
    "sender",
    "subject",
    "text",
    "campaign",
    "customer",
    "category",
    "document",
    "method",
    "link",
    "tracking",
)
"""What describes a message and not one recipient of it."""
