"""Dead letters, as whoever runs Waybill reads them."""

import csv
import io
import re
from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import expect

from query.console.dead_letter_words import REASONS
from tests.browser.conftest import OpenReader
from tests.browser.reader import Reader
from tests.system import payloads as p
from tests.system.stack import Stack
from tests.system.tenants import ACME, BETA, OPERATOR_KEY, SHARED_TOPIC
from tests.system.waiting import eventually

MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'{{ 7 * 7 }}"
MARK = f"no JSON: {MARKUP}"
UNOWNED = p.mail(p.new_id(), [p.new_address()], p.at(0), source="who@nowhere.example")


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def letters(stack: Stack) -> None:
    """The whole way: what SNS posts signed, and nobody understands."""
    assert stack.ses(MARK).status == 200
    assert stack.ses({"eventType": "Bounce", "mail": {"messageId": MARKUP}, "bounce": MARKUP}).status == 200
    assert stack.ses(p.delivery(UNOWNED, p.at(2)), topic=SHARED_TOPIC, path="/webhooks/ses").status == 200
    eventually(lambda: len(stack.items("/v1/dead-letters")) >= 2, 30, "dead letters of acme")
    eventually(
        lambda: (
            UNOWNED["messageId"]
            in str(stack.items("/v1/dead-letters", OPERATOR_KEY, reason="unknown_tenant"))
        ),
        30,
        "the dead letter that is nobody's",
    )


@pytest_asyncio.fixture(loop_scope="session")
async def analyst(reader: OpenReader) -> AsyncIterator[Reader]:
    """Somebody of acme who looks at the dead letters."""
    async with reader() as someone:
        await someone.sign_in(ACME.key, "/dead-letters")
        yield someone


async def test_each_says_in_words_why_it_is_one_and_what_to_do_next(analyst: Reader) -> None:
    page = analyst.page
    words = REASONS["not_ses"]
    row = page.locator("table.letters tbody tr").filter(has_text=words.says).first
    await expect(row.locator(".cause")).to_contain_text(f"{words.says}, found while reading it.")
    await expect(row.locator(".cause")).to_contain_text("Expected the Message to be the JSON of an SES event")
    await expect(row.locator(".cause")).to_contain_text(words.next)
    await expect(row).to_contain_text("Amazon SES")
    await analyst.look("dead-letters")


async def test_the_untouched_receipt_is_shown_and_never_run(analyst: Reader) -> None:
    page = analyst.page
    await page.goto("/dead-letters?reason=not_ses")
    row = page.locator("table.letters tbody tr").first
    await row.locator("summary").first.click()
    await expect(row.get_by_label("Body, formatted")).to_contain_text('  "Message": "no JSON: <script>')
    await expect(row.get_by_text("About", exact=True)).to_have_count(0)
    await row.get_by_text("As received").click()
    await expect(row.get_by_label("As received")).to_contain_text("no JSON: <script>alert(1)</script>")
    await analyst.look("dead-letter-open")


async def test_the_message_inside_a_notification_is_set_out_too(analyst: Reader) -> None:
    page = analyst.page
    await page.goto("/dead-letters?reason=no_destination")
    row = page.locator("table.letters tbody tr").first
    await row.locator("summary").first.click()
    await expect(row.get_by_label("Message inside it, formatted")).to_contain_text('"eventType": "Bounce"')


async def test_filters_and_pages_and_the_file_keep_to_what_was_asked(analyst: Reader, stack: Stack) -> None:
    page = analyst.page
    await page.get_by_label("Reason").select_option("not_ses")
    await page.get_by_role("button", name="Find").click()
    await expect(page).to_have_url(re.compile(r"\?reason=not_ses$"))
    expected = stack.items("/v1/dead-letters", reason="not_ses")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="CSV", exact=True).click()
    text = (await (await download.value).path()).read_text()
    assert len(list(csv.DictReader(io.StringIO(text, newline="")))) == len(expected)
    await page.goto("/dead-letters?limit=1")
    await page.get_by_role("link", name="Next page").click()
    await expect(page).to_have_url(re.compile("cursor="))
    await expect(page.locator("table.letters tbody tr")).to_have_count(1)


async def test_what_is_nobodys_is_the_operators_alone(reader: OpenReader) -> None:
    async with reader() as someone:
        await someone.sign_in(OPERATOR_KEY, "/dead-letters?reason=unknown_tenant")
        row = someone.page.locator("table.letters tbody tr").first
        await expect(row).to_contain_text("unknown")
        await expect(row).to_contain_text(REASONS["unknown_tenant"].next)
    async with reader() as someone:
        await someone.sign_in(BETA.key, "/dead-letters?reason=unknown_tenant")
        await expect(someone.page.get_by_text("No dead letters match")).to_be_visible()


async def test_none_is_as_it_should_be(reader: OpenReader) -> None:
    async with reader() as someone:
        await someone.sign_in(BETA.key, "/dead-letters")
        await expect(someone.page.get_by_text("No dead letters, as it should be")).to_be_visible()
        await someone.look("dead-letters-none")
