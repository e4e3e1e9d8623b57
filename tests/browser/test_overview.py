"""The overview: what it tells, that it agrees with the API, and where its figures lead."""

import re
import signal
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Locator, expect

from query.console.figures import KINDS
from tests.browser.conftest import OpenReader, Store
from tests.browser.numbers import number_of, question_of, rate_shown, rows_behind
from tests.browser.reader import ZONE, Reader
from tests.integration.log_model import Row, make_rows
from tests.system import payloads
from tests.system.stack import Stack
from tests.system.tenants import BETA, DELTA, GAMMA, OF_CONSOLE, OPERATOR_KEY, SHARED_TOPIC, tenants_file
from tests.system.waiting import eventually

HEADINGS = {"email": "Email", "sms": "Text messages"}


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def rows(store: Store) -> list[Row]:
    """What was sent in the last hundred days."""
    rows = make_rows(1500, ("gamma",), seed=11) + make_rows(60, ("beta",), seed=12)
    await store.insert("message_status", rows)
    return rows


@pytest_asyncio.fixture(loop_scope="session")
async def analyst(reader: OpenReader) -> AsyncIterator[Reader]:
    """Somebody of gamma who has just signed in."""
    async with reader() as someone:
        await someone.sign_in(GAMMA.key)
        yield someone


def _section(reader: Reader, channel: str) -> Locator:
    return reader.page.get_by_role("region", name=HEADINGS[channel])


async def _cards(section: Locator) -> dict[str, Mapping[str, str]]:
    """Value, note and URL of each figure, by its name."""
    cards = await section.locator(".figure").evaluate_all(
        "all => all.map(each => [each.querySelector('dt').textContent.trim(), {"
        "value: each.querySelector('dd a').textContent.trim(), note: each.querySelector('small').textContent.trim(),"
        "href: each.querySelector('dd a').getAttribute('href')}])"
    )
    return dict(cards)


async def test_whoever_signs_in_sees_how_the_last_thirty_days_went(analyst: Reader) -> None:
    await expect(analyst.page.get_by_role("heading", name="Overview")).to_be_visible()
    await expect(analyst.page.get_by_role("link", name="30 days")).to_have_attribute("aria-current", "true")
    for heading in HEADINGS.values():
        await expect(analyst.page.get_by_role("heading", name=heading)).to_be_visible()
    await analyst.look("overview")


@pytest.mark.parametrize("channel", ["email", "sms"])
async def test_the_figures_and_their_changes_are_those_of_the_api(
    analyst: Reader, stack: Stack, channel: str
) -> None:
    cards = await _cards(_section(analyst, channel))
    asked = question_of(cards["Attempted"]["href"])
    period = {name: asked[name] for name in ("from", "to")}
    items = stack.items("/v1/rates", GAMMA.key, group_by="channel", compare="previous", **period)
    (item,) = [each for each in items if each["key"]["channel"] == channel]
    assert item["counts"]["sent"] > 50 and item["previous"]["counts"]["sent"] > 50
    assert list(cards) == [kind.label for kind in KINDS[channel]]
    for kind in KINDS[channel]:
        card, count = cards[kind.label], item["counts"][kind.count]
        now = item["rates"][kind.rate] if kind.rate else count
        before = item["previous"]["rates"][kind.rate] if kind.rate else item["previous"]["counts"][kind.count]
        if kind.rate:
            assert card["value"] == rate_shown(now)
            assert number_of(card["note"]) == count
        else:
            assert number_of(card["value"]) == count
        arrow = "▲" if now > before else "▼"
        assert arrow in card["note"] or abs(now - before) < 0.0001, (kind.label, card)


@pytest.mark.parametrize("channel", ["email", "sms"])
async def test_each_figure_leads_to_as_many_messages_as_it_counts(
    analyst: Reader, stack: Stack, channel: str
) -> None:
    for label, card in (await _cards(_section(analyst, channel))).items():
        count = number_of(card["note"] if "%" in card["value"] else card["value"])
        assert len(rows_behind(stack, card["href"], GAMMA.key)) == count, label
    await _section(analyst, channel).locator(".figure a").nth(1).click()
    await expect(analyst.page.get_by_label("Filters in force")).to_contain_text("Delivered")
    await expect(analyst.page.locator("tbody tr").first).to_be_visible()


async def test_what_was_not_attempted_is_told_beside_and_leads_to_its_messages(
    analyst: Reader, stack: Stack
) -> None:
    links = _section(analyst, "email").locator(".beside a")
    assert await links.count() == 4
    for link in await links.all():
        href = await link.get_attribute("href")
        assert href
        assert len(rows_behind(stack, href, GAMMA.key)) == number_of(await link.inner_text())


