"""A message's page: what became of it, its trail in words, and the raw event behind each step."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest_asyncio
from playwright.async_api import Page, expect

from schemas.events import event_identity
from schemas.status import Status
from tests.browser.conftest import OpenReader, Store
from tests.browser.reader import Reader
from tests.integration.sink_stage import status_value
from tests.system.payloads import (
    PERSON,
    at,
    bounce,
    click,
    delay,
    delivery,
    mail,
    new_id,
    new_number,
    new_sid,
    open_,
    send,
    sms,
)
from tests.system.stack import Stack
from tests.system.tenants import ACME, BETA, OPERATOR_KEY
from tests.system.waiting import eventually

MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'{{ 7 * 7 }}"
RIGHT_TO_LEFT = "\u202eevil.exe \u05e9\u05dc\u05d5\u05dd"
HOSTILE_ID = "a/b?c#d%2F \u00fc\"'<b>"
NOW = "2026-11-22T10:00:00.000Z"


@pytest_asyncio.fixture(loop_scope="session")
async def analyst(reader: OpenReader) -> AsyncIterator[Reader]:
    """Somebody of acme."""
    async with reader() as someone:
        await someone.sign_in(ACME.key, "/email-log")
        yield someone


def _event(message_id: str, name: str, outcome: str, seconds: int, **fields: Any) -> dict[str, Any]:
    return {
        "schema": "event/1",
        "event_id": event_identity(message_id, name),
        "tenant": "acme",
        "provider": "ses",
        "channel": "email",
        "message_id": message_id,
        "recipient": "ann@example.org",
        "outcome": outcome,
        "at": f"2026-11-22T10:{seconds // 60:02d}:{seconds % 60:02d}.000Z",
        "timed": True,
        "received_at": f"2026-11-22T10:{seconds // 60:02d}:{seconds % 60:02d}.500Z",
        "receipt_id": f"gone-{name}",
        "sent_at": NOW,
        "subject": "Class list",
        "detail": {},
        "machine": None,
        "machine_reason": None,
        "late": False,
    } | fields


def _status(message_id: str, recipient: str | None, status: Status, **fields: Any) -> dict[str, Any]:
    return status_value(1, message_id=message_id, recipient=recipient, status=status, rank=status.rank) | (
        {"tenant": "acme", "sent_at": NOW, "filed_at": NOW, "subject": "Class list"} | fields
    )


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def stored(store: Store) -> None:
    """Messages as the sink would store them: one to several, one with hostile content, one that only its events tell of, one
    with more events than a page shows, and one of another tenant."""
    several = "to-several"
    await store.insert(
        "message_status",
        [
            _status(several, "ann@example.org", Status.DELIVERED),
            _status(several, "ben@example.org", Status.BOUNCED),
            _status(several, None, Status.OPENED, opens=2, clicks=1),
            _status(HOSTILE_ID, "ann@example.org", Status.FAILED, subject=MARKUP, campaign=MARKUP, category=MARKUP,
                    customer=RIGHT_TO_LEFT, document="x" * 256, error=MARKUP, reason=MARKUP),
            _status("busy", "ann@example.org", Status.OPENED, opens=600),
            _status("theirs", "ann@example.org", Status.DELIVERED, tenant="beta", subject="A secret of beta"),
            *(_status("to-many", f"user{number}@example.org", Status.DELIVERED) for number in range(40)),
        ],
    )  # fmt: skip
    await store.insert(
        "events",
        [
            _event(several, "ann", "delivered", 3),
            _event(several, "ben", "bounced", 4, recipient="ben@example.org", detail={"cause": "mailbox"}),
            _event(several, "scan", "opened", 5, recipient=None, machine=True, machine_reason="security_scanner"),
            _event(several, "click", "clicked", 65, recipient=None, detail={"link": "https://acme.example/?a=b&c=d"}),
            _event(HOSTILE_ID, "failed", "failed", 1, subject=MARKUP, detail={"error": MARKUP, "template": RIGHT_TO_LEFT}),
            _event(HOSTILE_ID, "unknown", "unknown", 2, detail={"provider_type": MARKUP}),
            _event("late-alone", "late", "bounced", 9, late=True),
            *(_event("busy", str(number), "opened", number) for number in range(600)),
            _event("theirs", "theirs", "delivered", 1, tenant="beta"),
        ],
    )  # fmt: skip


def _path(message_id: str, **parameters: str) -> str:
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters.items())
    return f"/messages/{quote(message_id, safe='')}{'?' if query else ''}{query}"


async def _stored(stack: Stack, message_id: str, events: int, key: str = ACME.key) -> None:
    """Returns when so many events of the message, their status and their receipts are stored."""
    await asyncio.to_thread(stack.until_events, message_id, events, key)


async def _steps(page: Page) -> list[str]:
    return [" ".join(text.split()) for text in await page.locator(".step .line").all_inner_texts()]


async def test_a_row_of_the_log_leads_to_the_trail_of_its_message_as_the_provider_told_it(
    reader: OpenReader, stack: Stack
) -> None:
    """The whole way: what SES posts, in words, with the raw event behind each step."""
    address, subject, message_id = "trail@example.org", "A trail to follow", new_id()
    m = mail(
        message_id, [address], at(0), subject=subject, campaign="spring", document="INV-9", customer="42"
    )
    told = [send(m), delay(m, at(10)), delivery(m, at(100)), open_(m, at(7300)), click(m, at(7310))]
    stack.accept(*told, open_(m, at(7400), "Mozilla/5.0"))
    await _stored(stack, message_id, 6)
    async with reader() as someone:
        page = someone.page
        await someone.sign_in(ACME.key, f"/email-log?recipient={address}")
        await page.get_by_role("link", name=subject).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(subject)
        assert await _steps(page) == [
            "Sent: the provider took it",
            "Delayed, the provider goes on trying; the mailbox is full",
            "Delivered: the recipient’s server took it",
            "Opened in Thunderbird on Linux",
            "Clicked a link in Firefox on Linux",
            "Opened Machine: Apple Mail Privacy Protection",
        ]
        delivered = page.locator(".step").nth(2)
        await expect(delivered).to_contain_text("250 2.6.0 Message received")
        await expect(delivered.locator(".time")).to_contain_text("+\N{NO-BREAK SPACE}1 min 40 s")
        zoned = await delivered.locator(".time time").inner_text()
        assert zoned.endswith(("CET", "CEST"))
        await expect(page.locator(".step").nth(1)).to_contain_text("452 4.2.2 over quota")
        await expect(page.locator(".step").nth(1)).to_contain_text("Tries until")
        await expect(page.locator(".status")).to_contain_text("A link in it was clicked.")
        await expect(page.locator(".status")).to_contain_text("2 opens, 1 of them by people")
        about = page.locator(".status").get_by_role("link", name="About this address")
        await expect(about).to_have_attribute("href", f"/addresses/{quote(address, safe='')}?channel=email")
        await expect(page.locator(".about > div", has_text="Provider").locator("dd")).to_have_text(
            "Amazon SES"
        )
        await someone.look("message")
        for path in (
            "/campaigns/spring",
            "/documents/INV-9",
            "/customers/42",
            f"/addresses/{quote(address, safe='')}?channel=email",
        ):
            await expect(page.locator(f".about a[href='{path}']")).to_have_count(1)
        await _see_the_raw_event(page, delivered)
        await someone.look("message-raw")
        await page.reload()
        assert len(await _steps(page)) == 6


async def _see_the_raw_event(page: Page, step: Any) -> None:
    await step.get_by_text("Raw event").click()
    shown = step.get_by_role("region", name="Raw event")
    await expect(shown).to_contain_text('"smtpResponse": "250 2.6.0 Message received"')
    await expect(step).to_contain_text("signed by Amazon SNS")
    await expect(shown).not_to_contain_text("UnsubscribeURL")
    await expect(step.get_by_role("link", name="Show it")).to_have_count(0)


async def test_without_scripts_a_link_leads_to_the_raw_event(reader: OpenReader, stack: Stack) -> None:
    message_id = new_id()
    stack.accept(send(mail(message_id, ["raw@example.org"], at(0))))
    await _stored(stack, message_id, 1)
    async with reader(java_script_enabled=False) as someone:
        page = someone.page
        await someone.sign_in(ACME.key, _path(message_id))
        await page.get_by_text("Raw event").click()
        await page.get_by_role("link", name="Show it").click()
        await expect(page.get_by_role("region", name="Raw event")).to_contain_text('"eventType": "Send"')
        await page.get_by_label("Breadcrumb").get_by_role("link", name="Message").click()
        await expect(page).to_have_url(re.compile(rf"/messages/{message_id}$"))


async def test_what_failed_is_told_with_the_reason_and_what_to_do_and_the_address_is_reset_from_there(
    reader: OpenReader, stack: Stack
) -> None:
    address, message_id = "bounced-trail@example.net", new_id()
    m = mail(message_id, [address], at(0))
    full = bounce(
        m, at(5), kind="Transient", subtype="MailboxFull", status="4.2.2", diagnostic="452 4.2.2 mailbox full"
    )
    stack.accept(send(m), full, bounce(m, at(60)))
    await _stored(stack, message_id, 3)
    eventually(lambda: stack.ask(f"/v1/addresses/{address}").json()["standing"] == "invalid", 20, "blocked")
    async with reader() as someone:
        page = someone.page
        await someone.sign_in(ACME.key, _path(message_id))
        steps = await _steps(page)
        assert steps[1] == "Soft bounce: the provider gave up for now; the mailbox is full"
        assert steps[2] == "Hard bounce: refused for good; there is no such mailbox"
        await expect(page.locator(".status")).to_contain_text("Correct the address, or ask")
        await someone.look("message-bounced")
        report = page.get_by_role("link", name="Issue report")
        assert await report.get_attribute("href") == _path(message_id).replace("?", "") + (
            f"/issue-report?recipient={address}"
        )
        why = await page.get_by_role("link", name="Why didn’t they receive it?").get_attribute("href")
        assert why == f"/addresses/{quote(address, safe='')}?channel=email#diagnosis"
        await page.get_by_role("link", name="Reset address…").click()
        await page.get_by_label("Your name").fill("Robin")
        await page.get_by_label("Why").fill("They have a mailbox again")
        await page.get_by_role("button", name="Reset").click()
        await expect(page.get_by_role("status")).to_contain_text(f"{address} is reset")
        await expect(page).to_have_url(re.compile(re.escape(_path(message_id)) + "$"))


async def test_a_text_message_has_its_trail_with_the_error_in_words(reader: OpenReader, stack: Stack) -> None:
    sid, number = new_sid(), new_number()
    stack.accept_sms(
        sms(sid, "sent", number, ACME.account),
        sms(sid, "undelivered", number, ACME.account, ErrorCode="30005"),
    )
    await _stored(stack, sid, 2)
    async with reader() as someone:
        page = someone.page
        await someone.sign_in(ACME.key, f"/sms-log?recipient={quote(number)}")
        await page.locator("tbody .what a").first.click()
        assert sorted(await _steps(page)) == ["Sent to the carrier", "The carrier could not deliver it"]
        await expect(page.locator(".status")).to_contain_text("Error 30005")
        failed = page.locator(".step", has_text="could not deliver")
        await expect(failed).to_contain_text("30005")
        await expect(failed).to_contain_text("of receipt; the provider gives none")
        await failed.get_by_text("Raw event").click()
        await expect(failed.get_by_role("region", name="Raw event")).to_contain_text(f"MessageSid: {sid}")
        await someone.look("message-sms")


async def test_of_a_message_to_several_each_has_a_part_and_nobody_gets_what_nobody_is_known_to_have_done(
    analyst: Reader,
) -> None:
    page = analyst.page
    await page.goto(_path("to-several"))
    await expect(page.locator("tbody tr")).to_have_count(2)
    await expect(page.locator(".told")).to_contain_text(
        "2 opens and 1 click of this message are nobody’s in particular"
    )
    assert len(await _steps(page)) == 4
    await analyst.look("message-to-several")
    await page.get_by_label("Whose part").get_by_role("link", name="ben@example.org").click()
    await expect(page).to_have_url(re.compile("recipient=ben%40example.org$|recipient=ben@example.org$"))
    assert await _steps(page) == [
        "Hard bounce: refused for good; there is no such mailbox",
        "Opened Machine: Security scanner Nobody in particular",
        "Clicked a link Nobody in particular",
    ]
    await expect(page.locator(".status")).to_contain_text("Refused for good")
    await page.get_by_role("link", name="All 2 recipients").click()
    await expect(page.locator("tbody tr")).to_have_count(2)


async def test_a_message_to_many_lists_them_and_each_leads_to_their_part(analyst: Reader) -> None:
    page = analyst.page
    await page.goto(_path("to-many"))
    await expect(page.locator("tbody tr")).to_have_count(40)
    await page.get_by_role("link", name="user7@example.org").click()
    await expect(page.locator(".about")).to_contain_text("39 more")
    await expect(page.get_by_text("its single events are no longer kept")).to_be_visible()
    await analyst.look("message-without-events")


async def test_an_event_whose_receipt_has_expired_says_so(analyst: Reader) -> None:
    await analyst.page.goto(_path("to-several"))
    await expect(analyst.page.get_by_text("no longer kept").first).to_be_visible()
    await expect(analyst.page.locator("details.raw")).to_have_count(0)


async def test_a_message_known_by_a_late_event_alone_says_that_it_counts_nowhere(analyst: Reader) -> None:
    await analyst.page.goto(_path("late-alone"))
    await expect(analyst.page.get_by_text("nobody who is still known")).to_be_visible()
    await expect(analyst.page.locator(".step .badge", has_text="Late")).to_be_visible()


async def test_a_trail_that_is_longer_than_a_page_goes_on_on_the_next_and_says_where_it_is(
    analyst: Reader,
) -> None:
    page = analyst.page
    await page.goto(_path("busy"))
    await expect(page.locator(".step")).to_have_count(500)
    await expect(page.get_by_text("Steps 1 to 500 of 600")).to_be_visible()
    first = await page.locator(".step").first.get_attribute("id")
    await page.get_by_role("link", name="Later steps").click()
    await expect(page.get_by_text("Steps 501 to 600 of 600")).to_be_visible()
    await expect(page.locator(".step")).to_have_count(100)
    await expect(page.get_by_role("link", name="Later steps")).to_have_count(0)
    await page.get_by_role("link", name="Earlier steps").click()
    await expect(page.locator(".step").first).to_have_attribute("id", str(first))
    answer = await page.goto(_path("busy", skip="-1"))
    assert answer is not None and answer.status == 400


async def test_hostile_content_is_shown_on_a_messages_page_and_never_run(analyst: Reader) -> None:
    page = analyst.page
    await page.goto(_path(HOSTILE_ID))
    await expect(page.get_by_role("heading", level=1)).to_have_text(MARKUP)
    for name in ("Mailing", "Category"):
        await expect(page.locator(".about > div", has_text=name).locator("dd")).to_have_text(MARKUP)
    await expect(page.locator(".about code")).to_have_text(HOSTILE_ID)
    await expect(page.locator(".step blockquote")).to_have_text(MARKUP)
    await expect(page.locator(".about bdi", has_text="evil.exe")).to_have_count(1)
    await analyst.look("message-hostile")


async def test_another_tenants_message_and_its_receipt_are_404_as_if_there_were_none(
    analyst: Reader, stack: Stack
) -> None:
    message_id = new_id()
    m = mail(
        message_id, ["gone@beta.example"], at(0), subject="A secret of beta", source="Beta <b@beta.example>"
    )
    stack.accept(delivery(m, at(1)), tenant=BETA)
    await _stored(stack, message_id, 1, BETA.key)
    (event,) = stack.message(message_id, BETA.key)["events"]
    told = set()
    for path in (_path(message_id), _path("theirs"), _path("none"), f"/receipts/{event['receipt_id']}", "/receipts/none",
                 _path("to-several", recipient="nobody@example.org")):  # fmt: skip
        answer = await analyst.page.goto(path)
        assert answer is not None and answer.status == 404, path
        told.add(await analyst.page.locator("main").inner_text())
    assert len(told) == 1 and "secret" not in told.pop()


async def test_the_operator_follows_a_row_to_its_message_and_names_the_tenant_where_several_have_the_id(
    reader: OpenReader, store: Store
) -> None:
    both = [
        _status("shared-id", "ann@example.org", Status.DELIVERED, tenant=name) for name in ("acme", "beta")
    ]
    await store.insert("message_status", both)
    async with reader() as someone:
        page = someone.page
        await someone.sign_in(OPERATOR_KEY, _path("theirs"))
        await expect(page.locator(".about")).to_contain_text("Beta Gymnastics")
        await expect(page.get_by_role("link", name="Reset address…")).to_have_count(0)
        answer = await page.goto(_path("shared-id"))
        assert answer is not None and answer.status == 400
        await expect(page.get_by_text("several tenants have a message of this id")).to_be_visible()
        await page.get_by_label("Tenant").select_option("beta")
        await expect(page.locator(".about")).to_contain_text("Beta Gymnastics")


async def test_a_person_is_recognised_as_such_on_the_page(analyst: Reader, stack: Stack) -> None:
    """What the page calls people's and machines' are the counts of the log."""
    message_id = new_id()
    m = mail(message_id, ["people@example.org"], at(0))
    stack.accept(delivery(m, at(1)), open_(m, at(4000), PERSON), open_(m, at(4100), "Mozilla/5.0"))
    await _stored(stack, message_id, 3)
    item = stack.recipients(message_id)["people@example.org"]
    page = analyst.page
    await page.goto(_path(message_id))
    opened = [step for step in await _steps(page) if step.startswith("Opened")]
    assert len(opened) == item["opens"] == 2
    assert len([step for step in opened if "Machine" not in step]) == item["human_opens"] == 1
