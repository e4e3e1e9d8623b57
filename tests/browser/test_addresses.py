"""The suppression list, an address with all that is known of it, and what staff change there.

All of it is of the tenant gamma: what the log's own tests count stays as it is.
"""

import csv
import io
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.conftest import OpenReader, Store
from tests.browser.reader import Reader
from tests.integration.address_model import standings
from tests.system.payloads import at, bounce, delivery, mail, new_id
from tests.system.stack import Stack
from tests.system.tenants import BETA, GAMMA, OPERATOR_KEY
from tests.system.waiting import eventually

DOMAIN = "blocked.example"
MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'{{ 7 * 7 }}\u202e"
REASONS = ("hard_bounce", "complaint", "provider_suppressed", "repeated_soft_bounces")


def _blocked(number: int, **fields: Any) -> dict[str, Any]:
    reason = REASONS[number % len(REASONS)]
    return standings(("gamma",))[0] | {
        "channel": "email",
        "address": f"person-{number:03d}@{DOMAIN}",
        "standing": "invalid",
        "reason": reason,
        "reasons": [reason],
        "complained": reason == "complaint",
        "since": at(number),
        "updated_at": at(number),
        "message_id": f"m/{number}",
        "event_id": f"{number:032x}",
        "diagnostic": MARKUP,
        "hint": "clear it there" if reason == "provider_suppressed" else None,
        "reset": None,
        **fields,
    }


ROWS = [_blocked(number) for number in range(70)]


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def rows(store: Store) -> None:
    """What is in the suppression list; the same addresses stand for nothing with another tenant."""
    await store.insert("address_standing", ROWS)


@pytest_asyncio.fixture(loop_scope="session")
async def staff(reader: OpenReader) -> AsyncIterator[Reader]:
    """Somebody of gamma who may change things, at the suppression list."""
    async with reader() as someone:
        await someone.sign_in(GAMMA.key, f"/addresses?domain={DOMAIN}")
        yield someone


def _path(address: str, **query: str) -> str:
    more = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    return f"/addresses/{quote(address, safe='')}{'?' + more if more else ''}"


async def _shown(page: Page) -> list[str]:
    return [text.strip() for text in await page.locator("tbody .whom").all_inner_texts()]


async def test_the_suppression_list_has_every_blocked_address_page_by_page(staff: Reader) -> None:
    page = staff.page
    first = await _shown(page)
    await expect(page.get_by_label("Pages")).to_contain_text("on this page")
    await staff.look("suppressions")
    await page.get_by_role("link", name="Next page").click()
    await expect(page).to_have_url(re.compile("cursor="))
    expected = [row["address"] for row in sorted(ROWS, key=lambda row: row["since"], reverse=True)]
    assert first + await _shown(page) == expected


async def test_it_is_filtered_sorted_and_taken_along_as_a_file(staff: Reader) -> None:
    page = staff.page
    await page.locator("summary", has_text="Reason").click()
    await page.get_by_role("checkbox", name="Complaint").check()
    await page.locator("main").get_by_label("Search", exact=True).fill("PERSON-0")
    await page.get_by_role("button", name="Find").click()
    await page.locator("thead").get_by_role("link", name="Address").click()
    await expect(page).to_have_url(re.compile("sort=address"))
    complained = sorted(row["address"] for row in ROWS if row["reason"] == "complaint")
    assert await _shown(page) == complained
    async with page.expect_download() as download:
        await page.get_by_role("link", name="CSV", exact=True).click()
    text = (await (await download.value).path()).read_text()
    assert [row["address"] for row in csv.DictReader(io.StringIO(text, newline=""))] == complained


async def test_an_empty_list_says_what_that_means(staff: Reader) -> None:
    await staff.page.goto("/addresses?domain=nobody.example")
    await expect(staff.page.get_by_text("No address matches")).to_be_visible()
    await expect(staff.page.locator(".empty")).to_contain_text("whether it opted out is under Consents")
    await staff.look("suppressions-empty")


async def test_a_row_leads_to_its_address_where_hostile_text_is_shown_and_never_run(staff: Reader) -> None:
    page = staff.page
    await page.get_by_role("link", name=f"person-066@{DOMAIN}").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(f"person-066@{DOMAIN}")
    await expect(page.locator("#standing ~ pre")).to_have_text(MARKUP)
    await expect(page.get_by_text("clear it there").first).to_be_visible()
    await expect(page.locator("#standing ~ .state")).to_contain_text("On the provider’s list")


