"""The list of mailings, a mailing's page, and its recipients."""

import csv
import io
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Locator, expect

from query.console.figures import KINDS
from query.console.wording import number
from schemas.times import format_time, parse_time
from tests.browser.conftest import OpenReader, Store
from tests.browser.numbers import number_of, rate_shown, rows_behind
from tests.browser.reader import ZONE, Reader
from tests.integration.campaign_model import make_mailings
from tests.integration.log_model import Row
from tests.system import payloads
from tests.system.stack import Stack
from tests.system.tenants import BETA, GAMMA, OPERATOR_KEY
from tests.system.waiting import eventually

CAMPAIGN = "news/2026 ü"
PAGE = f"/campaigns/{quote(CAMPAIGN, safe='')}"
MARKUP = "<script>alert(1)</script>\"'{{ 7 * 7 }} & <b>bold</b>"
HOSTILE = [MARKUP, "a/b?c=d#e %2F/recipients", "‮evil‬ עברית", "long " * 199 + "name."]
SHOWN = {"delivered": "delivery", "opened": "open", "human_opened": "human_open", "clicked": "click",
         "bounced": "bounce", "complained": "complaint"}  # fmt: skip
COLUMNS = ("Delivered", "Opened", "By people", "Clicked", "Bounced", "Complained")


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def rows(store: Store) -> list[Row]:
    """The mailings, some of them with names that nobody should have to expect."""
    # Other tests have messages of both channels under the names of some campaigns.
    rows = [
        row | {"campaign": f"{row['campaign']} mailing"}
        if row["campaign"] in ("spring", "it's 100%_")
        else row
        for row in make_mailings(900, ("gamma",), seed=31)
    ]
    mailed = [row for row in make_mailings(60, ("gamma",), seed=32) if row["channel"] == "email"]
    named = [
        row | {"campaign": name, "subject": name, "message_id": f"hostile-{number}-{row['message_id']}"}
        for number, name in enumerate(HOSTILE)
        for row in mailed[number::9]
    ]
    await store.insert("message_status", rows + named)
    return rows


@pytest_asyncio.fixture(loop_scope="session")
async def analyst(reader: OpenReader) -> AsyncIterator[Reader]:
    """Somebody of gamma who looks at the mailings."""
    async with reader() as someone:
        await someone.sign_in(GAMMA.key, "/campaigns")
        yield someone


async def _hrefs(links: Locator) -> list[str]:
    return [
        str(each) for each in await links.evaluate_all("all => all.map(each => each.getAttribute('href'))")
    ]


def _nameless(item: dict[str, Any]) -> str:
    return "Text messages" if item["channel"] == "sms" else "(no subject known)"


def _api(stack: Stack, campaign: str, under: str = "", **parameters: str) -> Any:
    answer = stack.ask(f"/v1/campaigns/{quote(campaign, safe='')}{under}", GAMMA.key, **parameters)
    assert answer.status == 200, answer
    return answer.json()


async def test_the_list_shows_each_mailing_with_the_figures_of_the_api(analyst: Reader, stack: Stack) -> None:
    page = analyst.page
    await analyst.look("mailings")
    items = stack.ask("/v1/campaigns", GAMMA.key, tz=ZONE, compare="previous", limit="50").json()["items"]
    names = [text.strip() for text in await page.locator("tbody th .titled").all_inner_texts()]
    assert names == [
        " ".join((item["campaign"] or item["subject"] or _nameless(item)).replace("\0", "").split())
        for item in items
    ]
    for item, line in zip(items, await page.locator("tbody tr").all(), strict=True):
        if item["channel"] == "sms":
            continue
        for (count, rate), label in zip(SHOWN.items(), COLUMNS, strict=True):
            cell = await line.locator(f"[data-label='{label}']").inner_text()
            if item["rates"][rate] is not None:
                assert cell.startswith(rate_shown(item["rates"][rate])), (item["campaign"], label)
                assert number(item["counts"][count]) in cell
            else:
                untracked = item["tracking"]["opens"] == "no" and rate in ("open", "human_open", "click")
                assert cell.startswith("not tracked" if untracked else "–")


