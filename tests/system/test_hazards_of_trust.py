"""The hazards of believing too much: forged and foreign callbacks, addresses that must not be visited."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator

from tests.system import payloads as p
from tests.system.client import Answer, call, get
from tests.system.posting import sns_request
from tests.system.stack import Stack
from tests.system.tenants import ACME, BETA, FOREIGN_TOPIC


def _new(*recipients: str, **tags: str) -> p.Payload:
    return p.mail(p.new_id(), list(recipients) or [p.new_address()], p.at(0), **tags)


def test_a_foreign_topics_valid_signature_is_refused(stack: Stack) -> None:
    m = _new()
    answers = [
        stack.ses(p.complaint(m, p.at(3)), topic=FOREIGN_TOPIC),
        stack.ses(p.complaint(m, p.at(3)), topic=BETA.topic),
        stack.ses(p.complaint(m, p.at(3)), topic=FOREIGN_TOPIC, path="/webhooks/ses"),
    ]
    assert [(a.status, a.code) for a in answers] == [(403, "foreign_topic")] * 3
    stack.accept(p.delivery(m, p.at(2)))
    (row,) = stack.until_events(m["messageId"], 1).values()
    assert row["status"] == "delivered"


def test_a_foreign_twilio_account_is_refused(stack: Stack) -> None:
    answer = stack.twilio(p.sms(p.new_sid(), "delivered", p.new_number(), BETA.account))
    assert (answer.status, answer.code) in ((403, "foreign_account"), (403, "bad_signature"))


@contextlib.contextmanager
def _listener() -> Iterator[tuple[int, list[object]]]:
    """A port and the connections that came to it."""
    came: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, peer = server.accept()
                    came.append(peer)
                    connection.close()

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield server.getsockname()[1], came
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def _confirm(stack: Stack, url: str) -> Answer:
    fields = {
        "Type": "SubscriptionConfirmation",
        "MessageId": p.new_id(),
        "Token": "2336412f37",
        "TopicArn": ACME.topic,
        "Message": "You have chosen to subscribe",
        "SubscribeURL": url,
        "Timestamp": p.at(0),
    }
    return call(stack.ports["ingest"], sns_request(stack.signer.sign(fields, "2"), "/webhooks/ses/acme"))


def test_a_subscribe_url_that_is_not_amazons_is_not_visited(stack: Stack) -> None:
    with _listener() as (port, came):
        for url in (
            f"https://127.0.0.1:{port}/?Action=ConfirmSubscription",
            f"http://127.0.0.1:{port}/",
            f"https://sns.eu-west-1.amazonaws.com@127.0.0.1:{port}/",
            f"https://127.0.0.1:{port}/#sns.eu-west-1.amazonaws.com",
            f"https://sns.eu-west-1.amazonaws.com:{port}/",
            "file:///etc/passwd",
            "not an address",
        ):
            answer = _confirm(stack, url)
            assert answer.status in (200, 400, 403), (url, answer)
        stack.accept(p.send(_new()))
        assert came == []


def test_a_confirmation_whose_signature_is_forged_is_refused(stack: Stack) -> None:
    with _listener() as (port, came):
        envelope = stack.signer.confirmation(
            topic=ACME.topic, message_id=p.new_id(), timestamp=p.at(0), token="t"
        )
        envelope["SubscribeURL"] = f"https://127.0.0.1:{port}/"
        answer = call(stack.ports["ingest"], sns_request(envelope, "/webhooks/ses/acme"))
        assert (answer.status, answer.code) == (403, "bad_signature")
        assert came == []


def test_no_certificate_is_fetched_that_the_operator_provides(stack: Stack) -> None:
    def fetches() -> list[str]:
        page = get(stack.ports["ingest"], "/metrics").body.decode()
        return [
            line for line in page.splitlines() if line.startswith("waybill_ingest_certificate_fetches_total")
        ]

    before = fetches()
    for _ in range(20):
        stack.accept(p.send(_new()))
    assert fetches() == before


def test_a_certificate_that_is_not_at_amazons_is_refused_without_a_visit(stack: Stack) -> None:
    name = stack.signer.certificate_url.rsplit("/", 1)[1]
    with _listener() as (port, came):
        for url in (
            f"https://127.0.0.1:{port}/{name}",
            f"http://sns.eu-west-1.amazonaws.com/{name}",
            f"https://sns.eu-west-1.amazonaws.com.example.org/{name}",
            f"https://sns.eu-west-1.amazonaws.com:8443/{name}",
            f"https://x@sns.eu-west-1.amazonaws.com/{name}",
            f"https://sns.eu-west-1.amazonaws.com/../{name}.exe",
            f"https://s3.amazonaws.com/{name}",
            "",
        ):
            request = stack.ses_request(p.send(_new()))
            envelope = json.loads(request.body) | {"SigningCertURL": url}
            answer = call(stack.ports["ingest"], sns_request(envelope, request.path))
            expected = (
                ((403, "bad_signature"), (400, "malformed_envelope"))
                if not url
                else ((403, "bad_signature"),)
            )
            assert (answer.status, answer.code) in expected, (url, answer)
        assert came == []


def test_a_plain_text_notification_of_a_new_topic_is_accepted_and_leaves_no_trace_in_the_log(
    stack: Stack,
) -> None:
    text = f"Successfully validated SNS topic for Amazon SES event publishing. {p.new_id()}"
    assert stack.ses(text).status == 200
