"""Issue reports, as support staff make them."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest_asyncio
from playwright.async_api import expect

from query.issue_report import PROBLEMS
from tests.browser.conftest import OpenReader, Store
from tests.browser.reader import Reader
from tests.integration.report_stage import message
from tests.system.stack import Stack
from tests.system.tenants import ACME, BETA

MARKUP = "<script>alert(1)</script>\"'{{ 7 * 7 }}"
MESSAGE = "issue/with a slash?"
PATH = "/messages/issue%2Fwith%20a%20slash%3F/issue-report"
RECIPIENT = "ann@issues.example"


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def rows(store: Store) -> None:
    """A message to two recipients, of yesterday: others at a domain are told of the last days."""
    yesterday = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%dT%H:%M}"
    await store.insert(
        "message_status",
        [
            message(MESSAGE, address, yesterday, status, subject=MARKUP, sender="news@ses.example.com")
            for address, status in ((RECIPIENT, "delivered"), ("ben@issues.example", "bounced"))
        ],
    )


@pytest_asyncio.fixture(loop_scope="session")
async def helper(reader: OpenReader) -> AsyncIterator[Reader]:
    """Somebody of acme's support who reports on a message."""
    async with reader(permissions=["clipboard-read", "clipboard-write"]) as someone:
        await someone.sign_in(ACME.key, PATH)
        yield someone


async def test_what_the_reporter_adds_stands_in_the_report_which_is_the_apis(
    helper: Reader, stack: Stack
) -> None:
    page = helper.page
    back = page.get_by_label("Breadcrumb").get_by_role("link")
    await expect(back).to_have_text(re.compile(f"^“{re.escape(MARKUP)}” of .* CES?T$"))
    options = await page.get_by_label("Problem").locator("option").all_inner_texts()
    assert options == ["Not said", *PROBLEMS.values()]
    await page.get_by_label("Recipient").select_option(RECIPIENT)
    await page.get_by_label("Problem").select_option("not_received")
    await page.get_by_label("What happened").fill(f"Nothing came {MARKUP}")
    await page.get_by_label("Another address").fill("ann@elsewhere.example")
    await page.get_by_role("button", name="Update the report").click()
    await expect(page).to_have_url(re.compile("problem=not_received"))
    shown = await page.locator("#report").inner_text()
    answer = stack.ask(
        f"/v1{PATH}",
        recipient=RECIPIENT,
        problem="not_received",
        description=f"Nothing came {MARKUP}",
        tried_address="ann@elsewhere.example",
        format="text",
    )
    assert _timeless(shown) == _timeless(answer.body.decode())
    assert MARKUP in shown and "ben@issues.example" in shown
    await expect(page.get_by_label("What happened")).to_have_value(f"Nothing came {MARKUP}")
    await helper.look("issue-report")


def _timeless(text: str) -> str:
    return re.sub(r"(?m)^Made: .*$", "", text).strip()


async def test_one_click_copies_the_report(helper: Reader) -> None:
    page = helper.page
    await page.get_by_role("button", name="Copy").click()
    await expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert copied.strip() == (await page.locator("#report").inner_text()).strip()


async def test_without_scripts_there_is_no_button_that_does_nothing_and_the_report_is_there(
    reader: OpenReader,
) -> None:
    async with reader(java_script_enabled=False) as someone:
        await someone.sign_in(ACME.key, PATH)
        await expect(someone.page.get_by_role("button", name="Copy")).to_have_count(0)
        await expect(someone.page.locator("#report")).to_contain_text("Issue report")


async def test_the_report_comes_as_a_file(helper: Reader) -> None:
    page = helper.page
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Download").click()
    file = await download.value
    assert re.fullmatch(r"issue-report-[\w.@+-]+\.txt", file.suggested_filename)
    assert _timeless((await file.path()).read_text()) == _timeless(await page.locator("#report").inner_text())


async def test_on_paper_there_is_the_whole_report_alone(helper: Reader) -> None:
    page = helper.page
    await page.emulate_media(media="print")
    await expect(page.locator("main form")).to_be_hidden()
    await expect(page.get_by_label("Breadcrumb")).to_be_hidden()
    report = page.locator("#report")
    cut_off = await report.evaluate("each => each.scrollHeight - each.clientHeight")
    assert cut_off <= 0
    assert await report.evaluate("each => each.clientHeight") > 400


async def test_a_report_on_an_address_tells_its_last_messages(helper: Reader) -> None:
    page = helper.page
    await page.goto(f"/addresses/{RECIPIENT}/issue-report?channel=email&problem=late")
    await expect(page.locator("#report")).to_contain_text("Received late")
    await expect(page.locator("#report")).to_contain_text("Last messages to this address")
    await expect(page.get_by_label("Breadcrumb").get_by_role("link")).to_have_text(RECIPIENT)
    await helper.look("issue-report-address")


async def test_a_message_of_another_tenant_is_none(reader: OpenReader) -> None:
    async with reader() as someone:
        await someone.sign_in(BETA.key, "/reports")
        answer = await someone.page.goto(PATH)
        assert answer is not None and answer.status == 404
