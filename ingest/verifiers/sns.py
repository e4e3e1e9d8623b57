"""Amazon SNS: is this envelope signed by SNS, and does it come from a topic that may post here?

Source: https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html. Headers (x-amz-sns-…) are
hints of whoever posts, so nothing is taken from them.
"""

import binascii
import re
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ingest.certificates import Certificates
from ingest.verifiers import Authentic, Callback
from schemas import problems
from schemas.message_ids import find_ses_message_id, ses_mail, ses_message_id
from schemas.problems import ProblemError
from schemas.tenants import Tenants

# A region's name, not any label: `sns.s3.amazonaws.com` is the bucket of whoever called it "sns".
_SNS_ORIGIN = r"https://sns\.[a-z]{2,4}(?:-[a-z]+)+-\d{1,2}\.amazonaws\.com(?:\.cn)?(?::443)?"
_CERTIFICATE_URL = re.compile(_SNS_ORIGIN + r"/[A-Za-z0-9._~%/-]*\.pem")
_SNS_URL = re.compile(_SNS_ORIGIN + r"(?:[/?][!-\"$-\[\]-~]*)?")  # printable ASCII without # and \

NOTIFICATION = "Notification"
SUBSCRIPTION_CONFIRMATION = "SubscriptionConfirmation"
UNSUBSCRIBE_CONFIRMATION = "UnsubscribeConfirmation"


class _Layout:
    """Which fields of an envelope are signed, in byte order of their names."""

    def __init__(self, *names: str) -> None:
        self.names = names  # the first is Message
        self._values = itemgetter(*names)
        self._parts = [part for name in names for part in (name, "")] + [""]

    def string_to_sign(self, raw: dict[str, Any]) -> bytes:
        """Name, newline, value, newline of each field. Raises ProblemError `malformed_envelope`.

        Every one is a string then, and none but Message has a line break: nothing escapes one, so a forger could
        else move the border between two fields of a signed text.
        """
        parts = self._parts.copy()
        try:
            values = parts[1::2] = self._values(raw)
            text = "\n".join(parts)
        except (KeyError, TypeError):
            wrong = next(name for name in self.names if not isinstance(raw.get(name), str))
            raise _malformed(f"expected {wrong}, a string") from None
        if "\n" in "".join(values[1:]):
            raise _malformed("expected every signed field but Message on one line")
        return text.encode()


_PLAIN = _Layout("Message", "MessageId", "Timestamp", "TopicArn", "Type")
_WITH_SUBJECT = _Layout("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = _Layout("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")

_PADDING = PKCS1v15()
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "1": hashes.SHA1(),  # noqa: S303 - what SNS signs with by default; a tenant can insist on version 2
    "2": hashes.SHA256(),
}


@dataclass(slots=True)
class SnsEnvelope:
    """An SNS envelope whose fields have the right types, and nothing verified yet. `signed` is the string to sign."""

    kind: str
    message_id: str
    topic: str
    message: str
    signed: bytes
    version: str
    signature: str
    certificate_url: str
    subscribe_url: str | None


def is_certificate_url(url: str) -> bool:
    """Whether a certificate may be taken from there: https, SNS's own host of a region, port 443, a .pem file."""
    return _CERTIFICATE_URL.fullmatch(url) is not None


def is_sns_url(url: str) -> bool:
    """Whether a SubscribeURL may be visited: https, SNS's own host of a region, port 443."""
    return _SNS_URL.fullmatch(url) is not None


def parse_envelope(body: bytes) -> SnsEnvelope:
    """The envelope in a body. Raises ProblemError: `malformed_envelope` where there is none to verify."""
    try:
        raw = orjson.loads(body)
    except ValueError:
        raise _malformed("expected an SNS envelope as JSON in UTF-8") from None
    if not isinstance(raw, dict):
        raise _malformed("expected an SNS envelope, a JSON object")
    kind = raw.get("Type")
    if kind == NOTIFICATION:
        layout = _PLAIN if raw.get("Subject") is None else _WITH_SUBJECT
    elif kind in (SUBSCRIPTION_CONFIRMATION, UNSUBSCRIBE_CONFIRMATION):
        layout = _CONFIRMATION
    else:
        raise _malformed(
            "expected Type to be one of SNS's; is raw message delivery on? It is not signed: switch it off"
        )
    signed = layout.string_to_sign(raw)
    return SnsEnvelope(
        kind,
        raw["MessageId"],
        raw["TopicArn"],
        raw["Message"],
        signed,
        _text(raw, "SignatureVersion"),
        _text(raw, "Signature"),
        _text(raw, "SigningCertURL"),
        raw["SubscribeURL"] if kind == SUBSCRIPTION_CONFIRMATION else None,
    )


