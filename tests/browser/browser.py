"""A real Chromium, found on this machine."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def executable() -> str:
    """The browser's path. Raises RuntimeError, which says what to install, where there is none."""
    named = os.environ.get("WAYBILL_BROWSER")
    found = named or next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        raise RuntimeError(
            "the tests of the console need a Chromium: install the package chromium (Debian: apt-get install chromium), "
            f"or name one with WAYBILL_BROWSER; looked for {', '.join(NAMES)} on PATH"
        )
    return found


@asynccontextmanager
async def running() -> AsyncIterator[Browser]:
    """The browser, with a profile of its own that is gone afterwards."""
    path = executable()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            await browser.close()