async def test_changes_are_against_the_mailing_before(analyst: Reader, stack: Stack) -> None:
    await analyst.page.goto(f"/campaigns?campaign={quote(CAMPAIGN)}")
    (item,) = stack.items("/v1/campaigns", GAMMA.key, campaign=CAMPAIGN, compare="previous", tz=ZONE)
    now, before = (each["rates"]["delivery"] for each in (item, item["previous"]))
    cell = analyst.page.locator("tbody [data-label=Delivered] .change")
    await expect(cell).to_contain_text("▲" if now > before else "▼")
    await expect(cell).to_have_attribute("title", re.compile(f"^{re.escape(rate_shown(before))} in "))


async def test_each_figure_of_the_list_leads_to_as_many_messages_as_it_counts(
    analyst: Reader, stack: Stack
) -> None:
    page = analyst.page
    for filters in (
        "campaign=spring%20mailing",
        "q=receipt&limit=3",
        "q=spring&domain=gmail.com",
        "channel=sms&limit=3",
    ):
        await page.goto(f"/campaigns?{filters}")
        lines = await page.locator("tbody tr").all()
        assert lines
        for line in lines:
            link = line.locator("[data-label=Recipients] a")
            (href,) = await _hrefs(link)
            assert len(rows_behind(stack, href, GAMMA.key)) == number_of(await link.inner_text()), href
            for label in COLUMNS:
                cell = line.locator(f"[data-label='{label}']")
                for href in await _hrefs(cell.locator("a")):
                    count = number_of(await cell.locator(".aside").inner_text())
                    assert len(rows_behind(stack, href, GAMMA.key)) == count, (label, href)


async def test_a_mailing_without_a_campaign_leads_to_its_messages_in_the_log(
    analyst: Reader, stack: Stack
) -> None:
    page = analyst.page
    await page.goto("/campaigns?q=receipt&channel=email&campaign=")
    line = page.locator("tbody tr").first
    count = number_of(await line.locator("[data-label=Recipients]").inner_text())
    await line.locator("th .titled").click()
    await expect(page.get_by_role("heading", name="Email log")).to_be_visible()
    await expect(page.get_by_label("Filters in force")).to_contain_text("Subject is: Your receipt")
    await expect(page.locator("tbody tr")).to_have_count(count)


async def test_mailings_are_searched_sorted_and_paged_without_losing_the_place(
    analyst: Reader, stack: Stack
) -> None:
    page = analyst.page
    await page.goto("/campaigns?limit=20")
    await page.get_by_label("Search", exact=True).fill("receipt")
    await page.get_by_role("button", name="Find").click()
    await page.locator("thead").get_by_role("link", name="Recipients").click()
    asked = {"q": "receipt", "sort": "-recipients", "limit": "20"}
    await expect(page).to_have_url(re.compile("sort=-recipients"))
    assert parse_qs(urlsplit(page.url).query) == {name: [value] for name, value in asked.items()}
    items = stack.items("/v1/campaigns", GAMMA.key, tz=ZONE, compare="previous", **asked)
    expected = [item["recipients"] for item in items]
    assert len(expected) > 20

    async def shown() -> list[int]:
        return [number_of(each) for each in await page.locator("[data-label=Recipients]").all_inner_texts()]

    first = await shown()
    await page.get_by_role("link", name="Next page").click()
    await expect(page).to_have_url(re.compile("cursor="))
    second = await shown()
    assert first + second == expected[:40]
    await page.go_back()
    assert await shown() == first


