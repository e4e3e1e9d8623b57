"""The API to read, at /docs/api."""

import re

from playwright.async_api import expect

from schemas import openapi
from tests.browser.conftest import OpenReader
from tests.browser.reader import SIZES
from tests.system.stack import Stack


async def test_whoever_comes_reads_every_operation_with_the_servers_of_this_run(
    reader: OpenReader, stack: Stack
) -> None:
    async with reader() as someone:
        page = someone.page
        await page.goto("/docs/api")
        ids = {
            each["operationId"]
            for methods in openapi.document()["paths"].values()
            for each in methods.values()
        }
        shown = await page.locator("article.operation").evaluate_all("all => all.map(each => each.id)")
        assert set(shown) == ids | {f"schema-{name}" for name in openapi.document()["components"]["schemas"]}
        curl = page.locator("#postMessages pre")
        await expect(curl).to_contain_text(f"http://127.0.0.1:{stack.ports['ingest']}/v1/messages")
        await expect(page.locator("#getMessages pre")).to_contain_text(f"{someone.url}/v1/messages")
        assert not await page.locator("script:not([src])").count()


async def test_every_link_of_it_leads_somewhere(reader: OpenReader) -> None:
    async with reader() as someone:
        page = someone.page
        await page.goto("/docs/api")
        astray = await page.locator('main a[href^="#"]').evaluate_all(
            "all => all.map(each => each.hash.slice(1)).filter(id => !document.getElementById(id))"
        )
        assert astray == []
        await (
            page.get_by_role("navigation", name="Contents")
            .get_by_role("link", name="/v1/sendability")
            .click()
        )
        await expect(page).to_have_url(re.compile("#postSendability$"))
        async with page.expect_download() as download:
            await page.get_by_role("link", name="OpenAPI as YAML").click()
        assert (await (await download.value).path()).read_text().startswith("openapi: 3.1.0")


async def test_it_can_be_read_by_everybody_wide_and_narrow(reader: OpenReader) -> None:
    """Axe takes a minute for the whole page, and its parts are all made alike: some of each kind stand for all."""
    async with reader() as someone:
        page = someone.page
        await page.goto("/docs/api")
        for width, height in SIZES.values():
            await page.set_viewport_size({"width": width, "height": height})
            assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        await page.evaluate(
            "kept => document.querySelectorAll('article').forEach(each => kept.includes(each.id) || each.remove())",
            ["getMessages", "postMessages", "getRates", "schema-Item", "schema-MessageRegistration"],
        )
        await someone.look("api")
