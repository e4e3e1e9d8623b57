"""Every Kafka topic of Waybill: its name, partitions, settings, key and value. The one place where they are named.

Topics are created from this table before any worker starts (`python -m deploy prepare`): Faust does not create
topics that are only produced to, nor choose their settings.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

FAUST_APP = "waybill-processors"
"""Id of the Faust app and of its consumer group. Renaming it abandons the changelogs, so it is fixed here."""

FACTS_TABLE = "message-facts"
"""Name of the Faust table with the facts of each (tenant, message, recipient)."""

ADDRESS_TABLE = "address-standing"
"""Name of the Faust table with the facts of each (tenant, channel, address)."""

CONSENTS_TABLE = "consents"
"""Name of the Faust table with the consent of each (tenant, channel, address, category[, sender])."""

SINK_GROUP = "waybill-sink"
"""Consumer group of the sink."""

MAX_RECORD_BYTES = 4 * 1024 * 1024
"""Largest record that topics and producers take: a batch of envelopes, or a single oversized one."""

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `kept` is its cleanup.policy, `retention_days` its retention.ms in days (None = for ever)."""

    name: str
    key: str
    schema: str
    public: bool
    kept: str = "delete"
    retention_days: float | None = 14
    settings: Mapping[str, str] = field(default_factory=dict)

    def config(self, state_days: int) -> dict[str, str]:
        """The topic's settings as Kafka takes them. `state_days` is how long per-message state lives."""
        days = self.retention_days if self.retention_days != STATE_DAYS else state_days + STATE_GRACE_DAYS
        return {
            "cleanup.policy": self.kept,
            "retention.ms": "-1" if days is None else str(int(days * _DAY_MS)),
            "max.message.bytes": str(MAX_RECORD_BYTES),
            **self.settings,
        }


STATE_DAYS = -1.0
"""Marks a topic that is kept as long as the state of a message, WAYBILL_STATE_DAYS and some grace."""

STATE_GRACE_DAYS = 7
"""State outlives the age at which an event counts as late by this much, so that no event meets half-expired facts."""

_COMPACTED = {
    # A worker that was frozen and woken may have written an older value after its successor's: both stay readable
    # for a day, and recovery joins them.
    "min.compaction.lag.ms": str(_DAY_MS),
}

RECEIPTS = Topic(
    "waybill-receipts", key="none; partition by hash of tenant/message_id", schema="receipts/1", public=False
)
EVENTS = Topic("waybill-events", key="tenant/message_id", schema="event/1", public=True, retention_days=30)
MESSAGE_STATUS = Topic(
    "waybill-message-status",
    key="tenant/message_id/recipient",
    schema="message-status/1",
    public=True,
    kept="compact,delete",
    retention_days=STATE_DAYS,
    settings=_COMPACTED,
)
DEAD_LETTERS = Topic(
    "waybill-dead-letters", key="as the receipt", schema="dead-letter/1", public=True, retention_days=90
)
FACTS_CHANGELOG = Topic(
    f"{FAUST_APP}-{FACTS_TABLE}-changelog",
    key="tenant/message_id/recipient",
    schema="message-facts/1",
    public=False,
    kept="compact,delete",
    retention_days=STATE_DAYS,
    settings=_COMPACTED,
)

ADDRESS_ACTIVITY = Topic(
    "waybill-address-activity",
    key="none; partition by hash of tenant/channel/address",
    schema="address-activity/1",
    public=False,
)
ADDRESS_STANDING = Topic(
    "waybill-address-standing",
    key="tenant/channel/address",
    schema="address-standing/1",
    public=True,
    kept="compact",
    retention_days=None,
    settings=_COMPACTED,
)
CONSENTS = Topic(
    "waybill-consents",
    key="tenant/channel/address/category, with /sender where it is of one sender alone",
    schema="consent/1",
    public=True,
    kept="compact",
    retention_days=None,
    settings=_COMPACTED,
)
CONSENT_LOG = Topic(
    "waybill-consent-log",
    key="tenant/channel/address",
    schema="consent-log/1",
    public=True,
    retention_days=None,
)
CUSTOMERS = Topic(
    "waybill-customers",
    key="tenant/customer",
    schema="customer/1",
    public=False,
    kept="compact",
    retention_days=None,
    settings=_COMPACTED,
)
TENANT_LOG = Topic(
    "waybill-tenant-log", key="tenant", schema="tenant-log/1", public=False, retention_days=None
)
ADDRESS_CHANGELOG = Topic(
    f"{FAUST_APP}-{ADDRESS_TABLE}-changelog",
    key="tenant/channel/address",
    schema="address-facts/1",
    public=False,
    kept="compact",
    retention_days=None,
    settings=_COMPACTED,
)
CONSENTS_CHANGELOG = Topic(
    f"{FAUST_APP}-{CONSENTS_TABLE}-changelog",
    key="as waybill-consents",
    schema="consent-facts/1",
    public=False,
    kept="compact",
    retention_days=None,
    settings=_COMPACTED,
)

CHANGELOGS = (FACTS_CHANGELOG, ADDRESS_CHANGELOG, CONSENTS_CHANGELOG)
"""What the worker's tables are recovered from. Their values are the worker's own and no contract."""

TOPICS = (
    RECEIPTS,
    EVENTS,
    MESSAGE_STATUS,
    DEAD_LETTERS,
    ADDRESS_ACTIVITY,
    ADDRESS_STANDING,
    CONSENTS,
    CONSENT_LOG,
    CUSTOMERS,
    TENANT_LOG,
    *CHANGELOGS,
)
"""All of them have WAYBILL_PARTITIONS partitions. What the worker writes for a record goes to the partition number of
that record, so all of one message, and all of one address, stays together, and only the way from messages to addresses
needs hashing: `waybill-address-activity` is written to the partition of the address's key."""


_PLAIN = re.compile(r"[A-Za-z0-9@+:=_.~-]*").fullmatch
"""Nearly all parts are; quote() takes ten times as long to find out."""


def key_part(text: str) -> str:
    """One part of a record key, percent-encoded so that the slashes between parts stay unambiguous."""
    return text if _PLAIN(text) else quote(text, safe="@+:=-_.~")


def message_key(tenant: str, message_id: str) -> str:
    """Key of everything about one message."""
    return f"{key_part(tenant)}/{key_part(message_id)}"


def status_key(tenant: str, message_id: str, recipient: str) -> str:
    """Key of one recipient of one message; `recipient` is normalised, empty for unattributed facts."""
    return f"{key_part(tenant)}/{key_part(message_id)}/{key_part(recipient)}"


def address_key(tenant: str, channel: str, address: str) -> str:
    """Key of everything about one address; `address` is normalised."""
    return f"{key_part(tenant)}/{key_part(channel)}/{key_part(address)}"


def consent_key(tenant: str, channel: str, address: str, category: str, sender: str | None) -> str:
    """Key of the consent of an address to a category, or, with a fifth part, to what one sender sends of it."""
    key = f"{address_key(tenant, channel, address)}/{key_part(category)}"
    return f"{key}/{key_part(sender)}" if sender else key


def customer_key(tenant: str, customer: str) -> str:
    """Key of one customer of a tenant."""
    return f"{key_part(tenant)}/{key_part(customer)}"
