"""The email log and the SMS log, as somebody uses them."""

import csv
import io
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenReader, Store
from tests.browser.reader import Reader
from tests.integration.log_model import HOSTILE, Row, make_rows
from tests.system.payloads import at, bounce, mail, new_id
from tests.system.stack import Stack
from tests.system.tenants import ACME, EPSILON, GAMMA, OPERATOR_KEY, ZETA
from tests.system.waiting import eventually

MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'{{ 7 * 7 }}"
ROWS = make_rows(900, ("epsilon",)) + make_rows(40, ("zeta",), seed=5)


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def rows(store: Store) -> list[Row]:
    """What is in the log."""
    hostile = next(row for row in ROWS if row["tenant"] == "epsilon" and row["channel"] == "email")
    hostile |= {"subject": MARKUP, "campaign": MARKUP, "category": MARKUP}
    await store.insert("message_status", ROWS)
    return ROWS


@pytest_asyncio.fixture(loop_scope="session")
async def analyst(reader: OpenReader) -> AsyncIterator[Reader]:
    """Somebody of epsilon who looks at the email log."""
    async with reader() as someone:
        await someone.sign_in(EPSILON.key, "/email-log")
        yield someone


def _ours(channel: str, **wanted: Any) -> list[Row]:
    return [
        row
        for row in ROWS
        if (row["tenant"], row["channel"]) == ("epsilon", channel)
        and all(row[name] == value for name, value in wanted.items())
    ]


async def _column(page: Page, selector: str) -> list[str]:
    return [text.strip() for text in await page.locator(f"tbody {selector}").all_inner_texts()]


async def test_the_log_shows_date_recipient_subject_and_status(analyst: Reader) -> None:
    page = analyst.page
    heads = [text.strip() for text in await page.locator("thead th").all_inner_texts()]
    assert [re.sub(r"\W+$", "", head) for head in heads] == ["Date", "Recipient", "Subject", "Status"]
    await expect(page.locator("tbody tr")).to_have_count(50)
    await analyst.look("email-log")


async def test_the_sms_log_shows_time_number_text_and_status(analyst: Reader) -> None:
    await analyst.page.get_by_role("link", name="SMS log").click()
    numbers = await _column(analyst.page, ".whom bdi")
    assert numbers and all(number.startswith("+") for number in numbers)
    await analyst.look("sms-log")


@pytest.mark.parametrize(
    ("heading", "sort"), [("Recipient", "recipient"), ("Status", "-status"), ("Date", "at")]
)
async def test_a_click_on_a_heading_sorts_and_another_turns_the_order(
    analyst: Reader, heading: str, sort: str
) -> None:
    page = analyst.page
    link = page.locator("thead").get_by_role("link", name=heading)
    await link.click()
    await expect(page).to_have_url(re.compile(rf"sort={sort}$"))
    await link.click()
    other = sort.removeprefix("-") if sort.startswith("-") else f"-{sort}"
    await expect(page).to_have_url(re.compile(rf"sort={other}$"))


async def test_pages_follow_each_other_without_gap_and_back_leads_to_the_same_rows(analyst: Reader) -> None:
    page = analyst.page
    expected = sorted(row["recipient"] for row in _ours("email"))[:100]
    await page.goto("/email-log?sort=recipient")
    first = await _column(page, ".whom bdi")
    await page.get_by_role("link", name="Next page").click()
    await expect(page).to_have_url(re.compile("cursor="))
    second = await _column(page, ".whom bdi")
    assert first + second == expected
    await page.reload()
    assert await _column(page, ".whom bdi") == second
    await page.go_back()
    assert await _column(page, ".whom bdi") == first


async def test_a_search_and_filters_stand_in_the_url_and_each_can_be_taken_away(analyst: Reader) -> None:
    page = analyst.page
    await page.get_by_label("Search", exact=True).fill("mailbox")
    await page.locator("summary", has_text="Status").click()
    await page.get_by_role("checkbox", name="Bounced").check()
    await page.get_by_role("button", name="Find").click()
    query = parse_qs(urlsplit(page.url).query, keep_blank_values=True)
    assert query == {"q": ["mailbox"], "status": ["bounced"]}
    found = [row for row in _ours("email", status="bounced") if row["bounce"]["cause"] == "mailbox"]
    await expect(page.locator("tbody tr")).to_have_count(min(50, len(found)))
    await analyst.look("email-log-filtered")
    await page.get_by_label("Filters in force").get_by_role("link", name="Search").click()
    await expect(page).to_have_url(re.compile(r"\?status=bounced$"))


