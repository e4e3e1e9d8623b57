"""Whatever the fields hold, what was signed passes and what was changed does not."""

import asyncio
import base64
import hashlib
import hmac
from urllib.parse import quote_plus

import orjson
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from ingest.verifiers import Callback
from ingest.verifiers.sns import is_signed_by, parse_envelope
from ingest.verifiers.twilio import FORM, TwilioVerifier
from schemas.problems import ProblemError
from schemas.tenants import parse_tenants
from tests.unit.ingest import sns

TOKEN = "a-token"
TENANTS = parse_tenants(
    f'[tenants.t]\nname = "T"\ntwilio = [{{ account_sid = "AC{"1" * 32}", auth_tokens = ["{TOKEN}"] }}]'
)
PUBLIC = "https://hooks.example.com"

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
lines = texts.filter(lambda text: "\n" not in text)
names = texts.filter(lambda name: name and name != "AccountSid")
fields = st.lists(st.tuples(names, texts), max_size=8)
queries = st.text("abc=&%+/?20fF", max_size=20)


def reference(url: str, of: list[tuple[str, str]]) -> str:
    """The rule, written down another way: per name, its different values in order."""
    values: dict[str, set[str]] = {}
    for name, value in of:
        values.setdefault(name, set()).add(value)
    text = url
    for name in sorted(values):
        for value in sorted(values[name]):
            text += name + value
    return base64.b64encode(hmac.new(TOKEN.encode(), text.encode(), hashlib.sha1).digest()).decode()


def passes(of: list[tuple[str, str]], target: str, signature: str) -> bool:
    body = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in of).encode()
    callback = Callback(body, FORM, target, target.partition("?")[2], signature)
    try:
        asyncio.run(TwilioVerifier(PUBLIC).authenticate(TENANTS, "t", callback))
    except ProblemError as refusal:
        return {"bad_signature": False}[refusal.problem.code]
    return True


@settings(deadline=None)
@given(fields, queries)
@example([("a", "b"), ("a", "a"), ("a", "b"), ("A", " ")], "b=2&a=1&&%2f")
def test_a_form_signed_as_twilio_does_passes(of: list[tuple[str, str]], query: str) -> None:
    target = f"/webhooks/twilio/t?{query}"
    assert passes(of, target, reference(PUBLIC + target, of))
    assert passes(of[::-1], target, reference(PUBLIC + ":443" + target, of))


@settings(deadline=None)
@given(fields, fields, queries, queries)
def test_a_form_or_query_changed_after_signing_does_not(
    signed: list[tuple[str, str]], sent: list[tuple[str, str]], query: str, other: str
) -> None:
    before, after = f"/t?{query}", f"/t?{other}"
    signature = reference(PUBLIC + before, signed)
    assume(signature not in (reference(PUBLIC + after, sent), reference(PUBLIC + ":443" + after, sent)))
    assert not passes(sent, after, signature)


@settings(deadline=None, max_examples=50)
@given(texts, st.none() | lines, st.sampled_from(["1", "2"]), st.data())
def test_an_sns_envelope_passes_as_signed_and_not_with_any_field_changed(
    message: str, subject: str | None, version: str, data: st.DataObject
) -> None:
    envelope = sns.notification(message, version=version, subject=subject)
    key = sns.key().public_key()
    assert is_signed_by(parse_envelope(orjson.dumps(envelope)), key)
    field = data.draw(st.sampled_from(["Message", "MessageId", "TopicArn", "Timestamp"]))
    changed = envelope | {field: data.draw(texts if field == "Message" else lines)}
    if changed != envelope:
        assert not is_signed_by(parse_envelope(orjson.dumps(changed)), key)


@given(
    st.binary(max_size=300)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["Type", "Message", "TopicArn", "x"]), inner)
        ),
    ).map(lambda value: orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_DATACLASS) if _fits(value) else b"")
)
def test_whatever_is_posted_is_an_envelope_or_a_refusal(body: bytes) -> None:
    code = ""
    try:
        parse_envelope(body)
    except ProblemError as refusal:
        code = refusal.problem.code
    assert code in ("", "malformed_envelope", "bad_signature")


def _fits(value: object) -> bool:
    try:
        orjson.dumps(value)
    except TypeError:  # an integer of more than 64 bits
        return False
    return True


@pytest.mark.parametrize("field", ["MessageId", "Timestamp", "TopicArn", "Subject"])
def test_line_breaks_cannot_move_the_border_between_two_signed_fields(field: str) -> None:
    """Message "a\\nMessageId\\nb" is signed like message "a" with an id that begins with "b\\nMessageId"."""
    envelope = sns.notification("a\nMessageId\nb\nSubject\nc")
    assert is_signed_by(parse_envelope(orjson.dumps(envelope)), sns.key().public_key())
    with pytest.raises(ProblemError, match="malformed_envelope"):
        parse_envelope(orjson.dumps({"Subject": ""} | envelope | {field: "b\nMessageId\nc"}))
