"""Who is out and who is in, now and then, and the audit log of every change.

All of it is of the tenant gamma.
"""

import csv
import io
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from playwright.async_api import expect

from tests.browser.conftest import OpenReader, Store
from tests.browser.reader import Reader
from tests.integration.address_model import as_consent
from tests.integration.log_model import HOSTILE
from tests.system.tenants import BETA, GAMMA

DOMAIN = "opts.example"
MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def _entry(number: int, day: int, consent: str, **fields: Any) -> dict[str, Any]:
    return {
        "schema": "consent-log/1",
        "entry_id": f"{number:032x}",
        "tenant": "gamma",
        "channel": "email",
        "address": f"person-{number:03d}@{DOMAIN}",
        "category": "marketing",
        "sender": None,
        "consent": consent,
        "source": "customer",
        "actor": f"person-{number:03d}@{DOMAIN}",
        "evidence": {"method": "link", "wording": None, "reference": None},
        "reason": None,
        "at": f"2026-10-{day:02d}T10:00:00.000Z",
        "recorded_at": f"2026-10-{day:02d}T10:00:01.000Z",
        "recorded_by": None,
        "receipt_id": f"r-{number}",
        "message_id": None,
        **fields,
    }


CHANGED = f"person-000@{DOMAIN}"
LOG = [
    *(_entry(number, 1 + number % 20, "out" if number % 3 else "in") for number in range(1, 61)),
    _entry(100, 5, "in", address=CHANGED),
    _entry(
        101,
        15,
        "out",
        address=CHANGED,
        source="staff",
        actor="Sam Lee",
        evidence={"method": "written", "wording": MARKUP, "reference": "letter 9"},
        reason=HOSTILE[3] + MARKUP,
        recorded_by="desk",
        message_id="m/1 %",
    ),
]
NOW = {entry["address"]: entry for entry in LOG}


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def rows(store: Store) -> None:
    """The log, and what stands after it."""
    await store.insert("consent_log", LOG)
    await store.insert(
        "consents", [as_consent(entry, 2**40 + number) for number, entry in enumerate(NOW.values())]
    )


@pytest_asyncio.fixture(loop_scope="session")
async def analyst(reader: OpenReader) -> AsyncIterator[Reader]:
    """Somebody of gamma who looks at consents."""
    async with reader() as someone:
        await someone.sign_in(GAMMA.key, f"/consents?domain={DOMAIN}&limit=500")
        yield someone


async def _shown(someone: Reader) -> set[str]:
    return {text.strip() for text in await someone.page.locator("tbody .whom").all_inner_texts()}


async def test_consents_are_listed_and_filtered_by_state_and_category(analyst: Reader) -> None:
    page = analyst.page
    assert await _shown(analyst) == set(NOW)
    await page.get_by_label("State").select_option("out")
    await page.get_by_label("Category").select_option("marketing")
    await page.get_by_role("button", name="Find").click()
    await expect(page).to_have_url(re.compile("state=out"))
    assert await _shown(analyst) == {address for address, entry in NOW.items() if entry["consent"] == "out"}
    await page.goto(f"/consents?domain={DOMAIN}&limit=5")
    await analyst.look("consents")
    await page.goto(f"/consents?domain={DOMAIN}&category=transactional")
    await expect(page.get_by_text("No consent matches")).to_be_visible()


async def test_a_day_in_the_past_shows_who_was_out_at_its_end(analyst: Reader) -> None:
    page = analyst.page
    row = page.get_by_role("row").filter(has_text=CHANGED)
    for day, state in (("2026-10-14", "In"), ("2026-10-15", "Out")):
        await page.get_by_label("As of the end of").fill(day)
        await page.get_by_role("button", name="Find").click()
        await expect(page.get_by_label("As of the end of")).to_have_value(day)
        await expect(row).to_contain_text(state)
        assert await _shown(analyst) == {
            entry["address"] for entry in LOG if entry["at"] < f"{day}T22:00:00.000Z"
        }
    await page.get_by_label("As of the end of").fill("2026-10-04")
    await page.get_by_role("button", name="Find").click()
    await expect(row).to_have_count(0)


async def test_the_log_tells_who_when_why_on_what_evidence_and_by_which_key(analyst: Reader) -> None:
    page = analyst.page
    await page.goto(f"/consents/log?address={CHANGED}")
    row = page.locator("tbody tr").first
    for told in (
        "Sam Lee",
        "staff, for the customer",
        "In writing, letter 9",
        MARKUP,
        HOSTILE[3],
        "by key desk",
    ):
        await expect(row).to_contain_text(told)
    await expect(row.get_by_role("link", name="the message")).to_have_attribute(
        "href", "/messages/m%2F1%20%25"
    )
    await expect(page.locator("tbody tr")).to_have_count(2)
    await expect(page.locator(".side [aria-current=page]")).to_have_text(["Consent log"])
    await analyst.look("consent-log")


async def test_the_log_is_filtered_by_actor_and_time_and_comes_as_csv(analyst: Reader) -> None:
    page = analyst.page
    await page.goto(f"/consents/log?domain={DOMAIN}&limit=500")
    await page.get_by_label("From", exact=True).fill("2026-10-10")
    await page.get_by_label("To", exact=True).fill("2026-10-15")
    await page.get_by_role("button", name="Find").click()
    await expect(page).to_have_url(re.compile("to=2026-10-15T22"))
    between = {entry["address"] for entry in LOG if "2026-10-10" <= entry["at"] < "2026-10-16"}
    assert await _shown(analyst) == between
    async with page.expect_download() as download:
        await page.get_by_role("link", name="CSV", exact=True).click()
    text = (await (await download.value).path()).read_text()
    assert {row["address"] for row in csv.DictReader(io.StringIO(text, newline=""))} == between
    await page.get_by_label("Who", exact=True).fill("sam lee")
    await page.get_by_role("button", name="Find").click()
    await expect(page.locator("tbody tr")).to_have_count(1)


async def test_an_address_in_the_log_leads_to_its_page_with_what_stands(analyst: Reader) -> None:
    page = analyst.page
    await page.goto(f"/consents/log?address={CHANGED}")
    await page.locator("tbody").get_by_role("link", name=CHANGED).first.click()
    await expect(page.get_by_role("row").filter(has_text="Marketing")).to_contain_text("by Sam Lee")


async def test_another_tenant_sees_none_of_it(reader: OpenReader) -> None:
    async with reader() as someone:
        await someone.sign_in(BETA.key)
        for path in ("/consents", "/consents/log"):
            await someone.page.goto(f"{path}?domain={DOMAIN}")
            await expect(someone.page.locator(".empty")).to_be_visible()
