"""May we send? How soon what a callback says counts after its 200, and how long many addresses take to be decided."""

import asyncio
import time
from typing import Any, Final

import aiohttp
import orjson

from bench import corpus
from bench.end_to_end import finish_load, start_load
from bench.generator import quantile
from bench.stack import KEY, Stack, stack
from bench.visible import marked, post, signed
from deploy.local.demo import payloads

RATE: Final = 300.0
"""Callbacks a second that are posted meanwhile."""

EVERY_S: Final = 0.5
POLL_S: Final = 0.02
GIVE_UP_S: Final = 60.0
MANY: Final = 10_000
ASKED: Final = 10


def measure(seconds: float) -> dict[str, Any]:
    """One run: seconds from the 200 of a hard bounce to the decision that says so, and of one question of many addresses."""
    made = corpus.corpus(int(RATE * seconds), RATE)
    with stack() as running:
        load = start_load(made, running, 0, made.requests, RATE)
        waits = sorted(asyncio.run(_bounces(running, seconds)))
        finish_load(load, seconds)
        many = sorted(asyncio.run(_many(running)))
    return {
        "rate": RATE,
        "bounces": len(waits),
        "counts_p50_s": quantile(waits, 0.5),
        "counts_p99_s": quantile(waits, 0.99),
        "addresses": MANY,
        "decided_p50_s": quantile(many, 0.5),
    }


async def _bounces(running: Stack, seconds: float) -> list[float]:
    sns, waits, begin = corpus.signer(), [], time.perf_counter()
    async with _session() as session:
        for number in range(max(1, int(seconds / EVERY_S))):
            await asyncio.sleep(max(0.0, begin + number * EVERY_S - time.perf_counter()))
            mail = marked(f"bounced-{number}@example.org")
            (recipient,) = mail.recipients
            bounce = payloads.bounced(
                mail, mail.sent_at, recipient, "Permanent", "General", "5.1.1", "smtp; 550 5.1.1 no such user"
            )
            await post(session, running, signed(sns, bounce))
            answered = time.perf_counter()
            while (await _decide(session, running, [recipient]))[0]["decision"] != "invalid":
                if time.perf_counter() - answered > GIVE_UP_S:
                    raise RuntimeError(f"a bounce did not count after {GIVE_UP_S:g} s")
                await asyncio.sleep(POLL_S)
            waits.append(time.perf_counter() - answered)
    return waits


async def _many(running: Stack) -> list[float]:
    addresses = [f"First.Last{number}@Sub{number % 300}.Example.com" for number in range(MANY)]
    took = []
    async with _session() as session:
        for _ in range(ASKED):
            begin = time.perf_counter()
            await _decide(session, running, addresses)
            took.append(time.perf_counter() - begin)
    return took


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))


async def _decide(
    session: aiohttp.ClientSession, running: Stack, addresses: list[str]
) -> list[dict[str, Any]]:
    """The decision for each; raises RuntimeError where there are none."""
    url = f"http://127.0.0.1:{running.query_port}/v1/sendability"
    question = {"channel": "email", "category": "transactional", "addresses": addresses}
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    async with session.post(url, data=orjson.dumps(question), headers=headers) as answer:
        if answer.status != 200:
            raise RuntimeError(f"POST /v1/sendability was answered {answer.status}: {await answer.text()}")
        items: list[dict[str, Any]] = orjson.loads(await answer.read())["items"]
    return items
