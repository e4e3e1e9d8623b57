"""One message: its recipients, what could not be attributed, and its events."""

from query.sql.where import Where


def tenants_sql(table: str, where: Where) -> str:
    """The tenants that have rows of the message in that table, two at most."""
    return f"SELECT DISTINCT m.tenant AS tenant FROM {table} AS m WHERE {where.sql} LIMIT 2"


def recipients_sql(where: Where, columns: str) -> str:
    """All rows of the message, also the unattributed one, with what describes the message as a whole."""
    return (
        f"SELECT {columns}, m.tenant AS of_tenant, m.provider AS provider, m.tracking AS tracking, "
        "m.human_opens AS human_opens, m.opens AS all_opens, m.clicks AS all_clicks, m.unmasked AS unmasked "
        f"FROM message_status AS m FINAL WHERE {where.sql} ORDER BY m.tenant, m.recipient"
    )


def events_sql(where: Where) -> str:
    """The events of the message in time order, with what they say of the message; '' stands for none."""
    columns = ", ".join(f"m.{name} AS {name}" for name in (*EVENT_FIELDS, *DESCRIPTORS))
    return (
        f"SELECT {columns}, m.tenant AS of_tenant, m.provider AS provider, m.channel AS channel, m.sent_at AS sent_at "
        f"FROM events AS m FINAL WHERE {where.sql} ORDER BY m.at, m.received_at, m.event_id"
    )


EVENT_FIELDS = (
    "event_id recipient outcome at received_at detail machine machine_reason timed late reported_recipient receipt_id"
).split()
"""Fields of an event, in this order."""

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
