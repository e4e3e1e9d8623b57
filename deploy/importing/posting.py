"""Posts what was made ready to ingest. Whatever stops it, the same command can be given again: things told twice are known
once."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from urllib.parse import urlencode

import aiohttp
import orjson
from yarl import URL

from deploy.importing.lists import Post

AT_ONCE = 8
"""Requests under way at the same time."""

_PAUSES_S = (0.2, 0.5, 1.0, 2.0, 5.0, 5.0, 5.0, 5.0)
"""Between tries, while ingest is away or cannot store."""


class Stopped(Exception):
    """The import cannot go on; the message tells a person why, and on which lines."""


async def post_all(
    url: str,
    key: str,
    tenant: str | None,
    posts: Sequence[Post],
    done: Callable[[int], None],
    pauses_s: Sequence[float] = _PAUSES_S,
) -> None:
    """Posts everything, telling `done` how many things of it were stored as they are. Raises Stopped."""
    waiting = iter(posts)
    query = f"?{urlencode({'tenant': tenant})}" if tenant else ""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def take_turns(posts: Iterator[Post]) -> None:
            for post in posts:
                # Encoded already, and to go out so: of a customer called `..` nothing else would be left.
                await _post(session, post, URL(f"{url}{post.path}{query}", encoded=True), pauses_s)
                done(post.things)

        turns = [asyncio.create_task(take_turns(waiting)) for _ in range(AT_ONCE)]
        try:
            await asyncio.gather(*turns)
        finally:
            for turn in turns:
                turn.cancel()
            await asyncio.gather(*turns, return_exceptions=True)


async def _post(session: aiohttp.ClientSession, post: Post, url: URL, pauses_s: Sequence[float]) -> None:
    said = ""
    for pause in (*pauses_s, None):
        try:
            async with session.request(post.method, url, data=post.body, allow_redirects=False) as answer:
                body = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            said = f"ingest does not answer: {error}"
        else:
            if answer.status == 202:
                return
            said = f"ingest answered {answer.status}: {_told(body)}"
            if answer.status != 503:
                break
        if pause is not None:
            await asyncio.sleep(pause)
    raise Stopped(f"lines {post.lines[0]} to {post.lines[1]}: {said}")


def _told(body: bytes) -> str:
    """A problem in a line; whatever else was answered, its beginning."""
    try:
        problem = orjson.loads(body)
    except orjson.JSONDecodeError:
        problem = None
    if not isinstance(problem, Mapping):
        return body[:200].decode(errors="replace")
    told = ": ".join(str(problem[name]) for name in ("code", "detail") if problem.get(name))
    errors = [f"[{one['index']}].{one['field']} {one['expected']}" for one in problem.get("errors", [])[:3]]
    return "; ".join([told, *errors])
