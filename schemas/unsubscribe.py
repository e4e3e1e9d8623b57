"""Signed unsubscribe links and the two headers that go with them (RFC 2369, RFC 8058).

A link is `<public URL>/unsubscribe/<token>`, a token `<payload>.<signature>`: the payload is a JSON object in UTF-8, the
signature HMAC-SHA256 with the tenant's secret over the payload as it stands in the token; both are base64url without
padding. Any application can make one: docs/sending.md. Nothing is stored for a link, so none is forgotten.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

from schemas.registration_fields import Address, Channel, Name, reported_of

PATH = "/unsubscribe/"
MAX_TOKEN = 4096
"""Longest token that is looked at, in characters."""


class LinkFault(ValueError):
    """A token that is none of ours, or no longer valid (`expired`). Which of its checks failed is told to nobody."""

    def __init__(self, *, expired: bool = False) -> None:
        super().__init__("expired" if expired else "not one of ours")
        self.expired = expired


class UnsubscribeLink(BaseModel):
    """What a token says: who no longer wants what. `expires` is in seconds since the epoch, null = never.

    `campaign` and `message_id` tell through what it was; both are optional, since the provider's id of a message is
    known only once it was sent. `address` is whatever a mail may have reached, though it were none by our rules: nobody is
    to be told that they cannot unsubscribe.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    v: Literal[1] = 1
    tenant: Name
    channel: Channel = "email"
    address: Address
    category: Literal["notification", "marketing"]
    sender: Name | None = None
    campaign: Name | None = None
    message_id: Name | None = None
    expires: int | None = Field(None, ge=0)


def make_token(link: UnsubscribeLink, secret: str) -> str:
    """The token of a link. Raises AddressFault where its address is none."""
    reported_of(link.channel, link.address)
    payload = _encode(orjson.dumps(link.model_dump(exclude_none=True)))
    return f"{payload}.{_signature(payload, secret)}"


def read_token(token: str, secrets: Mapping[str, Sequence[str]], now: int) -> UnsubscribeLink:
    """What a token says. `secrets` are those of each tenant, `now` is in ms since the epoch. Raises LinkFault."""
    payload, _, signature = token.partition(".")
    if len(token) > MAX_TOKEN or not token.isascii():
        raise LinkFault
    try:
        link = UnsubscribeLink.model_validate(orjson.loads(_decode(payload)))
        reported_of(link.channel, link.address)
    except ValueError:  # orjson's, pydantic's and AddressFault are all of this kind
        raise LinkFault from None
    signatures = [_signature(payload, secret) for secret in secrets.get(link.tenant, ())]
    if not any(hmac.compare_digest(signature, each) for each in signatures):
        raise LinkFault
    if link.expires is not None and now > link.expires * 1000:
        raise LinkFault(expired=True)
    return link


def link_url(public_url: str, token: str) -> str:
    """The address to put into the mail."""
    return f"{public_url.rstrip('/')}{PATH}{token}"


def link_headers(url: str) -> dict[str, str]:
    """The headers that make mail programs show a button of their own; DKIM must sign both (RFC 8058, 4)."""
    return {"List-Unsubscribe": f"<{url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def _signature(payload: str, secret: str) -> str:
    return _encode(hmac.digest(secret.encode(), payload.encode(), "sha256"))


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
