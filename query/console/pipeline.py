"""How far behind the store is, in plain words: pure."""

from collections.abc import Mapping

from query.console.wording import number
from schemas.topics import (
    ADDRESS_STANDING,
    CONSENT_LOG,
    CONSENTS,
    CUSTOMERS,
    DEAD_LETTERS,
    EVENTS,
    MESSAGE_STATUS,
    RECEIPTS,
)

_WORDS = {
    RECEIPTS.name: "webhooks as they arrived",
    EVENTS.name: "events of trails",
    MESSAGE_STATUS.name: "statuses of messages",
    ADDRESS_STANDING.name: "standings of addresses",
    CONSENTS.name: "consents",
    CONSENT_LOG.name: "changes of consent",
    CUSTOMERS.name: "customers",
    DEAD_LETTERS.name: "dead letters",
}
_USUAL = 10_000
"""Records behind that a busy store takes in within seconds."""


def lag_in_words(behind: Mapping[str, int] | None) -> tuple[str, str]:
    """Tone (good, plain or warn) and sentence about the records of each topic that the store does not have yet."""
    if behind is None:
        return "warn", "Kafka does not tell how far behind this is: what is shown may be old."
    records = sum(behind.values())
    if not records:
        return "good", "Everything that came in is shown."
    worst = max(behind, key=lambda topic: behind[topic])
    most = f"most of all {_WORDS.get(worst, worst)} ({number(behind[worst])})"
    are = "record is" if records == 1 else "records are"
    if records <= _USUAL:
        return "plain", f"{number(records)} {are} about to be shown, {most}."
    return "warn", f"{number(records)} {are} not shown yet, {most}: figures are behind, and nothing is lost."
