"""Each answer of ingest as http-api.md has it, over real HTTP, and what Kafka then has of it."""

import asyncio
import contextlib
import gzip
import hashlib
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import orjson
import pytest
import pytest_asyncio
from prometheus_client import REGISTRY

from deploy.local.signing import twilio_signature
from deploy.topics import create_topics
from ingest import server
from ingest.https import FetchFailed
from schemas.partition import partition_of
from schemas.topics import message_key
from tests.integration.ingest_stage import ACCOUNT, PARTITIONS, Client, Receipts, code, receipts, within
from tests.unit.ingest import sns

LIMIT = 32 * 1024
BODY_TIMEOUT_S = 0.5
PUBLIC = "https://hooks.example.com"


class Site:
    """Stands where SNS's hosts are."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.page: bytes | None = None
        self.visited = asyncio.Event()

    async def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        self.visited.set()
        if self.page is None:
            raise FetchFailed("nobody there")
        return self.page


@pytest.fixture(scope="module")
def site() -> Site:
    return Site()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stored(kafka: str) -> AsyncIterator[Receipts]:
    await create_topics(kafka, partitions=PARTITIONS)
    async with receipts(kafka) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ingest(
    kafka: str, stored: Receipts, site: Site, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Client]:
    folder = tmp_path_factory.mktemp("ingest")
    settings: dict[str, Any] = {
        "max_body_bytes": LIMIT,
        "body_timeout_s": BODY_TIMEOUT_S,
        "public_url": PUBLIC,
    }
    async with within(kafka, folder, site.fetch, **settings) as client:
        yield client


@pytest.fixture(autouse=True)
def _no_500() -> Iterator[None]:
    """Whatever a test does, nothing of it ends in an unforeseen error."""
    yield
    assert not REGISTRY.get_sample_value(
        "waybill_ingest_refusals_total", {"provider": "ses", "code": "internal"}
    )


def _confirmation(**changes: str) -> dict[str, str]:
    envelope = sns.signer().confirmation(
        topic=sns.TOPIC, message_id=str(uuid.uuid4()), timestamp="2026-11-22T09:28:17.123Z", token="t" * 64
    )
    fields = {k: v for k, v in envelope.items() if not k.startswith("Sign")} | changes
    return sns.signer().sign(fields, "2")


async def test_a_signed_notification_is_200_and_stored_untouched(ingest: Client, stored: Receipts) -> None:
    body = orjson.dumps(sns.notification(sns.mail("m-1"), version="1"), option=orjson.OPT_INDENT_2)
    status, document, kind = await ingest.sns(body, "/webhooks/ses/acme?from=here&x=%2f")
    assert (status, document, kind) == (200, {}, "application/json")
    (one,) = await stored.until(1)
    assert (one.provider, one.tenant, one.message_id, one.body) == ("ses", "acme", "m-1", body)
    assert (one.content_type, one.query) == ("text/plain; charset=UTF-8", "from=here&x=%2f")
    assert one.verified == {"by": "sns", "version": "1", "topic": sns.TOPIC, "certificate": sns.URL}
    assert uuid.UUID(one.receipt_id).int >> 80 == one.received_at


async def test_a_repeat_is_200_and_stored_again_under_another_receipt(
    ingest: Client, stored: Receipts
) -> None:
    envelope = sns.notification(sns.mail("m-2"))
    assert [(await ingest.sns(envelope))[0] for _ in range(2)] == [200, 200]
    first, second = await stored.until(2)
    assert first.body == second.body
    assert first.receipt_id != second.receipt_id


async def test_a_record_is_marked_and_lies_where_kafkas_default_partitioner_puts_its_key(
    ingest: Client, stored: Receipts
) -> None:
    for n in range(12):
        await ingest.sns(sns.notification(sns.mail(f"p-{n}/ü")))
    await stored.until(12)
    for partition, headers, envelopes in stored.records:
        assert headers == {"schema": b"receipts/1"}
        for one in envelopes:
            assert partition == partition_of(message_key("acme", one.message_id), PARTITIONS)
    assert len({partition for partition, *_ in stored.records}) > 1


@pytest.mark.parametrize(
    "message", ["Successfully validated SNS topic for Amazon SES event publishing.", "[]", '{"mail": 5}', ""]
)
async def test_what_is_authentic_and_makes_no_sense_is_200_and_stored(
    ingest: Client, stored: Receipts, message: str
) -> None:
    envelope = sns.notification(message)
    assert (await ingest.sns(envelope))[0] == 200
    (one,) = await stored.until(1)
    assert (one.tenant, one.message_id) == ("acme", envelope["MessageId"])


@pytest.mark.parametrize(
    ("envelope", "path", "refusal"),
    [
        (sns.notification() | {"Message": "forged"}, "/webhooks/ses/acme", (403, "bad_signature")),
        (sns.notification(topic=sns.TOPIC + "-foreign"), "/webhooks/ses/acme", (403, "foreign_topic")),
        (sns.notification(), "/webhooks/ses/other", (403, "foreign_topic")),
        (sns.notification(), "/webhooks/ses", (403, "foreign_topic")),
        (sns.notification(), "/webhooks/ses/nobody", (404, "unknown_tenant")),
        (sns.notification(), "/webhooks/ses/acme%2Fx", (404, "unknown_tenant")),
        (sns.notification(), "/webhooks/ses/%ff%00", (404, "unknown_tenant")),
        (sns.notification(), "/webhooks/ses/acme/x", (404, "not_found")),
        (sns.notification(), "/webhooks/ses/", (404, "not_found")),
        (sns.notification(), "/webhooks/sns/acme", (404, "not_found")),
        (sns.notification(), "/", (404, "not_found")),
        (sns.mail(), "/webhooks/ses/acme", (400, "malformed_envelope")),
        (b"", "/webhooks/ses/acme", (400, "malformed_envelope")),
        (b"\xff\x00", "/webhooks/ses/acme", (400, "malformed_envelope")),
        (b"[" * LIMIT, "/webhooks/ses/acme", (400, "malformed_envelope")),
        (b"x" * (LIMIT + 1), "/webhooks/ses/acme", (413, "too_large")),
        (b"x" * (LIMIT + 1), "/webhooks/ses/nobody", (404, "unknown_tenant")),
        (b"x" * (LIMIT + 1), "/webhooks/twilio/acme", (413, "too_large")),
        (b"", "/webhooks/twilio/acme", (403, "bad_signature")),
        (b"", "/webhooks/twilio/nobody", (404, "unknown_tenant")),
        (b"", "/webhooks/twilio", (404, "not_found")),
    ],
)
async def test_a_refusal_has_its_status_and_code_and_leaves_no_trace(
    ingest: Client, stored: Receipts, envelope: Any, path: str, refusal: tuple[int, str]
) -> None:
    assert code(await ingest.sns(envelope, path)) == refusal
    await ingest.sns(sns.notification(sns.mail("the next one")))
    assert [one.message_id for one in await stored.until(1)] == ["the next one"]


async def test_headers_are_hints_that_nothing_is_taken_from(ingest: Client, stored: Receipts) -> None:
    lies = {
        "x-amz-sns-message-type": "SubscriptionConfirmation",
        "x-amz-sns-topic-arn": sns.TOPIC + "-foreign",
        "x-amz-sns-rawdelivery": "true",
        "Content-Type": "nonsense \u00e9",
    }
    body = orjson.dumps(sns.notification(sns.mail("m-3")))
    status, *_ = await ingest.call("POST", "/webhooks/ses/acme", data=body, headers=lies)
    assert status == 200
    assert (await stored.until(1))[0].message_id == "m-3"


async def test_a_shared_topic_is_placed_by_tag_or_sender_and_stored_without_a_tenant_else(
    ingest: Client, stored: Receipts
) -> None:
    for mail in (
        sns.mail("s-1", tags={"tenant": ["other"]}),
        sns.mail("s-2", source="x@strict.example"),
        sns.mail("s-3", source="x@nowhere.example"),
    ):
        assert (await ingest.sns(sns.notification(mail, topic=sns.SHARED), "/webhooks/ses"))[0] == 200
    found = {one.message_id: one.tenant for one in await stored.until(3)}
    assert found == {"s-1": "other", "s-2": "strict", "s-3": None}


async def test_a_confirmation_is_stored_and_its_url_visited(
    ingest: Client, stored: Receipts, site: Site
) -> None:
    site.page = b"<ConfirmSubscriptionResponse/>"
    site.visited.clear()
    envelope = _confirmation()
    assert (await ingest.sns(envelope))[0] == 200
    assert (await stored.until(1))[0].message_id == envelope["MessageId"]
    await asyncio.wait_for(site.visited.wait(), 2)
    assert site.asked == [envelope["SubscribeURL"]]
    site.asked.clear()


async def test_a_signed_subscribe_url_of_a_foreign_host_is_stored_and_never_visited(
    ingest: Client, stored: Receipts, site: Site
) -> None:
    assert (await ingest.sns(_confirmation(SubscribeURL="https://evil.example/confirm")))[0] == 200
    await stored.until(1)
    assert site.asked == []


async def test_a_forged_or_foreign_confirmation_is_refused_and_never_visited(
    ingest: Client, site: Site
) -> None:
    forged = _confirmation() | {"SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Token=another"}
    assert code(await ingest.sns(forged)) == (403, "bad_signature")
    assert code(await ingest.sns(_confirmation(TopicArn=sns.TOPIC + "-foreign"))) == (403, "foreign_topic")
    assert site.asked == []


async def test_an_unsubscribe_confirmation_is_stored_and_never_visited(
    ingest: Client, stored: Receipts, site: Site
) -> None:
    assert (await ingest.sns(_confirmation(Type="UnsubscribeConfirmation")))[0] == 200
    await stored.until(1)
    assert site.asked == []


async def test_a_certificate_that_cannot_be_had_is_503_to_come_again_and_no_verdict(
    ingest: Client, stored: Receipts, site: Site
) -> None:
    site.page = None
    url = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-new.pem"
    signed = orjson.dumps(sns.notification(sns.mail("m-4")) | {"SigningCertURL": url})
    async with ingest.session.post(ingest.base + "/webhooks/ses/acme", data=signed) as answer:
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert (await answer.json(content_type=None))["code"] == "unavailable"
    site.page = sns.pem()
    async with asyncio.timeout(5):
        while (await ingest.sns(signed))[0] != 200:  # noqa: ASYNC110 - it is tried again after a pause
            await asyncio.sleep(0.1)
    assert (await stored.until(1))[0].message_id == "m-4"
    assert set(site.asked) == {url}
    site.asked.clear()


def _form(sid: str, **more: str) -> dict[str, str]:
    return {"MessageSid": sid, "MessageStatus": "sent", "AccountSid": ACCOUNT, "To": "+15005550006", **more}


async def test_a_twilio_callback_is_200_with_an_empty_twiml(ingest: Client, stored: Receipts) -> None:
    form, query = _form("SM1", Body=" ü "), "?campaign=x&b=%2f&a=1"
    status, body, kind = await ingest.twilio(form, query, public=PUBLIC)
    assert (status, body, kind) == (200, b"<Response/>", "text/xml")
    (one,) = await stored.until(1)
    assert (one.provider, one.tenant, one.message_id) == ("twilio", "acme", "SM1")
    assert one.verified == {"by": "twilio", "account": ACCOUNT}
    assert one.query == query[1:]


async def test_a_twilio_callback_is_refused_by_its_code(ingest: Client) -> None:
    assert code(await ingest.twilio(_form("SM2"), token="no-token", public=PUBLIC)) == (403, "bad_signature")
    assert code(await ingest.twilio(_form("SM2"), public="http://127.0.0.1")) == (403, "bad_signature")
    foreign = _form("SM2") | {"AccountSid": "AC" + "9" * 32}
    assert code(await ingest.twilio(foreign, public=PUBLIC)) == (403, "foreign_account")


async def test_a_twilio_callback_in_json_is_stored(ingest: Client, stored: Receipts) -> None:
    body = b'{"AccountSid": "%s", "MessageSid": "SM3"}' % ACCOUNT.encode()
    path = f"/webhooks/twilio/acme?bodySHA256={hashlib.sha256(body).hexdigest()}"
    headers = {
        "Content-Type": "application/json",
        "X-Twilio-Signature": twilio_signature("a-token", PUBLIC + path, {}),
    }
    assert (await ingest.call("POST", path, data=body, headers=headers))[0] == 200
    assert (await stored.until(1))[0].message_id == "SM3"


async def test_a_twilio_callback_without_a_message_is_stored_under_its_receipt(
    ingest: Client, stored: Receipts
) -> None:
    assert (await ingest.twilio({"AccountSid": ACCOUNT}, public=PUBLIC))[0] == 200
    (one,) = await stored.until(1)
    assert one.message_id == one.receipt_id


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
async def test_a_callbacks_address_takes_post_alone(ingest: Client, method: str) -> None:
    async with ingest.session.request(method, ingest.base + "/webhooks/ses/acme") as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")
        assert answer.content_type == "application/problem+json"


async def test_a_body_at_the_limit_is_read_whatever_way_it_comes(ingest: Client, stored: Receipts) -> None:
    envelope = sns.notification(sns.mail("m-5", filler="x" * (LIMIT - 4000)))
    body = orjson.dumps(envelope)
    body += b" " * (LIMIT - len(body))
    assert (await ingest.sns(body))[0] == 200

    async def slices() -> AsyncIterator[bytes]:
        for at in range(0, LIMIT, 5000):
            yield body[at : at + 5000]
            await asyncio.sleep(0)

    assert (await ingest.call("POST", "/webhooks/ses/acme", data=slices()))[0] == 200
    assert [one.body for one in await stored.until(2)] == [body, body]


async def test_a_chunked_body_is_cut_off_at_the_limit_and_not_read_to_its_end(ingest: Client) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 200 * LIMIT:
            sent += LIMIT
            yield b"x" * LIMIT
            await asyncio.sleep(0.01)

    async with ingest.session.post(ingest.base + "/webhooks/ses/acme", data=endless()) as answer:
        assert answer.status == 413
        assert answer.headers["Connection"] == "close"
    assert sent < 200 * LIMIT


async def test_a_compressed_body_is_no_envelope_and_is_not_unpacked(ingest: Client) -> None:
    bomb = gzip.compress(b" " * (8 * LIMIT) + orjson.dumps(sns.notification()))
    assert len(bomb) < LIMIT
    answer = await ingest.call("POST", "/webhooks/ses/acme", data=bomb, headers={"Content-Encoding": "gzip"})
    assert code(answer) == (400, "malformed_envelope")


async def _talk(ingest: Client, data: bytes) -> bytes:
    """What a server says to these bytes until it closes."""
    port = int(ingest.base.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    said = b""
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(10):
            said = await reader.read()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return said


async def test_a_body_that_does_not_arrive_in_time_is_503_and_the_connection_closed(ingest: Client) -> None:
    said = await _talk(ingest, b"POST /webhooks/ses/acme HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{")
    assert said.startswith(b"HTTP/1.1 503") and b"Retry-After" in said and b'"unavailable"' in said


@pytest.mark.parametrize(
    "rest",
    [
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"Content-Length: 500\r\n\r\nhello",
    ],
)
async def test_a_body_that_is_cut_off_or_broken_is_no_500_and_no_error_in_the_log(
    ingest: Client, caplog: pytest.LogCaptureFixture, rest: bytes
) -> None:
    port = int(ingest.base.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /webhooks/ses/acme HTTP/1.1\r\nHost: x\r\n" + rest[: len(rest) // 2])
    await writer.drain()
    writer.write(rest[len(rest) // 2 :])
    writer.write_eof()
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(10):
            said = await reader.read()
            assert said == b"" or said.startswith((b"HTTP/1.1 4", b"HTTP/1.1 503")), said
    writer.close()
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_connection_that_says_nothing_is_closed(
    ingest: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEAD_TIMEOUT_S", 0.2)
    assert await _talk(ingest, b"POST /webhooks/ses/acme HT") == b""
    assert await _talk(ingest, b"") == b""


async def test_a_sender_that_asks_first_is_told_to_go_on(ingest: Client, stored: Receipts) -> None:
    body = orjson.dumps(sns.notification(sns.mail("m-6")))
    port = int(ingest.base.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /webhooks/ses/acme HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
    writer.write(head.encode())
    async with asyncio.timeout(5):
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.close()
    await writer.wait_closed()
    assert (await stored.until(1))[0].message_id == "m-6"


async def test_refusals_and_receipts_are_counted(ingest: Client, stored: Receipts) -> None:
    def value(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, labels) or 0

    before = value("waybill_ingest_receipts_total", provider="ses")
    forged = value("waybill_ingest_refusals_total", provider="ses", code="bad_signature")
    await ingest.sns(sns.notification(sns.mail("m-8")))
    await ingest.sns(sns.notification() | {"Message": "forged"})
    await stored.until(1)
    assert value("waybill_ingest_receipts_total", provider="ses") == before + 1
    assert value("waybill_ingest_refusals_total", provider="ses", code="bad_signature") == forged + 1
    status, page, _ = await ingest.call("GET", "/metrics")
    assert status == 200
    assert b"waybill_ingest_batch_envelopes_count" in page and b"waybill_ingest_waiting_bytes 0.0" in page


async def test_it_is_alive_and_ready(ingest: Client) -> None:
    assert (await ingest.call("GET", "/healthz"))[:2] == (200, {"status": "ok"})
    assert (await ingest.call("GET", "/readyz"))[:2] == (200, {"status": "ready", "kafka": "reachable"})
    assert code(await ingest.call("POST", "/readyz")) == (405, "method_not_allowed")