@pytest.mark.parametrize("days", ["7", "90"])
async def test_the_days_shown_stand_in_the_url_and_the_pictures_have_one_place_for_each(
    analyst: Reader, stack: Stack, days: str
) -> None:
    page = analyst.page
    await page.get_by_role("link", name=f"{days} days").click()
    assert page.url.endswith(f"/?days={days}")
    cards = await _cards(_section(analyst, "email"))
    asked = question_of(cards["Attempted"]["href"])
    items = stack.items(
        "/v1/rates",
        GAMMA.key,
        group_by="day",
        tz=ZONE,
        channel="email",
        **{"from": asked["from"], "to": asked["to"]},
    )
    picture = page.locator("figure", has_text="Attempted each day").first
    lines = await picture.locator("tbody tr").evaluate_all(
        "all => all.map(each => [...each.cells].map(cell => cell.textContent.trim()))"
    )
    assert len(lines) == int(days)
    assert sum(number_of(line[1]) for line in lines) == sum(item["counts"]["delivered"] for item in items)
    assert [sum(map(number_of, line[1:])) for line in lines if sum(map(number_of, line[1:]))] == [
        item["counts"]["sent"] for item in items if item["counts"]["sent"]
    ]


async def test_each_place_of_a_picture_leads_to_the_messages_of_that_day(
    analyst: Reader, stack: Stack
) -> None:
    picture = analyst.page.locator("figure", has_text="Open rate")
    await picture.locator("summary").click()
    links = await picture.locator("tbody a").evaluate_all("all => all.map(each => each.getAttribute('href'))")
    found = [row for href in links for row in rows_behind(stack, href, GAMMA.key)]
    cards = await _cards(_section(analyst, "email"))
    assert len(found) == number_of(cards["Opened"]["note"])
    await picture.locator("tbody a").last.click()
    await expect(analyst.page.get_by_role("heading", name="Email log")).to_be_visible()


async def test_latest_mailings_and_worst_domains_lead_to_their_messages(
    analyst: Reader, stack: Stack
) -> None:
    page = analyst.page
    mailings = page.get_by_role("region", name="Latest mailings")
    assert await mailings.locator("tbody tr").count() == 5
    worst = page.get_by_role("region", name="Where messages come back most")
    for link in await worst.locator("tbody td a").all():
        href = await link.get_attribute("href")
        assert href
        assert len(rows_behind(stack, href, GAMMA.key)) == number_of(await link.inner_text())
    await worst.locator("tbody td a").first.click()
    in_force = page.get_by_label("Filters in force")
    await expect(in_force).to_contain_text("Cause:")
    await in_force.get_by_role("link", name="Cause:").click()
    await expect(page.get_by_label("Filters in force")).not_to_contain_text("Cause:")


async def test_what_came_back_most_stands_first_for_good_and_given_up_together(
    analyst: Reader, stack: Stack
) -> None:
    cards = await _cards(_section(analyst, "email"))
    period = {name: question_of(cards["Attempted"]["href"])[name] for name in ("from", "to")}
    asked = {"channel": "email", "group_by": "domain,cause", "limit": "500", **period}
    groups = [
        (item["key"]["domain"], item["key"]["cause"] or "", item["counts"])
        for item in stack.items("/v1/rates", GAMMA.key, **asked)
    ]
    back = [
        (domain, cause, counts["bounced"], counts["soft_bounced"])
        for domain, cause, counts in groups
        if counts["bounced"] or counts["soft_bounced"]
    ]
    back.sort(key=lambda one: (-one[2] - one[3], one[0], one[1]))
    assert any(bounced and not gave_up for _, _, bounced, gave_up in back)
    assert any(gave_up for _, _, _, gave_up in back)
    table = analyst.page.get_by_role("table", name="Bounced email")
    shown = [
        (
            await row.get_by_role("rowheader").inner_text(),
            number_of(await row.locator("td.n").nth(0).inner_text()),
            number_of(await row.locator("td.n").nth(1).inner_text()),
        )
        for row in await table.locator("tbody tr").all()
    ]
    assert shown == [(domain, bounced, gave_up) for domain, _, bounced, gave_up in back[:8]]


