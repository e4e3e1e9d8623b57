"""Questions to a full store: the real query server over the real engine, asked over HTTP.

Between any two questions the engine forgets which rows met which condition before (the query condition cache), so that
the second asking is no quicker than the first. What a running server keeps, marks and indexes, it keeps here.
"""

import asyncio
import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import aiohttp
import orjson
import psutil

from bench.generator import quantile
from bench.questions import SAMPLED, Asking, Question, questions, samples_of, samples_sql
from bench.report import Line
from bench.stack import ROOT
from bench.stored.filling import DATABASE, LARGE, Recipe, Stored, add_fresh_parts, key_of, stored
from deploy.local.clickhouse import EmbeddedClickHouse
from deploy.local.process import die_with_parent, free_port
from runtime.clickhouse import ClickHouse

SMALL: Final = "studio-07"
OPERATOR: Final = "operator"
ASKERS: Final = (LARGE, SMALL, OPERATOR)
_SAMPLED_ONE_IN: Final = {LARGE: 40, SMALL: 1, OPERATOR: 40}
_START_S: Final = 60.0
_ANSWER_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Found:
    """How one question was answered: seconds of each asking, and for one of them on average the rows that the engine read
    and the seconds of CPU that it took, which other load on the machine hardly changes."""

    question: Question
    seconds: Sequence[float]
    rows_read: float
    cpu_s: float = 0.0

    @property
    def median_s(self) -> float:
        return median(self.seconds)

    @property
    def p99_s(self) -> float:
        return quantile(sorted(self.seconds), 0.99)

    @property
    def met(self) -> bool:
        return self.median_s <= self.question.goal.median_s and self.p99_s <= self.question.goal.p99_s


def measure(
    rows: int, times: int, only: str, say: Callable[[str], None]
) -> tuple[dict[str, Any], list[Line]]:
    """Asks each question `times` times with each of its values; figures by who asks and question, and the table.

    Of questions only those are asked in whose name the pattern `only` is found. Raises RuntimeError where an answer is not 200.
    """
    recipe = Recipe(rows)
    store = stored(recipe, say)
    with EmbeddedClickHouse(store.home / "clickhouse") as engine:
        asyncio.run(add_fresh_parts(engine.url, recipe, store))
        with _query_server(engine.url, store.home) as url:
            found = asyncio.run(_ask_all(url, engine, store, times, only, say))
    return (
        {whose: {each.question.name: _figures(each) for each in answers} for whose, answers in found.items()},
        [_line(whose, each) for whose, answers in found.items() for each in answers],
    )


def _figures(found: Found) -> dict[str, Any]:
    return {
        "median_s": round(found.median_s, 4),
        "p99_s": round(found.p99_s, 4),
        "rows_read": round(found.rows_read),
        "engine_cpu_s": round(found.cpu_s, 4),
        "asked": len(found.seconds),
        "met": found.met,
    }


def _line(whose: str, found: Found) -> Line:
    goal = found.question.goal
    return Line(
        "queries",
        f"{whose}: {found.question.name}",
        f"{found.median_s:.3f} s, p99 {found.p99_s:.3f} s; {found.rows_read:,.0f} rows, {1000 * found.cpu_s:.0f} ms CPU",
        f"≤ {goal.median_s:g} s, {goal.p99_s:g} s",
        found.met,
    )


