"""What SNS signed is believed, and nothing else; the cheap refusals come first."""

import base64
from pathlib import Path
from typing import Any

import orjson
import pytest

from ingest.certificates import Certificates
from ingest.verifiers import Authentic, Callback
from ingest.verifiers.sns import SnsVerifier, is_certificate_url, is_sns_url, parse_envelope
from schemas.problems import ProblemError
from tests.unit.ingest import sns


async def _never(url: str) -> bytes:
    raise AssertionError(f"{url} was fetched")


class Gate:
    """A verifier with its tenants and a folder of certificates."""

    def __init__(self, folder: Path) -> None:
        self.verifier = SnsVerifier(Certificates(sns.folder(folder), _never))
        self.tenants = sns.tenants()

    async def passes(self, envelope: object, tenant: str | None = "acme") -> Authentic:
        body = envelope if isinstance(envelope, bytes) else orjson.dumps(envelope)
        return await self.verifier.authenticate(
            self.tenants, tenant, Callback(body, "text/plain", "/", "", "")
        )

    async def refuses(self, envelope: object, tenant: str | None = "acme") -> str:
        with pytest.raises(ProblemError) as refusal:
            await self.passes(envelope, tenant)
        return refusal.value.problem.code


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


@pytest.mark.parametrize("version", ["1", "2"])
async def test_both_signature_versions_are_verified(gate: Gate, version: str) -> None:
    authentic = await gate.passes(sns.notification(sns.mail("m-1"), version=version))
    assert (authentic.tenant, authentic.message_id) == ("acme", "m-1")
    assert authentic.verified == {"by": "sns", "version": version, "topic": sns.TOPIC, "certificate": sns.URL}


async def test_a_subject_is_signed_where_there_is_one(gate: Gate) -> None:
    envelope = sns.notification(sns.mail(), subject="Amazon SES Email Event Notification")
    assert (await gate.passes(envelope)).message_id == "h-1"
    assert await gate.refuses(envelope | {"Subject": "another"}) == "bad_signature"
    assert (await gate.passes(sns.notification(sns.mail()) | {"Subject": None})).message_id == "h-1"


@pytest.mark.parametrize("field", ["Message", "MessageId", "Timestamp"])
async def test_a_changed_field_is_a_bad_signature(gate: Gate, field: str) -> None:
    envelope = sns.notification(sns.mail())
    assert await gate.refuses(envelope | {field: envelope[field] + " "}) == "bad_signature"


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "%%%",
        "é",
        "QUJD",
        base64.b64encode(b"x" * 256).decode(),
        base64.b64encode(b"x" * 500_000).decode(),
    ],
)
async def test_a_signature_that_is_none_is_a_bad_signature(gate: Gate, signature: str) -> None:
    assert await gate.refuses(sns.notification() | {"Signature": signature}) == "bad_signature"


@pytest.mark.parametrize("version", ["3", "", "one", " 1"])
async def test_an_unknown_signature_version_is_a_bad_signature(gate: Gate, version: str) -> None:
    assert await gate.refuses(sns.notification() | {"SignatureVersion": version}) == "bad_signature"


async def test_a_signature_of_one_version_is_not_taken_for_the_other(gate: Gate) -> None:
    assert await gate.refuses(sns.notification(version="1") | {"SignatureVersion": "2"}) == "bad_signature"


@pytest.mark.parametrize("field", ["Signature", "SignatureVersion", "SigningCertURL"])
@pytest.mark.parametrize("value", [None, 5, [], {}])
async def test_an_envelope_without_a_signature_is_a_bad_signature(
    gate: Gate, field: str, value: object
) -> None:
    assert await gate.refuses(sns.notification() | {field: value}) == "bad_signature"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00",
        b"hello",
        b"null",
        b"[]",
        b"5",
        b'"Notification"',
        b"{}",
        b'{"Type": "Notification"',
        b'{"Type": "\xff"}',
        b'{"Type": "\\ud800"}',
        b'\xef\xbb\xbf{"Type": "Notification"}',
        b"[" * 200_000,
        b'{"a":' * 200_000 + b"1" + b"}" * 200_000,
        b'{"Type": ["Notification"]}',
        b'{"Type": {}}',
        b'{"Type": "notification"}',
        b'{"Type": "Notification"}',
        "{}".encode("utf-16"),
    ],
)
async def test_where_there_is_no_envelope_it_is_malformed(gate: Gate, body: bytes) -> None:
    assert await gate.refuses(body) == "malformed_envelope"


@pytest.mark.parametrize("field", ["Message", "MessageId", "Timestamp", "TopicArn"])
@pytest.mark.parametrize("value", [None, 5, [], {"a": 1}, True])
async def test_a_signed_field_of_a_wrong_type_is_malformed(gate: Gate, field: str, value: object) -> None:
    assert await gate.refuses(sns.notification() | {field: value}) == "malformed_envelope"


