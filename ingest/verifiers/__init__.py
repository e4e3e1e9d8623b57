"""One module for each way in which a provider proves that a callback is its own.

A verifier takes a tenant's name and a callback as it arrived, and answers with what was authenticated or raises
ProblemError, the refusal. What is authentic but cannot be understood is no refusal: the worker makes it a dead letter.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Callback:
    """A callback as it arrived. `query` is the raw query string, `target` the raw path with it."""

    body: bytes
    content_type: str
    target: str
    query: str
    signature: str


@dataclass(slots=True)
class Authentic:
    """What a verifier found to be authentic.

    `tenant` is None where a shared topic's message could not be placed. `message_id` is the provider's id of the
    message, None where the body does not name one. `verified` goes into the envelope as it is. `subscribe_url` is
    there for an SNS SubscriptionConfirmation alone.
    """

    tenant: str | None
    message_id: str | None
    verified: dict[str, Any]
    subscribe_url: str | None = None
