"""What a receipt says: mostly events, and from an application also other things."""

from dataclasses import dataclass, field

from schemas.activity import Activity
from schemas.customers import Customer
from schemas.events import Event
from schemas.tenant_log import TenantNote


@dataclass(frozen=True, slots=True)
class Told:
    """Everything that one receipt says: events of messages, changes of consent and resets of addresses, customers,
    and what was decided about the tenant."""

    events: list[Event] = field(default_factory=list)
    activity: list[Activity] = field(default_factory=list)
    customers: list[Customer] = field(default_factory=list)
    notes: list[TenantNote] = field(default_factory=list)