async def test_raw_message_delivery_is_refused_since_it_is_not_signed(gate: Gate) -> None:
    assert await gate.refuses(sns.mail()) == "malformed_envelope"


async def test_a_foreign_topic_is_refused_however_well_it_is_signed(gate: Gate) -> None:
    assert await gate.refuses(sns.notification(topic=sns.TOPIC + "-foreign")) == "foreign_topic"


async def test_the_topic_of_one_tenant_is_foreign_at_the_address_of_another(gate: Gate) -> None:
    assert await gate.refuses(sns.notification(), "other") == "foreign_topic"


async def test_a_shared_topic_is_foreign_at_the_address_of_a_tenant_and_the_other_way_round(
    gate: Gate,
) -> None:
    assert await gate.refuses(sns.notification(topic=sns.SHARED), "acme") == "foreign_topic"
    assert await gate.refuses(sns.notification(), None) == "foreign_topic"


async def test_a_foreign_topic_makes_nobody_fetch_a_certificate(gate: Gate) -> None:
    unknown = {"SigningCertURL": sns.URL.replace("0123456789abcdef", "unknown")}
    assert await gate.refuses(sns.notification(topic=sns.TOPIC + "-foreign") | unknown) == "foreign_topic"


async def test_a_tenant_can_insist_on_version_2(gate: Gate) -> None:
    topic = sns.TOPIC + "-strict"
    assert await gate.refuses(sns.notification(topic=topic, version="1"), "strict") == "bad_signature"
    assert (await gate.passes(sns.notification(topic=topic), "strict")).tenant == "strict"


@pytest.mark.parametrize(
    ("more", "tenant"),
    [
        ({"tags": {"tenant": ["other"]}}, "other"),
        ({"tags": {"tenant": ["other"]}, "source": "x@strict.example"}, "other"),
        ({"tags": {"tenant": ["nobody"]}, "source": "x@strict.example"}, None),
        ({"source": "Strict <info@strict.example>"}, "strict"),
        ({"source": "Bills@Other.example"}, "other"),
        ({"source": "someone@else.example"}, None),
        ({"tags": {"tenant": "other"}}, None),
        ({"tags": {"tenant": []}}, None),
        ({"tags": {"tenant": [5]}}, None),
        ({"tags": [], "source": 5}, None),
        ({}, None),
    ],
)
async def test_a_shared_topic_names_its_tenant_by_tag_else_by_sender(
    gate: Gate, more: dict[str, Any], tenant: str | None
) -> None:
    authentic = await gate.passes(sns.notification(sns.mail("m-9", **more), topic=sns.SHARED), None)
    assert (authentic.tenant, authentic.message_id) == (tenant, "m-9")


async def test_a_tenant_that_insists_on_version_2_does_so_on_a_shared_topic_too(gate: Gate) -> None:
    mail = sns.mail(tags={"tenant": ["strict"]})
    assert await gate.refuses(sns.notification(mail, topic=sns.SHARED, version="1"), None) == "bad_signature"


@pytest.mark.parametrize(
    "message",
    [
        "Successfully validated SNS topic for Amazon SES event publishing.",
        "",
        "null",
        "[]",
        '"text"',
        "{}",
        '{"mail": []}',
        '{"mail": {}}',
        '{"mail": {"messageId": 5}}',
        '{"mail": {"messageId": ""}}',
        '{"mail": {"messageId": " "}}',
        '{"mail": {"messageId": "%s"}}' % ("m" * 20_000),
        "[" * 100_000,
        '{"mail":' * 100_000,
    ],
)
async def test_what_is_authentic_and_makes_no_sense_passes_under_the_sns_message_id(
    gate: Gate, message: str
) -> None:
    envelope = sns.notification(message)
    assert (await gate.passes(envelope)).message_id == envelope["MessageId"]


async def test_half_a_surrogate_pair_in_a_cut_header_does_not_hide_the_message_id(gate: Gate) -> None:
    message = '{"mail": {"messageId": "m-7", "commonHeaders": {"subject": "cut \\ud83d"}}}'
    assert (await gate.passes(sns.notification(message))).message_id == "m-7"


@pytest.mark.parametrize("version", ["1", "2"])
async def test_a_confirmation_passes_with_its_subscribe_url(gate: Gate, version: str) -> None:
    envelope = sns.signer().confirmation(
        topic=sns.TOPIC,
        message_id="c-1",
        timestamp="2026-11-22T09:28:17.123Z",
        token="t" * 64,
        version=version,
    )
    authentic = await gate.passes(envelope)
    assert (authentic.message_id, authentic.subscribe_url) == ("c-1", envelope["SubscribeURL"])
    for field in ("SubscribeURL", "Token", "Message"):
        assert await gate.refuses(envelope | {field: "https://evil.example/"}) == "bad_signature"
        assert await gate.refuses({k: v for k, v in envelope.items() if k != field}) == "malformed_envelope"


