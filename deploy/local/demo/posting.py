"""Posts the demo stream to ingest, signed as the providers sign, and looks at the figures that come of it."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
import orjson

from deploy.local.demo.stream import Post
from deploy.local.demo_tenant import DemoTenant
from deploy.local.signing import SnsSigner, twilio_signature
from schemas.times import format_time

AT_ONCE: Final = 32
"""Requests under way at the same time."""

_RETRY_S: Final = (0.2, 0.5, 1.0, 2.0)


class DemoError(Exception):
    """The demo cannot go on; the message tells a person what to do."""


class Poster:
    """Posts as the demo tenant's providers. `public_url` is what Twilio's signatures cover, where ingest has one set."""

    def __init__(
        self, session: aiohttp.ClientSession, ingest: str, public_url: str, tenant: DemoTenant
    ) -> None:
        self._session = session
        self._ingest = ingest.rstrip("/")
        self._public = (public_url or ingest).rstrip("/")
        self._tenant = tenant
        self._signer = tenant.signer()

    async def post_all(self, posts: Sequence[Post]) -> Counter[int]:
        """Posts everything, about in that order; how many were answered with which status.

        A 503 is tried again, as providers do. Raises DemoError where nobody answers.
        """
        waiting: Iterator[Post] = iter(posts)
        statuses: Counter[int] = Counter()

        async def take_turns() -> None:
            for post in waiting:
                statuses[await self._post(post)] += 1

        await asyncio.gather(*(take_turns() for _ in range(AT_ONCE)))
        return statuses

    async def _post(self, post: Post) -> int:
        path, body, headers = self._request(post)
        for pause in (*_RETRY_S, 0.0):
            try:
                async with self._session.post(self._ingest + path, data=body, headers=headers) as answer:
                    await answer.read()
            except (aiohttp.ClientError, TimeoutError) as error:
                raise DemoError(f"ingest does not answer at {self._ingest}: {error}") from None
            if answer.status != 503:
                break
            await asyncio.sleep(pause)
        return answer.status

    def _request(self, post: Post) -> tuple[str, bytes, dict[str, str]]:
        if post.callback.provider == "ses":
            path = f"/webhooks/ses/{self._tenant.name}"
            return (
                path,
                sns_body(self._signer, self._tenant.topic, post),
                {"Content-Type": "text/plain; charset=UTF-8"},
            )
        form: Mapping[str, str] = post.callback.payload
        path = f"/webhooks/twilio/{self._tenant.name}" + (
            f"?{post.callback.query}" if post.callback.query else ""
        )
        signature = twilio_signature(self._tenant.auth_token, self._public + path, form)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature}
        return path, urlencode(form).encode(), headers


def sns_body(signer: SnsSigner, topic: str, post: Post) -> bytes:
    """The signed SNS envelope of an SES callback; a tenth of them in SignatureVersion 2."""
    envelope = signer.notification(
        orjson.dumps(post.callback.payload).decode(),
        topic=topic,
        message_id=post.id,
        timestamp=format_time(post.callback.at + 400),
        version="2" if post.id.endswith("0") else "1",
    )
    return orjson.dumps(envelope)


class Reader:
    """Reads the query API as the demo tenant."""

    def __init__(self, session: aiohttp.ClientSession, query: str, tenant: DemoTenant) -> None:
        self._session = session
        self._query = query.rstrip("/")
        self._headers = {"Authorization": f"Bearer {tenant.key}"}

    async def rates(self) -> dict[str | None, dict[str, Any]]:
        """Counts and rates of each campaign. Raises DemoError where query does not answer so."""
        try:
            async with self._session.get(
                f"{self._query}/v1/rates",
                params={"group_by": "campaign", "limit": "500"},
                headers=self._headers,
            ) as answer:
                page = await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise DemoError(f"query does not answer at {self._query}: {error}") from None
        if answer.status != 200:
            raise DemoError(f"query answered {answer.status}: {page}")
        return {item["key"]["campaign"]: item for item in page["items"]}

    async def wait_for(
        self, expected: Mapping[str, Mapping[str, int]], seconds: float
    ) -> dict[str | None, dict[str, Any]]:
        """The rates once they show these counts. Raises DemoError, naming a difference, after so many seconds."""
        deadline = time.monotonic() + seconds
        while True:
            found = await self.rates()
            differences = list(_differences(expected, found))
            if not differences:
                return found
            if time.monotonic() > deadline:
                raise DemoError(f"not shown within {seconds:g} s: " + "; ".join(differences[:5]))
            await asyncio.sleep(0.25)


def _differences(
    expected: Mapping[str, Mapping[str, int]], found: Mapping[str | None, Mapping[str, Any]]
) -> Iterator[str]:
    for campaign, counts in expected.items():
        told = found.get(campaign, {}).get("counts", {})
        for name, number in counts.items():
            if told.get(name) != number:
                yield f"{name} of {campaign} is {told.get(name)}, expected {number}"
