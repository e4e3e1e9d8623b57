"""How long it takes from the 200 of a callback until the query API shows it, sampled with marked messages."""

import asyncio
import time
import uuid
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import aiohttp
import orjson

from bench import corpus
from bench.stack import KEY, Stack
from deploy.local.demo import payloads
from deploy.local.demo.payloads import Mail
from deploy.local.signing import SnsSigner
from schemas.times import format_time

CAMPAIGN: Final = "bench-marked"

POLL_S: Final = 0.25
"""Time between two looks: also the coarseness of what is measured. One look is for all marked messages, so that looking
costs the same however long they take: when each was looked for by itself, the slower the system was the more it was asked."""

GIVE_UP_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One marked message, seconds: how long after the first it was posted, and how long after its 200 it was visible."""

    posted_s: float
    visible_s: float


class Marks(NamedTuple):
    """Marked messages by their id: when those that are `awaited` were sent, ms since the epoch, and when the others were `seen`
    first, by the performance counter."""

    awaited: dict[str, int]
    seen: dict[str, float]


async def sample(running: Stack, seconds: float, every_s: float) -> list[Sample]:
    """Posts a marked message every `every_s` for that long, and looks until all are visible.

    Raises RuntimeError where one is not answered 200 or not visible within a minute.
    """
    sns, begin = corpus.signer(), time.perf_counter()
    marks = Marks({}, {})
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        looking = asyncio.create_task(_look(session, running, marks))
        tasks: list[asyncio.Task[Sample]] = []
        for number in range(max(1, int(seconds / every_s))):
            await asyncio.sleep(max(0.0, begin + number * every_s - time.perf_counter()))
            tasks.append(asyncio.create_task(_one(session, running, sns, marks, begin)))
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            looking.cancel()


async def _look(session: aiohttp.ClientSession, running: Stack, marks: Marks) -> None:
    """Notes when each marked message was seen first, until cancelled."""
    url = f"http://127.0.0.1:{running.query_port}/v1/messages"
    while True:
        await asyncio.sleep(POLL_S)
        if not marks.awaited:
            continue
        # As who looks for what was just sent. Without a time older months are looked into too, and with that of an hour ago
        # all parts of the hour: looking took a tenth of all the CPU there is.
        asked = {"campaign": CAMPAIGN, "from": format_time(min(marks.awaited.values())), "limit": "500"}
        async with session.get(url, params=asked, headers={"Authorization": f"Bearer {KEY}"}) as answer:
            items = orjson.loads(await answer.read()).get("items", ()) if answer.status == 200 else ()
        for item in items:
            if marks.awaited.pop(item["message_id"], None) is not None:
                marks.seen[item["message_id"]] = time.perf_counter()


async def _one(
    session: aiohttp.ClientSession, running: Stack, sns: SnsSigner, marks: Marks, first: float
) -> Sample:
    mail = marked("marked@example.org")
    body = signed(sns, payloads.sent(mail))
    posted = time.perf_counter()
    await post(session, running, body)
    answered = time.perf_counter()
    marks.awaited[mail.message_id] = mail.sent_at
    while mail.message_id not in marks.seen:
        if time.perf_counter() - answered > GIVE_UP_S:
            raise RuntimeError(f"a marked message was not visible after {GIVE_UP_S:g} s")
        await asyncio.sleep(POLL_S)
    return Sample(posted - first, marks.seen[mail.message_id] - answered)


async def post(session: aiohttp.ClientSession, running: Stack, body: bytes) -> None:
    """Posts a callback; raises RuntimeError where it is not answered 200."""
    url = f"http://127.0.0.1:{running.ingest_port}/webhooks/ses/{corpus.TENANT}"
    async with session.post(url, data=body, headers={"Content-Type": "text/plain; charset=UTF-8"}) as answer:
        if answer.status != 200:
            raise RuntimeError(f"a marked message was answered {answer.status}: {await answer.text()}")


def marked(recipient: str) -> Mail:
    """A message of its own outside the mailing, sent now."""
    now = time.time_ns() // 1_000_000
    message_id = f"0102{now:012x}-{uuid.uuid4()}-000000"
    sender = ("Acme Gymnastics", "acme@ses.example.com")
    return Mail(message_id, now, *sender, (recipient,), "Marked", {"campaign": CAMPAIGN})


def signed(sns: SnsSigner, payload: dict[str, Any]) -> bytes:
    """What SNS posts of it, now."""
    envelope = sns.notification(
        orjson.dumps(payload).decode(),
        topic=corpus.TOPIC,
        message_id=str(uuid.uuid4()),
        timestamp=format_time(time.time_ns() // 1_000_000),
    )
    return orjson.dumps(envelope)
