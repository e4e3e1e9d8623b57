"""What a receipt says: mostly events, and from an application also other things."""

import msgspec

from schemas.activity import Activity
from schemas.customers import Customer
from schemas.events import Event


class Told(msgspec.Struct, frozen=True):
    """Everything that one receipt says: events of messages, what it tells of addresses by itself, and customers. `key` is the
    name of the key that it was posted with, if it was."""

    events: list[Event] = msgspec.field(default_factory=list)
    activity: list[Activity] = msgspec.field(default_factory=list)
    customers: list[Customer] = msgspec.field(default_factory=list)
    key: str | None = None
