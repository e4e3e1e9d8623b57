"""The tenants file: who may post, who may read, and each tenant's own rules. Parsing is pure; reading it is runtime's.

A faulty file is refused whole, with every fault's line, field and what was expected.
"""

import hashlib
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from schemas.addresses import domain_of, normalise_email

Scope = Literal["read", "write", "reset", "admin"]
Vocabulary = Literal["waybill", "iclasspro", "class-manager"]

_TENANT_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_TOPIC_ARN = re.compile(r"arn:aws(-[a-z-]+)?:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_.-]{1,256}")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a tenants file. `line` counts from 1; 0 where it has no place of its own."""

    line: int
    field: str
    expected: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.field or 'file'}: {self.expected}"


class TenantsFault(ValueError):
    """A tenants file that is refused; `faults` has all of them."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


def _topic_arn(value: str) -> str:
    if not _TOPIC_ARN.fullmatch(value):
        raise ValueError("expected the ARN of an SNS topic, arn:aws:sns:<region>:<12 digits>:<name>")
    return value


def _resolve_secret(value: Any) -> Any:
    """A secret given as { env = "NAME" } or { file = "path" } instead of as text."""
    if not isinstance(value, Mapping):
        return value
    match dict(value):
        case {"env": str(name), **rest} if not rest:
            if not os.environ.get(name):
                raise ValueError(f"expected the environment variable {name} to be set")
            return os.environ[name]
        case {"file": str(path), **rest} if not rest:
            try:
                return Path(path).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as fault:
                raise ValueError(f"expected a readable file: {fault}") from None
    raise ValueError('expected text, { env = "NAME" } or { file = "path" }')


TopicArn = Annotated[str, AfterValidator(_topic_arn)]
Secret = Annotated[str, Field(min_length=1), BeforeValidator(_resolve_secret)]
SigningSecret = Annotated[str, Field(min_length=32), BeforeValidator(_resolve_secret)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ApiKey(_Table):
    """A key: only the hash of it is known. `name` tells in logs and the audit log which one was used."""

    name: str = Field(min_length=1)
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$"), BeforeValidator(_resolve_secret)]
    scopes: list[Scope] = Field(min_length=1)


class TwilioAccount(_Table):
    """A Twilio account; two tokens may be active during a rotation."""

    account_sid: str = Field(pattern="^AC[0-9a-fA-F]{32}$")
    auth_tokens: list[Secret] = Field(min_length=1, max_length=2, repr=False)


class Senders(_Table):
    """The exact sender addresses, told to people who look for a mail, and used to place mail of a shared topic.

    `mail_from` is the domain that bounces go to (a custom MAIL FROM domain of SES), `dkim_selectors` the names of the DKIM
    keys: the DNS cannot be asked for either, and the report on the health of senders looks whether they are in order.
    """

    transactional: str | None = None
    marketing: str | None = None
    mail_from: str | None = None
    dkim_selectors: list[str] = Field([], max_length=10)


class Limits(_Table):
    """Limits of a tenant."""

    recipients_per_hour: int | None = Field(None, ge=1)


class Tenant(_Table):
    """One business that sends through Waybill."""

    name: str = Field(min_length=1)
    sns_topics: list[TopicArn] = []
    sns_signature_version: Literal["any", "2"] = "any"
    sender_domains: list[str] = []
    twilio: list[TwilioAccount] = []
    keys: list[ApiKey] = []
    unsubscribe_secrets: list[SigningSecret] = Field([], max_length=2, repr=False)
    vocabulary: Vocabulary = "waybill"
    soft_bounce_limit: int = Field(5, ge=1, le=64)
    notification_consent: Literal["opt-in", "opt-out"] = "opt-in"
    marketing_consent: Literal["opt-in", "opt-out"] = "opt-in"
    retention_days: int = Field(400, ge=1, le=36_500)
    senders: Senders = Senders()
    limits: Limits = Limits()


class Operator(_Table):
    """Who runs this Waybill: keys that see all tenants, and topics that many tenants share."""

    keys: list[ApiKey] = []
    shared_sns_topics: list[TopicArn] = []


class _File(_Table):
    tenants: dict[str, Tenant] = {}
    operator: Operator = Operator()


@dataclass(frozen=True, slots=True)
class Principal:
    """Whose key it is. `tenant` is None for the operator, who sees all."""

    tenant: str | None
    key: str
    scopes: frozenset[str]


class Tenants:
    """The tenants file in force."""

    def __init__(self, tenants: Mapping[str, Tenant], operator: Operator) -> None:
        self.tenants = dict(tenants)
        self.operator = operator
        self.shared_topics = frozenset(operator.shared_sns_topics)
        self.unsubscribe_secrets = {name: each.unsubscribe_secrets for name, each in self.tenants.items()}
        self._principals: dict[str, Principal] = {}
        self._by_sender: dict[str, str] = {}
        for key in operator.keys:
            self._principals[key.sha256] = Principal(None, key.name, frozenset(key.scopes))
        for name, tenant in self.tenants.items():
            for key in tenant.keys:
                self._principals[key.sha256] = Principal(name, key.name, frozenset(key.scopes))
            for sender in _senders_of(tenant):
                self._by_sender[sender] = name

    def __contains__(self, tenant: object) -> bool:
        return tenant in self.tenants

    def __getitem__(self, tenant: str) -> Tenant:
        return self.tenants[tenant]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tenants)

    def principal(self, key: str) -> Principal | None:
        """Whose key this is. Looked up by its hash, so that comparing takes no time that tells of the key."""
        return self._principals.get(hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest())

    def of_shared(self, tag: str | None, sender: str | None) -> str | None:
        """The tenant of a mail on a shared topic: by the SES tag `tenant`, else by sender's address or domain."""
        if tag is not None:
            return tag if tag in self.tenants else None
        if not sender:
            return None
        address = normalise_email(parseaddr(sender)[1] or sender)
        return self._by_sender.get(address) or self._by_sender.get(domain_of(address))

    def name(self, tenant: str) -> str:
        """What people call a tenant; its id for one that is no longer there."""
        return self.tenants[tenant].name if tenant in self.tenants else tenant

    def vocabulary(self, tenant: str) -> str:
        """The wording that a tenant's people know; the plain one for a tenant that is no longer there."""
        return self.tenants[tenant].vocabulary if tenant in self.tenants else "waybill"


