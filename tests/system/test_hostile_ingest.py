"""Input that nobody honest sends, at every address of ingest: a stable answer, never a crash, bounded memory."""

import base64
import contextlib
import gzip
import json
import socket

import pytest

from tests.system import payloads as p
from tests.system.client import CUT, Answer, Request, call, get
from tests.system.posting import sns_request, twilio_request
from tests.system.stack import Stack
from tests.system.tenants import ACME, GAMMA

LIMIT = 768 * 1024
REFUSALS = (400, 401, 403, 404, 405, 411, 413, 414, 415, 431)
ADDRESSES = ("/webhooks/ses/acme", "/webhooks/ses", "/webhooks/twilio/acme")
DEEP = 100_000

ABSURD = {
    "nothing": b"",
    "a null byte": b"\x00",
    "no JSON": b"hello",
    "half of JSON": b'{"Type": "Notification", "Message": "',
    "not UTF-8": b'{"Type": "\xff\xfe\xfd"}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"Type": "Notification"}'.encode("utf-16"),
    "a list": b"[]",
    "a number": b"1e999",
    "NaN": b"NaN",
    "null": b"null",
    "an empty object": b"{}",
    "deep lists": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "a huge number": b'{"Type": ' + b"9" * 5000 + b"}",
    "a lone surrogate": b'{"Type": "\\ud800"}',
    "the same name twice": b'{"Type": "Notification", "Type": "Notification"}',
    "values of wrong types": b'{"Type": 1, "Message": {}, "MessageId": [], "TopicArn": null, "Signature": true}',
    "random bytes": bytes(range(256)) * 64,
    "many names": json.dumps({f"n{i}": "x" for i in range(20_000)}).encode(),
    "many form fields": b"&".join(b"n%d=x" % i for i in range(50_000)),
    "a multipart form": b'--x\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\nc\r\n--x--\r\n',
}

CONTENT_TYPES = (
    "text/plain; charset=UTF-8",
    "application/json",
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=nonsense",
    "multipart/form-data; boundary=x",
    "nonsense",
    "",
)


