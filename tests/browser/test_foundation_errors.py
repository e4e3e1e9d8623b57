"""What people see when something is away, not theirs to do, or no longer known: pages, and ways back.

All of it is of the tenant gamma: what the log's own tests count stays as it is.
"""

import asyncio
import base64
import hashlib
import json
import re
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography.fernet import Fernet
from playwright.async_api import Browser, expect

from tests.browser.conftest import SECRET, OpenReader, Store
from tests.browser.reader import Reader
from tests.integration.address_model import standings
from tests.integration.query_stage import QueryServer
from tests.system.client import Request, call, get
from tests.system.payloads import at, bounce, mail, new_address, new_id
from tests.system.stack import Stack
from tests.system.tenants import BETA, GAMMA, OF_CONSOLE, OPERATOR_KEY, tenants_file
from tests.system.waiting import eventually

Form = dict[str, str | float | bool]

NOBODY_LISTENS = "http://127.0.0.1:1"


_BLOCKED = next(
    row | {"tenant": "gamma"}
    for row in standings(["gamma"])
    if (row["channel"], row["standing"]) == ("email", "invalid")
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def blocked(store: Store) -> str:
    """An address of gamma that is blocked."""
    await store.insert("address_standing", [_BLOCKED | {"address": "blocked@example.org"}])
    return "blocked@example.org"


@pytest_asyncio.fixture(loop_scope="session")
async def without_store(stack: Stack) -> AsyncIterator[QueryServer]:
    """A query server whose store is away."""
    async with QueryServer(NOBODY_LISTENS, stack.kafka, stack.tenants_file) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def without_ingest(stack: Stack) -> AsyncIterator[QueryServer]:
    """A query server that has the run's store, and whose ingest is away."""
    clickhouse = stack.environment_of("sink")["WAYBILL_CLICKHOUSE"]
    async with QueryServer(
        clickhouse, stack.kafka, stack.tenants_file, ingest_url=NOBODY_LISTENS, console_secret=SECRET
    ) as server:
        yield server


async def test_while_the_store_is_away_a_page_says_so_and_that_nothing_is_lost(
    browser: Browser, without_store: QueryServer
) -> None:
    async with Reader(browser, without_store.url) as someone:
        await someone.sign_in(GAMMA.key, "/statuses")
        answer = await someone.page.goto("/email-log")
        assert answer is not None and answer.status == 503
        assert int(answer.headers["retry-after"]) > 0
        await expect(someone.page.get_by_role("heading", name="This cannot be answered now")).to_be_visible()
        await expect(someone.page.get_by_text("Nothing is lost")).to_be_visible()
        await someone.look("error-503")


async def test_while_ingest_is_away_pages_are_read_and_a_change_says_that_it_was_not_made(
    browser: Browser, without_ingest: QueryServer, blocked: str
) -> None:
    async with Reader(browser, without_ingest.url) as someone:
        page = someone.page
        assert await _reset(someone, blocked) == 503
        await expect(page.get_by_role("heading", name="Your change was not saved")).to_be_visible()
        await expect(page.get_by_text("Nothing is lost")).to_have_count(0)
        await someone.look("error-503-change")
        await page.get_by_text("For whoever runs Waybill").click()
        await expect(page.get_by_text("takes no connection")).to_be_visible()
        await page.get_by_role("link", name="Back to the form").click()
        await expect(page.get_by_role("heading", name="Reset an address")).to_be_visible()
        answer = await page.goto("/email-log")
        assert answer is not None and answer.status == 200


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 22\r\n\r\n{"code":"unavailable"}',
    ],
    ids=["none", "not now"],
)
async def test_of_a_change_that_ingest_did_not_confirm_it_is_not_said_that_it_was_not_made(
    browser: Browser, stack: Stack, blocked: str, answer: bytes
) -> None:
    """Whatever answers so has read the change, and may have stored it."""

    async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"They have a mailbox again")
        writer.write(answer)
        writer.close()

    ingest = await asyncio.start_server(answered, "127.0.0.1", 0)
    clickhouse = stack.environment_of("sink")["WAYBILL_CLICKHOUSE"]
    url = f"http://127.0.0.1:{ingest.sockets[0].getsockname()[1]}"
    async with (
        ingest,
        QueryServer(
            clickhouse, stack.kafka, stack.tenants_file, ingest_url=url, console_secret=SECRET
        ) as server,
        Reader(browser, server.url) as someone,
    ):
        assert await _reset(someone, blocked) == 503
        await expect(
            someone.page.get_by_role("heading", name="Your change may not have been saved")
        ).to_be_visible()
        await expect(someone.page.get_by_text("nothing was changed")).to_have_count(0)


