"""The log of a tenant's health: when it was released, by whom and why. Kept without end."""

from dataclasses import dataclass

import orjson

from schemas.times import format_time

SCHEMA = "tenant-log/1"

RELEASED = "released"


@dataclass(frozen=True, slots=True)
class TenantNote:
    """One entry; times in ms since the epoch. `entry_id` is its identity, `recorded_by` the name of the key used."""

    entry_id: str
    tenant: str
    kind: str
    actor: str
    reason: str
    at: int
    recorded_at: int
    recorded_by: str | None
    receipt_id: str

    def to_json(self) -> bytes:
        """The value of a record of `waybill-tenant-log`: schemas/json/waybill-tenant-log/v1.schema.json."""
        return orjson.dumps(
            {
                "schema": SCHEMA,
                "entry_id": self.entry_id,
                "tenant": self.tenant,
                "kind": self.kind,
                "actor": self.actor,
                "reason": self.reason,
                "at": format_time(self.at),
                "recorded_at": format_time(self.recorded_at),
                "recorded_by": self.recorded_by,
                "receipt_id": self.receipt_id,
            }
        )
