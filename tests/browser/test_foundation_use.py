"""The console without scripts, with the keyboard alone, on paper, for screen readers, with hostile and with very much content.

All of it is of the tenant gamma: what the log's own tests count stays as it is.
"""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import aiohttp_jinja2
import pytest
import pytest_asyncio
from aiohttp import web
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from query.console.app import add_console
from query.console.statics import FOLDER
from schemas.status import Status
from schemas.times import format_time
from tests.browser.conftest import OpenReader, Store
from tests.browser.reader import WCAG, Reader
from tests.integration.sink_stage import status_value
from tests.system.tenants import GAMMA, OPERATOR_KEY

NOW = datetime.now(UTC).replace(microsecond=0)
MANY = 3000
MARKUP = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7 * 7 }}{% raw %}&amp;"
HOSTILE = (
    MARKUP,
    "\u202egnitirw-ot-tfel\u202c \u05e9\u05dc\u05d5\u05dd \u2067x",
    "javascript:alert(1)",
    "a/b?c=d&e#f%2F",
    "W" * 1000,
    "\u0301" * 200 + "combining",
)


def _row(number: int, **fields: Any) -> dict[str, Any]:
    at = format_time(int((NOW - timedelta(seconds=number)).timestamp() * 1000))
    status = Status.DELIVERED
    return status_value(number, status=status, rank=status.rank) | (
        {"tenant": "gamma", "filed_at": at, "sent_at": at, "updated_at": at, "subject": f"Number {number}"}
        | fields
    )


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def stored(store: Store) -> None:
    """Thousands of rows of one mailing, some with hostile content everywhere, two without a mailing."""
    many = [_row(number, message_id=f"many-{number}", campaign="many") for number in range(MANY)]
    hostile = [
        _row(number, message_id=f"hostile-{number}", method="hostile", subject=text, campaign=text, category=text,
             document=text, customer=text, error=text, reason=text)
        for number, text in enumerate(HOSTILE)
    ]  # fmt: skip
    alone = [
        _row(number, message_id=f"alone-{number}", method="alone", campaign=name)
        for number, name in enumerate((None, None, "x"))
    ]
    await store.insert("message_status", [*many, *hostile, *alone])


@pytest_asyncio.fixture(loop_scope="session")
async def analyst(reader: OpenReader) -> AsyncIterator[Reader]:
    """Somebody of gamma who looks at the email log."""
    async with reader() as someone:
        await someone.sign_in(GAMMA.key, "/email-log")
        yield someone


async def _ids(page: Page) -> list[str]:
    """The messages of a page's rows, once all of it is there."""
    await page.wait_for_load_state("domcontentloaded")
    hrefs = await page.locator("tbody .what a.opens").evaluate_all("all => all.map(each => each.pathname)")
    return [href.rpartition("/")[2] for href in hrefs]


# --- thousands of rows


async def test_thousands_of_rows_are_paged_without_a_gap_and_back_again_without_losing_the_place(
    analyst: Reader,
) -> None:
    page = analyst.page
    await page.goto("/email-log?campaign=many&limit=500")
    pages, places = [await _ids(page)], [page.url]
    while await page.get_by_role("link", name="Next page").count():
        await page.get_by_role("link", name="Next page").click()
        await expect(page).not_to_have_url(places[-1])
        pages.append(await _ids(page))
        places.append(page.url)
    assert [each for ids in pages for each in ids] == [f"many-{number}" for number in range(MANY)]
    for place, ids in list(zip(places, pages, strict=True))[-2::-1]:
        await page.get_by_role("link", name="Previous page").click()
        await expect(page).to_have_url(place)
        assert await _ids(page) == ids
    await expect(page.get_by_role("link", name="Previous page")).to_have_count(0)


async def test_the_way_back_from_a_message_and_after_a_reload_is_the_same_page_of_the_log(
    analyst: Reader,
) -> None:
    page = analyst.page
    await page.goto("/email-log?campaign=many")
    await page.get_by_role("link", name="Next page").click()
    await expect(page).to_have_url(re.compile("cursor="))
    ids = await _ids(page)
    await page.locator("tbody .what a.opens").nth(3).click()
    await expect(page.get_by_role("heading", name="Trail")).to_be_visible()
    await page.go_back()
    await page.reload()
    assert await _ids(page) == ids
    await page.get_by_role("link", name="First page").click()
    assert (await _ids(page))[0] == "many-0"


