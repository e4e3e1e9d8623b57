"""The tenants file: what it gives, and how it tells what is wrong: line, field, what was expected."""

import hashlib
from pathlib import Path

import pytest

from schemas.tenants import Fault, TenantsFault, parse_tenants

ARN = "arn:aws:sns:eu-west-1:123456789012:ses-events"
SID = "AC" + "a" * 32
DIGEST = hashlib.sha256(b"wb_key").hexdigest()

WHOLE = f"""
[tenants.acme]
name = "Acme Gymnastics"
sns_topics = ["{ARN}"]
sender_domains = ["Acme.Example"]
twilio = [{{ account_sid = "{SID}", auth_tokens = ["one", "two"] }}]
keys = [{{ name = "console", sha256 = "{DIGEST}", scopes = ["read", "write", "reset"] }}]
vocabulary = "iclasspro"
soft_bounce_limit = 3
notification_consent = "opt-out"
retention_days = 30

[tenants.acme.senders]
transactional = "Acme <acme@ses.example.com>"
marketing = "news@ses.example.com"

[tenants.acme.limits]
recipients_per_hour = 5000

[tenants.other]
name = "Other"

[operator]
keys = [{{ name = "ops", sha256 = "{"0" * 64}", scopes = ["read", "admin"] }}]
shared_sns_topics = ["{ARN}-shared"]
"""


def faults(text: str) -> list[Fault]:
    """The faults of a file that is refused."""
    with pytest.raises(TenantsFault) as refusal:
        parse_tenants(text)
    assert all(str(fault) in str(refusal.value) for fault in refusal.value.faults)
    return refusal.value.faults


def only(text: str) -> Fault:
    """The one fault of it."""
    (fault,) = faults(text)
    return fault


def test_a_whole_file_is_read_as_it_stands() -> None:
    tenants = parse_tenants(WHOLE)
    acme = tenants["acme"]
    assert list(tenants) == ["acme", "other"]
    assert (acme.name, acme.sns_topics, acme.soft_bounce_limit) == ("Acme Gymnastics", [ARN], 3)
    assert acme.twilio[0].auth_tokens == ["one", "two"]
    assert acme.limits.recipients_per_hour == 5000
    assert tenants.shared_topics == {ARN + "-shared"}
    assert (tenants.vocabulary("acme"), tenants.vocabulary("gone")) == ("iclasspro", "waybill")
    assert (tenants.name("acme"), tenants.name("gone")) == (tenants["acme"].name, "gone")


def test_what_is_left_out_has_its_default() -> None:
    other = parse_tenants(WHOLE)["other"]
    assert (other.vocabulary, other.soft_bounce_limit, other.notification_consent) == ("waybill", 5, "opt-in")
    assert (other.retention_days, other.sns_signature_version) == (400, "any")
    assert parse_tenants("").tenants == {}


def test_a_key_is_found_by_its_hash_and_tells_whose_it_is() -> None:
    tenants = parse_tenants(WHOLE)
    known = tenants.principal("wb_key")
    assert known is not None
    assert (known.tenant, known.key, known.scopes) == (
        "acme",
        "console",
        frozenset({"read", "write", "reset"}),
    )
    for key in ("wb_kez", "", DIGEST, "\ud800"):
        assert tenants.principal(key) is None


@pytest.mark.parametrize(
    ("tag", "sender", "tenant"),
    [
        ("acme", None, "acme"),
        ("other", "news@ses.example.com", "other"),
        ("nobody", "news@ses.example.com", None),
        (None, "News@SES.example.com", "acme"),
        (None, '"Acme, Inc." <acme@ses.example.com>', "acme"),
        (None, "anyone@acme.example", "acme"),
        (None, "anyone@sub.acme.example", None),
        (None, "anyone@ses.example.com", None),
        (None, "", None),
        (None, "no address", None),
        (None, None, None),
    ],
)
def test_mail_of_a_shared_topic_is_placed_by_tag_else_by_sender(
    tag: str | None, sender: str | None, tenant: str | None
) -> None:
    assert parse_tenants(WHOLE).of_shared(tag, sender) == tenant


