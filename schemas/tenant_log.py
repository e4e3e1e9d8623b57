"""The log of tenants as senders: when one was warned, blocked, cleared or released, by whom and why. Kept without end.

All entries of a tenant are in one partition, so that their order is the same for all who read them. An entry of a
change that nobody but Waybill decided names the entry that it follows: where two processes decide at once, the first one
counts, and the other is ignored by every reader (docs/decisions/0010-a-tenant-is-judged-by-many-and-once.md).
"""

from dataclasses import dataclass
from typing import Any

import orjson

from schemas.times import format_time, parse_time

SCHEMA = "tenant-log/1"

WARNED, BLOCKED, CLEARED, RELEASED = "warned", "blocked", "cleared", "released"
KINDS = (WARNED, BLOCKED, CLEARED, RELEASED)

WAYBILL = "waybill"
"""Actor of what nobody else decided."""


@dataclass(frozen=True, slots=True)
class TenantNote:
    """One entry; `at` is in ms since the epoch. `entry_id` is its identity, `recorded_by` the name of the key used.

    `sender` is the sender address that it is about, None for the tenant as a whole; a release is of all of them. `after`
    is the entry of the same sender that a change by WAYBILL follows, '' for the first; None for a release. `figures` are
    the counts, rates and limits that a change by WAYBILL rests on.
    """

    entry_id: str
    tenant: str
    kind: str
    actor: str
    reason: str
    at: int
    recorded_by: str | None
    sender: str | None = None
    after: str | None = None
    figures: dict[str, Any] | None = None

    def to_json(self) -> bytes:
        """The value of a record of `waybill-tenant-log`: schemas/json/waybill-tenant-log/v1.schema.json."""
        return orjson.dumps(
            {
                "schema": SCHEMA,
                "entry_id": self.entry_id,
                "tenant": self.tenant,
                "sender": self.sender,
                "kind": self.kind,
                "actor": self.actor,
                "reason": self.reason,
                "figures": self.figures,
                "after": self.after,
                "at": format_time(self.at),
                "recorded_by": self.recorded_by,
            }
        )


def parse_note(value: bytes) -> TenantNote:
    """The entry of a record's value; what is not known of it is passed over. Raises ValueError, KeyError or TypeError."""
    said = orjson.loads(value)
    return TenantNote(
        entry_id=said["entry_id"],
        tenant=said["tenant"],
        kind=said["kind"],
        actor=said["actor"],
        reason=said["reason"],
        at=parse_time(said["at"]),
        recorded_by=said["recorded_by"],
        sender=said["sender"],
        after=said["after"],
        figures=said["figures"],
    )
