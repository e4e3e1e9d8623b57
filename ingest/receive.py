"""A callback's way in: authenticate it, wrap it, publish it, answer.

200 is said only for what Kafka has acknowledged. What can never be stored is refused with 4xx, what cannot be
stored now with 503, so that the provider tries again; docs/edge.md has the table of answers.
"""

import time
from dataclasses import dataclass
from typing import Protocol

from aiohttp import HttpVersion11, web

from ingest.answers import SameAnswer
from ingest.body import BodyReader
from ingest.publisher import Publisher
from ingest.receipt_ids import new_receipt_id
from ingest.refusals import refuse, unavailable
from ingest.server import Receive
from ingest.subscriptions import Subscriptions
from ingest.verifiers import Authentic, Callback
from runtime import metrics
from runtime.http import problem_response
from runtime.tenants_file import TenantsFile
from schemas import problems
from schemas.envelope import Envelope
from schemas.problems import ProblemError
from schemas.tenants import Tenants
from schemas.topics import message_key


class Verifier(Protocol):
    """What each provider's verifier does."""

    async def authenticate(self, tenants: Tenants, tenant: str | None, callback: Callback) -> Authentic:
        """What is authentic of a callback; raises ProblemError, the refusal."""


@dataclass(slots=True)
class Provider:
    """A provider as ingest knows it: whom it believes, where it signs, and the answer that it expects."""

    name: str
    verifier: Verifier
    signature_header: str
    answer_type: str
    answer: bytes


@dataclass(frozen=True, slots=True)
class Receiver:
    """What the ways in of all providers share."""

    tenants: TenantsFile
    bodies: BodyReader
    publisher: Publisher
    subscriptions: Subscriptions

    def handler(self, provider: Provider) -> Receive:
        """The handler of a provider's addresses."""
        stored = metrics.RECEIPTS.labels(provider.name)
        same = SameAnswer(provider.answer_type, provider.answer)

        async def receive(request: web.BaseRequest, tenant: str | None) -> web.StreamResponse:
            try:
                await self._store(provider, request, tenant)
            except ProblemError as refusal:
                return refuse(request, provider.name, refusal, problem_response(refusal))
            stored.inc()
            if request.keep_alive and request.version == HttpVersion11:
                return same
            return web.Response(body=provider.answer, content_type=provider.answer_type)

        return receive

    async def _store(self, provider: Provider, request: web.BaseRequest, tenant: str | None) -> None:
        """Returns when Kafka has the callback. Raises ProblemError."""
        tenants = self.tenants.current
        if tenant is not None and tenant not in tenants:
            raise ProblemError(problems.UNKNOWN_TENANT)
        callback = await self._callback(provider, request)
        authentic = await provider.verifier.authenticate(tenants, tenant, callback)
        envelope = wrap(provider.name, callback, authentic)
        key = message_key(envelope.tenant or "", envelope.message_id)
        if not await self.publisher.add(key, envelope.to_line()):
            raise unavailable("Kafka did not take it in time")
        if authentic.subscribe_url is not None:
            self.subscriptions.confirm(authentic.subscribe_url, str(authentic.verified["topic"]))

    async def _callback(self, provider: Provider, request: web.BaseRequest) -> Callback:
        headers, target = request.headers, request.raw_path
        return Callback(
            body=await self.bodies.read(request),
            content_type=_storable(headers.get("Content-Type", "")),
            target=target,
            query=_storable(target.partition("?")[2]),
            signature=headers.get(provider.signature_header, "") if provider.signature_header else "",
        )


def wrap(provider: str, callback: Callback, authentic: Authentic) -> Envelope:
    """The envelope of an authentic callback, received now."""
    now = time.time_ns() // 1_000_000
    receipt_id = new_receipt_id(now)
    return Envelope(
        receipt_id=receipt_id,
        received_at=now,
        provider=provider,
        tenant=authentic.tenant,
        message_id=authentic.message_id or receipt_id,
        verified=authentic.verified,
        content_type=callback.content_type,
        query=callback.query,
        body=callback.body,
    )


def _storable(text: str) -> str:
    """Text of the request's head, whose bytes that are not UTF-8 aiohttp keeps as surrogates, which JSON cannot hold."""
    return text if text.isascii() else text.encode(errors="surrogateescape").decode(errors="replace")