@contextlib.contextmanager
def _query_server(clickhouse: str, home: Path) -> Iterator[str]:
    """The query server as a process of its own; its address. There is no Kafka: nothing here asks what comes from it."""
    port = free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith("WAYBILL_")}
    env |= {
        "WAYBILL_CLICKHOUSE": f"{clickhouse}/{DATABASE}",
        "WAYBILL_KAFKA": f"127.0.0.1:{free_port({port})}",
        "WAYBILL_TENANTS": str(home / "tenants.toml"),
        "WAYBILL_QUERY_PORT": str(port),
        "WAYBILL_QUERY_TIMEOUT_S": f"{_ANSWER_S:g}",
        "WAYBILL_LOG_LEVEL": "error",
    }
    with (home / "query.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "query"],
            cwd=ROOT,
            env=env,
            stdout=log,
            stderr=log,
            preexec_fn=die_with_parent(),
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


async def _ask_all(
    url: str, clickhouse: EmbeddedClickHouse, store: Stored, times: int, only: str, say: Callable[[str], None]
) -> dict[str, list[Found]]:
    engine = ClickHouse(f"{clickhouse.url}/{DATABASE}", timeout_s=_ANSWER_S)
    timeout = aiohttp.ClientTimeout(total=_ANSWER_S)
    try:
        # The console's cookies are for an address, since the server has no name here.
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(timeout=timeout, cookie_jar=jar) as session:
            await _wait_until_alive(session, url)
            found: dict[str, list[Found]] = {}
            for whose in ASKERS:
                asker = _Asker(session, url, engine, psutil.Process(clickhouse.pid), whose)
                await asker.sign_in()
                samples = samples_of({name: await asker.sampled(name) for name in SAMPLED})
                found[whose] = []
                for question in questions(samples, store.now_ms):
                    if re.search(only, question.name) and _may_ask(whose, question):
                        found[whose].append(await asker.ask(question, times))
                        say(
                            _line(whose, found[whose][-1]).what + ": " + _line(whose, found[whose][-1]).figure
                        )
            return found
    finally:
        await engine.close()


def _may_ask(whose: str, question: Question) -> bool:
    """The operator names a tenant with the id of a customer or of a document, since several have one of the same: that is the
    tenants’ to ask."""
    named = [path for path, _ in question.askings if "/customers/" in path or "/documents/" in path]
    return whose != OPERATOR or not named


async def _wait_until_alive(session: aiohttp.ClientSession, url: str) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        with contextlib.suppress(aiohttp.ClientConnectionError):
            async with session.get(f"{url}/healthz") as answer:
                if answer.status == 200:
                    return
        if time.monotonic() > deadline:
            raise RuntimeError(f"query did not start within {_START_S:g} s")
        await asyncio.sleep(0.1)


class _Asker:
    """One who asks: a tenant, or the operator."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        engine: ClickHouse,
        process: psutil.Process,
        whose: str,
    ) -> None:
        self._session = session
        self._url = url
        self._engine = engine
        self._process = process
        self._whose = whose

    async def sign_in(self) -> None:
        """Begins a session in the console, in place of whose there was before."""
        self._session.cookie_jar.clear()
        async with self._session.get(f"{self._url}/sign-in") as answer:
            token = re.search(r'name="csrf" value="([^"]+)"', await answer.text())
        if token is None:
            raise RuntimeError("the console has no form to sign in with")
        form = {"csrf": token[1], "key": key_of(self._whose)}
        async with self._session.post(f"{self._url}/sign-in", data=form, allow_redirects=False) as answer:
            if answer.status != 303:
                raise RuntimeError(f"signing in was answered {answer.status}")

    async def sampled(self, name: str) -> list[dict[str, Any]]:
        """Values to ask with."""
        tenant = "" if self._whose == OPERATOR else self._whose
        return await self._engine.rows(
            samples_sql(name),
            {"tenant": tenant, "one_in": _SAMPLED_ONE_IN[self._whose]},
            {"max_execution_time": 0},
        )

    async def ask(self, question: Question, times: int) -> Found:
        """Asks a question with each of its values in turn, so many times."""
        askings = [await self._page_after(asking, question.deep) for asking in question.askings]
        for asking in askings:
            await self._answer(asking)
        seconds, cpu_s = [], 0.0
        before = await self._rows_read()
        for _ in range(times):
            for asking in askings:
                await self._engine.command("SYSTEM DROP QUERY CONDITION CACHE")
                began, cpu_began = time.perf_counter(), self._cpu_s()
                await self._answer(asking)
                seconds.append(time.perf_counter() - began)
                cpu_s += self._cpu_s() - cpu_began
        rows_read = await self._rows_read() - before
        return Found(question, seconds, rows_read / len(seconds), cpu_s / len(seconds))

    async def _page_after(self, asking: Asking, pages: int) -> Asking:
        """The asking for the page after so many of 500 rows."""
        path, given = asking
        cursor: tuple[tuple[str, str], ...] = ()
        for _ in range(pages):
            page = orjson.loads(await self._answer((path, (*given, ("limit", "500"), *cursor))))
            if page["next"] is None:
                break
            cursor = (("cursor", page["next"]),)
        return path, (*given, *cursor)

    async def _answer(self, asking: Asking) -> bytes:
        """A document of the API, or a page of the console with what it leads on to at once."""
        path, given = asking
        headers = {"Authorization": f"Bearer {key_of(self._whose)}"}
        async with self._session.get(self._url + path, params=given, headers=headers) as answer:
            if answer.status != 200:
                raise RuntimeError(
                    f"{path} with {dict(given)} was answered {answer.status}: {await answer.text()}"
                )
            return await answer.read()

    def _cpu_s(self) -> float:
        times = self._process.cpu_times()
        return times.user + times.system

    async def _rows_read(self) -> int:
        rows = await self._engine.rows(
            "SELECT toInt64(sum(value)) AS rows FROM system.events WHERE event = 'SelectedRows'"
        )
        return int(rows[0]["rows"])