def test_secrets_come_from_the_environment_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "from-env")
    (tmp_path / "digest").write_text(DIGEST + "\n")
    text = WHOLE.replace('["one", "two"]', '[{ env = "A_TOKEN" }]').replace(
        f'"{DIGEST}"', f'{{ file = "{tmp_path / "digest"}" }}'
    )
    tenants = parse_tenants(text)
    assert tenants["acme"].twilio[0].auth_tokens == ["from-env"]
    assert tenants.principal("wb_key") is not None


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        ('{ env = "NOT_SET_ANYWHERE" }', "expected the environment variable NOT_SET_ANYWHERE to be set"),
        ('{ file = "/no/such/file" }', "expected a readable file"),
        ('{ env = "A", file = "b" }', 'expected text, { env = "NAME" } or { file = "path" }'),
        ("{ }", 'expected text, { env = "NAME" } or { file = "path" }'),
        ("5", "string"),
        ('""', "at least 1 character"),
    ],
)
def test_a_secret_that_cannot_be_had_is_told_without_the_others(secret: str, expected: str) -> None:
    fault = only(WHOLE.replace('"one", "two"', f'"very-secret", {secret}'))
    assert (fault.line, fault.field) == (6, "tenants.acme.twilio.0.auth_tokens.1")
    assert expected in fault.expected
    assert "very-secret" not in str(fault)


def test_no_secret_shows_when_a_tenant_is_printed() -> None:
    assert "one" not in repr(parse_tenants(WHOLE)["acme"].twilio)


@pytest.mark.parametrize(
    ("before", "after", "line", "field", "expected"),
    [
        ('name = "Acme Gymnastics"', "name = 5", 3, "tenants.acme.name", "string"),
        ('name = "Acme Gymnastics"', 'name = ""', 3, "tenants.acme.name", "at least 1 character"),
        ('name = "Acme Gymnastics"', "", 2, "tenants.acme.name", "required"),
        (
            f'["{ARN}"]',
            '["arn:aws:sqs:x"]',
            4,
            "tenants.acme.sns_topics.0",
            "expected the ARN of an SNS topic",
        ),
        (f'["{ARN}"]', f'"{ARN}"', 4, "tenants.acme.sns_topics", "list"),
        (SID, "AC1", 6, "tenants.acme.twilio.0.account_sid", "pattern"),
        ('["one", "two"]', '["1", "2", "3"]', 6, "tenants.acme.twilio.0.auth_tokens", "at most 2"),
        ('["one", "two"]', "[]", 6, "tenants.acme.twilio.0.auth_tokens", "at least 1"),
        (DIGEST, "wb_key", 7, "tenants.acme.keys.0.sha256", "pattern"),
        ('"reset"', '"everything"', 7, "tenants.acme.keys.0.scopes.2", "'read', 'write', 'reset' or 'admin'"),
        (
            '"iclasspro"',
            '"french"',
            8,
            "tenants.acme.vocabulary",
            "'waybill', 'iclasspro' or 'class-manager'",
        ),
        ("limit = 3", "limit = 0", 9, "tenants.acme.soft_bounce_limit", "greater than or equal to 1"),
        ("limit = 3", "limit = 65", 9, "tenants.acme.soft_bounce_limit", "less than or equal to 64"),
        ("limit = 3", 'limit = "3"', 9, "tenants.acme.soft_bounce_limit", "integer"),
        ("retention_days", "retention", 11, "tenants.acme.retention", "Extra"),
        ("marketing", "markting", 15, "tenants.acme.senders.markting", "Extra"),
        ("= 5000", "= 0", 18, "tenants.acme.limits.recipients_per_hour", "greater than or equal to 1"),
        ("[tenants.other]", "[tenants.Other]", 20, "tenants.Other", "expected a name of a-z"),
        ("[tenants.other]", '[tenants."a/b"]', 20, "tenants.a/b", "expected a name of a-z"),
        ("shared_sns_topics", "shared_topics", 25, "operator.shared_topics", "Extra"),
        ("[operator]", "[operators]", 23, "operators", "Extra"),
    ],
)
def test_a_fault_is_told_with_its_line_its_field_and_what_was_expected(
    before: str, after: str, line: int, field: str, expected: str
) -> None:
    assert before in WHOLE
    fault = only(WHOLE.replace(before, after, 1))
    assert (fault.line, fault.field) == (line, field)
    assert expected in fault.expected


