"""Customers of a tenant: who they are, and by which addresses they are reached."""

from dataclasses import dataclass

import orjson

from schemas.times import format_optional, format_time

SCHEMA = "customer/1"

KINDS = ("client", "staff", "company")


@dataclass(frozen=True, slots=True)
class CustomerAddress:
    """One address of a customer, normalised and as it was given; at most one of a channel is the primary one."""

    address: str
    address_as_given: str
    channel: str
    primary: bool


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer as last put; times in ms since the epoch. A later one replaces it whole, addresses too."""

    tenant: str
    customer: str
    kind: str
    name: str | None
    created_at: int | None
    addresses: tuple[CustomerAddress, ...]
    updated_at: int

    def to_json(self, revision: int) -> bytes:
        """The value of a record of `waybill-customers`: schemas/json/waybill-customers/v1.schema.json."""
        return orjson.dumps(
            {
                "schema": SCHEMA,
                "tenant": self.tenant,
                "customer": self.customer,
                "kind": self.kind,
                "name": self.name,
                "created_at": format_optional(self.created_at),
                "addresses": self.addresses,
                "revision": revision,
                "updated_at": format_time(self.updated_at),
            }
        )