async def test_all_mailings_come_as_csv(analyst: Reader, stack: Stack) -> None:
    await analyst.page.goto("/campaigns?q=receipt")
    async with analyst.page.expect_download() as download:
        await analyst.page.get_by_role("link", name="CSV", exact=True).click()
    text = (await (await download.value).path()).read_text()
    lines = list(csv.DictReader(io.StringIO(text, newline="")))
    items = stack.items("/v1/campaigns", GAMMA.key, q="receipt", tz=ZONE)
    assert [line["first_at"] for line in lines] == [item["first_at"] for item in items]


async def test_a_mailings_page_shows_the_figures_of_the_api_and_leads_to_their_messages(
    analyst: Reader, stack: Stack
) -> None:
    page = analyst.page
    await page.goto(PAGE)
    await analyst.look("mailing")
    item = _api(stack, CAMPAIGN, compare="previous")
    cards = {
        (await each.locator("dt").inner_text()).strip(): each for each in await page.locator(".figure").all()
    }
    for kind in KINDS["email"]:
        card, count = cards[kind.label], item["counts"][kind.count]
        value = (await card.locator("dd a").inner_text()).strip()
        assert value == (rate_shown(item["rates"][kind.rate]) if kind.rate else str(count)), kind.label
        (href,) = await _hrefs(card.locator("dd a"))
        assert len(rows_behind(stack, href, GAMMA.key)) == count, kind.label
    await expect(page.get_by_role("link", name=item["previous"]["campaign"], exact=True)).to_be_visible()
    steps = await page.locator(".funnel .value").all_inner_texts()
    assert [number_of(text) for text in steps] == [
        item["counts"][name] for name in ("sent", "delivered", "opened", "clicked")
    ]
    # Some of it is untracked: the rate is over the others, and over all there is no share that could differ from it.
    assert item["untracked"]
    assert ["%" in text for text in steps] == [False, True, False, False]
    await expect(cards["Opened"]).to_contain_text("where tracked;")
    await expect(cards["Delivered"]).not_to_contain_text("tracked")
    assert item["unattributed"]["opens"]
    await expect(page.get_by_text(f"{item['unattributed']['opens']} opens and")).to_be_visible()
    await expect(page.get_by_role("link", name=f"{item['untracked']} of its messages")).to_be_visible()


@pytest.mark.parametrize("bucket", ["hour", "day"])
async def test_opens_and_clicks_over_time_are_those_of_the_api_by_hour_or_day(
    analyst: Reader, stack: Stack, bucket: str
) -> None:
    page = analyst.page
    await page.goto(PAGE)
    switch = page.get_by_role("navigation", name="Hours or days").get_by_role("link", name=f"By {bucket}")
    await switch.click()
    await expect(switch).to_have_attribute("aria-current", "true")
    items = _api(stack, CAMPAIGN, "/timeline", bucket=bucket, tz=ZONE)["items"]
    lines = await page.locator("figure tbody tr").evaluate_all(
        "all => all.map(each => [...each.cells].map(cell => cell.textContent.trim()))"
    )
    later = page.get_by_text("opened after this")
    told = number_of(await later.inner_text()) if await later.count() else 0
    opened = [item["opened"] for item in items]
    shown = [number_of(line[1]) for line in lines]
    assert sum(shown) + told == sum(opened)
    found = [count for count in shown if count]
    assert found == [count for count in opened if count][: len(found)]


TIMED = "opened over days"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def timed(store: Store) -> None:
    """A mailing of which each recipient opened some minutes after the one before, some clicked, and one opened later than
    hours are shown."""
    base = next(row for row in make_mailings(60, ("beta",), seed=32) if row["channel"] == "email")
    sent = parse_time("2026-11-20T10:00:00.000Z")
    rows = []
    for place in range(40):
        opened = sent + place * 11 * 60_000 if place else sent + 5 * 86_400_000
        clicked = opened + 3_600_000 if place % 3 == 0 else None
        reached = ["sent", "delivered", "opened", *(["human_opened"] if place % 2 else [])]
        rows.append(
            base
            | {"campaign": TIMED, "message_id": f"timed-{place}", "recipient": f"user{place}@timed.example"}
            | {
                "filed_at": format_time(sent),
                "tracking": None,
                "opens": 1,
                "clicks": int(clicked is not None),
            }
            | {"first_opened_at": format_time(opened), "first_clicked_at": clicked and format_time(clicked)}
            | {"first_human_opened_at": format_time(opened) if place % 2 else None}
            | {"first_human_clicked_at": None, "reached": [*reached, *(["clicked"] if clicked else [])]}
        )
    await store.insert("message_status", rows)


