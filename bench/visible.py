"""How long it takes from the 200 of a callback until the query API shows it, sampled with marked messages."""

import asyncio
import time
import uuid
from dataclasses import dataclass
from typing import Final

import aiohttp
import orjson

from bench import corpus
from bench.stack import KEY, Stack
from deploy.local.demo import payloads
from deploy.local.demo.payloads import Mail
from deploy.local.signing import SnsSigner
from schemas.times import format_time

POLL_S: Final = 0.1
"""Time between two looks for one marked message in its first second: also the coarseness of what is measured."""

POLL_SHARE: Final = 0.1
"""After that the next look comes when so much more of the time has passed. Each look costs the store as much as some 50
callbacks do: many messages that are looked for ten times a second each would be what slows them down."""

FIRST_LOOK_S: Final = 0.2
GIVE_UP_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One marked message: how soon it was answered 200, and how long after that it was visible, seconds."""

    answered_s: float
    visible_s: float


async def sample(running: Stack, seconds: float, every_s: float) -> list[Sample]:
    """Posts a marked message every `every_s` for that long, and looks for each until it is visible.

    Raises RuntimeError where one is not answered 200 or not visible within a minute.
    """
    sns, begin = corpus.signer(), time.perf_counter()
    tasks: list[asyncio.Task[Sample]] = []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        for number in range(max(1, int(seconds / every_s))):
            await asyncio.sleep(max(0.0, begin + number * every_s - time.perf_counter()))
            tasks.append(asyncio.create_task(_one(session, running, sns)))
        return list(await asyncio.gather(*tasks))


async def _one(session: aiohttp.ClientSession, running: Stack, sns: SnsSigner) -> Sample:
    message_id, body = _marked(sns)
    url = f"http://127.0.0.1:{running.ingest_port}/webhooks/ses/{corpus.TENANT}"
    begin = time.perf_counter()
    async with session.post(url, data=body, headers={"Content-Type": "text/plain; charset=UTF-8"}) as answer:
        if answer.status != 200:
            raise RuntimeError(f"a marked message was answered {answer.status}: {await answer.text()}")
    answered = time.perf_counter()
    await asyncio.sleep(FIRST_LOOK_S)
    while not await _is_visible(session, running, message_id):
        if time.perf_counter() - answered > GIVE_UP_S:
            raise RuntimeError(f"a marked message was not visible after {GIVE_UP_S:g} s")
        await asyncio.sleep(max(POLL_S, POLL_SHARE * (time.perf_counter() - answered)))
    return Sample(answered - begin, time.perf_counter() - answered)


async def _is_visible(session: aiohttp.ClientSession, running: Stack, message_id: str) -> bool:
    url = f"http://127.0.0.1:{running.query_port}/v1/messages/{message_id}"
    async with session.get(url, headers={"Authorization": f"Bearer {KEY}"}) as answer:
        return answer.status == 200


def _marked(sns: SnsSigner) -> tuple[str, bytes]:
    """A message of its own outside the mailing, sent now: its id and the body to post."""
    now = time.time_ns() // 1_000_000
    message_id = f"0102{now:012x}-{uuid.uuid4()}-000000"
    sender = ("Acme Gymnastics", "acme@ses.example.com")
    mail = Mail(message_id, now, *sender, ("marked@example.org",), "Marked", {"campaign": "bench-marked"})
    envelope = sns.notification(
        orjson.dumps(payloads.sent(mail)).decode(),
        topic=corpus.TOPIC,
        message_id=str(uuid.uuid4()),
        timestamp=format_time(now),
    )
    return message_id, orjson.dumps(envelope)
