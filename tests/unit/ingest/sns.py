"""SNS envelopes for these tests, signed with a key of their own, and certificates for it."""

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import orjson
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from deploy.local.signing import SnsSigner
from schemas.tenants import Tenants, parse_tenants

TOPIC = "arn:aws:sns:eu-west-1:123456789012:ses-events"
SHARED = TOPIC + "-shared"
URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
TENANTS = f"""
[tenants.acme]
name = "Acme"
sns_topics = ["{TOPIC}"]
[tenants.strict]
name = "Strict"
sns_topics = ["{TOPIC}-strict"]
sns_signature_version = "2"
sender_domains = ["strict.example"]
[tenants.other]
name = "Other"
sns_topics = ["{TOPIC}-other"]
[tenants.other.senders]
transactional = "bills@other.example"
[operator]
shared_sns_topics = ["{SHARED}"]
"""


def tenants() -> Tenants:
    """Three tenants and a shared topic."""
    return parse_tenants(TENANTS)


@cache
def key() -> rsa.RSAPrivateKey:
    """The one key; making it takes a while."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def signer() -> SnsSigner:
    """Signs with that key, under URL."""
    return SnsSigner(key(), URL)


def pem(
    of: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | None = None, *, start: float = -1, end: float = 30
) -> bytes:
    """A certificate valid from `start` to `end`, in days from now."""
    private = of or key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(now + timedelta(days=start))
        .not_valid_after(now + timedelta(days=end))
        .sign(private, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


def folder(path: Path) -> Path:
    """A folder that has the certificate of URL."""
    (path / URL.rpartition("/")[2]).write_bytes(pem())
    return path


def notification(
    message: object = "hello",
    *,
    version: str = "2",
    topic: str = TOPIC,
    subject: str | None = None,
) -> dict[str, str]:
    """A signed Notification."""
    text = message if isinstance(message, str) else orjson.dumps(message).decode()
    return signer().notification(
        text,
        topic=topic,
        message_id="5d1c1a0e-0000-5000-8000-000000000001",
        timestamp="2026-11-22T09:28:17.123Z",
        version=version,
        subject=subject,
    )


def mail(message_id: str = "h-1", **more: object) -> dict[str, object]:
    """An SES payload of a message with that id."""
    return {"eventType": "Send", "mail": {"messageId": message_id, "destination": ["a@b.example"], **more}}