@pytest.mark.parametrize("bucket", ["hour", "day"])
async def test_each_figure_over_time_leads_to_those_who_opened_or_clicked_then(
    reader: OpenReader, stack: Stack, timed: None, bucket: str
) -> None:
    async with reader() as someone:
        page = someone.page
        await someone.sign_in(BETA.key, f"/campaigns/{quote(TIMED)}?bucket={bucket}")
        figures = page.locator("figure .numbers td a")
        counts = [number_of(text) for text in await figures.all_text_contents()]
        hrefs = await _hrefs(figures)
        assert sum(counts) > 60
        for href, count in zip(hrefs, counts, strict=True):
            assert len(rows_behind(stack, href, BETA.key)) == count, href
        points = page.locator("figure svg").first.locator("a")
        assert sorted(await _hrefs(points)) == sorted(hrefs)
        later = page.get_by_role("link", name=re.compile("opened$"))
        assert await later.count() == (bucket == "hour")
        for href in await _hrefs(later):
            assert len(rows_behind(stack, href, BETA.key)) == 1
        if bucket == "hour":
            await someone.look("mailing-over-time")
        await page.goto(hrefs[0])
        await expect(page.locator(".in-force")).to_contain_text("For the first time from:")
        await expect(page.locator("tbody tr")).to_have_count(counts[0])


async def test_on_a_phone_cells_are_as_high_as_what_they_say_and_letters_of_charts_as_large_as_others(
    analyst: Reader,
) -> None:
    page = analyst.page
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.goto(f"{PAGE}/recipients")
    blank = await page.locator(".list td:visible").evaluate_all(
        """all => all.map(cell => {
            const said = document.createRange();
            said.selectNodeContents(cell);
            return cell.getBoundingClientRect().height - said.getBoundingClientRect().height;
        })"""
    )
    assert blank and max(blank) < 14
    await page.goto("/?days=90")
    letters = await page.locator(".chart text:visible").evaluate_all(
        "all => all.map(each => each.getBoundingClientRect().height)"
    )
    assert len(letters) > 5 and min(letters) >= 11
    await page.set_viewport_size({"width": 1280, "height": 900})
    wide = await page.locator(".chart text:visible").evaluate_all(
        "all => all.map(each => each.getBoundingClientRect().height)"
    )
    assert min(wide) >= 11


async def test_recipients_are_the_log_of_the_mailing_sorted_filtered_and_paged(
    analyst: Reader, stack: Stack
) -> None:
    page = analyst.page
    await page.goto(PAGE)
    await page.get_by_role("link", name="Recipients", exact=True).click()
    await analyst.look("mailing-recipients")
    heads = [re.sub(r"\W+$", "", text) for text in await page.locator("thead th").all_inner_texts()]
    assert heads == ["Recipient", "Status", "Opens", "Opens by people", "Clicks", "Reason", "Date"]
    await page.locator("thead").get_by_role("link", name="Recipient").click()
    items = stack.items("/v1/messages", GAMMA.key, campaign=CAMPAIGN, sort="recipient")
    await expect(page).to_have_url(re.compile(r"sort=recipient$"))
    lines = page.locator("tbody tr")
    for item, line in list(zip(items, await lines.all(), strict=False))[:20]:
        assert (await line.locator("th bdi").inner_text()) == item["recipient"]
        cells = [
            (await line.locator(f"[data-label='{name}']").inner_text()).strip()
            for name in ("Opens", "Clicks")
        ]
        assert cells == [str(item[name] or "–") for name in ("opens", "clicks")]
        by_people = (await line.locator("[data-label='By people']").inner_text()).strip()
        assert by_people == (str(item["human_opens"]) if item["opens"] else "–")
    await page.locator("summary", has_text="Status").click()
    await page.get_by_role("checkbox", name="Bounce").check()
    await page.get_by_role("button", name="Find").click()
    bounced = stack.items("/v1/messages", GAMMA.key, campaign=CAMPAIGN, status="bounced")
    await expect(lines).to_have_count(min(50, len(bounced)))
    await expect(lines.first.locator("[data-label=Reason]")).to_contain_text(re.compile("mailbox|domain"))
    (href,) = await _hrefs(lines.first.locator("th a"))
    assert href.startswith("/messages/")


