"""Adapters: one for each provider, from its payload to events. A new provider is one file and one line here."""

from collections.abc import Callable

from processors.providers import app, ses, twilio
from processors.providers.reading import Incomprehensible
from processors.providers.told import Told
from schemas.envelope import Envelope
from schemas.events import Event

__all__ = ["ADAPTERS", "Incomprehensible", "Told", "adapt", "read"]

ADAPTERS: dict[str, Callable[[Envelope, str], list[Event] | Told | Incomprehensible]] = {
    "app": app.adapt,
    "ses": ses.adapt,
    "twilio": twilio.adapt,
}
"""By the envelope's provider; each takes the envelope and its tenant."""


def read(envelope: Envelope) -> Told | Incomprehensible:
    """What a receipt says, nothing where it is only to be recorded, or why it means nothing."""
    if envelope.tenant is None:
        return Incomprehensible(
            "unknown_tenant", "expected a tenant that this shared address could be told for"
        )
    adapter = ADAPTERS.get(envelope.provider)
    if adapter is None:
        return Incomprehensible("unknown_provider", f"expected one of {', '.join(ADAPTERS)}")
    adapted = adapter(envelope, envelope.tenant)
    return Told(adapted) if isinstance(adapted, list) else adapted


def adapt(envelope: Envelope) -> list[Event] | Incomprehensible:
    """The events alone of what a receipt says."""
    told = read(envelope)
    return told if isinstance(told, Incomprehensible) else told.events