def _post(stack: Stack, path: str, body: bytes, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return call(stack.ports["ingest"], Request("POST", path, body, named))


def _alive(stack: Stack, pid: int) -> None:
    assert stack.part("ingest").pid == pid, "ingest was restarted"
    assert get(stack.ports["ingest"], "/healthz").status == 200


@pytest.mark.parametrize("path", ADDRESSES)
def test_absurd_bodies_are_refused_with_a_stable_code(stack: Stack, path: str) -> None:
    pid = stack.part("ingest").pid
    for name, body in ABSURD.items():
        for content_type in CONTENT_TYPES:
            answer = _post(stack, path, body, Content_Type=content_type)
            assert answer.status in REFUSALS and answer.code is not None, (name, content_type, answer)
    _alive(stack, pid)


def test_forged_sns_envelopes_are_refused(stack: Stack) -> None:
    m = p.mail(p.new_id(), [p.new_address()], p.at(0))
    good = json.loads(stack.ses_request(p.send(m)).body)
    forgeries = {
        "the message": {"Message": good["Message"].replace("ses.example.com", "evil.example")},
        "the time": {"Timestamp": "2020-01-01T00:00:00.000Z"},
        "the id": {"MessageId": "00000000-0000-0000-0000-000000000000"},
        "an added subject": {"Subject": "x"},
        "the version": {"SignatureVersion": "1"},
        "an unknown version": {"SignatureVersion": "3"},
        "no signature": {"Signature": ""},
        "a signature that is no base64": {"Signature": "%%%"},
        "a huge signature": {"Signature": base64.b64encode(b"x" * 100_000).decode()},
        "another signature": {"Signature": base64.b64encode(b"x" * 256).decode()},
        "the type": {"Type": "UnsubscribeConfirmation", "Token": "t", "SubscribeURL": "https://example.org"},
        "a newline in the signed text": {"MessageId": good["MessageId"] + "\nSubject\nx"},
    }
    for name, change in forgeries.items():
        request = sns_request(good, "/webhooks/ses/acme")
        changed = Request("POST", request.path, json.dumps(good | change).encode(), request.headers)
        answer = call(stack.ports["ingest"], changed)
        assert (answer.status, answer.code) in ((403, "bad_signature"), (400, "malformed_envelope")), (
            name,
            answer,
        )
    lacking = [name for name in good if name != "UnsubscribeURL"]
    for name in lacking:
        envelope = {key: value for key, value in good.items() if key != name}
        answer = call(stack.ports["ingest"], sns_request(envelope, "/webhooks/ses/acme"))
        assert answer.status in (400, 403) and answer.code, (name, answer)
    assert stack.ask(f"/v1/messages/{m['messageId']}").status == 404


def test_a_tenant_that_insists_on_version_2_refuses_version_1(stack: Stack) -> None:
    m = p.mail(p.new_id(), [p.new_address()], p.at(0))
    answer = stack.ses(p.send(m), GAMMA, version="1")
    assert (answer.status, answer.code) == (403, "bad_signature")


def test_forged_twilio_callbacks_are_refused(stack: Stack) -> None:
    form = p.sms(p.new_sid(), "delivered", p.new_number(), ACME.account)
    good = twilio_request(form)
    signature = good.headers["X-Twilio-Signature"]
    for name, body, headers, path in (
        ("another number", good.body.replace(b"To=", b"To=1"), good.headers, good.path),
        ("another query", good.body, good.headers, good.path + "?campaign=x"),
        ("no signature", good.body, {"Content-Type": good.headers["Content-Type"]}, good.path),
        ("an empty one", good.body, good.headers | {"X-Twilio-Signature": ""}, good.path),
        ("no base64", good.body, good.headers | {"X-Twilio-Signature": "\u00e9%%"}, good.path),
        (
            "a JSON body",
            b"{}",
            {"Content-Type": "application/json", "X-Twilio-Signature": signature},
            good.path,
        ),
        ("a parameter pollution", good.body + b"&MessageStatus=failed", good.headers, good.path),
        (
            "a wrong body hash",
            b"{}",
            good.headers | {"Content-Type": "application/json"},
            good.path + "?bodySHA256=00",
        ),
    ):
        answer = call(stack.ports["ingest"], Request("POST", path, body, headers))
        assert (answer.status, answer.code) in ((403, "bad_signature"), (403, "foreign_account")), (
            name,
            answer,
        )


def test_unknown_tenants_and_addresses_are_404_and_wrong_methods_405(stack: Stack) -> None:
    port = stack.ports["ingest"]
    m = p.mail(p.new_id(), [p.new_address()], p.at(0))
    signed = stack.ses_request(p.send(m)).body
    for name in ("nobody", "ACME", "acme%00", "%2e%2e", "a" * 5000, "acme%2Fx", "%ff"):
        for kind in ("ses", "twilio"):
            answer = call(port, Request("POST", f"/webhooks/{kind}/{name}", signed))
            assert answer.status in (404, 414, 400) and answer.code, (name, kind, answer)
    assert call(port, Request("POST", "/webhooks/ses/nobody", signed)).code == "unknown_tenant"
    for path in (
        "/",
        "/webhooks",
        "/webhooks/",
        "/webhooks/other/acme",
        "/webhooks/ses/acme/x",
        "/v2",
        "//",
        "/../etc",
    ):
        answer = call(port, Request("POST", path, b"{}"))
        assert (answer.status, answer.code) == (404, "not_found"), (path, answer)
    for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "NONSENSE"):
        answer = call(port, Request(method, "/webhooks/ses/acme"))
        assert answer.status in (405, 400) and answer.code in ("method_not_allowed", "bad_request"), (
            method,
            answer,
        )


def _of_size(stack: Stack, size: int) -> Request:
    """A signed notification of exactly that many bytes."""
    m = p.mail(p.new_id(), [p.new_address()], p.at(0))
    payload = p.delivery(m, p.at(2))
    missing = size - len(stack.ses_request(json.dumps(payload | {"filler": ""})).body)
    request = stack.ses_request(json.dumps(payload | {"filler": "x" * missing}))
    assert len(request.body) == size
    return request


def test_a_body_at_the_limit_is_stored_and_one_over_it_is_413(stack: Stack) -> None:
    port = stack.ports["ingest"]
    request = _of_size(stack, LIMIT)
    assert call(port, request).status == 200
    message_id = json.loads(json.loads(request.body)["Message"])["mail"]["messageId"]
    (row,) = stack.until_events(message_id, 1).values()
    assert row["status"] == "delivered"
    answer = call(port, _of_size(stack, LIMIT + 1))
    assert (answer.status, answer.code) == (413, "too_large")


