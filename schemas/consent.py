"""Consent of an address: its vocabulary, and a change of it.

Nothing here folds; processors/consent.py does.
"""

from dataclasses import dataclass
from typing import Any

SCHEMA = "consent/1"
LOG_SCHEMA = "consent-log/1"

IN, OUT = "in", "out"

TRANSACTIONAL, NOTIFICATION, MARKETING = "transactional", "notification", "marketing"
CATEGORIES = (TRANSACTIONAL, NOTIFICATION, MARKETING)
"""What mail and messages are sent for. Transactional ones always go out, whatever was consented to."""

EVERY_CATEGORY = "*"
"""Category of an opt-out from a sender as such, as STOP is. It is lifted by a change of the same sender alone."""

SOURCES = ("customer", "staff", "import", "ses", "twilio")
EVIDENCE_METHODS = ("portal", "link", "verbal", "written")


@dataclass(frozen=True, slots=True)
class ConsentChange:
    """One change of the consent of an address, as it was told. `at` is in ms since the epoch.

    `entry_id` is its identity, derived from content: the same change told twice is one entry of the audit log.
    `sender` is normalised, None where the change is not of one sender alone. `actor` is who decided: a name of staff,
    the customer, or the address itself. `evidence` is {"method", "wording", "reference"} as far as it was given.
    `recorded_by` is the name of the key that it was posted with, None where a provider or a signed link told it;
    `message_id` is the message through which it came, if it was one.
    """

    entry_id: str
    category: str
    sender: str | None
    consent: str
    source: str
    actor: str
    evidence: dict[str, Any] | None
    reason: str | None
    at: int
    recorded_by: str | None
    message_id: str | None
