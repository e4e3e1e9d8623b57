"""A customer with addresses, diagnosis and messages; a document with its trail; and how both are found.

All of it is of the tenant gamma.
"""

import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest_asyncio
from playwright.async_api import expect

from tests.browser.conftest import OpenReader, Store
from tests.browser.reader import Reader
from tests.integration.log_model import make_rows
from tests.system.payloads import at
from tests.system.tenants import BETA, GAMMA, OPERATOR_KEY

DOMAIN = "customers.example"
MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'{{ 7 * 7 }}"
CUSTOMER = "c/7 ü%"
DOCUMENT = "INV/7 <b>%"
PRIMARY, SECOND, OTHER = (f"{name}@{DOMAIN}" for name in ("ann", "ann.work", "elsewhere"))
BASE = next(
    row for row in make_rows(60, ("gamma",)) if row["channel"] == "email" and row["status"] == "delivered"
)


def _row(number: int, recipient: str, **fields: Any) -> dict[str, Any]:
    return BASE | {
        "message_id": f"{DOMAIN}/{number}",
        "recipient": recipient,
        "recipient_as_given": recipient,
        "customer": CUSTOMER,
        "document": None,
        "campaign": MARKUP,
        "subject": f"{MARKUP} {number}",
        "filed_at": at(-number * 60),
        "sent_at": at(-number * 60),
        **fields,
    }


