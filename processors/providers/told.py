"""What a receipt says: mostly events, and from an application also other things."""

from dataclasses import dataclass, field

from schemas.activity import Activity
from schemas.customers import Customer
from schemas.events import Event


@dataclass(frozen=True, slots=True)
class Told:
    """Everything that one receipt says: events of messages, what it tells of addresses by itself, and customers. `key` is the
    name of the key that it was posted with, if it was."""

    events: list[Event] = field(default_factory=list)
    activity: list[Activity] = field(default_factory=list)
    customers: list[Customer] = field(default_factory=list)
    key: str | None = None