def _senders_of(tenant: Tenant) -> list[str]:
    addresses = [tenant.senders.transactional, tenant.senders.marketing]
    return [normalise_email(a) for a in addresses if a] + [
        domain_of(normalise_email(f"@{domain}")) for domain in tenant.sender_domains
    ]


def parse_tenants(text: str) -> Tenants:
    """The tenants of a TOML text. Raises TenantsFault with every fault found."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        line = re.search(r"line (\d+)", str(fault))
        number = int(line.group(1)) if line else len(text.splitlines())
        raise TenantsFault([Fault(number, "", f"expected TOML: {fault}")]) from None
    try:
        file = _File.model_validate(document)
    except ValidationError as error:
        raise TenantsFault([_as_fault(text, item["loc"], item["msg"]) for item in error.errors()]) from None
    faults = list(_conflicts(text, file))
    if faults:
        raise TenantsFault(faults)
    return Tenants(file.tenants, file.operator)


def _as_fault(text: str, where: tuple[str | int, ...], message: str) -> Fault:
    expected = message.removeprefix("Value error, ")
    return Fault(line_of(text, where), ".".join(map(str, where)), expected)


def _conflicts(text: str, file: _File) -> Iterator[Fault]:
    """What is right by itself and wrong together: a name, topic, account, key or sender that stands twice."""
    for name in file.tenants:
        if not _TENANT_NAME.fullmatch(name):
            yield _as_fault(
                text,
                ("tenants", name),
                "expected a name of a-z, 0-9, - and _, as it stands in the webhook's address",
            )
    parts: list[tuple[str, Callable[[Tenant], list[str]]]] = [
        ("sns_topics", lambda tenant: tenant.sns_topics),
        ("twilio", lambda tenant: [account.account_sid for account in tenant.twilio]),
        ("keys", lambda tenant: [key.sha256 for key in tenant.keys]),
        ("senders", lambda tenant: sorted(set(_senders_of(tenant)))),
    ]
    shared = {
        "sns_topics": file.operator.shared_sns_topics,
        "keys": [key.sha256 for key in file.operator.keys],
    }
    for part, values_of in parts:
        owners = dict.fromkeys(shared.get(part, []), "the operator")
        for name, tenant in file.tenants.items():
            for value in values_of(tenant):
                if value in owners:
                    told = value if part != "keys" else "this key"
                    yield _as_fault(
                        text,
                        ("tenants", name, part),
                        f"expected each to belong to one owner, {told} is {owners[value]}'s already",
                    )
                owners[value] = name


_HEADER = re.compile(r"\s*\[\[?\s*(.*?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(
    r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*="""
)


def line_of(text: str, where: tuple[str | int, ...]) -> int:
    """The line, from 1, of the deepest part of a path that the text names; tomllib keeps no places."""
    names = [str(part) for part in where if isinstance(part, str)]
    table: list[str] = []
    best, depth = 0, 0
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = path = _dotted(header.group(1))
        elif key := _KEY.match(line):
            path = table + _dotted(key.group(1))
        else:
            continue
        if len(path) > depth and path == names[: len(path)]:
            best, depth = number, len(path)
    return best


def _dotted(path: str) -> list[str]:
    return [part.strip().strip("\"'") for part in path.split(".")]
