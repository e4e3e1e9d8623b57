"""Somebody who reads the console in a browser, and notices what no page of it may do."""

import os
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = Path(os.environ.get("WAYBILL_SCREENSHOTS") or ROOT / ".cache" / "screenshots")
"""Where every page that was checked can be looked at afterwards."""

SCREENSHOTS.mkdir(parents=True, exist_ok=True)

SIZES = {"wide": (1280, 900), "narrow": (390, 844)}
THEMES = ("light", "dark")
expect.set_options(timeout=20_000)
WCAG = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
ZONE = "Europe/Berlin"


class Reader:
    """`async with` opens a window of their own, without any cookie, and on leaving fails where a page did what none may:
    run against the Content-Security-Policy, throw an error in a script, or ask another host for anything."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.url = url
        self._browser = browser
        self._options = {"timezone_id": ZONE, "locale": "en-GB"} | options
        self.told: list[str] = []
        """What browser and scripts complained about; a test that provokes something takes it from here."""
        self.foreign: list[str] = []

    async def __aenter__(self) -> Self:
        self.context: BrowserContext = await self._browser.new_context(
            base_url=self.url, viewport={"width": 1280, "height": 900}, **self._options
        )
        self.page: Page = await self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.told.append(f"script: {error}"))
        self.page.on("dialog", lambda dialog: self.told.append(f"dialog: {dialog.message}"))
        self.context.on("request", self._see)
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        await self.context.close()
        if kind is None:
            assert self.foreign == [], "requests to other hosts"
            assert self.told == [], "what the browser complained about"

    def _hear(self, message: ConsoleMessage) -> None:
        # That a page was answered 404 is what some tests are about.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.told.append(f"{message.type}: {message.text}")

    def _see(self, request: Request) -> None:
        where = urlsplit(request.url)
        if where.scheme not in ("data", "blob") and where.netloc != urlsplit(self.url).netloc:
            self.foreign.append(request.url)

    async def sign_in(self, key: str, path: str = "/") -> None:
        """Opens a page, signs in where that is asked for, and is on that page."""
        await self.page.goto(path)
        await self.page.get_by_label("Key", exact=True).fill(key)
        await self.page.get_by_role("button", name="Sign in").click()
        await expect(self.page.get_by_role("button", name="Sign out")).to_be_visible()

    async def look(self, name: str) -> None:
        """Looks at the page in each size and theme: keeps a picture, finds nothing against WCAG A and AA, and nothing that
        makes a phone scroll sideways. Colours are the same in each size, so the dark ones are checked in one of them."""
        for size, (width, height) in SIZES.items():
            await self.page.set_viewport_size({"width": width, "height": height})
            for theme in THEMES:
                await self.page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
                await self.page.screenshot(path=SCREENSHOTS / f"{name}-{size}-{theme}.png", full_page=True)
                if (size, theme) == ("narrow", "dark"):
                    continue
                found = await Axe().run(self.page, options=WCAG)
                assert found.violations_count == 0, f"{name}, {size}, {theme}: {found.generate_report()}"
            overhang = await self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert overhang <= 0, f"{name}, {size}: {overhang} px too wide"
        await self.page.set_viewport_size({"width": 1280, "height": 900})
        await self.page.emulate_media(color_scheme="light")
