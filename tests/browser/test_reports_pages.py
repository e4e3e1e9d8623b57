"""The reports, as somebody reads them, and the release of a tenant that was stopped."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import expect

from query.reports import REPORTS
from tests.browser.conftest import OpenReader, Store
from tests.browser.reader import Reader
from tests.integration.report_stage import change, consent_of, message
from tests.system.stack import Stack
from tests.system.tenants import ACME, BETA, ETA, OPERATOR_KEY
from tests.system.waiting import eventually

SENDER = "reports@ses.example.com"
WIDE = "with.a-long-name-that-needs-room@a-subdomain.ses.example.com"
MARKUP = "<script>alert(1)</script>\"'{{ 7 * 7 }}"
NARROWED = f"sender={SENDER}"
OF_OCTOBER = {"delivered": 7, "bounced": 2, "complained": 1}
"""What became of the messages of October; those of November were all opened."""

BLOCKED = "bounces@eta.example"


def _messages() -> list[dict[str, object]]:
    became = [status for status, many in OF_OCTOBER.items() for _ in range(many)]
    # An hour before midnight in UTC is the next day in Berlin, where the readers of these tests are.
    october = [
        message(f"r-oct-{n}", f"oct{n}@reports.example", "2026-10-14T23:00", status, sender=SENDER)
        for n, status in enumerate(became)
    ]
    november = [
        message(f"r-nov-{n}", f"nov{n}@reports.example", "2026-10-31T23:30", "opened", sender=SENDER)
        for n in range(5)
    ]
    for row in october:
        if row["status"] == "bounced":
            row["bounce"] = {
                "type": "hard",
                "cause": "mailbox",
                "code": "5.1.1",
                "diagnostic": MARKUP,
                "at": row["sent_at"],
            }
    named = {"category": "marketing", "campaign": MARKUP, "subject": MARKUP}
    return [row | named for row in october + november]


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def rows(store: Store) -> None:
    """Messages of two months, somebody who opted out, and a sender whose mail bounces."""
    await store.insert("message_status", _messages())
    entry = change("r-out", "out@reports.example", "out", "2026-11-02T10:00", reason=MARKUP)
    await store.insert("consent_log", [entry])
    await store.insert("consents", [consent_of(entry)])
    lately = f"{datetime.now(UTC) - timedelta(hours=3):%Y-%m-%dT%H:%M}"
    bounced = [
        message(f"r-gone-{n}", f"gone{n}@reports.example", lately, "bounced", sender=BLOCKED, tenant=ETA.name)
        for n in range(150)
    ]
    await store.insert("message_status", bounced)


@pytest_asyncio.fixture(loop_scope="session")
async def analyst(reader: OpenReader) -> AsyncIterator[Reader]:
    """Somebody of acme who looks at what reports there are."""
    async with reader() as someone:
        await someone.sign_in(ACME.key, "/reports")
        yield someone


async def test_there_is_every_report_with_the_question_that_it_answers(analyst: Reader) -> None:
    for report in REPORTS.values():
        tile = analyst.page.locator(".tiles li").filter(
            has=analyst.page.get_by_role("link", name=report.title, exact=True)
        )
        await expect(tile).to_contain_text(report.tells)
    await analyst.look("reports")
    await analyst.page.get_by_role("link", name="Monthly volume").click()
    await expect(analyst.page.get_by_role("heading", name="Monthly volume", level=1)).to_be_visible()
    ago = datetime.now(UTC).date() - date.fromisoformat(await analyst.page.get_by_label("From").input_value())
    assert 88 <= ago.days <= 90


@pytest.mark.parametrize("key", [BETA.key, OPERATOR_KEY])
async def test_every_report_is_shown_to_tenants_and_operators_in_every_order(
    reader: OpenReader, key: str
) -> None:
    async with reader() as someone:
        await someone.sign_in(key, "/reports")
        for report in REPORTS.values():
            for sort in ("", f"?sort={report.sorts[0]}"):
                answer = await someone.page.goto(f"/reports/{report.name}{sort}")
                assert answer is not None and answer.status == 200, (
                    report.name,
                    await someone.page.inner_text("main"),
                )
                await expect(someone.page.get_by_role("heading", name=report.title, level=1)).to_be_visible()


async def test_a_figure_leads_to_the_rows_that_make_it_up(analyst: Reader) -> None:
    page = analyst.page
    for name, month, expected in (
        ("delivered", "Oct 2026", 8),
        ("bounced", "Oct 2026", 2),
        ("complained", "Oct 2026", 1),
        ("opened", "Nov 2026", 5),
        ("recipients", "Oct 2026", 10),
    ):
        await page.goto(f"/reports/monthly-volume?{NARROWED}")
        row = page.locator("table.report tbody tr").filter(has=page.get_by_text(month, exact=True))
        figure = row.locator(f"[data-column={name}] a")
        await expect(figure).to_have_text(str(expected))
        await figure.click()
        await expect(page).to_have_url(re.compile("/email-log"))
        await expect(page.locator("table.log tbody tr")).to_have_count(expected)


async def test_a_cause_leads_to_those_who_bounced_for_it(analyst: Reader) -> None:
    page = analyst.page
    await page.goto(f"/reports/bounce-causes?{NARROWED}&kind=hard_bounce")
    figure = page.locator("table.report [data-column=recipients] a")
    await expect(figure).to_have_text("2")
    await analyst.look("report-bounce-causes")
    await figure.click()
    await expect(page.locator("table.log tbody tr")).to_have_count(2)


async def test_the_picture_is_of_the_readers_months_and_each_bar_narrows_the_report(analyst: Reader) -> None:
    page = analyst.page
    await page.goto(f"/reports/monthly-volume?{NARROWED}")
    numbers = page.locator("figure.chart details.numbers")
    await numbers.locator("summary").click()
    assert await numbers.locator("tbody th").all_inner_texts() == ["Oct 2026", "Nov 2026"]
    await expect(page.locator("#total")).to_have_text("15")
    await analyst.look("report-monthly-volume")
    await numbers.get_by_role("link", name="Nov 2026").click()
    await expect(page.locator("table.report tbody tr")).to_have_count(1)
    await expect(page.locator("#total")).to_have_text("5")


async def test_every_report_has_room_on_a_screen_and_on_a_phone_with_all_its_columns(
    analyst: Reader, store: Store
) -> None:
    long = "a-long-name-without-any-space-in-it" * 6
    wide = [
        message("r-wide", f"{long[:60]}@{long[:60]}.example", "2026-11-02T10:00", "bounced", sender=WIDE)
        | {
            "category": "marketing",
            "campaign": long,
            "subject": long,
            "method": long[:40],
            "customer": long[:40],
        }
        | {"bounce": {"type": "hard", "cause": "mailbox", "code": "5.1.1", "diagnostic": long, "at": None}}
    ]
    await store.insert("message_status", wide)
    page = analyst.page
    for report in REPORTS.values():
        await page.goto(f"/reports/{report.name}")
        overhang = "all => all.map(each => each.scrollWidth - each.clientWidth)"
        table = page.locator("main > .scrolls")
        assert all(each <= 0 for each in await table.evaluate_all(overhang)), report.name
    await page.goto(f"/reports/sent-against-consent?sender={WIDE}")
    row = page.locator("table.report tbody tr").filter(has_text=long[:60]).first
    for name in ("address", "subject", "campaign", "category", "method", "customer", "message_id"):
        await expect(row.locator(f"[data-column={name}]")).to_be_visible()


async def test_bars_of_what_has_names_tell_each_name_and_its_sum(analyst: Reader) -> None:
    page = analyst.page
    await page.goto(f"/reports/bounce-causes?{NARROWED}&from=2026-10-01T00:00:00Z&to=2026-10-31T00:00:00Z")
    bars = page.locator("figure.ranks li")
    await expect(bars).to_have_count(1)
    await expect(bars.locator("a")).to_have_text("reports.example")
    await expect(bars.locator(".value")).to_have_text("3")


async def test_the_file_has_what_the_api_answers(analyst: Reader, stack: Stack) -> None:
    page = analyst.page
    await page.goto(f"/reports/new-recipients?{NARROWED}&sort=address")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="CSV", exact=True).click()
    found = (await (await download.value).path()).read_bytes()
    answer = stack.ask(
        "/v1/reports/new-recipients", sender=SENDER, sort="address", format="csv", tz="Europe/Berlin"
    )
    assert found == answer.body and found.count(b"\n") >= 16


async def test_pages_of_a_report_follow_each_other(analyst: Reader) -> None:
    page = analyst.page
    await page.goto(f"/reports/new-recipients?{NARROWED}&sort=address&limit=10")
    first = await page.locator("[data-column=address]").all_inner_texts()
    await page.get_by_role("link", name="Next page").click()
    await expect(page.locator("[data-column=address]")).to_have_count(5)
    assert len({*first, *await page.locator("[data-column=address]").all_inner_texts()}) == 15


async def test_sent_against_consent_says_that_none_is_as_it_should_be(reader: OpenReader) -> None:
    async with reader() as someone:
        await someone.sign_in(ETA.key, "/reports/sent-against-consent")
        await expect(someone.page.get_by_text("none, as it should be")).to_be_visible()
        await someone.page.goto("/reports/sent-against-consent?sender=nobody@ses.example.com")
        await expect(someone.page.get_by_text("None among these")).to_be_visible()
        await someone.look("report-empty")


async def test_a_figure_below_another_stands_to_the_right_as_that_does(analyst: Reader) -> None:
    await analyst.page.goto(f"/reports/monthly-volume?{NARROWED}")
    cell = analyst.page.locator("table.report td:has(> [data-column=opened])").first
    await expect(cell.locator("[data-column=human_opened]")).to_contain_text("By people 5")
    right = "all => all.map(each => Math.round(each.getBoundingClientRect().right))"
    assert len(set(await cell.locator("> span").evaluate_all(right))) == 1


async def test_filters_that_are_opened_end_with_the_button_that_finds(analyst: Reader) -> None:
    page = analyst.page
    await page.goto("/reports/monthly-volume")
    find = page.get_by_role("button", name="Find")
    before = await find.bounding_box()
    await page.get_by_text("More filters").click()
    await expect(find).to_have_count(1)
    after = await find.bounding_box()
    document = await page.get_by_label("Document", exact=True).bounding_box()
    assert before is not None and after is not None and document is not None
    assert after["y"] > document["y"] > before["y"]
    await page.get_by_label("Sender", exact=True).fill(SENDER)
    await find.click()
    await expect(page).to_have_url(re.compile("sender=reports%40|sender=reports@"))


async def test_what_others_wrote_is_shown_and_never_run(analyst: Reader) -> None:
    page = analyst.page
    await page.goto("/reports/opted-out?address=out@reports.example")
    await expect(page.locator("[data-column=reason]")).to_contain_text(MARKUP)
    await page.goto(f"/reports/bounce-causes?{NARROWED}")
    await expect(page.locator("[data-column=diagnostic]").first).to_contain_text(MARKUP)


async def test_a_report_that_there_is_not_is_404(analyst: Reader) -> None:
    answer = await analyst.page.goto("/reports/annual-volume")
    assert answer is not None and answer.status == 404


async def test_a_stopped_tenant_is_seen_beside_the_accepted_rates_and_released_by_an_operator(
    reader: OpenReader, stack: Stack
) -> None:
    def standing() -> str:
        (item,) = stack.ask("/v1/tenants", OPERATOR_KEY, tenant=ETA.name).json()["items"]
        return str(item["standing"])

    eventually(lambda: standing() == "blocked", 30, "eta is blocked")
    async with reader() as someone:
        page = someone.page
        await someone.sign_in(OPERATOR_KEY, f"/reports/sender-health?tenant={ETA.name}")
        whole = page.locator("table.report tbody tr").filter(has_text="The whole tenant")
        await expect(whole.locator("[data-column=standing] .badge")).to_have_text("Blocked")
        await expect(whole.locator("[data-column=bounce_rate]")).to_contain_text("100\N{NO-BREAK SPACE}%")
        await expect(page.locator(".legend").filter(has_text="block 10")).to_have_count(1)
        lead = urlsplit(str(await whole.locator("[data-column=bounced] a").get_attribute("href")))
        asked = {name: values[0] for name, values in parse_qs(lead.query).items()}
        assert lead.path == "/email-log"
        assert len(stack.items("/v1/messages", OPERATOR_KEY, channel="email", **asked)) == 150
        sender = page.locator("table.report tbody tr").filter(has_text=BLOCKED)
        await expect(sender.locator("[data-column=dkim]")).to_contain_text(
            "DKIM not asked: Waybill was not told"
        )
        await expect(page.locator("figure.ranks").first.locator("rect.bar.mark-1")).to_have_count(2)
        await someone.look("report-sender-health")
        await whole.get_by_role("link", name="Release…").click()
        await someone.look("release")
        await expect(page.locator(".side [aria-current=page]")).to_have_text("Reports")
        await page.get_by_label("Your name").fill("  ")
        await page.get_by_label("Why").fill("The list was bought; it is deleted")
        await page.get_by_role("button", name="Release").click()
        await expect(page.locator("#actor-fault")).to_have_text("Please fill this in.")
        await page.get_by_label("Your name").fill("Robin")
        await page.get_by_role("button", name="Release").click()
        await expect(page.get_by_role("status")).to_contain_text("eta is released")
        eventually(lambda: standing() == "ok", 20, "eta is released")
        await page.reload()
        await expect(page.get_by_role("link", name="Release…")).to_have_count(0)
    (item,) = stack.ask("/v1/tenants", OPERATOR_KEY, tenant=ETA.name).json()["items"]
    assert [item["history"][0][name] for name in ("kind", "actor", "recorded_by")] == [
        "released",
        "Robin",
        "ops",
    ]


async def test_whoever_is_no_operator_neither_sees_nor_may_release(reader: OpenReader) -> None:
    async with reader() as someone:
        await someone.sign_in(ETA.key, "/reports/sender-health")
        await expect(someone.page.locator("table.report tbody tr").first).to_be_visible()
        await expect(someone.page.get_by_role("link", name="Release…")).to_have_count(0)
        answer = await someone.page.goto(f"/tenants/{ETA.name}/release")
        assert answer is not None and answer.status == 403
        token = await someone.page.locator("input[name=csrf]").first.input_value()
        form: dict[str, str | float | bool] = {"csrf": token, "actor": "Eve", "reason": "because"}
        posted = await someone.context.request.post(f"/tenants/{ETA.name}/release", form=form)
        assert posted.status == 403