async def test_the_pipeline_is_told_of_and_dead_letters_are_counted(analyst: Reader, stack: Stack) -> None:
    pipeline = analyst.page.get_by_role("region", name="Pipeline")
    await expect(pipeline).to_contain_text("No dead letters")
    assert stack.ses("this is no event", GAMMA).status == 200
    eventually(lambda: bool(stack.items("/v1/dead-letters", GAMMA.key)), 20, "the dead letter")
    await analyst.page.reload()
    await expect(pipeline.get_by_role("link", name="1 webhook was not understood")).to_have_attribute(
        "href", re.compile(r"^/dead-letters\?from=")
    )


async def test_a_new_tenant_is_told_what_to_do_and_one_that_sent_nothing_lately_when_it_last_did(
    reader: OpenReader, stack: Stack, store: Store
) -> None:
    try:
        _tenants(stack, *OF_CONSOLE, DELTA)
        async with reader() as someone:
            await someone.sign_in(DELTA.key)
            await expect(someone.page.get_by_text("Three steps to the first message")).to_be_visible()
            await expect(someone.page.get_by_text("/webhooks/ses/delta")).to_be_visible()
            await someone.look("overview-new-tenant")
            old: dict[str, Any] = make_rows(1, ("delta",))[0] | {"filed_at": payloads.at(-200 * 86_400)}
            await store.insert("message_status", [old])
            await someone.page.reload()
            await expect(someone.page.get_by_text("Nothing was sent in the last 30 days")).to_be_visible()
            await someone.look("overview-nothing-lately")
    finally:
        _tenants(stack, *OF_CONSOLE)


async def test_the_operator_sees_each_tenant_and_the_way_to_its_overview(
    reader: OpenReader, stack: Stack
) -> None:
    async with reader() as someone:
        page = someone.page
        await someone.sign_in(OPERATOR_KEY)
        tenants = page.get_by_role("region", name="Tenants, by what they sent")
        names = [text.strip() for text in await tenants.locator("tbody th").all_inner_texts()]
        assert {"Beta Gymnastics", "Gamma Gymnastics"} <= {name.split("\n")[-1] for name in names}
        await expect(tenants.get_by_title("beta", exact=True).first).to_have_text("Beta Gymnastics")
        link = tenants.locator("tr", has_text="Beta").first.locator("td a").first
        href = await link.get_attribute("href")
        assert href
        assert len(rows_behind(stack, href, OPERATOR_KEY)) == number_of(await link.inner_text())
        texts = tenants.locator("tr", has_text="Gamma").filter(has_text="SMS")
        await expect(texts.locator("[data-label=Complained]")).to_have_text("–")
        undelivered = texts.locator("[data-label=Undelivered] a")
        (href,) = await undelivered.evaluate_all("all => all.map(each => each.getAttribute('href'))")
        attempted = number_of(await texts.locator("[data-label=Attempted]").inner_text())
        share = len(rows_behind(stack, href, OPERATOR_KEY)) / attempted
        await expect(undelivered).to_have_text(rate_shown(share))
        await someone.look("overview-operator")
        await tenants.get_by_role("link", name="Beta").first.click()
        assert page.url.endswith("/?tenant=beta")
        await expect(tenants).to_have_count(0)
        cards = await _cards(_section(someone, "email"))
        assert len(rows_behind(stack, cards["Attempted"]["href"], OPERATOR_KEY)) == number_of(
            cards["Attempted"]["value"]
        )


async def test_mail_that_nobody_owns_is_counted_for_the_operator_alone(
    reader: OpenReader, stack: Stack
) -> None:
    m = payloads.mail(payloads.new_id(), ["x@example.org"], payloads.at(0), source="who@nowhere.example")
    assert stack.ses(payloads.send(m), topic=SHARED_TOPIC, path="/webhooks/ses").status == 200
    eventually(lambda: bool(stack.items("/v1/dead-letters", OPERATOR_KEY)), 20, "the dead letter")
    async with reader() as someone:
        await someone.sign_in(BETA.key)
        await expect(someone.page.get_by_role("region", name="Pipeline")).to_contain_text("No dead letters")


async def test_a_range_that_is_none_is_refused_with_what_was_expected(analyst: Reader) -> None:
    answer = await analyst.page.goto("/?days=31")
    assert answer is not None and answer.status == 400
    await expect(analyst.page.get_by_text("days: expected one of 7, 30, 90")).to_be_visible()


def _tenants(stack: Stack, *tenants: Any) -> None:
    """Puts these into the tenants file, and waits until it is in force."""
    stack.tenants_file.write_text(tenants_file(*tenants))
    stack.process.send_signal(signal.SIGHUP)
    status = 200 if DELTA in tenants else 401
    eventually(lambda: stack.ask("/v1/statuses", DELTA.key).status == status, 10, "the tenants file is read")