ROWS = [
    *(_row(number, PRIMARY) for number in range(60)),
    _row(60, SECOND, customer=None),
    _row(61, OTHER, document=DOCUMENT),
    _row(62, PRIMARY, document=DOCUMENT, customer="someone else"),
    _row(-1, PRIMARY, subject="\u202e" + "x" * 1000, campaign="y" * 1000, category="z" * 1000),
]
EVENTS = [
    {
        "event_id": f"{number:x}" * 32,
        "tenant": "gamma",
        "message_id": f"{DOMAIN}/61",
        "recipient": OTHER,
        "outcome": outcome,
        "at": at(-3600 + number),
        "received_at": at(-3600 + number),
        "detail": {"response": MARKUP},
        "machine": machine,
        "machine_reason": reason,
    }
    for number, (outcome, machine, reason) in enumerate(
        [("sent", None, None), ("delivered", None, None), ("opened", True, "apple_mail_privacy")]
    )
]
REGISTERED = {
    "schema": "customer/1",
    "tenant": "gamma",
    "customer": CUSTOMER,
    "kind": "client",
    "name": "Ann Ö'Neill <b>",
    "created_at": at(-86_400),
    "addresses": [
        {"address": PRIMARY, "address_as_given": f" {PRIMARY}", "channel": "email", "primary": True},
        {"address": SECOND, "address_as_given": SECOND, "channel": "email", "primary": False},
        {"address": "+15005550177", "address_as_given": "+15005550177", "channel": "sms", "primary": True},
    ],
    "revision": 2**40,
    "updated_at": at(0),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def rows(store: Store) -> None:
    """The customer, their messages and those of a document."""
    await store.insert("customers", [REGISTERED])
    await store.insert("message_status", ROWS)
    await store.insert("events", EVENTS)


@pytest_asyncio.fixture(loop_scope="session")
async def staff(reader: OpenReader) -> AsyncIterator[Reader]:
    """Somebody of gamma at the customer's page."""
    async with reader() as someone:
        await someone.sign_in(GAMMA.key, f"/customers/{quote(CUSTOMER, safe='')}")
        yield someone


async def test_a_customer_has_a_name_a_kind_and_addresses_with_the_primary_ones_marked(staff: Reader) -> None:
    page = staff.page
    await expect(page.get_by_role("heading", level=1)).to_have_text("Ann Ö'Neill <b>")
    await expect(page.locator(".facts")).to_contain_text("Client")
    addresses = page.locator("table", has_text="On file").locator("tbody tr")
    await expect(addresses).to_have_count(4)
    for address, told in ((PRIMARY, "Primary"), (SECOND, "On file"), (OTHER, "Not on file")):
        row = addresses.filter(has=page.get_by_role("link", name=address, exact=True))
        await expect(row).to_contain_text(told)
        await expect(row).to_contain_text("Valid")
    await expect(addresses.first).to_contain_text(f"given as ␣{PRIMARY}")
    await expect(page.locator(".meant")).to_have_count(0)
    await expect(page.locator(".findings").first).to_contain_text(f"went to {OTHER}, which is not on file")
    await staff.look("customer")


async def test_their_messages_over_all_addresses_come_page_by_page_and_are_filtered(staff: Reader) -> None:
    page = staff.page
    messages = page.locator("table", has_text="Messages over all addresses").locator("tbody tr")
    await expect(messages).to_have_count(50)
    await expect(messages.first).to_contain_text("x" * 1000)
    await expect(messages.nth(1)).to_contain_text(MARKUP)
    await page.get_by_role("link", name="Next page").click()
    await expect(messages).to_have_count(len(ROWS) - 50)
    await page.get_by_text("More filters").click()
    await page.get_by_label("Recipient", exact=True).fill("work")
    await page.get_by_role("button", name="Find").click()
    await expect(messages).to_have_count(1)
    await expect(messages).to_contain_text(SECOND)
    await page.goto(f"/customers/{quote(CUSTOMER, safe='')}?q=nothing-has-this")
    await expect(page.get_by_text("No messages match")).to_be_visible()


async def test_the_number_of_messages_to_an_address_that_is_not_on_file_leads_to_these(staff: Reader) -> None:
    page = staff.page
    link = page.get_by_role("row").filter(has_text="Not on file").get_by_role("link", name="1 message")
    await link.click()
    messages = page.locator("table", has_text="Messages over all addresses").locator("tbody tr")
    await expect(messages).to_have_count(1)
    await expect(messages).to_contain_text(OTHER)


async def test_an_address_of_theirs_leads_back_to_them(staff: Reader) -> None:
    page = staff.page
    await page.get_by_role("link", name=SECOND, exact=True).first.click()
    owner = page.get_by_role("link", name="Ann Ö'Neill <b>")
    await owner.click()
    await expect(page).to_have_url(re.compile(re.escape(quote(CUSTOMER, safe=""))))


async def test_a_documents_page_has_all_its_messages_and_their_events(staff: Reader) -> None:
    page = staff.page
    await page.goto(f"/documents/{quote(DOCUMENT, safe='')}")
    await expect(page.get_by_role("heading", level=1)).to_have_text(f"Document {DOCUMENT}")
    rows = page.locator("table", has_text="Message").first.locator("tbody tr")
    await expect(rows).to_have_count(2)
    await expect(rows.get_by_role("link", name=DOCUMENT, exact=True)).to_have_count(0)
    steps = page.locator(".trail .step")
    await expect(steps).to_have_count(3)
    await expect(steps.last).to_contain_text("Opened")
    await expect(steps.last.get_by_text("Machine")).to_have_attribute(
        "title", re.compile("Apple loads the pictures")
    )
    await expect(steps.first).to_contain_text(MARKUP)
    await staff.look("document")
    step = await steps.first.get_attribute("id")
    await steps.first.locator(".of a").click()
    await expect(page).to_have_url(re.compile(rf"^[^#]*/messages/[^#]+#{step}$"))
    await expect(page.locator(f"#{step}")).to_contain_text(MARKUP)


async def test_the_search_of_every_page_leads_to_a_customer_or_document_or_asks_which(
    staff: Reader, store: Store
) -> None:
    page = staff.page
    await store.insert(
        "message_status", [_row(70, PRIMARY, document="both-are-called-so", customer="both-are-called-so")]
    )
    anywhere = page.get_by_label("Find an address, customer, message or document")
    for text, path in (
        (CUSTOMER, "customers"),
        (DOCUMENT, "documents"),
        (f"{DOMAIN}/61", "messages"),
    ):
        await page.goto("/consents")
        await anywhere.fill(text)
        await anywhere.press("Enter")
        await expect(page).to_have_url(re.compile(re.escape(f"/{path}/{quote(text, safe='')}") + "$"))
    await page.goto("/consents")
    await anywhere.fill("both-are-called-so")
    await anywhere.press("Enter")
    await expect(page.get_by_role("heading", name="Which one is meant?")).to_be_visible()
    await staff.look("which-one")
    await page.get_by_role("link", name="Customer", exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Customer both-are-called-so")


async def test_another_tenants_customers_and_documents_are_nobodys(reader: OpenReader) -> None:
    async with reader() as someone:
        await someone.sign_in(BETA.key)
        for path in (f"/customers/{quote(CUSTOMER, safe='')}", f"/documents/{quote(DOCUMENT, safe='')}"):
            answer = await someone.page.goto(path)
            assert answer is not None and answer.status == 404
            theirs = await someone.page.locator("main").inner_text()
            await someone.page.goto("/customers/nobody")
            assert await someone.page.locator("main").inner_text() == theirs


async def test_the_operator_sees_whose_customer_it_is_and_stays_with_that_tenant(reader: OpenReader) -> None:
    async with reader() as someone:
        page = someone.page
        await someone.sign_in(OPERATOR_KEY, f"/customers/{quote(CUSTOMER, safe='')}")
        await expect(page.locator(".facts")).to_contain_text("Gamma Gymnastics")
        await page.get_by_role("link", name=PRIMARY, exact=True).first.click()
        await expect(page).to_have_url(re.compile("tenant=gamma"))
