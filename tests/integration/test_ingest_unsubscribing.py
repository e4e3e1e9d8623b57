"""Unsubscribe links over real HTTP: who opens one is asked, who posts is opted out, and Kafka then has the consent."""

import asyncio
import re
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio

from deploy.topics import create_topics
from ingest import unsubscribing
from processors.providers.app import adapt
from processors.providers.told import Told
from schemas.activity import Activity
from schemas.consent import ConsentChange
from schemas.envelope import Envelope
from schemas.unsubscribe import UnsubscribeLink, link_headers, link_url, make_token
from tests.integration.ingest_stage import (
    PARTITIONS,
    SECRETS,
    Client,
    Receipts,
    code,
    log_of,
    process,
    receipts,
    within,
)
from tests.patience import eventually

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ONE_CLICK = b"List-Unsubscribe=One-Click"
LINK = UnsubscribeLink(tenant="acme", address="Ann@Example.org", category="marketing", campaign="spring")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stored(kafka: str) -> AsyncIterator[Receipts]:
    await create_topics(kafka, partitions=PARTITIONS)
    async with receipts(kafka) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ingest(
    kafka: str, stored: Receipts, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Client]:
    async with within(kafka, tmp_path_factory.mktemp("ingest")) as client:
        yield client


def path_of(link: UnsubscribeLink = LINK, secret: str = SECRETS[0]) -> str:
    return link_url("", make_token(link, secret))


def change_of(envelope: Envelope) -> tuple[Activity, ConsentChange]:
    """What the worker makes of the receipt: one change of consent."""
    read = adapt(envelope, str(envelope.tenant))
    assert isinstance(read, Told)
    (activity,) = read.activity
    assert isinstance(activity.what, ConsentChange)
    return activity, activity.what


async def nothing_but(ingest: Client, stored: Receipts) -> None:
    """Nothing was stored since the last look: an opt-out made now is the first to come."""
    last = LINK.model_copy(update={"address": "last@example.org"})
    assert (await ingest.call("POST", path_of(last), data=ONE_CLICK, headers=FORM))[0] == 200
    (envelope,) = await stored.until(1)
    assert change_of(envelope)[0].address == "last@example.org"


async def test_a_link_checker_that_opens_the_link_changes_nothing(ingest: Client, stored: Receipts) -> None:
    for method in ("GET", "HEAD", "GET"):
        status, page, kind = await ingest.call(method, path_of(), headers=HTML)
        assert (status, kind) == (200, "text/html")
        assert (b"<form" in page) == (method == "GET")
    await nothing_but(ingest, stored)


@pytest.mark.parametrize("secret", SECRETS)
async def test_the_mail_programs_button_opts_out_at_once(
    ingest: Client, stored: Receipts, secret: str
) -> None:
    status, page, kind = await ingest.call("POST", path_of(secret=secret), data=ONE_CLICK, headers=FORM)
    assert (status, kind) == (200, "text/html")
    assert b"You are unsubscribed" in page
    (envelope,) = await stored.until(1)
    assert (envelope.provider, envelope.verified) == ("app", {"by": "link"})
    activity, change = change_of(envelope)
    assert (activity.tenant, activity.channel, activity.address) == ("acme", "email", "ann@example.org")
    assert (change.category, change.consent, change.source) == ("marketing", "out", "customer")
    assert change.actor == "Ann@Example.org"
    assert change.recorded_by is None
    assert change.evidence == {
        "method": "link",
        "wording": "Stop sending news and offers from Acme",
        "reference": "spring",
    }


async def test_the_mail_programs_button_may_post_multipart_form_data(
    ingest: Client, stored: Receipts
) -> None:
    body = b'--BOUNDARY\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--BOUNDARY--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=BOUNDARY"}
    assert (await ingest.call("POST", path_of(), data=body, headers=headers))[0] == 200
    change_of((await stored.until(1))[0])