async def test_it_is_told_how_soon_a_page_of_the_log_is_interactive(
    analyst: Reader, record_property: Any
) -> None:
    """Told, not judged: speed is the bench's."""
    await analyst.page.goto("/email-log?campaign=many")
    ms = await analyst.page.evaluate("performance.getEntriesByType('navigation')[0].domInteractive")
    record_property("log_page_interactive_ms", round(ms))
    print(f"a page of the log is interactive after {ms:.0f} ms")


# --- filters


async def test_what_has_no_mailing_is_found_by_ticking_none(analyst: Reader) -> None:
    page = analyst.page
    await page.goto("/email-log?method=alone")
    await expect(page.locator("tbody tr")).to_have_count(3)
    await page.get_by_role("checkbox", name="not set (Mailing)").check()
    await page.get_by_role("button", name="Find").click()
    await expect(page.locator("tbody tr")).to_have_count(2)
    query = parse_qs(urlsplit(page.url).query, keep_blank_values=True)
    assert query == {"method": ["alone"], "campaign": [""]}
    await expect(page.get_by_role("checkbox", name="not set (Mailing)")).to_be_checked()
    await analyst.look("email-log-none")
    await page.get_by_label("Filters in force").get_by_role("link", name="Mailing").click()
    await expect(page.locator("tbody tr")).to_have_count(3)


async def test_what_a_figure_led_here_with_stays_in_force_when_another_filter_is_added(
    analyst: Reader,
) -> None:
    page = analyst.page
    await page.goto("/email-log?method=alone&subject_is=&cause=mailbox")
    await page.get_by_label("Search", exact=True).fill("lonely")
    await page.get_by_role("button", name="Find").click()
    await expect(page).to_have_url(re.compile("q=lonely"))
    query = parse_qs(urlsplit(page.url).query, keep_blank_values=True)
    assert query == {"method": ["alone"], "subject_is": [""], "cause": ["mailbox"], "q": ["lonely"]}


async def test_a_link_to_what_is_shown_can_be_copied(reader: OpenReader) -> None:
    async with reader(permissions=["clipboard-read", "clipboard-write"]) as someone:
        page = someone.page
        await someone.sign_in(GAMMA.key, "/email-log?method=alone")
        await page.get_by_role("button", name="Copy link").click()
        await expect(page.get_by_role("button", name="Copied")).to_be_visible()
        assert await page.evaluate("navigator.clipboard.readText()") == page.url


# --- hostile content


@pytest.mark.parametrize("number", range(len(HOSTILE)))
async def test_hostile_content_is_shown_everywhere_and_never_run(analyst: Reader, number: int) -> None:
    text, page = HOSTILE[number], analyst.page
    await page.goto("/email-log?method=hostile")
    row = page.locator("tbody tr", has=page.locator(f"a[href*='/hostile-{number}?']"))
    assert await row.locator("a.opens bdi").evaluate("each => each.textContent") == text
    for link in await row.locator(".what .aside a").all():
        assert urlsplit(await link.get_attribute("href") or "").path == "/email-log"
    await row.locator(".what .aside a").first.click()
    await expect(page.locator("tbody tr")).to_have_count(1)
    assert await page.get_by_label("Mailing", exact=True).input_value() == text
    answer = await page.goto(f"/messages/hostile-{number}")
    assert answer is not None and answer.status == 200
    assert await page.locator("h1 bdi").evaluate("each => each.textContent") == text
    for kind, of in (("campaigns", "Mailing"), ("customers", "Customer"), ("documents", "Document")):
        href = await page.locator(".about > div", has_text=of).locator("a").get_attribute("href")
        assert href == f"/{kind}/{quote(text, safe='')}"


async def test_pages_full_of_hostile_content_are_as_wide_as_the_screen_and_read_well(analyst: Reader) -> None:
    await analyst.page.goto("/email-log?method=hostile")
    await analyst.look("email-log-hostile")
    await analyst.page.goto(f"/email-log?method=hostile&campaign={quote(MARKUP)}&category={'x' * 300}")
    await analyst.look("email-log-hostile-filters")
    await analyst.page.goto("/messages/hostile-4")
    await analyst.look("message-hostile-long")
    heading = await analyst.page.locator("h1").bounding_box()
    status = await analyst.page.locator(".status").bounding_box()
    assert heading is not None and heading["height"] < 100
    assert status is not None and status["y"] < 400
    await expect(analyst.page.locator(".about > div", has_text="Subject").locator("dd")).to_have_text(
        HOSTILE[4]
    )


