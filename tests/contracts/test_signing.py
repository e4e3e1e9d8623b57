"""What deploy/local/signing.py signs, ingest's verifiers take; one changed byte, and they do not."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from hypothesis import given
from hypothesis import strategies as st

from deploy.local.signing import SnsSigner, twilio_signature
from ingest.verifiers import Callback
from ingest.verifiers.sns import is_certificate_url, is_signed_by, is_sns_url, parse_envelope
from ingest.verifiers.twilio import TwilioVerifier
from schemas.problems import ProblemError
from schemas.tenants import parse_tenants

TOPIC = "arn:aws:sns:eu-west-1:123456789012:waybill-demo"
TOKEN = "a-token-of-the-demo"
ACCOUNT = "AC" + "7" * 32
TENANTS = f"""
[tenants.demo]
name = "Demo"
twilio = [{{ account_sid = "{ACCOUNT}", auth_tokens = ["{TOKEN}"] }}]
"""


@pytest.fixture(scope="module")
def signed_by(tmp_path_factory: pytest.TempPathFactory) -> tuple[SnsSigner, RSAPublicKey]:
    folder = tmp_path_factory.mktemp("signing")
    made = SnsSigner.create(folder / "sns.key", folder / "certificates")
    return SnsSigner.load(folder / "sns.key"), public_key(folder / "certificates", made.certificate_url)


def public_key(certificates: Path, url: str) -> RSAPublicKey:
    pem = (certificates / url.rpartition("/")[2]).read_bytes()
    key = x509.load_pem_x509_certificate(pem).public_key()
    assert isinstance(key, RSAPublicKey)
    return key


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", [None, "Amazon SES Email Event Notification"])
def test_a_signed_notification_is_authentic_and_a_changed_one_is_not(
    signed_by: tuple[SnsSigner, RSAPublicKey], version: str, subject: str | None
) -> None:
    signer, key = signed_by
    fields = signer.notification(
        '{"mail": "für Änne\\n"}',
        topic=TOPIC,
        message_id="1",
        timestamp="2026-11-22T09:28:17.123Z",
        version=version,
        subject=subject,
    )
    assert is_signed_by(parse_envelope(orjson.dumps(fields)), key)
    assert is_certificate_url(fields["SigningCertURL"])
    changed = fields | {"Message": fields["Message"] + " "}
    assert not is_signed_by(parse_envelope(orjson.dumps(changed)), key)


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_signed_subscription_confirmation_is_authentic_and_names_an_address_of_sns(
    signed_by: tuple[SnsSigner, RSAPublicKey], version: str
) -> None:
    signer, key = signed_by
    fields = signer.confirmation(
        topic=TOPIC, message_id="1", timestamp="2026-11-22T09:28:17.123Z", token="t", version=version
    )
    envelope = parse_envelope(orjson.dumps(fields))
    assert is_signed_by(envelope, key)
    assert envelope.subscribe_url is not None
    assert is_sns_url(envelope.subscribe_url)
    changed = fields | {"SubscribeURL": fields["SubscribeURL"] + "x"}
    assert not is_signed_by(parse_envelope(orjson.dumps(changed)), key)


@given(form=st.dictionaries(st.text(min_size=1, max_size=20), st.text(max_size=40), max_size=8))
async def test_any_form_signed_as_twilio_signs_is_authentic(form: dict[str, str]) -> None:
    callback = twilio_callback(form | {"AccountSid": ACCOUNT, "MessageSid": "SM1"})
    authentic = await VERIFIER.authenticate(parse_tenants(TENANTS), "demo", callback)
    assert authentic.message_id == "SM1"


async def test_a_form_signed_for_another_address_is_refused() -> None:
    callback = twilio_callback({"AccountSid": ACCOUNT, "MessageSid": "SM1"})
    with pytest.raises(ProblemError):
        await VERIFIER.authenticate(parse_tenants(TENANTS), "demo", replace(callback, target=TARGET + "&x=1"))


BASE, TARGET = "http://127.0.0.1:8080", "/webhooks/twilio/demo?campaign=class-reminder&customer=1"
VERIFIER = TwilioVerifier(BASE)


def twilio_callback(form: dict[str, str]) -> Callback:
    return Callback(
        body=urlencode(form).encode(),
        content_type="application/x-www-form-urlencoded",
        target=TARGET,
        query=TARGET.partition("?")[2],
        signature=twilio_signature(TOKEN, BASE + TARGET, form),
    )
