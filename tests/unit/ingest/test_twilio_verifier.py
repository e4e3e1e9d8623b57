"""Twilio's signature in every variant, over the URL as Twilio sees it and the fields as they came."""

import base64
import hashlib
import hmac
from urllib.parse import urlencode

import pytest

from ingest.verifiers import Authentic, Callback
from ingest.verifiers.twilio import FORM, TwilioVerifier, base_urls
from schemas.problems import ProblemError
from schemas.tenants import parse_tenants

ACCOUNT = "AC" + "1" * 32
OTHER = "AC" + "2" * 32
TENANTS = parse_tenants(f"""
[tenants.acme]
name = "Acme"
twilio = [
    {{ account_sid = "{ACCOUNT}", auth_tokens = ["old-token", "new-token"] }},
    {{ account_sid = "AC{"3" * 32}", auth_tokens = ["sub-token"] }},
]
[tenants.other]
name = "Other"
twilio = [{{ account_sid = "{OTHER}", auth_tokens = ["other-token"] }}]
[tenants.mailer]
name = "No text messages"
""")
PUBLIC = "https://hooks.example.com"
PATH = "/webhooks/twilio/acme"
FIELDS = [("MessageSid", "SM1"), ("MessageStatus", "sent"), ("AccountSid", ACCOUNT), ("To", "+15005550006")]
Fields = list[tuple[str, str]]


def sign(url: str, fields: Fields = FIELDS, token: str = "old-token") -> str:
    """As https://www.twilio.com/docs/usage/security#validating-requests has it, for names that stand once."""
    text = url + "".join(name + value for name, value in sorted(fields))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def form(
    signature: str,
    fields: Fields = FIELDS,
    *,
    target: str = PATH,
    kind: str = FORM,
    body: bytes | None = None,
) -> Callback:
    """A callback with these fields."""
    raw = urlencode(fields).encode() if body is None else body
    return Callback(raw, kind, target, target.partition("?")[2], signature)


async def passes(callback: Callback, tenant: str = "acme", public: str = PUBLIC) -> Authentic:
    """What is authentic of it."""
    return await TwilioVerifier(public).authenticate(TENANTS, tenant, callback)


async def refused(callback: Callback, tenant: str = "acme", public: str = PUBLIC) -> str:
    """The code of its refusal."""
    with pytest.raises(ProblemError) as refusal:
        await passes(callback, tenant, public)
    return refusal.value.problem.code


async def test_twilios_own_example_is_verified() -> None:
    """The example of its documentation and of the tests of its libraries, twilio-java's RequestValidatorTest."""
    tenants = parse_tenants(
        f'[tenants.t]\nname = "T"\ntwilio = [{{ account_sid = "{ACCOUNT}", auth_tokens = ["12345"] }}]'
    )
    fields = [
        ("Digits", "1234"),
        ("To", "+18005551212"),
        ("From", "+14158675309"),
        ("Caller", "+14158675309"),
        ("CallSid", "CA1234567890ABCDE"),
    ]
    callback = form("RSOYDt4T1cUTdK1PDd93/VVr8B8=", fields, target="/myapp.php?foo=1&bar=2")
    found = await TwilioVerifier("https://mycompany.com").authenticate(tenants, "t", callback)
    assert found.verified == {"by": "twilio", "account": ACCOUNT}


async def test_a_form_is_verified_and_named_by_its_message() -> None:
    found = await passes(form(sign(PUBLIC + PATH)))
    assert (found.tenant, found.message_id) == ("acme", "SM1")
    assert found.verified == {"by": "twilio", "account": ACCOUNT}


async def test_either_token_is_good_during_a_rotation() -> None:
    for token in ("old-token", "new-token"):
        assert (await passes(form(sign(PUBLIC + PATH, token=token)))).message_id == "SM1"
    for token in ("sub-token", "other-token", "no-token", ""):
        assert await refused(form(sign(PUBLIC + PATH, token=token))) == "bad_signature"


