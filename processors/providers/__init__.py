"""Adapters: one for each provider, from its payload to events. A new provider is one file and one line here."""

from collections.abc import Callable

from processors.providers import ses, twilio
from processors.providers.reading import Incomprehensible
from schemas.envelope import Envelope
from schemas.events import Event

__all__ = ["ADAPTERS", "Incomprehensible", "adapt"]

ADAPTERS: dict[str, Callable[[Envelope, str], list[Event] | Incomprehensible]] = {
    "ses": ses.adapt,
    "twilio": twilio.adapt,
}
"""By the envelope's provider; each takes the envelope and its tenant."""


def adapt(envelope: Envelope) -> list[Event] | Incomprehensible:
    """What a receipt says happened: its events, none where it is only to be recorded, or why it means nothing."""
    if envelope.tenant is None:
        return Incomprehensible(
            "unknown_tenant", "expected a tenant that this shared address could be told for"
        )
    adapter = ADAPTERS.get(envelope.provider)
    if adapter is None:
        return Incomprehensible("unknown_provider", f"expected one of {', '.join(ADAPTERS)}")
    return adapter(envelope, envelope.tenant)