async def test_a_bounce_is_explained_on_its_address_and_reset_by_staff_who_see_it_at_once(
    staff: Reader, stack: Stack
) -> None:
    """The whole way: SES's bounce, the reset as staff asks for it, the standing as the page then has it."""
    page, address, message = staff.page, "gone@bounce.example", new_id()
    stack.accept(bounce(mail(message, [address], at(0)), at(1)), tenant=GAMMA)
    eventually(lambda: _standing(stack, address) == "invalid", 20, f"{address} is blocked")
    await page.goto(_path(address))
    await expect(page.locator("#standing ~ .state")).to_contain_text("Hard bounce")
    cause = page.get_by_role("link", name="Open the message")
    await expect(cause).to_have_attribute("href", re.compile(rf"^/messages/{message}#event-[0-9a-f]+$"))
    await expect(page.locator(".facts")).to_contain_text("Hard bounce: No such mailbox (5.1.1)")
    await expect(page.locator(".side [aria-current=page]")).to_have_text(["Suppression list"])
    await expect(page.get_by_role("link", name="Issue report")).to_have_attribute(
        "href", f"{_path(address)}/issue-report?channel=email"
    )
    await expect(page.locator(".findings li").first).to_contain_text("refused for good")
    await expect(page.locator("#messages").locator("xpath=../..").locator("tbody tr")).to_have_count(1)
    finding = page.locator(".finding").first
    await expect(finding).not_to_contain_text("POST")
    await expect(finding).to_contain_text(re.compile(r"\d\d:\d\d CES?T"))
    await expect(finding.get_by_role("link", name=f"Reset {address}…")).to_have_attribute(
        "href", re.compile(r"^/reset\?channel=email&address=gone@bounce\.example&back=")
    )
    await staff.look("address-blocked")
    await page.get_by_role("link", name="Reset…").click()
    await staff.look("reset")
    await page.get_by_label("Your name").fill("  ")
    await page.get_by_label("Why").fill("They have a mailbox again")
    await page.get_by_role("button", name="Reset").click()
    await expect(page.locator("#actor-fault")).to_have_text("Please fill this in.")
    await expect(page.get_by_label("Why")).to_have_value("They have a mailbox again")
    await page.get_by_label("Your name").fill("Robin")
    await page.get_by_role("button", name="Reset").click()
    told = page.get_by_role("status")
    await expect(told).to_contain_text(f"{address} is reset: it is no longer blocked.")
    await expect(told).to_contain_text("Robin, “They have a mailbox again”")
    await expect(told).not_to_contain_text("not reached the store yet")
    await expect(page.locator("#standing ~ .state")).to_contain_text("Valid")
    await expect(page.locator(".facts")).to_contain_text("by Robin: They have a mailbox again")
    await expect(finding).to_contain_text("That was before Robin reset the address; nothing was sent since.")
    await expect(page.get_by_label("Breadcrumb")).to_contain_text("Email log")
    await staff.look("address-reset")


async def test_a_reset_that_does_not_arrive_in_time_is_told_as_recorded_and_not_as_done(
    staff: Reader, stack: Stack
) -> None:
    page = staff.page
    await page.goto(f"/reset?channel=email&address=person-004%40{DOMAIN}&back=/addresses")
    await page.get_by_label("Your name").fill("Robin")
    await page.get_by_label("Why").fill("Asked to")
    with stack.frozen("sink"):
        await page.get_by_role("button", name="Reset").click()
        await expect(page.get_by_role("status")).to_contain_text("not reached the store yet")
    await expect(page).to_have_url(re.compile("/addresses$"))


async def test_staff_opts_in_with_evidence_alone_and_out_without(staff: Reader, stack: Stack) -> None:
    page, address = staff.page, "asks@consent.example"
    stack.accept(delivery(mail(new_id(), [address], at(0)), at(1)), tenant=GAMMA)
    eventually(lambda: _standing(stack, address) == "valid", 20, f"{address} is known")
    await page.goto(_path(address))
    marketing = page.get_by_role("row").filter(has_text="Marketing")
    await expect(marketing).to_contain_text("none recorded")
    await expect(marketing).to_contain_text("no opt-in")
    await page.get_by_role("link", name="Opt in…").click()
    await page.get_by_label("Your name").fill("Kim Ö'Neill")
    await page.get_by_label("Why").fill(MARKUP)
    for name in ("How they told it", "Reference"):
        await expect(page.get_by_label(name, exact=True)).to_have_js_property("required", value=True)
    await page.get_by_label("How they told it").select_option("verbal")
    await page.get_by_label("Reference").fill("  ")
    await page.get_by_role("button", name="Opt in").click()
    fault = "Please name the call, form or letter that proves it."
    await expect(page.locator("#reference-fault")).to_have_text(fault)
    await expect(page.get_by_label("Reference")).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_label("Their words (optional)")).to_be_visible()
    await expect(page.locator(".side [aria-current=page]")).to_have_text("Consents")
    await staff.look("opt-in-refused")
    await page.get_by_label("Reference").fill("call 17")
    await page.get_by_role("button", name="Opt in").click()
    await expect(page.get_by_role("status")).to_contain_text(f"{address} is opted in: Marketing")
    await expect(marketing).to_contain_text("In since")
    await expect(marketing).to_contain_text(MARKUP)
    await expect(marketing).to_contain_text("Yes")
    await page.get_by_role("link", name="Opt out…").click()
    await page.get_by_label("Your name").fill("Kim Ö'Neill")
    await page.get_by_role("button", name="Opt out").click()
    await expect(marketing).to_contain_text("Out since")
    await expect(marketing).to_contain_text("opted out")
    await staff.look("address-opted-out")
    await page.get_by_role("link", name="Every change").click()
    changes = page.locator("tbody tr")
    await expect(changes).to_have_count(2)
    await expect(changes.last).to_contain_text("call 17")
    await expect(changes.last).to_contain_text("by key all")


