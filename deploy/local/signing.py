"""Signs callbacks as the providers do: SNS envelopes (SignatureVersion 1 and 2) and Twilio's form callbacks.

For the demo tenant, the bench and the tests. It knows nothing of ingest, so that a fault in its verifiers is
not mirrored here.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

KEY_BITS: Final = 2048
"""As the keys of SNS: the cost of a verification depends on it."""

CERTIFICATE_HOST: Final = "sns.eu-west-1.amazonaws.com"

_DAYS_VALID: Final = 3650

# https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
_SIGNED = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


class SnsSigner:
    """One private key and the certificate URL under which a verifier finds its public half."""

    def __init__(self, key: rsa.RSAPrivateKey, certificate_url: str) -> None:
        self._key = key
        self.certificate_url = certificate_url

    @classmethod
    def create(
        cls, key_file: Path, certificates: Path, name: str = "SimpleNotificationService-waybill-local.pem"
    ) -> "SnsSigner":
        """Makes a key and its certificate for an ingest whose WAYBILL_SNS_CERTS is `certificates`.

        The private key is readable by its owner alone. Raises OSError where a file cannot be written.
        """
        key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
        certificates.mkdir(parents=True, exist_ok=True)
        key_file.parent.mkdir(parents=True, exist_ok=True)
        (certificates / name).write_bytes(_certificate(key).public_bytes(serialization.Encoding.PEM))
        key_file.touch(mode=0o600)
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return cls(key, _url(name))

    @classmethod
    def load(cls, key_file: Path, name: str = "SimpleNotificationService-waybill-local.pem") -> "SnsSigner":
        """The signer whose key `create` wrote. Raises OSError or ValueError where there is none to read."""
        key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ValueError(f"{key_file}: expected an RSA private key")
        return cls(key, _url(name))

    def notification(
        self,
        message: str,
        *,
        topic: str,
        message_id: str,
        timestamp: str,
        version: str = "1",
        subject: str | None = None,
    ) -> dict[str, str]:
        """A signed Notification; `message` is the provider's payload as text, `timestamp` RFC 3339."""
        fields = {
            "Type": "Notification",
            "MessageId": message_id,
            "TopicArn": topic,
            "Message": message,
            "Timestamp": timestamp,
        }
        if subject is not None:
            fields["Subject"] = subject
        unsubscribe = f"https://{CERTIFICATE_HOST}/?Action=Unsubscribe&SubscriptionArn={topic}:00000000-0000-4000-8000-000000000000"
        return self.sign(fields, version) | {"UnsubscribeURL": unsubscribe}

    def confirmation(
        self, *, topic: str, message_id: str, timestamp: str, token: str, version: str = "1"
    ) -> dict[str, str]:
        """A signed SubscriptionConfirmation, as SNS posts it when an endpoint is subscribed."""
        fields = {
            "Type": "SubscriptionConfirmation",
            "MessageId": message_id,
            "Token": token,
            "TopicArn": topic,
            "Message": f"You have chosen to subscribe to the topic {topic}.",
            "SubscribeURL": f"https://{CERTIFICATE_HOST}/?Action=ConfirmSubscription&TopicArn={topic}&Token={token}",
            "Timestamp": timestamp,
        }
        return self.sign(fields, version)

    def sign(self, fields: Mapping[str, str], version: str) -> dict[str, str]:
        """`fields` with SignatureVersion, Signature and SigningCertURL added; `version` is "1" or "2"."""
        text = "".join(f"{name}\n{fields[name]}\n" for name in _SIGNED if name in fields)
        algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()  # noqa: S303 - what SNS signs with by default
        signature = self._key.sign(text.encode(), padding.PKCS1v15(), algorithm)
        return dict(fields) | {
            "SignatureVersion": version,
            "Signature": base64.b64encode(signature).decode(),
            "SigningCertURL": self.certificate_url,
        }


def twilio_signature(auth_token: str, url: str, form: Mapping[str, str]) -> str:
    """X-Twilio-Signature of a form callback posted to that full public URL.

    https://www.twilio.com/docs/usage/security#validating-requests
    """
    text = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(auth_token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def _url(name: str) -> str:
    return f"https://{CERTIFICATE_HOST}/{name}"


def _certificate(key: rsa.RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=_DAYS_VALID))
        .sign(key, hashes.SHA256())
    )