async def _reset(someone: Reader, address: str) -> int:
    """Signs in and sends the form; how it was answered."""
    page = someone.page
    await someone.sign_in(GAMMA.key, f"/reset?channel=email&address={address}")
    await page.get_by_label("Your name").fill("Robin")
    await page.get_by_label("Why").fill("They have a mailbox again")
    async with page.expect_response(lambda answer: answer.request.method == "POST") as posted:
        await page.get_by_role("button", name="Reset").click()
    return (await posted.value).status


async def test_a_key_without_the_scope_sees_no_way_to_reset_and_gets_403_on_its_page(
    reader: OpenReader, blocked: str, stack: Stack
) -> None:
    """The operator's key of these tests reads, and does not reset."""
    async with reader() as someone:
        page = someone.page
        place = f"/reset?channel=email&address={blocked}&tenant=gamma"
        await someone.sign_in(OPERATOR_KEY, place)
        answer = await page.goto(place)
        assert answer is not None and answer.status == 403
        await expect(page.get_by_text("may not reset addresses")).to_be_visible()
        await someone.look("error-403")
        token = await page.locator("input[name=csrf]").first.input_value()
        posted = await someone.context.request.post(
            place, form={"csrf": token, "actor": "x", "reason": "y"}, headers={"Origin": someone.url}
        )
        assert posted.status == 403
        assert stack.ask(f"/v1/addresses/{blocked}", GAMMA.key).json()["standing"] == "invalid"


async def test_a_reset_without_the_sessions_token_or_from_another_site_reaches_nobody(
    reader: OpenReader, blocked: str, stack: Stack, url: str
) -> None:
    async with reader() as someone:
        place = f"/reset?channel=email&address={blocked}"
        await someone.sign_in(GAMMA.key, place)
        token = await someone.page.locator("input[name=csrf]").first.input_value()
        said: Form = {"actor": "x", "reason": "y"}
        before = _stored_receipts(stack)
        for form, origin in (
            (said, url),
            (said | {"csrf": ""}, url),
            (said | {"csrf": "A" * 43}, url),
            (said | {"csrf": token}, "https://evil.example"),
            (said | {"csrf": token}, "null"),
        ):
            answer = await someone.context.request.post(place, form=form, headers={"Origin": origin})
            assert answer.status == 403, (form, origin)
        assert _stored_receipts(stack) == before


def _stored_receipts(stack: Stack) -> str | None:
    metrics = get(stack.ports["ingest"], "/metrics").body.decode()
    found = re.search(r'^waybill_ingest_receipts_total\{provider="app"\} (\S+)$', metrics, re.MULTILINE)
    return found[1] if found else None


async def test_a_form_that_is_sent_after_the_session_has_ended_leads_back_to_the_form(
    reader: OpenReader, blocked: str
) -> None:
    async with reader() as someone:
        page = someone.page
        place = f"/reset?channel=email&address={blocked}"
        await someone.sign_in(GAMMA.key, place)
        over = {"key": GAMMA.key, "ends": time.time() - 1}
        box = Fernet(base64.urlsafe_b64encode(hashlib.sha256(SECRET.encode()).digest()))
        value = box.encrypt(json.dumps({"created": int(time.time()), "session": over}).encode()).decode()
        await someone.context.add_cookies([{"name": "waybill_session", "value": value, "url": someone.url}])
        await page.get_by_label("Your name").fill("Robin")
        await page.get_by_label("Why").fill("They have a mailbox again")
        await page.get_by_role("button", name="Reset").click()
        await expect(page.get_by_text("Your session has ended")).to_be_visible()
        await page.get_by_label("Key", exact=True).fill(GAMMA.key)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("heading", name="Reset an address")).to_be_visible()


