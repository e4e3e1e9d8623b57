"""What the trail says of an open or a click: its agent's verdict, or the one that only the message's other facts give."""

from collections.abc import Iterable, Mapping
from typing import Any

from schemas.machine_reasons import SHORT_IDENTITY


def with_verdicts(
    events: Iterable[Mapping[str, Any]], rows: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The events of a message, with `machine` and `machine_reason` as its status counts them. `rows` are all of the
    message's, also the unattributed one, with their `unmasked`."""
    reasons = {
        identity: reason
        for row in rows
        for reason, identities in row["unmasked"].items()
        for identity in identities
    }
    return [_told(event, reasons.get(event["event_id"][:SHORT_IDENTITY])) for event in events]


def _told(event: Mapping[str, Any], reason: str | None) -> dict[str, Any]:
    if reason is None or event["machine"]:
        return dict(event)
    return {**event, "machine": True, "machine_reason": reason}