async def test_the_button_of_the_page_opts_out(ingest: Client, stored: Receipts) -> None:
    _, page, _ = await ingest.call("GET", path_of(), headers=HTML)
    fields = dict(re.findall(r'name="(\w+)" value="(\w+)"', page.decode()))
    status, done, _ = await ingest.call("POST", path_of(), data=fields, headers=HTML)
    assert status == 200
    assert b'role="status"' in done
    change = change_of((await stored.until(1))[0])[1]
    assert change.reason == "unsubscribe link, confirmed"


async def test_an_opt_out_through_a_message_is_filed_under_it(ingest: Client, stored: Receipts) -> None:
    link = LINK.model_copy(
        update={"message_id": "m-7", "channel": "sms", "address": "+15005550006", "sender": "+15005550001"}
    )
    assert (await ingest.call("POST", path_of(link), data=ONE_CLICK, headers=FORM))[0] == 200
    (envelope,) = await stored.until(1)
    assert envelope.message_id == "m-7"
    change = change_of(envelope)[1]
    assert (change.message_id, change.sender) == ("m-7", "+15005550001")


async def test_a_link_in_a_mail_ends_the_whole_category_as_the_page_says_whatever_sender_it_names(
    ingest: Client, stored: Receipts
) -> None:
    link = LINK.model_copy(update={"sender": "news@acme.example"})
    assert (await ingest.call("POST", path_of(link), data=ONE_CLICK, headers=FORM))[0] == 200
    change = change_of((await stored.until(1))[0])[1]
    assert (change.category, change.sender) == ("marketing", None)


async def test_a_press_of_the_button_counts_though_its_tenant_is_taken_away_meanwhile(
    kafka: str, stored: Receipts, tmp_path: Path
) -> None:
    with process(kafka, tmp_path) as (ingest, port):
        client = Client(port)
        async with client.session:
            await eventually(lambda: client.answers("/readyz", 200), 20, "readiness")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"POST {path_of()} HTTP/1.1\r\nHost: w\r\nContent-Type: {FORM['Content-Type']}\r\n"
        writer.write(f"{head}Content-Length: {len(ONE_CLICK)}\r\nExpect: 100-continue\r\n\r\n".encode())
        assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"
        (tmp_path / "tenants.toml").write_text('[tenants.other]\nname = "Other"\n')
        ingest.send_signal(signal.SIGHUP)

        async def read_again() -> bool:
            return "read again" in log_of(tmp_path).read_text()

        await eventually(read_again, 10, "the tenants file read again")
        writer.write(ONE_CLICK)
        assert await reader.readline() == b"\r\n"
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        writer.close()
    assert change_of((await stored.until(1))[0])[1].consent == "out"


@pytest.mark.parametrize(
    "body", [b"", b"confirm=no", b"List-Unsubscribe=Two-Click", b"x" * 100, b"&".join([b"a=1"] * 99)]
)
async def test_a_post_of_anything_else_changes_nothing(ingest: Client, stored: Receipts, body: bytes) -> None:
    answer = await ingest.call("POST", path_of(), data=body, headers=FORM)
    assert code(answer) == (400, "bad_request")
    status, page, _ = await ingest.call("POST", path_of(), data=body, headers=FORM | HTML)
    assert (status, b"<h1>That did not work</h1>" in page) == (400, True)
    await nothing_but(ingest, stored)


async def test_a_body_that_no_mail_program_posts_is_too_large(ingest: Client) -> None:
    body = ONE_CLICK + b"&" + b"x" * unsubscribing.MAX_BODY_BYTES
    assert code(await ingest.call("POST", path_of(), data=body, headers=FORM)) == (413, "too_large")