@pytest.mark.parametrize(
    ("text", "line"),
    [("[tenants.acme\n", 1), ('a = 1\nb = "x\n', 2), ("a = 1\na = 2\n", 2), ("\x00", 1), ("= 5", 1)],
)
def test_what_is_not_toml_is_told_with_its_line(text: str, line: int) -> None:
    fault = only(text)
    assert (fault.line, fault.field) == (line, "")
    assert fault.expected.startswith("expected TOML")


def test_every_fault_is_told_at_once() -> None:
    found = faults(
        WHOLE.replace("limit = 3", "limit = 0").replace('"iclasspro"', "5").replace('"Other"', "7")
    )
    assert [
        (fault.line, fault.field.rpartition(".")[2]) for fault in sorted(found, key=lambda f: f.line)
    ] == [
        (8, "vocabulary"),
        (9, "soft_bounce_limit"),
        (21, "name"),
    ]


@pytest.mark.parametrize(
    ("added", "told"),
    [
        (f'sns_topics = ["{ARN}"]', f"{ARN} is acme's already"),
        (f'sns_topics = ["{ARN}-shared"]', f"{ARN}-shared is the operator's already"),
        (f'twilio = [{{ account_sid = "{SID}", auth_tokens = ["x"] }}]', f"{SID} is acme's already"),
        (f'keys = [{{ name = "k", sha256 = "{DIGEST}", scopes = ["read"] }}]', "this key is acme's already"),
        (
            f'keys = [{{ name = "k", sha256 = "{"0" * 64}", scopes = ["read"] }}]',
            "this key is the operator's already",
        ),
        ('sender_domains = ["acme.example"]', "acme.example is acme's already"),
        ('senders = { marketing = "News <NEWS@ses.example.com>" }', "news@ses.example.com is acme's already"),
    ],
)
def test_a_topic_account_key_or_sender_under_two_owners_is_a_fault(added: str, told: str) -> None:
    fault = only(WHOLE.replace('name = "Other"', f'name = "Other"\n{added}'))
    assert fault.field.startswith("tenants.other")
    assert told in fault.expected
    assert fault.line in (20, 22)


def test_unsubscribe_links_are_signed_with_one_secret_or_two_during_a_change_of_them() -> None:
    new, old = "n" * 32, "o" * 32
    file = '[tenants.acme]\nname = "Acme"\nunsubscribe_secrets = [{}]\n'
    tenants = parse_tenants(file.format(f'"{new}", "{old}"') + '[tenants.other]\nname = "Other"\n')
    assert tenants.unsubscribe_secrets == {"acme": [new, old], "other": []}
    assert new not in repr(tenants["acme"])
    assert only(file.format(f'"{new}", "{old}", "{old}"')).field == "tenants.acme.unsubscribe_secrets"
    short = only(file.format('"short-and-secret"'))
    assert (short.line, "at least 32 characters" in short.expected) == (3, True)
    assert "short-and-secret" not in str(short)


def test_an_internationalised_domain_of_a_sender_is_found_in_either_form() -> None:
    tenants = parse_tenants('[tenants.acme]\nname = "Acme"\nsender_domains = ["München.example"]\n')
    assert tenants.of_shared(None, "news@münchen.example") == "acme"
    assert tenants.of_shared(None, "news@xn--mnchen-3ya.example") == "acme"
