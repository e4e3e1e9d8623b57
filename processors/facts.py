"""The facts of one message for one recipient, folded from events: what the status is derived from.

Merging is commutative, associative and idempotent, so repeats and any order give the same facts. The only part that
tells in which order events came is the journal (`status`, `previous_status`, `changed_at`, `changed_by`).

Bounded whatever comes: texts are cut (LIMITS), distinct events are counted in sketches of 64, and of diagnostics the
latest of each outcome stays. Usual facts encode to some 700 bytes, the largest possible to less than MAX_BYTES.
"""

from typing import Any
from zlib import crc32

import orjson

from processors.sketches import Sketch, identity_hash, sketch_add, sketch_join
from schemas.events import Event
from schemas.standing import SPARING_CAUSES
from schemas.status import RANK, SUPPORTS, Outcome, Status

SCHEMA = "message-facts/1"
MAX_BYTES = 144 * 1024

LIMITS = {"subject": 998, "text": 1600, "link": 1024, "diagnostic": 500, "error": 300}
"""Longest texts in the state, in characters; the events keep more. 998 is the longest line of a mail (RFC 5322),
1,600 the longest body of a Twilio message."""
NAME_LIMIT = 256
"""Longest of all other texts in the state, in characters."""

OUT_OF_OFFICE = "soft_general"
"""Where Transient/General bounces are kept, apart from other soft ones: often an out-of-office reply, which means
nothing once the message was delivered."""

COUNTING_SOFT = "soft_counting"
"""Where the latest soft bounce is kept that counts against the address, with the event that told it: not the sender's
fault and not the message's."""

_BOUNCE = ("subtype", "code", "cause", "diagnostic")
_ERROR = ("error_code", "error", "reason", "diagnostic")
_DIAGNOSTICS: dict[str, tuple[str, ...]] = {
    Outcome.BOUNCED: _BOUNCE,
    Outcome.SOFT_BOUNCED: _BOUNCE,
    OUT_OF_OFFICE: _BOUNCE,
    Outcome.DELAYED: ("type", "code", "diagnostic", "expires_at"),
    Outcome.COMPLAINED: ("type",),
    Outcome.SKIPPED: _ERROR,
    Outcome.INVALID: _ERROR,
    Outcome.CANCELED: _ERROR,
    Outcome.REJECTED: _ERROR,
    Outcome.FAILED: _ERROR,
    Outcome.UNDELIVERED: _ERROR,
}
"""By outcome, what of an event's detail the state keeps of the latest one."""

# Bound here, because Python 3.11 takes a quarter of a microsecond to find a member of an enumeration by its name.
_SOFT_BOUNCED = Outcome.SOFT_BOUNCED

_RANKS: dict[str, int] = {str(status): rank for status, rank in RANK.items()}

_COUNTED = frozenset({Outcome.OPENED, Outcome.CLICKED, Outcome.SOFT_BOUNCED, OUT_OF_OFFICE})

WHY = ("reason", "error_code", "error")
"""What an application may say of why a message was not sent; it is told field by field, as what describes the message."""

Description = list[Any]
"""[1 for the application's word and 0 for a provider's, time in ms or 0, value]: the greatest stands."""
Diagnostics = list[Any]
"""[time in ms or 0, identity hash, detail]: the greatest stands."""


class MessageFacts:
    """Facts of one message for one recipient. Times are ms since the epoch; `recipient` is empty for facts that
    cannot be attributed. Its collections are never changed in place, so that copies may share them.

    `descriptors`: by name the word that stands (`recipient_as_given` is one of them, and so is what the application says of
    why, by `word_of_why`). `times`: by outcome the first and the last time; of facts without a time of their own only the
    first, when it was received. `sketches`: the distinct opens, clicks and soft bounces. `latest`: by outcome the latest
    diagnostics. `filed_at` is fixed by the first source record, whose revision is `filed_by`; `revision` is the greatest.
    """

    __slots__ = (
        "changed_at",
        "changed_by",
        "channel",
        "descriptors",
        "filed_at",
        "filed_by",
        "latest",
        "message_id",
        "previous_status",
        "provider",
        "recipient",
        "revision",
        "sent_at",
        "sketches",
        "status",
        "tenant",
        "times",
        "updated_at",
    )

    tenant: str
    message_id: str
    recipient: str
    channel: str
    provider: str
    descriptors: dict[str, Description]
    times: dict[str, list[int]]
    sketches: dict[str, Sketch]
    latest: dict[str, Diagnostics]
    sent_at: int | None
    filed_by: int
    filed_at: int
    revision: int
    updated_at: int
    status: str
    previous_status: str | None
    changed_at: int
    changed_by: str

    @classmethod
    def decode(cls, encoded: bytes) -> "MessageFacts":
        """The facts of `encode`. Raises ValueError where these are not facts of this version."""
        try:
            raw = orjson.loads(encoded)
            if raw["schema"] != SCHEMA:
                raise ValueError(f"expected {SCHEMA}, got {raw['schema']!r:.40}")
            facts = cls.__new__(cls)
            facts.tenant, facts.message_id, facts.recipient = raw["key"]
            facts.channel, facts.provider = raw["by"]
            facts.descriptors = raw["said"]
            facts.times = raw["times"]
            facts.sketches = raw["seen"]
            facts.latest = raw["latest"]
            facts.sent_at, facts.filed_by, facts.filed_at, facts.revision, facts.updated_at = raw["at"]
            facts.status, facts.previous_status, facts.changed_at, facts.changed_by = raw["journal"]
        except (KeyError, TypeError, orjson.JSONDecodeError) as fault:
            raise ValueError(f"expected {SCHEMA}: {fault!r:.200}") from None
        return facts

    def encode(self) -> bytes:
        """The facts as the table and its changelog keep them: compact JSON, `message-facts/1`."""
        return orjson.dumps(
            {
                "schema": SCHEMA,
                "key": (self.tenant, self.message_id, self.recipient),
                "by": (self.channel, self.provider),
                "said": self.descriptors,
                "times": self.times,
                "seen": self.sketches,
                "latest": self.latest,
                "at": (self.sent_at, self.filed_by, self.filed_at, self.revision, self.updated_at),
                "journal": (self.status, self.previous_status, self.changed_at, self.changed_by),
            }
        )


