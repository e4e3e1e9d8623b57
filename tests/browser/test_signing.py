"""Signing in and out, and what a session does not let through."""

import base64
import hashlib
import json
import re
import signal
import time

from cryptography.fernet import Fernet
from playwright.async_api import expect

from tests.browser.conftest import SECRET, OpenReader
from tests.system.client import Request, call
from tests.system.stack import Stack
from tests.system.tenants import ACME, DELTA, OF_CONSOLE, tenants_file, write_only
from tests.system.waiting import eventually


async def test_whoever_has_not_signed_in_is_asked_to_and_then_is_where_they_wanted_to_be(
    reader: OpenReader,
) -> None:
    async with reader() as someone:
        await someone.page.goto("/sms-log?q=spring")
        await expect(someone.page).to_have_title("Sign in · Waybill")
        await someone.look("sign-in")
        await someone.sign_in(ACME.key, "/sms-log?q=spring")
        await expect(someone.page).to_have_url(re.compile(r"/sms-log\?q=spring$"))


async def test_an_unknown_key_and_one_that_may_not_read_are_refused_with_the_reason(
    reader: OpenReader,
) -> None:
    async with reader() as someone:
        page = someone.page
        await page.goto("/sign-in")
        for key, reason in (("nobodys", "This key is not known"), (write_only(ACME), "may not read")):
            await page.get_by_label("Key", exact=True).fill(key)
            await page.get_by_role("button", name="Sign in").click()
            await expect(page.get_by_role("alert")).to_contain_text(reason)
        await someone.look("sign-in-refused")


async def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites_and_hides_the_key(
    reader: OpenReader,
) -> None:
    async with reader() as someone:
        await someone.sign_in(ACME.key)
        (cookie,) = [each for each in await someone.context.cookies() if each["name"] == "waybill_session"]
        assert cookie["httpOnly"] and cookie["sameSite"] == "Lax"
        assert ACME.key not in cookie["value"]
        assert "waybill_session" not in await someone.page.evaluate("document.cookie")


async def test_signing_out_ends_the_session(reader: OpenReader) -> None:
    async with reader() as someone:
        await someone.sign_in(ACME.key)
        await someone.page.get_by_role("button", name="Sign out").click()
        await expect(someone.page).to_have_title("Sign in · Waybill")
        await someone.page.goto("/email-log")
        await expect(someone.page).to_have_title("Sign in · Waybill")


async def test_a_session_that_is_over_leads_to_the_sign_in_page_and_back_from_there(
    reader: OpenReader,
) -> None:
    async with reader() as someone:
        await someone.sign_in(ACME.key)
        (cookie,) = [each for each in await someone.context.cookies() if each["name"] == "waybill_session"]
        over = {"key": ACME.key, "ends": time.time() - 1}
        box = Fernet(base64.urlsafe_b64encode(hashlib.sha256(SECRET.encode()).digest()))
        value = box.encrypt(json.dumps({"created": int(time.time()), "session": over}).encode()).decode()
        await someone.context.add_cookies(
            [{"name": cookie["name"], "value": value, "url": someone.url, "httpOnly": True}]
        )
        await someone.page.goto("/email-log?q=spring")
        await expect(someone.page.get_by_text("Your session has ended")).to_be_visible()
        await someone.page.get_by_label("Key", exact=True).fill(ACME.key)
        await someone.page.get_by_role("button", name="Sign in").click()
        await expect(someone.page).to_have_url(re.compile(r"/email-log\?q=spring$"))


async def test_a_key_that_is_taken_out_of_the_tenants_file_ends_its_sessions_at_once(
    reader: OpenReader, stack: Stack
) -> None:
    def known(key: str) -> int:
        return stack.ask("/v1/statuses", key).status

    try:
        stack.tenants_file.write_text(tenants_file(*OF_CONSOLE, DELTA))
        stack.process.send_signal(signal.SIGHUP)
        eventually(lambda: known(DELTA.key) == 200, 10, "the new tenant's key is known")
        async with reader() as someone:
            await someone.sign_in(DELTA.key)
            stack.tenants_file.write_text(tenants_file(*OF_CONSOLE))
            stack.process.send_signal(signal.SIGHUP)
            eventually(lambda: known(DELTA.key) == 401, 10, "the key is known no more")
            await someone.page.goto("/sms-log")
            await expect(someone.page.get_by_text("Your session has ended")).to_be_visible()
    finally:
        stack.tenants_file.write_text(tenants_file(*OF_CONSOLE))
        stack.process.send_signal(signal.SIGHUP)


async def test_signing_in_leads_to_no_other_host(reader: OpenReader) -> None:
    async with reader() as someone:
        for elsewhere in ("https://evil.example/", "//evil.example/", "/\\evil.example/"):
            await someone.context.clear_cookies()
            await someone.page.goto(f"/sign-in?next={elsewhere}")
            await someone.page.get_by_label("Key", exact=True).fill(ACME.key)
            await someone.page.get_by_role("button", name="Sign in").click()
            await expect(someone.page).to_have_url(f"{someone.url}/")


async def test_a_form_without_the_sessions_token_or_from_another_site_changes_nothing(
    reader: OpenReader, url: str
) -> None:
    async with reader() as someone:
        await someone.sign_in(ACME.key)
        request = someone.context.request
        token = await someone.page.locator("input[name=csrf]").first.input_value()
        attempts: list[tuple[dict[str, str | float | bool], dict[str, str]]] = [
            ({"csrf": "wrong"}, {"Origin": url}),
            ({}, {"Origin": url}),
            ({"csrf": token}, {"Origin": "https://evil.example"}),
        ]
        for form, headers in attempts:
            answer = await request.post("/sign-out", form=form, headers=headers, max_redirects=0)
            assert answer.status == 403, (form, headers)
        await someone.page.goto("/email-log")
        await expect(someone.page.get_by_role("heading", name="Email log")).to_be_visible()


def test_every_page_has_the_strict_policy_and_static_files_may_be_kept_for_ever(stack: Stack) -> None:
    port = stack.ports["query"]
    page = call(port, Request("GET", "/sign-in", headers={"Accept": "text/html"}))
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "same-origin"
    (style,) = re.findall(r'href="(/static/[0-9a-f]{12}/console\.css)"', page.body.decode())
    file = call(port, Request("GET", style))
    assert (file.status, file.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
    wrong = call(port, Request("GET", re.sub("[0-9a-f]{12}", "0" * 12, style)))
    assert wrong.status == 404


def test_cookies_are_kept_to_https_where_a_proxy_speaks_it(stack: Stack) -> None:
    port = stack.ports["query"]
    for proto, secure in (("https", True), ("http", False)):
        page = call(port, Request("GET", "/sign-in", headers={"X-Forwarded-Proto": proto}))
        assert ("Secure" in page.headers["set-cookie"]) is secure