def _malformed(detail: str) -> ProblemError:
    return ProblemError(problems.MALFORMED_ENVELOPE, detail)


def _bad_signature(detail: str) -> ProblemError:
    return ProblemError(problems.BAD_SIGNATURE, detail)


def _text(raw: dict[str, Any], name: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str):
        raise _bad_signature(f"expected {name}, a string")
    return value


def is_signed_by(envelope: SnsEnvelope, key: RSAPublicKey) -> bool:
    """Whether the signature is that key's over these fields."""
    try:
        signature = binascii.a2b_base64(envelope.signature, strict_mode=True)
        key.verify(signature, envelope.signed, _PADDING, _HASHES[envelope.version])
    except (InvalidSignature, binascii.Error, ValueError, KeyError):
        return False
    return True


@dataclass(slots=True)
class _Ses:
    """What is read of an SES payload: the key's part, and of a shared topic what places the message."""

    message_id: str | None = None
    tag: str | None = None
    sender: str | None = None


def _read_shared(message: str) -> _Ses:
    """Reads only that; whatever is not there, or not of the right type, is None: the worker tells what is wrong."""
    mail = ses_mail(message)
    sender, tags = mail.get("source"), mail.get("tags")
    named = tags.get("tenant") if isinstance(tags, dict) else None
    return _Ses(
        ses_message_id(mail),
        named[0] if isinstance(named, list) and named and isinstance(named[0], str) else None,
        sender if isinstance(sender, str) else None,
    )


class SnsVerifier:
    """Authenticates what SNS posts."""

    def __init__(self, certificates: Certificates) -> None:
        self._certificates = certificates

    async def authenticate(self, tenants: Tenants, tenant: str | None, callback: Callback) -> Authentic:
        """What is authentic of a callback to that tenant's address, or to the shared one (None).

        Cheap checks come before costly ones: nobody makes this server fetch a certificate or verify a signature for
        a topic that may not post here. Raises ProblemError.
        """
        envelope = parse_envelope(callback.body)
        allowed = tenants.shared_topics if tenant is None else tenants[tenant].sns_topics
        if envelope.topic not in allowed:
            raise ProblemError(
                problems.FOREIGN_TOPIC, "expected TopicArn to be one that may post to this address"
            )
        if envelope.version not in _HASHES:
            raise _bad_signature("expected SignatureVersion 1 or 2")
        key = self._certificates.known(envelope.certificate_url)
        if key is None:
            if not is_certificate_url(envelope.certificate_url):
                raise _bad_signature(
                    "expected SigningCertURL to be a .pem of https://sns.<region>.amazonaws.com"
                )
            key = await self._certificates.obtain(envelope.certificate_url)
        if not is_signed_by(envelope, key):
            raise _bad_signature("expected Signature to be SNS's over the fields as they are")
        ses = _Ses()
        if envelope.kind == NOTIFICATION:
            shared = tenant is None
            ses = _read_shared(envelope.message) if shared else _Ses(find_ses_message_id(envelope.message))
        if tenant is None:
            tenant = tenants.of_shared(ses.tag, ses.sender)
        if tenant is not None and tenants[tenant].sns_signature_version == "2" and envelope.version != "2":
            raise _bad_signature("expected SignatureVersion 2, this tenant insists on it")
        verified = {
            "by": "sns",
            "version": envelope.version,
            "topic": envelope.topic,
            "certificate": envelope.certificate_url,
        }
        return Authentic(
            tenant, ses.message_id or envelope.message_id or None, verified, envelope.subscribe_url
        )