def _talk(port: int, data: bytes, timeout: float = 20) -> bytes:
    """What a server says to these bytes until it closes; b"" where it only closes."""
    said = b""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while more := connection.recv(65536):
                said += more
    return said


@pytest.mark.parametrize("path", ADDRESSES)
def test_a_body_that_does_not_end_is_cut_off_at_the_limit(stack: Stack, path: str) -> None:
    """Chunked, and so without a length to look at: 413, and what comes after the limit is not kept."""
    ingest = stack.part("ingest")
    before = ingest.memory_info().rss
    with socket.create_connection(("127.0.0.1", stack.ports["ingest"]), timeout=20) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        with contextlib.suppress(ConnectionError, TimeoutError):
            for _ in range(1024):
                connection.sendall(chunk)
        answer = b""
        with contextlib.suppress(ConnectionError, TimeoutError):
            answer = connection.recv(4096)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 413"), answer[:100]
    assert ingest.memory_info().rss - before < 64 * 2**20
    _alive(stack, ingest.pid)


def test_lying_lengths_and_broken_requests_get_a_4xx_or_a_closed_connection(stack: Stack) -> None:
    pid, port = stack.part("ingest").pid, stack.ports["ingest"]
    head = b"POST /webhooks/ses/acme HTTP/1.1\r\nHost: x\r\n"
    for name, data in {
        "shorter than said": head + b"Content-Length: 100\r\n\r\n{}",
        "longer than said": head + b"Content-Length: 1\r\n\r\n{}{}{}{}",
        "negative": head + b"Content-Length: -1\r\n\r\n{}",
        "no number": head + b"Content-Length: x\r\n\r\n{}",
        "two lengths": head + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        "length and chunks": head + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "a huge length": head + b"Content-Length: 99999999999999999999\r\n\r\n{}",
        "a bad chunk": head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
        "an unknown encoding": head + b"Transfer-Encoding: gzip\r\n\r\n{}",
        "compressed nonsense": head + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "a long line": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        "a long header": head + b"X: " + b"a" * 100_000 + b"\r\nContent-Length: 0\r\n\r\n",
        "many headers": head
        + b"".join(b"X-%d: y\r\n" % n for n in range(5000))
        + b"Content-Length: 0\r\n\r\n",
        "a null in a header": head + b"X: a\x00b\r\nContent-Length: 0\r\n\r\n",
        "nothing": b"",
    }.items():
        said = _talk(port, data)
        assert said == b"" or said.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), (name, said[:200])
    _alive(stack, pid)


def test_a_compressed_body_cannot_blow_up(stack: Stack) -> None:
    ingest = stack.part("ingest")
    before = ingest.memory_info().rss
    bomb = gzip.compress(b"x" * (256 * 2**20), compresslevel=9)
    for path in ADDRESSES:
        with contextlib.suppress(*CUT):
            answer = _post(stack, path, bomb, Content_Encoding="gzip", Content_Type="text/plain")
            assert answer.status in REFUSALS, answer
    assert ingest.memory_info().rss - before < 64 * 2**20
    _alive(stack, ingest.pid)


def test_slow_connections_do_not_keep_others_from_being_served(stack: Stack) -> None:
    port, ingest = stack.ports["ingest"], stack.part("ingest")
    before = ingest.memory_info().rss
    with contextlib.ExitStack() as held:
        for n in range(300):
            connection = held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
            head = b"POST /webhooks/ses/acme HTTP/1.1\r\nHost: x\r\n"
            connection.sendall(
                head[: 5 + n % 20] if n % 2 else head + b"Content-Length: 700000\r\n\r\n" + b"x" * 1000
            )
        stack.accept(p.send(p.mail(p.new_id(), [p.new_address()], p.at(0))))
        assert ingest.memory_info().rss - before < 64 * 2**20
    _alive(stack, ingest.pid)


def test_a_request_that_never_comes_to_its_end_is_given_up(stack: Stack) -> None:
    ends = []
    with contextlib.ExitStack() as held:
        for data in (
            b"POST /webhooks/ses/acme HT",
            b"POST /webhooks/ses/acme HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{",
        ):
            connection = held.enter_context(
                socket.create_connection(("127.0.0.1", stack.ports["ingest"]), timeout=60)
            )
            connection.sendall(data)
            ends.append(connection)
        for connection in ends:
            with contextlib.suppress(ConnectionError):
                said = connection.recv(4096)
                assert said == b"" or said.startswith((b"HTTP/1.1 4", b"HTTP/1.1 503")), said