async def test_an_unsubscribe_confirmation_passes_without_a_url_to_visit(gate: Gate) -> None:
    fields = {
        "Type": "UnsubscribeConfirmation",
        "MessageId": "u-1",
        "Token": "t",
        "TopicArn": sns.TOPIC,
        "Message": "You have chosen to deactivate subscription …",
        "SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription",
        "Timestamp": "2026-11-22T09:28:17.123Z",
    }
    authentic = await gate.passes(sns.signer().sign(fields, "2"))
    assert (authentic.message_id, authentic.subscribe_url) == ("u-1", None)


def test_the_string_to_sign_is_that_of_amazons_example() -> None:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html"""
    envelope = {
        "Type": "Notification",
        "MessageId": "4d4dc071-ddbf-465d-bba8-08f81c89da64",
        "TopicArn": "arn:aws:sns:us-east-2:123456789012:s4-MySNSTopic-1G1WEFCOXTC0P",
        "Subject": "My subject",
        "Message": "My Test Message\nof two lines",
        "Timestamp": "2019-01-31T04:37:04.321Z",
        "SignatureVersion": "1",
        "Signature": "",
        "SigningCertURL": "",
    }
    assert parse_envelope(orjson.dumps(envelope)).signed.decode() == (
        "Message\nMy Test Message\nof two lines\n"
        "MessageId\n4d4dc071-ddbf-465d-bba8-08f81c89da64\n"
        "Subject\nMy subject\n"
        "Timestamp\n2019-01-31T04:37:04.321Z\n"
        "TopicArn\narn:aws:sns:us-east-2:123456789012:s4-MySNSTopic-1G1WEFCOXTC0P\n"
        "Type\nNotification\n"
    )


HOSTS = [
    "https://sns.eu-west-1.amazonaws.com",
    "https://sns.us-gov-west-1.amazonaws.com",
    "https://sns.ap-southeast-5.amazonaws.com",
    "https://sns.cn-north-1.amazonaws.com.cn",
    "https://sns.us-east-1.amazonaws.com:443",
]
FOREIGN_HOSTS = [
    "http://sns.eu-west-1.amazonaws.com",
    "https://sns.eu-west-1.amazonaws.com:8443",
    "https://sns.eu-west-1.amazonaws.com:80",
    "https://user@sns.eu-west-1.amazonaws.com",
    "https://user:password@sns.eu-west-1.amazonaws.com",
    "https://sns.eu-west-1.amazonaws.com@evil.example",
    "https://sns.eu-west-1.amazonaws.com.evil.example",
    "https://sns.eu-west-1.amazonaws.comevil.example",
    "https://evil.example/sns.eu-west-1.amazonaws.com",
    "https://evil.sns.eu-west-1.amazonaws.com",
    "https://sns.eu-west-1.evil.amazonaws.com",
    "https://sns.amazonaws.com",
    "https://sns.s3.amazonaws.com",  # the S3 bucket that somebody called "sns"
    "https://sns.s3-eu-west-1.amazonaws.com",
    "https://sns.s3.eu-west-1.amazonaws.com",
    "https://sqs.eu-west-1.amazonaws.com",
    "https://sns.eu-west-1.amazonaws.com\\@evil.example",
    "https://127.0.0.1",
    "https:/sns.eu-west-1.amazonaws.com",
    "//sns.eu-west-1.amazonaws.com",
    "ftp://sns.eu-west-1.amazonaws.com",
    "",
]


@pytest.mark.parametrize("host", HOSTS)
def test_a_certificate_is_taken_from_sns_own_host_of_a_region(host: str) -> None:
    assert is_certificate_url(host + "/SimpleNotificationService-0123.pem")
    assert is_sns_url(host + "/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:x&Token=2336412f37")
    assert is_sns_url(host)


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_nothing_is_taken_from_any_other_place(host: str) -> None:
    assert not is_certificate_url(host + "/SimpleNotificationService-0123.pem")
    assert not is_sns_url(host + "/?Action=ConfirmSubscription")


@pytest.mark.parametrize(
    "path",
    ["/x.pem?y", "/x.pem#y", "/x", "/x.pem/", "/x.pem\n", "/x.PEM", "/x\x00.pem", "/é.pem", "", "/?a=.pem"],
)
def test_a_certificates_path_ends_in_pem(path: str) -> None:
    assert not is_certificate_url(HOSTS[0] + path)


async def test_a_certificate_of_a_foreign_host_is_never_fetched(gate: Gate) -> None:
    for url in FOREIGN_HOSTS:
        envelope = sns.notification() | {"SigningCertURL": url + "/SimpleNotificationService.pem"}
        assert await gate.refuses(envelope) == "bad_signature"