def word_of_why(outcome: str, name: str) -> str:
    """The name of an application's word for why an outcome came about; `name` is one of WHY."""
    return f"{outcome}.{name}"


def folds(event: Event) -> bool:
    """Whether an event changes facts. One that supports no status (an inbound message, one of unknown meaning) is
    stored as an event and makes no row in the log; neither does one of a message whose state has expired."""
    return not event.late and SUPPORTS[event.outcome] is not None


def fold(facts: MessageFacts | None, event: Event, revision: int) -> MessageFacts:
    """The facts with one more event, from the source record of that revision; `facts` stays as it is.

    The same event again changes nothing but `revision`, and, come anew by another receipt, `updated_at`.
    Raises ValueError for an event that does not fold.
    """
    supported = SUPPORTS[event.outcome]
    if supported is None:
        raise ValueError(f"an event of outcome {event.outcome} supports no status and is not folded")
    filed_at = _filed_at(event)
    if facts is None:
        new = _begun(event, supported, revision, filed_at)
    else:
        new = _copied(facts)
        if event.provider != new.provider:
            new.provider = max(new.provider, event.provider, key=_provider_order)
        if event.sent_at is not None and (new.sent_at is None or event.sent_at < new.sent_at):
            new.sent_at = event.sent_at
        if (revision, filed_at) < (new.filed_by, new.filed_at):
            new.filed_by, new.filed_at = revision, filed_at
        new.revision = max(new.revision, revision)
        new.updated_at = max(new.updated_at, event.received_at)
        if _RANKS[supported] > _RANKS[new.status]:
            new.previous_status, new.status = new.status, supported
            new.changed_at, new.changed_by = event.received_at, event.event_id
    _describe(new, event)
    _take(new, event)
    return new


def _filed_at(event: Event) -> int:
    """When a message is filed by what one event says: when it was sent, else when the application says that it sent or held it
    back, else when it was received."""
    if event.sent_at is not None:
        return event.sent_at
    return min(event.at, event.received_at) if event.provider == "app" else event.received_at


def join(left: MessageFacts, right: MessageFacts) -> MessageFacts:
    """The facts of both, as if all their events had been folded into one; neither is changed. Both must be of the
    same message and recipient.

    Of two journals the one of the higher status stands, of the same status the one that got there first.
    """
    new = _copied(left)
    new.channel = max(left.channel, right.channel)
    new.provider = max(left.provider, right.provider, key=_provider_order)
    for name, description in right.descriptors.items():
        known = new.descriptors.get(name)
        if known is None or description > known:
            new.descriptors[name] = description
    for outcome, (first, last) in right.times.items():
        times = new.times.get(outcome)
        new.times[outcome] = [min(times[0], first), max(times[1], last)] if times else [first, last]
    for kind, sketch in right.sketches.items():
        seen = new.sketches.get(kind)
        new.sketches[kind] = sketch_join(seen, sketch) if seen else sketch
    for kind, diagnostics in right.latest.items():
        _keep_latest(new, kind, diagnostics)
    if right.sent_at is not None:
        new.sent_at = right.sent_at if left.sent_at is None else min(left.sent_at, right.sent_at)
    new.filed_by, new.filed_at = min((left.filed_by, left.filed_at), (right.filed_by, right.filed_at))
    new.revision = max(left.revision, right.revision)
    new.updated_at = max(left.updated_at, right.updated_at)
    if _journal_order(right) < _journal_order(left):
        new.status, new.previous_status = right.status, right.previous_status
        new.changed_at, new.changed_by = right.changed_at, right.changed_by
    return new