async def test_a_subject_leads_to_its_message_and_a_recipient_to_their_address(analyst: Reader) -> None:
    row = analyst.page.locator("tbody tr").first
    address = (await row.locator(".whom bdi").inner_text()).strip()
    to_message = await row.locator(".what .opens").get_attribute("href")
    assert re.match(rf"/messages/[^?]+\?recipient={re.escape(address)}$", to_message or "")
    await row.get_by_role("link", name=address).click()
    await expect(analyst.page.get_by_role("heading", level=1)).to_have_text(address)
    await expect(analyst.page.get_by_label("Breadcrumb")).to_contain_text("Email log")
    await expect(analyst.page.locator(".side [aria-current=page]")).to_have_text(["Email log"])


async def test_a_bounce_is_told_in_plain_words_with_the_servers_own_as_a_tooltip(analyst: Reader) -> None:
    page = analyst.page
    bounced = next(row for row in _ours("email", status="bounced") if row["bounce"]["cause"] == "mailbox")
    await page.goto(f"/email-log?status=bounced&cause=mailbox&recipient={bounced['recipient']}")
    why = page.locator("tbody .why").first
    await expect(why).to_have_text("No such mailbox")
    await expect(why).to_have_attribute("title", re.compile("550 5.1.1"))


async def test_the_whole_result_comes_as_csv(analyst: Reader) -> None:
    page = analyst.page
    await page.goto("/email-log?customer=42")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="CSV", exact=True).click()
    text = (await (await download.value).path()).read_text()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    expected = {(row["message_id"], row["recipient"]) for row in _ours("email", customer="42")}
    assert {(row["message_id"], row["recipient"]) for row in rows} == expected


async def test_hostile_content_is_shown_and_never_run(analyst: Reader) -> None:
    page = analyst.page
    await page.get_by_label("Search", exact=True).fill("<script>alert(1)")
    await page.get_by_role("button", name="Find").click()
    await expect(page.locator("tbody .what bdi").first).to_have_text(MARKUP)
    for text in HOSTILE[:4]:
        await page.goto("/email-log")
        await page.get_by_label("Search", exact=True).fill(text)
        await page.get_by_role("button", name="Find").click()
        assert text in await _column(page, ".what .opens bdi")


async def test_times_are_shown_in_the_readers_zone_and_in_another_one_that_was_chosen(
    analyst: Reader,
) -> None:
    page = analyst.page
    time = page.locator("tbody time").first
    await expect(page.locator("footer")).to_contain_text("Europe/Berlin")
    at = await time.get_attribute("datetime")
    before = await time.inner_text()
    await page.locator("footer").get_by_role("link", name="Change").click()
    await page.get_by_label("Time zone").select_option("Asia/Tokyo")
    await page.get_by_label("Dark").check()
    await analyst.look("preferences")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert await time.get_attribute("datetime") == at
    assert await time.inner_text() != before


async def test_an_empty_log_says_so_and_what_to_do(reader: OpenReader, analyst: Reader) -> None:
    await analyst.page.goto("/email-log?q=nothing-has-this")
    await expect(analyst.page.get_by_text("No messages match")).to_be_visible()
    await analyst.look("email-log-empty")


async def test_another_tenants_rows_are_never_shown(reader: OpenReader, stack: Stack) -> None:
    async with reader() as someone:
        await someone.sign_in(ZETA.key, "/email-log")
        shown = await someone.page.locator("tbody tr").count()
        assert shown == sum((row["tenant"], row["channel"]) == ("zeta", "email") for row in ROWS)
        answer = await someone.page.goto("/email-log?tenant=epsilon")
        assert answer is not None and answer.status == 400
        await expect(someone.page.get_by_text("only the operator")).to_be_visible()