async def test_what_is_asked_for_in_a_hostile_way_is_shown_in_the_error_and_never_run(
    analyst: Reader,
) -> None:
    for path in (
        f"/email-log?status={quote(MARKUP)}",
        f"/email-log?{quote(MARKUP)}=1",
        f"/messages/{quote(MARKUP, safe='')}",
    ):
        answer = await analyst.page.goto(path)
        assert answer is not None and answer.status in (400, 404)
        await expect(analyst.page.locator("main .card")).to_be_visible()


# --- without scripts


async def test_without_scripts_one_signs_in_searches_sorts_pages_and_keeps_preferences(
    reader: OpenReader,
) -> None:
    async with reader(java_script_enabled=False) as someone:
        page = someone.page
        await someone.sign_in(GAMMA.key, "/email-log?campaign=many")
        await expect(page.locator("footer")).to_contain_text("UTC")
        await expect(page.get_by_role("button", name="Copy link")).to_have_count(0)
        await page.get_by_label("Search", exact=True).fill("Number 12")
        await page.locator("summary", has_text="Status").click()
        await page.get_by_role("checkbox", name="Delivery", exact=True).check()
        await page.get_by_role("button", name="Find").click()
        query = parse_qs(urlsplit(page.url).query)
        assert query == {"campaign": ["many"], "q": ["Number 12"], "status": ["delivered"]}
        await page.locator("thead").get_by_role("link", name="Recipient").click()
        await expect(page).to_have_url(re.compile("sort=recipient"))
        first = await _ids_as_written(page)
        await page.get_by_role("link", name="Next page").click()
        await expect(page.get_by_role("link", name="Previous page")).to_have_count(0)
        assert not set(first) & set(await _ids_as_written(page))
        await page.locator("footer").get_by_role("link", name="Change").click()
        await page.get_by_label("Time zone").select_option("Asia/Tokyo")
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("footer")).to_contain_text("Asia/Tokyo")
        await expect(page).to_have_url(re.compile("cursor="))
        await page.get_by_role("button", name="Sign out").click()
        await expect(page).to_have_title("Sign in · Waybill")


async def _ids_as_written(page: Page) -> list[str | None]:
    return [await link.get_attribute("href") for link in await page.locator("tbody .what a.opens").all()]


async def test_without_scripts_the_operator_chooses_a_tenant_by_a_button(reader: OpenReader) -> None:
    async with reader(java_script_enabled=False) as someone:
        await someone.sign_in(OPERATOR_KEY, "/email-log")
        await someone.page.get_by_label("Tenant").select_option("beta")
        await someone.page.get_by_role("button", name="Show").click()
        await expect(someone.page).to_have_url(re.compile(r"/email-log\?tenant=beta$"))


# --- with the keyboard alone


async def _focused(page: Page) -> str:
    return str(
        await page.evaluate(
            "(e => (e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent || e.tagName).trim())"
            "(document.activeElement)"
        )
    )


async def _tab_to(page: Page, wanted: str, most: int = 60) -> None:
    for _ in range(most):
        await page.keyboard.press("Tab")
        if (await _focused(page)).startswith(wanted):
            return
    raise AssertionError(f"{wanted} was not reached with {most} tabs; now at {await _focused(page)}")


async def test_the_keyboard_alone_signs_in_skips_to_the_content_and_searches(reader: OpenReader) -> None:
    async with reader() as someone:
        page = someone.page
        await page.goto("/email-log?campaign=many")
        assert await _focused(page) == "Key", "the one field has the focus"
        await page.keyboard.type(GAMMA.key)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Email log")).to_be_visible()
        await page.keyboard.press("Tab")
        assert await _focused(page) == "Skip to the content"
        await expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "main"
        await page.keyboard.press("/")
        assert await _focused(page) == "Search"
        await page.keyboard.type("Number 29/")
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(re.compile("q=Number"))
        await expect(page.get_by_label("Search", exact=True)).to_have_value("Number 29/")


async def test_the_tab_key_goes_through_a_page_in_the_order_that_it_is_read(analyst: Reader) -> None:
    page = analyst.page
    await page.goto("/email-log?campaign=many")
    for wanted in ("Skip", "Waybill", "Sign out", "Email log", "Search", "From", "To", "Status", "More filters", "Mailing",
                   "Find", "Mailing", "Clear all", "Date", "Recipient", "Status", "Number 0"):  # fmt: skip
        await _tab_to(page, wanted)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Number 0")


async def test_a_menu_of_choices_is_opened_chosen_from_and_closed_with_the_keyboard(analyst: Reader) -> None:
    page = analyst.page
    await _tab_to(page, "Status")
    await page.keyboard.press("Enter")
    box = page.get_by_role("checkbox", name="Delivery", exact=True)
    await expect(box).to_be_visible()
    await _tab_to(page, "Delivery")
    await page.keyboard.press("Space")
    await expect(box).to_be_checked()
    await page.keyboard.press("Escape")
    await expect(box).to_be_hidden()
    assert (await _focused(page)).startswith("Status")
    await _tab_to(page, "Find")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(r"status=delivered$"))


