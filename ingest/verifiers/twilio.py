"""Twilio: is this callback signed with a token of this tenant's account?

Source: https://www.twilio.com/docs/usage/security#validating-requests.
"""

import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qsl

from ingest.verifiers import Authentic, Callback
from schemas import problems
from schemas.message_ids import load_json, twilio_message_id
from schemas.problems import ProblemError
from schemas.tenants import Tenants, TwilioAccount

FORM = "application/x-www-form-urlencoded"

_MAX_FIELDS = 1000
"""Twilio posts some 40; sorting hundreds of thousands of them would be work for a forger's sake."""

_BASE_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9A-Fa-f:.]+\]|[^/:?#]+)(?::(?P<port>\d+))?(?P<path>/[^?#]*)?"
)
_DEFAULT_PORTS = {"http": "80", "https": "443"}

Fields = list[tuple[str, str]]


def base_urls(public_url: str) -> tuple[str, ...]:
    """The ways to write the public base URL: with and without its port, or its default port.

    Twilio signs one of them, and its own libraries try both. Raises ValueError where it is not an http(s) URL.
    """
    match = _BASE_URL.fullmatch(public_url.rstrip("/"))
    if match is None:
        raise ValueError(f"expected http[s]://host[:port][/path], got {public_url!r}")
    scheme, host, path = match["scheme"], match["host"], match["path"] or ""
    with_port = f"{scheme}://{host}:{match['port'] or _DEFAULT_PORTS[scheme]}{path}"
    without_port = f"{scheme}://{host}{path}"
    return (with_port, without_port) if match["port"] else (without_port, with_port)


def string_to_sign(url: str, fields: Iterable[tuple[str, str]]) -> bytes:
    """The URL, then name and value of each field in order of the names; the values of one name once each, sorted.

    Values are as they came: nothing is trimmed, and bytes that are not UTF-8 stay those bytes.
    """
    return (url + "".join([name + value for name, value in sorted(set(fields))])).encode(
        errors="surrogateescape"
    )


def parse_form(body: bytes) -> Fields:
    """The fields of a form in their order. Raises ProblemError where there are more than any callback has."""
    try:
        return parse_qsl(
            body.decode(errors="surrogateescape"),
            keep_blank_values=True,
            errors="surrogateescape",
            max_num_fields=_MAX_FIELDS,
        )
    except ValueError:
        detail = f"expected at most {_MAX_FIELDS} form fields"
        raise ProblemError(problems.MALFORMED_ENVELOPE, detail) from None


def has_body_hash(body: bytes, query: str) -> bool:
    """Whether the query parameter bodySHA256, which the signature covers, is the hash of this body."""
    try:
        parameters = parse_qsl(query, max_num_fields=_MAX_FIELDS)
    except ValueError:
        return False
    told = next((value for name, value in parameters if name == "bodySHA256"), "")
    return hmac.compare_digest(told.encode(errors="replace"), hashlib.sha256(body).hexdigest().encode())


def is_signed_by(token: str, signature: str, texts: Iterable[bytes]) -> bool:
    """Whether the signature is that token's over one of the texts. Compared in constant time."""
    given = signature.encode(errors="replace")
    return any(
        hmac.compare_digest(given, b64encode(hmac.digest(token.encode(), text, "sha1"))) for text in texts
    )


def _json_fields(body: bytes) -> Fields:
    """The members of a JSON body that are text or whole numbers; none where it is no object."""
    try:
        document = load_json(body)
    except ValueError:
        return []
    members = document.items() if isinstance(document, dict) else ()
    return [(name, str(value)) for name, value in members if isinstance(value, str) or type(value) is int]


class TwilioVerifier:
    """Authenticates what Twilio posts to this server's public URL."""

    def __init__(self, public_url: str) -> None:
        """Raises ValueError where `public_url` is not an http(s) URL."""
        self._bases = base_urls(public_url)

    async def authenticate(self, tenants: Tenants, tenant: str | None, callback: Callback) -> Authentic:
        """What is authentic of a callback to that tenant's address. Raises ProblemError."""
        if tenant is None:
            raise ProblemError(problems.UNKNOWN_TENANT)
        if not callback.signature:
            raise ProblemError(problems.BAD_SIGNATURE, "expected the header X-Twilio-Signature")
        if callback.content_type.partition(";")[0].strip().lower() == FORM:
            signed = fields = parse_form(callback.body)
        elif has_body_hash(callback.body, callback.query):
            signed, fields = [], _json_fields(callback.body)
        else:
            raise ProblemError(
                problems.BAD_SIGNATURE, "expected a form, or bodySHA256 of the body in the query"
            )
        texts = [string_to_sign(base + callback.target, signed) for base in self._bases]
        named = {value for name, value in fields if name == "AccountSid"}
        for account in _accounts(tenants[tenant].twilio, named):
            if any(is_signed_by(token, callback.signature, texts) for token in account.auth_tokens):
                sid = account.account_sid
                return Authentic(tenant, _message_id(fields), {"by": "twilio", "account": sid})
        raise ProblemError(
            problems.BAD_SIGNATURE, "expected X-Twilio-Signature over the URL and fields as received"
        )


def _accounts(own: list[TwilioAccount], named: set[str]) -> Iterator[TwilioAccount]:
    """The account whose tokens may have signed: the one that is named, or any of the tenant's where none is."""
    if named and not named <= {account.account_sid for account in own}:
        raise ProblemError(problems.FOREIGN_ACCOUNT, "expected AccountSid to be one of this tenant's")
    return (account for account in own if not named or account.account_sid in named)


def _message_id(fields: Fields) -> str | None:
    """Twilio's id of the message, of the first value of its field that says something, as the worker reads it."""

    def value_of(wanted: str) -> str | None:
        values = (value.strip() for name, value in fields if name == wanted)
        found = next(filter(None, values), None)
        return None if found is None else found.encode(errors="surrogateescape").decode(errors="replace")

    return twilio_message_id(value_of)
