"""What applications register with their keys: each thing becomes a receipt of the provider `app`.

A list is answered when all of it is stored. Where one thing has a fault nothing is stored; where Kafka is away some of a
list may be, which its repetition does not mind.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import orjson
from aiohttp import web

from ingest.body import BodyReader
from ingest.publisher import Publisher
from ingest.receipt_ids import new_receipt_id
from ingest.refusals import refuse, unavailable
from ingest.routes import Handler
from ingest.verifiers.key import Author, author_of
from runtime import metrics
from runtime.http import json_response, problem_response
from runtime.tenants_file import TenantsFile
from schemas import problems
from schemas.envelope import Envelope
from schemas.problems import ProblemError
from schemas.registration_fields import Fault
from schemas.registrations import (
    PROVIDER,
    Consent,
    Customer,
    Message,
    Registration,
    Reset,
    Suppression,
    read_registration,
)
from schemas.tenants import Scope
from schemas.topics import message_key

MAX_LIST = 1000
"""Most things in one request."""

_MAX_FAULTS = 10_000
"""Most faults in one answer, ten for each of a list, so that no request has an answer many times its size."""

_SLICE_S = 0.005
"""After so long at a list, callbacks have their turn."""

R = TypeVar("R", bound=Registration)


def now_ms() -> int:
    """Now, in ms since the epoch."""
    return time.time_ns() // 1_000_000


class Turns:
    """Gives way to other requests from time to time."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    async def give_way(self) -> None:
        """Lets others run, if this one has run for long enough."""
        if time.perf_counter() - self._since > _SLICE_S:
            await asyncio.sleep(0)
            self._since = time.perf_counter()


class Registrar:
    """The ways in of what an application tells, and of what is told in its stead."""

    def __init__(
        self, tenants: TenantsFile, bodies: BodyReader, publisher: Publisher, max_thing_bytes: int
    ) -> None:
        self._tenants = tenants
        self._bodies = bodies
        self._publisher = publisher
        self._max_thing_bytes = max_thing_bytes

    def routes(self) -> dict[str, dict[str, Handler]]:
        """The addresses and their handlers."""
        return {
            "/v1/messages": {"POST": counted(self._list_of(Message, "write"), _problem)},
            "/v1/consents": {"POST": counted(self._list_of(Consent, "write"), _problem)},
            "/v1/suppressions": {"POST": counted(self._list_of(Suppression, "write"), _problem)},
            "/v1/customers/{}": {"PUT": counted(self._customer, _problem)},
            "/v1/addresses/{}/reset": {"POST": counted(self._reset, _problem)},
        }

    async def store(self, author: Author, things: Sequence[Registration], now: int) -> None:
        """Returns when Kafka has all of them, as received at `now`, in ms. Raises ProblemError."""
        turns = Turns()
        lines: list[tuple[str, bytes]] = []
        for index, thing in enumerate(things):
            envelope = self._wrap(author, index, thing, now)
            lines.append((message_key(author.tenant, envelope.message_id), envelope.to_line()))
            await turns.give_way()
        answers: set[asyncio.Future[bool]] = set()
        for key, line in lines:
            answers.add(self._publisher.add(key, line))
            await turns.give_way()
        if not all([await answer for answer in answers]):
            raise unavailable("Kafka did not take all of it in time")
        metrics.RECEIPTS.labels(PROVIDER).inc(len(things))

    def _wrap(self, author: Author, index: int, thing: Registration, now: int) -> Envelope:
        body = thing.receipt_body(now)
        if len(body) > self._max_thing_bytes:
            detail = f"[{index}]: expected at most {self._max_thing_bytes} bytes for each"
            raise ProblemError(problems.TOO_LARGE, detail)
        return Envelope(
            receipt_id=new_receipt_id(now),
            received_at=now,
            provider=PROVIDER,
            tenant=author.tenant,
            message_id=thing.receipt_key(),
            verified=author.verified,
            content_type="application/json",
            query="",
            body=body,
        )

    def _list_of(self, kind: type[Registration], scope: Scope) -> Handler:
        async def register(request: web.BaseRequest) -> web.Response:
            author = author_of(request, self._tenants.current, scope)
            given = await self._document(request)
            return await self._register(author, kind, given if isinstance(given, list) else [given])

        return register

    async def _customer(self, request: web.BaseRequest, customer: str) -> web.Response:
        author = author_of(request, self._tenants.current, "write")
        return await self._register_one(request, author, Customer, "customer", customer)

    async def _reset(self, request: web.BaseRequest, address: str) -> web.Response:
        author = author_of(request, self._tenants.current, "reset")
        return await self._register_one(request, author, Reset, "address", address)

    async def _register_one(
        self, request: web.BaseRequest, author: Author, kind: type[R], name: str, value: str
    ) -> web.Response:
        """Registers one thing whose field `name` stands in the address instead of in the body."""
        given = await self._document(request)
        if isinstance(given, dict):
            if name in given:
                raise _invalid([Fault(0, name, "expected no such field, the address has it")])
            given = {**given, name: value}
        return await self._register(author, kind, [given])

    async def _register(self, author: Author, kind: type[R], given: Sequence[object]) -> web.Response:
        if len(given) > MAX_LIST:
            raise _invalid([Fault(MAX_LIST, "", f"expected at most {MAX_LIST} of them")])
        now = now_ms()
        things: list[R] = []
        faults: list[Fault] = []
        turns = Turns()
        for index, one in enumerate(given):
            found = read_registration(kind, index, one, now)
            if isinstance(found, list):
                faults += found
            else:
                things.append(found)
            await turns.give_way()
        if faults:
            raise _invalid(faults)
        await self.store(author, things, now)
        return json_response({"accepted": len(things)}, status=202)

    async def _document(self, request: web.BaseRequest) -> Any:
        body = await self._bodies.read(request)
        try:
            return orjson.loads(body)
        except ValueError as fault:
            raise ProblemError(problems.BAD_REQUEST, f"expected JSON in UTF-8: {fault}") from None


def counted(handler: Handler, tell: Callable[[web.BaseRequest, ProblemError], web.Response]) -> Handler:
    """The handler, its refusals counted; `tell` puts these into words."""

    async def handle(request: web.BaseRequest, *parts: str) -> web.StreamResponse:
        try:
            return await handler(request, *parts)
        except ProblemError as refusal:
            return refuse(request, PROVIDER, refusal, tell(request, refusal))

    return handle


def _problem(_: web.BaseRequest, refusal: ProblemError) -> web.Response:
    return problem_response(refusal)


def _invalid(faults: list[Fault]) -> ProblemError:
    told = [
        {"index": fault.index, "field": fault.field, "expected": fault.expected}
        for fault in faults[:_MAX_FAULTS]
    ]
    more = f", the first {_MAX_FAULTS} of them are told" if len(faults) > _MAX_FAULTS else ""
    return ProblemError(
        problems.INVALID_FIELDS, f"{len(faults)} faults, nothing was stored{more}", errors=told
    )