@pytest.mark.parametrize(
    ("public", "signed"),
    [
        ("https://hooks.example.com", "https://hooks.example.com:443"),
        ("https://hooks.example.com:443", "https://hooks.example.com"),
        ("https://hooks.example.com:443/", "https://hooks.example.com:443"),
        ("https://hooks.example.com/", "https://hooks.example.com"),
        ("http://hooks.example.com", "http://hooks.example.com:80"),
        ("http://hooks.example.com:8080", "http://hooks.example.com:8080"),
        ("https://hooks.example.com:8443", "https://hooks.example.com"),
        ("https://hooks.example.com/in", "https://hooks.example.com/in"),
        ("https://hooks.example.com/in", "https://hooks.example.com:443/in"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
async def test_the_url_is_accepted_with_and_without_its_port(public: str, signed: str) -> None:
    assert (await passes(form(sign(signed + PATH)), public=public)).message_id == "SM1"


@pytest.mark.parametrize(
    "signed",
    [
        "http://hooks.example.com",
        "https://hooks.example.com:80",
        "https://hooks.example.com:8443",
        "https://evil.example",
    ],
)
async def test_another_url_is_a_bad_signature(signed: str) -> None:
    assert await refused(form(sign(signed + PATH))) == "bad_signature"


@pytest.mark.parametrize(
    "query",
    ["?", "?campaign=x", "?b=2&a=1", "?a=%2F%2f", "?a=b+c%20d", "?&&", "?a=%ff", "?campaign=ä", "?a=1?b=2"],
)
async def test_the_query_is_signed_exactly_as_received(query: str) -> None:
    callback = form(sign(PUBLIC + PATH + query), target=PATH + query)
    assert (await passes(callback)).message_id == "SM1"


async def test_a_query_sorted_or_written_anew_breaks_the_signature() -> None:
    signature = sign(PUBLIC + PATH + "?b=2&a=%2f")
    for query in ("?a=%2f&b=2", "?b=2&a=/", "?b=2&a=%2F", "?b=2&a=%2f&", ""):
        assert await refused(form(signature, target=PATH + query)) == "bad_signature"


async def test_values_of_one_name_are_signed_once_each_and_sorted() -> None:
    sent = [*FIELDS, ("MediaUrl", "b"), ("MediaUrl", "a"), ("MediaUrl", "b")]
    signature = sign(PUBLIC + PATH, [*FIELDS, ("MediaUrl", "a"), ("MediaUrl", "b")])
    assert (await passes(form(signature, sent))).message_id == "SM1"
    assert await refused(form(sign(PUBLIC + PATH, sent), sent)) == "bad_signature"


async def test_values_are_not_trimmed_and_empty_ones_count() -> None:
    fields = [*FIELDS, ("Body", "  hello \n"), ("ErrorMessage", "")]
    assert (await passes(form(sign(PUBLIC + PATH, fields), fields))).message_id == "SM1"
    trimmed = [(name, value.strip()) for name, value in fields]
    assert await refused(form(sign(PUBLIC + PATH, trimmed), fields)) == "bad_signature"


async def test_texts_of_all_the_world_are_verified() -> None:
    fields = [*FIELDS, ("Body", "Grüße 🎉 — ‏שלום\x00\uffff&=+%")]
    assert (await passes(form(sign(PUBLIC + PATH, fields), fields))).message_id == "SM1"


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded; charset=UTF-8", "Application/X-WWW-Form-UrlEncoded"]
)
async def test_a_form_is_known_by_its_type_whatever_its_parameters_and_case(kind: str) -> None:
    assert (await passes(form(sign(PUBLIC + PATH), kind=kind))).message_id == "SM1"


def _json(body: bytes, query: str | None = None, token: str = "old-token") -> Callback:
    told = f"?bodySHA256={hashlib.sha256(body).hexdigest()}" if query is None else query
    return form(sign(PUBLIC + PATH + told, [], token), target=PATH + told, kind="application/json", body=body)


async def test_a_json_body_is_verified_by_its_hash_in_the_signed_query() -> None:
    body = b'{"MessageSid": "SM2", "AccountSid": "%s", "n": 5}' % ACCOUNT.encode()
    found = await passes(_json(body))
    assert (found.message_id, found.verified["account"]) == ("SM2", ACCOUNT)


async def test_a_json_body_that_does_not_match_its_hash_is_a_bad_signature() -> None:
    body = b'{"MessageSid": "SM2"}'
    digest = hashlib.sha256(body).hexdigest()
    assert await refused(_json(body + b" ", f"?bodySHA256={digest}")) == "bad_signature"
    assert await refused(_json(body, "?bodySHA256=" + "0" * 64)) == "bad_signature"
    assert await refused(_json(body, "?bodySHA256=")) == "bad_signature"
    assert await refused(_json(body, "?bodySHA256=é")) == "bad_signature"
    assert await refused(_json(body, "")) == "bad_signature"


async def test_the_hash_counts_wherever_it_stands_in_the_query() -> None:
    body = b"{}"
    query = f"?campaign=x&bodySHA256={hashlib.sha256(body).hexdigest()}&b=1"
    assert (await passes(_json(body, query))).message_id is None


async def test_a_body_hash_does_not_make_up_for_a_signature() -> None:
    assert await refused(_json(b"{}", token="no-token")) == "bad_signature"


@pytest.mark.parametrize("body", [b"", b"no json", b"\xff", b"[]", b"5", b"[" * 100_000])
async def test_an_authentic_body_of_another_kind_passes_without_a_message(body: bytes) -> None:
    assert (await passes(_json(body))).message_id is None


async def test_a_foreign_account_is_refused_even_with_a_good_token() -> None:
    fields = [("MessageSid", "SM1"), ("AccountSid", OTHER)]
    assert await refused(form(sign(PUBLIC + PATH, fields), fields)) == "foreign_account"
    assert await refused(form(sign(PUBLIC + PATH, fields, "other-token"), fields)) == "foreign_account"
    assert await refused(form(sign(PUBLIC + PATH)), "mailer") == "foreign_account"
    body = b'{"AccountSid": "%s"}' % OTHER.encode()
    assert await refused(_json(body)) == "foreign_account"
    both = [*FIELDS, ("AccountSid", OTHER)]
    assert await refused(form(sign(PUBLIC + PATH, both), both)) == "foreign_account"


async def test_one_account_of_a_tenant_is_not_signed_for_with_the_token_of_another() -> None:
    assert await refused(form(sign(PUBLIC + PATH, token="sub-token"))) == "bad_signature"


async def test_without_an_account_in_the_body_any_of_the_tenants_may_have_signed() -> None:
    fields = [("MessageSid", "SM3")]
    found = await passes(form(sign(PUBLIC + PATH, fields, "sub-token"), fields))
    assert found.verified == {"by": "twilio", "account": "AC" + "3" * 32}
    assert await refused(form(sign(PUBLIC + PATH, fields, "other-token"), fields)) == "bad_signature"


@pytest.mark.parametrize("signature", ["", "é", "%%", "x" * 100_000, "\udcff"])
async def test_a_missing_or_absurd_signature_is_a_bad_signature(signature: str) -> None:
    assert await refused(form(signature)) == "bad_signature"


async def test_an_added_or_changed_field_is_a_bad_signature() -> None:
    signature = sign(PUBLIC + PATH)
    assert await refused(form(signature, [*FIELDS, ("MessageStatus", "failed")])) == "bad_signature"
    assert await refused(form(signature, FIELDS[:-1])) == "bad_signature"
    assert await refused(form(signature, [*FIELDS[:-1], ("To", "+15005550007")])) == "bad_signature"


@pytest.mark.parametrize(
    "kind", ["", "multipart/form-data; boundary=x", "text/plain", "application/json", "nonsense"]
)
async def test_a_body_that_the_signature_does_not_cover_is_a_bad_signature(kind: str) -> None:
    assert await refused(form(sign(PUBLIC + PATH), kind=kind)) == "bad_signature"


async def test_more_fields_than_any_callback_has_are_malformed() -> None:
    assert (
        await refused(form("x", body=b"&".join(b"n%d=x" % n for n in range(50_000)))) == "malformed_envelope"
    )


async def test_fields_that_are_not_utf_8_are_verified_as_bytes() -> None:
    body = urlencode(FIELDS).encode() + b"&Body=%ff\xfe"
    text = (PUBLIC + PATH + "".join(n + v for n, v in sorted(FIELDS))).encode()
    text = text.replace(b"MessageSid", b"Body\xff\xfeMessageSid", 1)
    signature = base64.b64encode(hmac.new(b"old-token", text, hashlib.sha1).digest()).decode()
    assert (await passes(form(signature, body=body))).message_id == "SM1"


@pytest.mark.parametrize(
    ("fields", "message_id"),
    [
        ([("SmsSid", "SM5")], "SM5"),
        ([("SmsMessageSid", "SM6")], "SM6"),
        ([("MessageSid", ""), ("SmsSid", "SM7")], "SM7"),
        ([("MessageSid", " "), ("MessageSid", " SM8 ")], "SM8"),
        ([("MessageSid", "S" * 10_000)], None),
        ([], None),
    ],
)
async def test_the_message_is_named_by_its_sid_or_not_at_all(fields: Fields, message_id: str | None) -> None:
    sent = [("AccountSid", ACCOUNT), *fields]
    assert (await passes(form(sign(PUBLIC + PATH, sent), sent))).message_id == message_id


@pytest.mark.parametrize(
    "url", ["", "hooks.example.com", "ftp://x", "https://", "https://a/?b", "https://a#b", "https://u@h:x"]
)
def test_a_public_url_that_is_none_is_told(url: str) -> None:
    with pytest.raises(ValueError, match="expected http"):
        base_urls(url)