def _begun(event: Event, supported: Status, revision: int, filed_at: int) -> MessageFacts:
    new = MessageFacts.__new__(MessageFacts)
    new.tenant = event.tenant
    new.message_id = event.message_id
    new.recipient = event.recipient or ""
    new.channel = event.channel
    new.provider = event.provider
    new.descriptors = {}
    new.times = {}
    new.sketches = {}
    new.latest = {}
    new.sent_at = event.sent_at
    new.filed_by = new.revision = revision
    new.filed_at = filed_at
    new.updated_at = event.received_at
    new.status = supported
    new.previous_status = None
    new.changed_at = event.received_at
    new.changed_by = event.event_id
    return new


def _copied(facts: MessageFacts) -> MessageFacts:
    new = MessageFacts.__new__(MessageFacts)
    new.tenant = facts.tenant
    new.message_id = facts.message_id
    new.recipient = facts.recipient
    new.channel = facts.channel
    new.provider = facts.provider
    new.descriptors = facts.descriptors.copy()
    new.times = facts.times.copy()
    new.sketches = facts.sketches.copy()
    new.latest = facts.latest.copy()
    new.sent_at = facts.sent_at
    new.filed_by = facts.filed_by
    new.filed_at = facts.filed_at
    new.revision = facts.revision
    new.updated_at = facts.updated_at
    new.status = facts.status
    new.previous_status = facts.previous_status
    new.changed_at = facts.changed_at
    new.changed_by = facts.changed_by
    return new


def _describe(new: MessageFacts, event: Event) -> None:
    """Field by field the greatest of (application over provider, time, value) stands. Without a time of its own an
    event's words are the oldest, so that a repeat of it is no news."""
    source = 1 if event.provider == "app" else 0
    at = event.at if event.timed else 0
    said, words = event.descriptors, new.descriptors
    for name, value in (
        ("recipient_as_given", event.recipient_as_given),
        ("sender", said.sender),
        ("subject", said.subject),
        ("text", said.text),
        ("campaign", said.campaign),
        ("customer", said.customer),
        ("category", said.category),
        ("document", said.document),
        ("method", said.method),
        ("link", said.link),
        ("tracking", said.tracking),
    ):
        if value:
            _keep_word(words, name, [source, at, value[: LIMITS.get(name, NAME_LIMIT)]])


def _keep_word(words: dict[str, Description], name: str, word: Description) -> None:
    known = words.get(name)
    if known is None or word > known:
        words[name] = word


def _take(new: MessageFacts, event: Event) -> None:
    """Times, the sighting and the diagnostics of an event."""
    kind = str(event.outcome)
    at, last = event.at, event.at if event.timed else 0
    times = new.times.get(kind)
    if times is None:
        new.times[kind] = [at, last]
    elif at < times[0] or last > times[1]:
        new.times[kind] = [min(times[0], at), max(times[1], last)]
    detail = event.detail
    if event.outcome is _SOFT_BOUNCED and (detail.get("type"), detail.get("subtype")) == (
        "Transient",
        "General",
    ):
        kind = OUT_OF_OFFICE
    if kind in _COUNTED:
        link = detail.get("link")
        hashed = crc32(link.encode()) if isinstance(link, str) else 0
        sighting = [identity_hash(event.event_id), at, 1 if event.machine else 0, hashed]
        new.sketches[kind] = sketch_add(new.sketches.get(kind), sighting)
    if kind in _DIAGNOSTICS:
        kept = {
            name: value[: LIMITS.get(name, NAME_LIMIT)]
            for name in _DIAGNOSTICS[kind]
            if isinstance(value := detail.get(name), str)
        }
        if event.provider == "app":
            for name, value in kept.items():
                _keep_word(new.descriptors, word_of_why(kind, name), [1, at, value])
            return
        identity = identity_hash(event.event_id)
        _keep_latest(new, kind, [last, identity, kept])
        if event.outcome is _SOFT_BOUNCED and detail.get("cause") not in SPARING_CAUSES:
            _keep_latest(new, COUNTING_SOFT, [last, identity, kept | {"event_id": event.event_id}])


def _keep_latest(new: MessageFacts, kind: str, diagnostics: Diagnostics) -> None:
    known = new.latest.get(kind)
    if known is None or _diagnostics_order(diagnostics) > _diagnostics_order(known):
        new.latest[kind] = diagnostics


def _diagnostics_order(diagnostics: Diagnostics) -> tuple[int, int, bytes]:
    """By time, then identity; one event told in two words, by those."""
    at, identity, detail = diagnostics
    return at, identity, orjson.dumps(detail, option=orjson.OPT_SORT_KEYS)


def _provider_order(provider: str) -> tuple[bool, str]:
    """Whoever carried the message names it rather than the application that registered it."""
    return provider != "app", provider


def _journal_order(facts: MessageFacts) -> tuple[int, int, str, str]:
    return -_RANKS[facts.status], facts.changed_at, facts.changed_by, facts.previous_status or ""