async def test_a_mailing_that_was_declared_untracked_has_no_open_rate_but_says_so(analyst: Reader) -> None:
    page = analyst.page
    await page.goto("/campaigns?campaign=untracked")
    await expect(page.locator("tbody [data-label=Opened]")).to_have_text("not tracked")
    await page.goto("/campaigns/untracked")
    await expect(page.get_by_text("there is no open rate")).to_be_visible()
    assert await page.locator(".funnel li").count() == 2
    for label in ("Opened", "Opened by people", "Clicked", "Clicked by people"):
        card = page.locator(".figure").filter(has=page.get_by_text(label, exact=True))
        await expect(card.locator("dd")).to_have_text("not tracked")
    await expect(page.get_by_role("heading", name="Opens and clicks over time")).to_have_count(0)
    await expect(page.get_by_role("region", name="Domains").locator("thead")).not_to_contain_text("Opened")
    await analyst.look("mailing-untracked")


async def test_a_mailing_of_text_messages_tells_of_errors_and_not_of_opens(
    analyst: Reader, stack: Stack
) -> None:
    page = analyst.page
    await page.goto("/campaigns/texts")
    await expect(page.get_by_role("heading", name="Domains")).to_have_count(0)
    await expect(page.get_by_role("heading", name="Opens and clicks over time")).to_have_count(0)
    errors = page.get_by_role("region", name="Why text messages did not arrive").locator("tbody")
    links = errors.locator("[data-label=Messages] a")
    counts = [number_of(text) for text in await links.all_inner_texts()]
    for href, count in zip(await _hrefs(links), counts, strict=True):
        assert len(rows_behind(stack, href, GAMMA.key)) == count, href
    item = _api(stack, "texts")
    assert sum(counts) == sum(item["counts"][name] for name in ("undelivered", "rejected", "failed"))
    await expect(errors).to_contain_text("The number is unknown or no longer in service 30005")
    await expect(errors).to_contain_text("No error given")
    await expect(errors.locator(".badge", has_text="Undelivered").first).to_be_visible()
    await analyst.look("mailing-texts")
    await page.get_by_role("link", name="Recipients", exact=True).click()
    await expect(page.locator("thead")).to_contain_text("Phone number")


@pytest.mark.parametrize("name", HOSTILE)
async def test_any_name_is_shown_as_it_is_and_its_page_can_be_opened(analyst: Reader, name: str) -> None:
    page = analyst.page
    await page.goto(f"/campaigns?campaign={quote(name, safe='')}")
    await expect(page.locator("tbody th .titled")).to_have_text(name.strip())
    await page.locator("tbody th .titled").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(name.strip())
    await page.get_by_role("link", name="Recipients", exact=True).click()
    await expect(page.locator("tbody tr").first).to_be_visible()
    if name in (MARKUP, HOSTILE[-1]):
        await analyst.look(f"mailing-hostile-{HOSTILE.index(name)}")