async def test_whatever_has_the_focus_shows_it(analyst: Reader) -> None:
    page = analyst.page
    for _ in range(25):
        await page.keyboard.press("Tab")
        outlined = await page.evaluate(
            "(s => s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 1)(getComputedStyle(document.activeElement))"
        )
        assert outlined, await _focused(page)


# --- for screen readers and on paper


async def test_on_a_phone_the_rows_that_look_like_cards_are_still_a_table_to_screen_readers(
    analyst: Reader,
) -> None:
    page = analyst.page
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.goto("/email-log?campaign=many")
    tree = await page.locator("table.list").aria_snapshot()
    assert tree.startswith('- table "Email log"')
    assert tree.count("\n    - row") == 51, "a row of headings and fifty of messages"
    assert len(re.findall(r"- columnheader", tree)) == 4
    assert len(re.findall(r"- cell", tree)) == 200


async def test_on_a_phone_the_page_that_is_shown_is_in_sight_in_the_navigation_and_a_list_can_be_sorted(
    analyst: Reader,
) -> None:
    page = analyst.page
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.goto("/dead-letters")
    current = page.locator("nav.side a[aria-current]")
    place = await current.evaluate("each => each.getBoundingClientRect().toJSON()")
    assert place["left"] >= 0 and place["right"] <= 390
    await page.goto("/email-log?campaign=many")
    await page.locator("thead").get_by_role("link", name="Recipient").click()
    await expect(page).to_have_url(re.compile("sort=recipient"))
    heading = page.locator("thead th[aria-sort]")
    assert (await heading.evaluate("each => each.getBoundingClientRect().width")) > 40


async def test_on_paper_there_is_the_table_alone_dark_on_white(reader: OpenReader) -> None:
    async with reader(color_scheme="dark") as someone:
        page = someone.page
        await someone.sign_in(GAMMA.key, "/email-log?campaign=many")
        await page.set_viewport_size({"width": 718, "height": 1000})  # A4 between its margins
        await page.emulate_media(media="print")
        for gone in ("header.top", "nav.side", "form.filters", "nav.pager", "footer"):
            await expect(page.locator(gone)).to_be_hidden()
        style = "getComputedStyle(document.querySelector({}))"
        assert await page.evaluate(style.format("'.list tbody tr'") + ".display") == "table-row"
        assert await page.evaluate(style.format("'body'") + ".backgroundColor") == "rgb(255, 255, 255)"
        assert await page.evaluate(style.format("'body'") + ".color") == "rgb(23, 32, 42)"
        overhang = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert overhang <= 0


# --- charts


CHARTS = """
{% import "macros/chart.html" as chart with context %}
<!doctype html><html lang="en" data-theme="THEME"><head><title>Charts</title><style>STYLE</style></head><body><main>
<h1>Charts</h1>
{{ chart.lines("l", "Open rate", ["All", "By people"], [[0.5, none, 0.25], [0.4, 0.3, none]], days, unit="rate",
               heading="Day", hrefs=places) }}
{{ chart.bars("b", "Volume", ["Delivered", "Bounced"], [[5, 0, 2], [1, 0, 0]], days, heading="Day", hrefs=places) }}
{{ chart.funnel(steps) }}
</main></body></html>
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_charts_whose_parts_are_links_meet_wcag_and_lead_to_the_rows(
    reader: OpenReader, theme: str
) -> None:
    app = web.Application()
    add_console(app)
    style = (FOLDER / "console.css").read_text()
    source = CHARTS.replace("THEME", theme).replace("STYLE", style)
    html = (
        aiohttp_jinja2.get_env(app)
        .from_string(source)
        .render(
            visit=None,
            days=["1 Nov", "2 Nov", "3 Nov"],
            places=["/a", "/b", "/c"],
            steps=[("Sent", 10, "/a", True), ("Delivered", 8, "/b", True), ("Opened", 0, "/c", False)],
        )
    )
    async with reader(color_scheme=theme) as someone:
        page = someone.page
        await page.set_content(html)
        for summary in await page.locator("summary").all():
            await summary.click()
        found = await Axe().run(page, options=WCAG)
        assert found.violations_count == 0, found.generate_report()
        for place in ("/a", "/b", "/c"):
            assert await page.locator(f"a[href='{place}']").count() >= 2