async def test_an_address_that_nobody_knows_has_a_diagnosis_and_the_one_that_may_be_meant(
    staff: Reader,
) -> None:
    page = staff.page
    answer = await page.goto(_path("ann@gmial.com"))
    assert answer is not None and answer.status == 404
    await expect(page.get_by_role("link", name="ann@gmail.com")).to_have_attribute(
        "href", "/addresses/ann%40gmail.com?channel=email"
    )
    await staff.look("address-unknown")


async def test_another_tenants_address_is_one_that_nobody_knows(reader: OpenReader) -> None:
    async with reader() as someone:
        await someone.sign_in(BETA.key, "/addresses")
        texts = []
        for address in (f"person-001@{DOMAIN}", f"nobody-01@{DOMAIN}"):
            answer = await someone.page.goto(_path(address))
            assert answer is not None and answer.status == 404
            texts.append((await someone.page.locator("main").inner_text()).replace(address, ""))
            answer = await someone.page.goto(f"/reset?channel=email&address={quote(address)}")
            assert answer is not None and answer.status == 404
        assert texts[0] == texts[1]


async def test_whoever_may_only_read_sees_no_button_and_is_refused(reader: OpenReader, url: str) -> None:
    async with reader() as someone:
        page = someone.page
        await someone.sign_in(OPERATOR_KEY, f"/addresses?tenant=gamma&domain={DOMAIN}")
        await page.get_by_role("link", name=f"person-068@{DOMAIN}").click()
        await expect(page.get_by_role("heading", name="Standing")).to_be_visible()
        for name in ("Reset", "Opt in…", "Opt out…"):
            await expect(page.get_by_role("link", name=name)).to_have_count(0)
        token = await page.locator("input[name=csrf]").first.input_value()
        reset = f"/reset?tenant=gamma&channel=email&address=person-068%40{DOMAIN}"
        consent = f"/addresses/person-068%40{DOMAIN}/consent?tenant=gamma&consent=out"
        for path in (reset, consent):
            answer = await page.goto(path)
            assert answer is not None and answer.status == 403
            posted = await someone.context.request.post(
                path, form={"csrf": token, "actor": "Robin", "reason": "r"}, headers={"Origin": url}
            )
            assert posted.status == 403, path


async def test_the_operator_sees_all_tenants_addresses_and_whose_each_is(reader: OpenReader) -> None:
    async with reader() as someone:
        page = someone.page
        await someone.sign_in(OPERATOR_KEY, f"/addresses?domain={DOMAIN}")
        await expect(page.locator("thead")).to_contain_text("Tenant")
        await page.get_by_role("link", name=f"person-069@{DOMAIN}").click()
        await expect(page).to_have_url(re.compile("tenant=gamma"))
        await expect(page.locator(".facts")).to_contain_text("Gamma Gymnastics")


async def test_the_search_of_every_page_leads_to_an_address(staff: Reader) -> None:
    page = staff.page
    anywhere = page.get_by_label("Find an address, customer, message or document")
    await anywhere.fill(f"  Person-003@{DOMAIN} ")
    await anywhere.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text(f"person-003@{DOMAIN}")
    await anywhere.fill("neither this nor that")
    await anywhere.press("Enter")
    await expect(page).to_have_url(re.compile(r"/email-log\?q=neither"))


def _standing(stack: Stack, address: str) -> str:
    answer = stack.ask(f"/v1/addresses/{address}", GAMMA.key)
    assert answer.status == 200, answer
    return str(answer.json()["standing"])