def _forged() -> dict[str, str]:
    token = make_token(LINK, SECRETS[0])
    payload, _, signature = token.partition(".")
    ben = make_token(LINK.model_copy(update={"address": "ben@example.org"}), SECRETS[0]).partition(".")[0]
    strange = LINK.model_copy(update={"tenant": "strict"})
    return {
        "signed by nobody": payload,
        "another's signature": f"{ben}.{signature}",
        "cut short": token[:-1],
        "with more behind it": token + "A",
        "of another secret": make_token(LINK, "x" * 32),
        "of a tenant without secrets": make_token(strange, SECRETS[0]),
        "of nobody": make_token(strange.model_copy(update={"tenant": "nobody"}), SECRETS[0]),
        "no token": "hello",
        "in another alphabet": "%C3%A9.%C3%A9",
        "endless": token + "A" * 4096,
    }


@pytest.mark.parametrize("token", _forged().values(), ids=_forged())
async def test_a_link_that_was_not_made_here_does_nothing_and_tells_nothing(
    ingest: Client, stored: Receipts, token: str
) -> None:
    answers = [
        await ingest.call("GET", f"/unsubscribe/{token}"),
        await ingest.call("POST", f"/unsubscribe/{token}", data=ONE_CLICK, headers=FORM),
    ]
    assert [code(answer) for answer in answers] == [(403, "bad_link")] * 2
    assert all("detail" not in document for _, document, _ in answers)
    status, page, kind = await ingest.call("GET", f"/unsubscribe/{token}", headers=HTML)
    assert (status, kind) == (403, "text/html")
    assert b"<form" not in page
    await nothing_but(ingest, stored)


async def test_a_link_works_for_ever_unless_it_says_until_when(ingest: Client, stored: Receipts) -> None:
    now = int(time.time())
    over = LINK.model_copy(update={"expires": now - 1})
    assert code(await ingest.call("POST", path_of(over), data=ONE_CLICK, headers=FORM)) == (
        410,
        "expired_link",
    )
    later = LINK.model_copy(update={"expires": now + 3600})
    assert (await ingest.call("POST", path_of(later), data=ONE_CLICK, headers=FORM))[0] == 200
    await stored.until(1)


async def test_the_page_loads_nothing_runs_nothing_and_is_not_kept(ingest: Client) -> None:
    async with ingest.session.get(ingest.base + path_of()) as answer:
        page, headers = await answer.text(), answer.headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "script" not in policy
    assert "unsafe" not in policy
    assert (headers["Cache-Control"], headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert not re.search(r"<script|<img|<link|<iframe|https?://|\bon\w+=|style=", page)


async def test_what_a_link_says_is_shown_as_text(ingest: Client) -> None:
    link = LINK.model_copy(update={"address": "o'neil&co@example.org"})
    _, page, _ = await ingest.call("GET", path_of(link), headers=HTML)
    assert "o&#x27;neil&amp;co@example.org" in page.decode()


async def test_another_method_is_told_which_ones_are_taken(ingest: Client) -> None:
    async with ingest.session.put(ingest.base + path_of()) as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "GET,HEAD,POST")


async def test_while_kafka_is_away_nobody_is_told_to_be_unsubscribed(tmp_path: Path) -> None:
    async with within("127.0.0.1:1", tmp_path, ready=503) as ingest:
        async with ingest.session.post(ingest.base + path_of(), data=ONE_CLICK, headers=FORM) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
            document: dict[str, Any] = orjson.loads(await answer.read())
            assert document["code"] == "unavailable"
        async with ingest.session.post(
            ingest.base + path_of(), data=ONE_CLICK, headers=FORM | HTML
        ) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
            assert "nothing was changed" in await answer.text()


async def test_while_kafka_is_away_nothing_is_accepted(tmp_path: Path) -> None:
    async with within("127.0.0.1:1", tmp_path, ready=503) as ingest:
        message = {"id": "m", "channel": "email", "recipient": "ann@example.org"}
        assert code(await ingest.tell("POST", "/v1/messages", [message])) == (503, "unavailable")
        assert code(await ingest.tell("POST", "/v1/messages", [{}])) == (422, "invalid_fields")


def test_the_headers_are_those_of_rfc_8058() -> None:
    assert link_headers(link_url("https://waybill.example/", "t")) == {
        "List-Unsubscribe": "<https://waybill.example/unsubscribe/t>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
