"""One run of the whole of Waybill, and a real browser, for all tests of the console."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
from playwright.async_api import Browser

from runtime.clickhouse import ClickHouse
from tests.browser.browser import executable, running
from tests.browser.reader import Reader
from tests.system.stack import ROOT, Stack
from tests.system.tenants import OF_CONSOLE, tenants_file

LOG = ROOT / ".cache" / "browser-tests.log"
"""Where to read what the run of the last tests said."""

SECRET = "secret-of-the-console-in-these-tests"
"""What the sessions are encrypted with."""

OpenReader = Callable[..., Reader]


@pytest.fixture(scope="package")
def stack() -> Iterator[Stack]:
    """The run, with the tenants of tests/system/tenants.py."""
    executable()  # without a browser there is nothing to start it for
    root = Path(tempfile.mkdtemp(prefix="waybill-browser-"))
    stack = Stack(root, WAYBILL_CONSOLE_SECRET=SECRET)
    stack.tenants_file.write_text(tenants_file(*OF_CONSOLE))
    try:
        stack.start()
        yield stack
        left = stack.end()
        assert not left, f"30 s after SIGTERM there was still: {left}"
    finally:
        stack.abandon()
        LOG.parent.mkdir(exist_ok=True)
        shutil.copyfile(stack.log, LOG)
        shutil.rmtree(root, ignore_errors=True)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The browser; every reader has a window of their own in it."""
    async with running() as browser:
        yield browser


@pytest.fixture(scope="package")
def url(stack: Stack) -> str:
    """Where the console is."""
    return f"http://127.0.0.1:{stack.ports['query']}"


@pytest.fixture
def reader(browser: Browser, url: str) -> OpenReader:
    """Opens the window of a reader; options are those of playwright's contexts."""

    def open_reader(**options: Any) -> Reader:
        return Reader(browser, url, **options)

    return open_reader


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def store(stack: Stack) -> AsyncIterator["Store"]:
    """The run's store, to put many rows into at once as the sink would."""
    clickhouse = ClickHouse(stack.environment_of("sink")["WAYBILL_CLICKHOUSE"])
    yield Store(clickhouse)
    await clickhouse.close()


class Store:
    """Puts public values where the sink would."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def insert(self, table: str, rows: list[dict[str, Any]]) -> None:
        """Rows of a table, as their topic carries them."""
        await self._clickhouse.insert_lines(table, b"\n".join(map(orjson.dumps, rows)))