async def test_refused_keys_are_counted_and_take_their_time(reader: OpenReader, stack: Stack) -> None:
    def counted(result: str) -> float:
        metrics = get(stack.ports["query"], "/metrics").body.decode()
        found = re.search(
            rf'^waybill_console_sign_ins_total\{{result="{result}"\}} (\S+)$', metrics, re.MULTILINE
        )
        return float(found[1]) if found else 0

    refused, taken = counted("refused"), counted("ok")
    async with reader() as someone:
        await someone.page.goto("/sign-in")
        token = await someone.page.locator("input[name=csrf]").input_value()
        form: Form = {"csrf": token, "key": "nobodys"}
        begun = time.monotonic()
        answers = await asyncio.gather(
            *(
                someone.context.request.post("/sign-in", form=form, headers={"Origin": someone.url})
                for _ in range(3)
            )
        )
        assert time.monotonic() - begun >= 0.5
        assert [answer.status for answer in answers] == [422] * 3
        await someone.sign_in(GAMMA.key)
    assert (counted("refused"), counted("ok")) == (refused + 3, taken + 1)


async def test_a_session_outlives_a_restart_of_query(reader: OpenReader, stack: Stack) -> None:
    async with reader() as someone:
        await someone.sign_in(GAMMA.key, "/statuses")
        old = stack.part("query").pid
        stack.kill("query")
        await asyncio.to_thread(stack.until_back, "query", old)
        answer = await someone.page.goto("/email-log")
        assert answer is not None and answer.status == 200
        await expect(someone.page.get_by_role("heading", name="Email log")).to_be_visible()


async def test_the_operator_resets_an_address_of_the_tenant_that_they_name(
    reader: OpenReader, stack: Stack, store: Store
) -> None:
    """Two tenants know the address: only the one that is named has it reset."""
    address = new_address()

    def standing(key: str) -> str:
        return str(stack.ask(f"/v1/addresses/{address}", key).json().get("standing"))

    await store.insert("address_standing", [_BLOCKED | {"address": address, "tenant": "beta"}])
    stack.accept(bounce(mail(new_id(), [address], at(0)), at(1)), tenant=GAMMA)
    may_reset = tenants_file(*OF_CONSOLE).replace(
        'scopes = ["read", "admin"]', 'scopes = ["read", "admin", "reset"]'
    )
    try:
        _replace(stack.tenants_file, may_reset, stack)
        await _until(lambda: standing(GAMMA.key) == "invalid" == standing(BETA.key), "both are blocked")
        async with reader() as someone:
            page = someone.page
            place = f"/reset?channel=email&address={address}"
            await someone.sign_in(OPERATOR_KEY, "/statuses")
            await _until(lambda: _may_reset(stack), "ingest knows the scope")
            answer = await page.goto(place)
            assert answer is not None and answer.status == 400
            await expect(page.get_by_text("several tenants know this address")).to_be_visible()
            await page.goto(f"{place}&tenant=gamma&back=/email-log")
            await page.get_by_label("Your name").fill("Olga of operations")
            await page.get_by_label("Why").fill("Gamma asked for it")
            await page.get_by_role("button", name="Reset").click()
            await expect(page.get_by_role("status")).to_contain_text(f"{address} is reset")
        await _until(lambda: standing(GAMMA.key) == "valid", "it is reset")
        assert standing(BETA.key) == "invalid"
        reset = stack.ask(f"/v1/addresses/{address}", GAMMA.key).json()["reset"]
        assert (reset["actor"], reset["reason"]) == ("Olga of operations", "Gamma asked for it")
    finally:
        _replace(stack.tenants_file, tenants_file(*OF_CONSOLE), stack)


async def _until(condition: Callable[[], bool], what: str) -> None:
    await asyncio.to_thread(eventually, condition, 20, what)


def _replace(file: Path, text: str, stack: Stack) -> None:
    file.write_text(text)
    stack.process.send_signal(signal.SIGHUP)


def _may_reset(stack: Stack) -> bool:
    """Whether ingest has read the file again: asked for a reset that nobody is named for."""
    headers = {"Authorization": f"Bearer {OPERATOR_KEY}", "Content-Type": "application/json"}
    asked = Request("POST", "/v1/addresses/x@example.org/reset?tenant=beta", b"{}", headers)
    return call(stack.ports["ingest"], asked).status == 422