async def test_the_operator_sees_all_tenants_or_the_one_chosen_which_stays_chosen(reader: OpenReader) -> None:
    async with reader() as someone:
        page = someone.page
        await someone.sign_in(OPERATOR_KEY, "/email-log")
        await expect(page.locator("thead")).to_contain_text("Tenant")
        await someone.look("email-log-operator")
        for row in await page.locator("tbody tr").all():
            # Another tenant may have a message of the same id.
            tenant = row.locator("td[data-label=Tenant] span")
            id_ = await tenant.get_attribute("title")
            assert id_ is not None and await tenant.inner_text() == f"{id_.title()} Gymnastics"
            for link in (row.locator("a.opens"), row.locator(".whom a").first):
                assert f"tenant={id_}" in (await link.get_attribute("href") or "")
        await page.get_by_label("Tenant").select_option("zeta")
        await expect(page).to_have_url(re.compile(r"/email-log\?tenant=zeta$"))
        await page.goto("/sms-log")
        await expect(page).to_have_url(re.compile(r"/sms-log\?tenant=zeta$"))
        await page.get_by_label("Tenant").select_option("")
        await expect(page).to_have_url(re.compile(r"/sms-log$"))


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/email-log?status=nonsense", 400, "status: expected one of"),
        ("/email-log?nonsense=1", 400, "nonsense: unknown"),
        ("/email-log?cursor=nonsense", 400, "This link is out of date"),
        ("/nonsense", 404, "Not found"),
    ],
)
async def test_an_error_is_a_page_that_says_what_is_wrong(
    analyst: Reader, path: str, status: int, text: str
) -> None:
    answer = await analyst.page.goto(path)
    assert answer is not None and answer.status == status
    await expect(analyst.page.get_by_text(text)).to_be_visible()
    await analyst.look(f"error-{status}")


async def test_what_each_status_means_is_one_click_away(analyst: Reader) -> None:
    await analyst.page.locator("tbody .became .badge").first.click()
    await expect(analyst.page.get_by_role("heading", name="What the statuses mean")).to_be_visible()
    await analyst.look("statuses")


async def test_statuses_that_mail_and_text_messages_share_are_told_once(
    analyst: Reader, reader: OpenReader
) -> None:
    await analyst.page.goto("/statuses")
    assert (await analyst.page.locator("thead th").all_inner_texts())[0] == "Status"
    row = analyst.page.locator("#failed")
    await expect(row).to_contain_text("Read the error, fix the cause and send again.")
    await row.get_by_role("link", name="SMS").click()
    await expect(analyst.page).to_have_url(re.compile(r"/sms-log\?status=failed$"))
    async with reader() as someone:
        await someone.sign_in(GAMMA.key, "/statuses")
        assert (await someone.page.locator("thead th").all_inner_texts())[:2] == ["Email", "SMS"]
        await someone.look("statuses-of-two-vocabularies")


async def test_a_blocked_address_is_reset_from_the_log(reader: OpenReader, stack: Stack) -> None:
    """The whole way: a bounce as SES reports it, the reset as staff ask for it, the standing as the store then has it."""
    address = "gone@example.net"
    stack.accept(bounce(mail(new_id(), [address], at(0)), at(1)))
    async with reader() as someone:
        page = someone.page
        await someone.sign_in(ACME.key, f"/email-log?recipient={address}")
        eventually(lambda: _standing(stack, address) == "invalid", 20, f"{address} is blocked")
        await page.reload()
        await expect(page.get_by_text("Blocked")).to_be_visible()
        await someone.look("email-log-blocked")
        await page.get_by_role("link", name="Reset…").click()
        await someone.look("reset")
        await page.get_by_label("Your name").fill("  ")
        await page.get_by_label("Why").fill("They have a mailbox again")
        await page.get_by_role("button", name="Reset").click()
        await expect(page.get_by_role("alert")).to_contain_text("Please fill this in.")
        await page.get_by_label("Your name").fill("Robin")
        await page.get_by_role("button", name="Reset").click()
        await expect(page.get_by_role("status")).to_contain_text(f"{address} is reset")
        await expect(page).to_have_url(re.compile(rf"/email-log\?recipient={address}$"))
        eventually(lambda: _standing(stack, address) == "valid", 20, f"{address} is reset")
        await page.reload()
        await expect(page.get_by_text("Blocked")).to_have_count(0)
        await expect(page.get_by_role("status")).to_have_count(0)


def _standing(stack: Stack, address: str) -> str:
    answer = stack.ask(f"/v1/addresses/{address}")
    assert answer.status == 200, answer
    return str(answer.json()["standing"])
