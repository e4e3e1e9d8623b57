"""The standing of an address: its vocabulary, and the values that Kafka carries about it.

Nothing here folds; processors/standing.py does.
"""

from enum import StrEnum

SCHEMA = "address-standing/1"


class Standing(StrEnum):
    """Whether an address may be written to as far as its history tells."""

    VALID = "valid"
    INVALID = "invalid"


class Reason(StrEnum):
    """Why an address is invalid. Of several the first in this order is told as `reason`.

    A complaint comes last, because transactional mail still goes to an address that only complained.
    """

    HARD_BOUNCE = "hard_bounce"
    INVALID_NUMBER = "invalid_number"
    LANDLINE = "landline"
    UNREACHABLE_CARRIER = "unreachable_carrier"
    PROVIDER_SUPPRESSED = "provider_suppressed"
    REPEATED_SOFT_BOUNCES = "repeated_soft_bounces"
    COMPLAINT = "complaint"


NUMBER_REASONS = frozenset({Reason.INVALID_NUMBER, Reason.LANDLINE, Reason.UNREACHABLE_CARRIER})
"""Reasons that only a phone number has."""

SPARING_CAUSES = frozenset({"blocked", "blocklisted_ip", "rate_limited", "content"})
"""Causes of bounces that tell of the sender or of the message, and never count against the address."""

IMPORTED = "import"
"""Cause of a suppression that another system's list told of."""

PROVIDER_LIST_HINT = (
    "The provider's own suppression list has this address too: remove it there as well "
    "(Amazon SES: Configuration, Suppression list, or DeleteSuppressedDestination), or nothing will be attempted."
)
"""Told as `hint` as long as the provider's list may still hold the address."""