async def test_a_name_of_dots_alone_which_no_path_can_have_leads_to_the_log(
    analyst: Reader, stack: Stack
) -> None:
    await analyst.page.goto("/campaigns?campaign=..")
    (item,) = stack.items("/v1/campaigns", GAMMA.key, campaign="..")
    await analyst.page.locator("tbody th .titled").click()
    await expect(analyst.page.get_by_role("heading", name="Email log")).to_be_visible()
    await expect(analyst.page.locator("tbody tr")).to_have_count(min(50, item["recipients"]))


@pytest.mark.parametrize("path", ["/campaigns/spring", "/campaigns/spring/recipients", "/campaigns/nothing"])
async def test_another_tenants_mailing_is_not_there(reader: OpenReader, path: str, store: Store) -> None:
    async with reader() as someone:
        await someone.sign_in(GAMMA.key, "/campaigns")
        hidden = [
            row | {"tenant": "beta", "campaign": "only of beta"}
            for row in make_mailings(3, ("beta",), seed=8)
        ]
        await store.insert("message_status", hidden)
        answer = await someone.page.goto(path.replace("spring", "only%20of%20beta"))
        assert answer is not None and answer.status == 404
        await expect(someone.page.get_by_text("Not found")).to_be_visible()


async def test_the_operator_is_told_whose_mailing_it_is(reader: OpenReader) -> None:
    async with reader() as someone:
        await someone.sign_in(OPERATOR_KEY, "/campaigns?campaign=untracked&tenant=gamma")
        await someone.page.goto("/campaigns?tenant=&campaign=untracked")
        await expect(someone.page.locator("thead")).to_contain_text("Tenant")
        line = someone.page.locator("tbody tr", has_text="Gamma Gymnastics")
        await line.locator(".titled").click()
        await expect(someone.page).to_have_url(re.compile(r"/campaigns/untracked\?tenant=gamma$"))
        await expect(someone.page.get_by_text("recipients of Gamma Gymnastics")).to_be_visible()


async def test_no_mailings_is_said_with_what_makes_them(analyst: Reader) -> None:
    await analyst.page.goto("/campaigns?q=nothing-has-this")
    await expect(analyst.page.get_by_text("No mailings match")).to_be_visible()
    await analyst.look("mailings-empty")


async def test_a_link_that_was_clicked_is_shown_and_leads_to_who_clicked_it(
    reader: OpenReader, stack: Stack
) -> None:
    """The whole way: what SES reports, and what the page then shows."""
    address, campaign = payloads.new_address(), f"real {payloads.new_id()}"
    m = payloads.mail(payloads.new_id(), [address], payloads.at(0), campaign=campaign)
    stack.accept(
        payloads.send(m),
        payloads.delivery(m, payloads.at(2)),
        payloads.open_(m, payloads.at(3000)),
        payloads.click(m, payloads.at(3100), "https://example.com/enrol?a=1&b=<2>"),
        tenant=BETA,
    )

    def clicked() -> bool:
        answer = stack.ask(f"/v1/campaigns/{quote(campaign, safe='')}/links", BETA.key)
        return answer.status == 200 and bool(answer.json()["items"])

    eventually(clicked, 20, "the click is stored")
    async with reader() as someone:
        await someone.sign_in(BETA.key, f"/campaigns/{quote(campaign, safe='')}")
        links = someone.page.get_by_role("region", name="Links")
        await expect(links.locator("tbody th")).to_contain_text("https://example.com/enrol?a=1&b=<2>")
        counted = links.locator("[data-label=Recipients] a")
        for href, text in zip(await _hrefs(counted), await counted.all_inner_texts(), strict=True):
            assert len(rows_behind(stack, href, BETA.key)) == number_of(text), href
        await someone.look("mailing-links")
        await links.get_by_role("link", name="Who clicked").click()
        await expect(someone.page.locator("tbody th bdi")).to_have_text([address])
