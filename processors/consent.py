"""Consent of an address to a category, or to what one sender sends of it: folded from changes, the latest stands.

The latest by time and identity, whatever the order in which changes come; of two at the very same time the opt-out.
Bounded: texts are cut, and beside the change that stands the 7 before it are kept, so that a repeat of one of them is known
as such. Of what STOP lifts and what it does not: docs/data-model.md, “Consent”.
"""

from typing import Any

import orjson

from schemas.activity import Activity
from schemas.consent import LOG_SCHEMA, OUT, SCHEMA, ConsentChange
from schemas.times import format_time

FACTS_SCHEMA = "consent-facts/1"
MAX_BYTES = 128 * 1024

KEPT = 8
"""Changes that stay, the newest ones."""

WORDING_LIMIT = 500
NAME_LIMIT = 256
"""Longest texts in the state, in characters; the audit log keeps more."""

Change = list[Any]
"""[time in ms, 1 for an opt-out, identity, source, actor, evidence, reason, message id]: the greatest stands."""


class ConsentFacts:
    """Changes of one consent, the one that stands last. Times are ms since the epoch."""

    __slots__ = ("address", "category", "changes", "channel", "revision", "sender", "tenant", "updated_at")

    tenant: str
    channel: str
    address: str
    category: str
    sender: str | None
    changes: list[Change]
    revision: int
    updated_at: int

    @classmethod
    def decode(cls, encoded: bytes) -> "ConsentFacts":
        """The facts of `encode`. Raises ValueError where these are not facts of this version."""
        try:
            raw = orjson.loads(encoded)
            if raw["schema"] != FACTS_SCHEMA:
                raise ValueError(f"expected {FACTS_SCHEMA}, got {raw['schema']!r:.40}")
            facts = cls.__new__(cls)
            facts.tenant, facts.channel, facts.address, facts.category, facts.sender = raw["key"]
            facts.changes = raw["changes"]
            facts.revision, facts.updated_at = raw["at"]
        except (KeyError, TypeError, orjson.JSONDecodeError) as fault:
            raise ValueError(f"expected {FACTS_SCHEMA}: {fault!r:.200}") from None
        return facts

    def encode(self) -> bytes:
        """The facts as the table and its changelog keep them: compact JSON, `consent-facts/1`."""
        return orjson.dumps(
            {
                "schema": FACTS_SCHEMA,
                "key": (self.tenant, self.channel, self.address, self.category, self.sender),
                "changes": self.changes,
                "at": (self.revision, self.updated_at),
            }
        )


def fold(facts: ConsentFacts | None, activity: Activity, revision: int) -> ConsentFacts:
    """The facts with one more change, from the source record of that revision; `facts` stays as it is.

    Raises ValueError for activity that is no change of consent.
    """
    change = activity.what
    if not isinstance(change, ConsentChange):
        raise ValueError("only changes of consent are folded into a consent")
    new = ConsentFacts.__new__(ConsentFacts)
    new.tenant, new.channel, new.address = activity.tenant, activity.channel, activity.address
    new.category, new.sender = change.category, change.sender
    new.changes = _kept([*(facts.changes if facts else []), _cut(change)])
    new.revision = max(revision, facts.revision) if facts else revision
    new.updated_at = max(activity.received_at, facts.updated_at) if facts else activity.received_at
    return new


def join(left: ConsentFacts, right: ConsentFacts) -> ConsentFacts:
    """The facts of both, as if all their changes had been folded into one; neither is changed. Both must be of the same
    consent."""
    new = ConsentFacts.__new__(ConsentFacts)
    new.tenant, new.channel, new.address = left.tenant, left.channel, left.address
    new.category, new.sender = left.category, left.sender
    new.changes = _kept([*left.changes, *right.changes])
    new.revision = max(left.revision, right.revision)
    new.updated_at = max(left.updated_at, right.updated_at)
    return new


def published(facts: ConsentFacts) -> bytes:
    """The value of a record of `waybill-consents`: schemas/json/waybill-consents/v1.schema.json."""
    at, out, entry_id, source, actor, evidence, reason, message_id = facts.changes[-1]
    return orjson.dumps(
        {
            "schema": SCHEMA,
            "tenant": facts.tenant,
            "channel": facts.channel,
            "address": facts.address,
            "category": facts.category,
            "sender": facts.sender,
            "state": "out" if out else "in",
            "since": format_time(at),
            "source": source,
            "actor": actor,
            "evidence": evidence,
            "reason": reason,
            "entry_id": entry_id,
            "message_id": message_id,
            "revision": facts.revision,
            "updated_at": format_time(facts.updated_at),
        }
    )


def logged(activity: Activity) -> bytes:
    """The value of a record of `waybill-consent-log`: schemas/json/waybill-consent-log/v1.schema.json. It is whole, and says
    who decided, when and why, and when, by which key and by which receipt that was recorded.

    Raises ValueError for activity that is no change of consent.
    """
    change = activity.what
    if not isinstance(change, ConsentChange):
        raise ValueError("only changes of consent are logged")
    return orjson.dumps(
        {
            "schema": LOG_SCHEMA,
            "entry_id": change.entry_id,
            "tenant": activity.tenant,
            "channel": activity.channel,
            "address": activity.address,
            "category": change.category,
            "sender": change.sender,
            "consent": change.consent,
            "source": change.source,
            "actor": change.actor,
            "evidence": change.evidence,
            "reason": change.reason,
            "at": format_time(change.at),
            "recorded_at": format_time(activity.received_at),
            "recorded_by": change.recorded_by,
            "receipt_id": activity.receipt_id,
            "message_id": change.message_id,
        }
    )


def _cut(change: ConsentChange) -> Change:
    told = change.evidence or {}
    evidence = {name: text and text[:WORDING_LIMIT] for name, text in sorted(told.items())}
    return [
        change.at,
        1 if change.consent == OUT else 0,
        change.entry_id,
        change.source,
        change.actor[:NAME_LIMIT],
        evidence or None,
        change.reason and change.reason[:WORDING_LIMIT],
        change.message_id and change.message_id[:NAME_LIMIT],
    ]


def _kept(changes: list[Change]) -> list[Change]:
    """By time, each identity once with its earliest time: a webhook that is posted again later is no news."""
    by_identity: dict[str, Change] = {}
    for change in sorted(changes, key=_order):
        by_identity.setdefault(change[2], change)
    return list(by_identity.values())[-KEPT:]


def _order(change: Change) -> tuple[int, int, str, bytes]:
    return change[0], change[1], change[2], orjson.dumps(change[3:])
