"""The tenants of the test run: who they are, their keys, and their tenants file."""

import hashlib
from dataclasses import dataclass

REGION = "eu-west-1"


def _topic(name: str) -> str:
    return f"arn:aws:sns:{REGION}:123456789012:{name}"


@dataclass(frozen=True)
class Tenant:
    """What a test needs to post and to read as this tenant."""

    name: str
    topic: str
    account: str
    token: str
    key: str
    more: str = ""

    def toml(self) -> str:
        """Its part of the tenants file."""
        return f"""
[tenants.{self.name}]
name = "{self.name.title()} Gymnastics"
sns_topics = ["{self.topic}"]
twilio = [{{ account_sid = "{self.account}", auth_tokens = ["{self.token}", "{self.token}-next"] }}]
keys = [
  {{ name = "all", sha256 = "{digest(self.key)}", scopes = ["read", "write", "reset"] }},
  {{ name = "posts", sha256 = "{digest(write_only(self))}", scopes = ["write"] }},
]
{self.more}
"""


def digest(key: str) -> str:
    """What the tenants file has of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def write_only(tenant: Tenant) -> str:
    """The tenant's key that may not read."""
    return tenant.key + "-posts"


def _tenant(number: int, name: str, more: str = "") -> Tenant:
    return Tenant(
        name=name,
        topic=_topic(f"{name}-ses"),
        account="AC" + f"{number:032x}",
        token=f"token-of-{name}-0123456789",
        key=f"wb_{name}_{'k' * 32}",
        more=more,
    )


UNSUBSCRIBE_SECRET = "u" * 40
ACME = _tenant(1, "acme", f'unsubscribe_secrets = ["{UNSUBSCRIBE_SECRET}"]')
BETA = _tenant(2, "beta", 'vocabulary = "class-manager"')
GAMMA = _tenant(
    3, "gamma", 'vocabulary = "iclasspro"\nsender_domains = ["gamma.example"]\nsns_signature_version = "2"'
)
DELTA = _tenant(4, "delta")
"""Joins later: not in the file with which the run begins."""
EPSILON, ZETA = _tenant(5, "epsilon"), _tenant(6, "zeta", 'vocabulary = "class-manager"')
"""Of the browser's tests of the log alone, which know every row that there is."""
ETA = _tenant(7, "eta")
"""Of the browser's test of a tenant that is stopped: its rates are known."""

SHARED_TOPIC = _topic("everybodys-ses")
FOREIGN_TOPIC = _topic("somebody-elses")
OPERATOR_KEY = "wb_operator_" + "o" * 32

_OPERATOR = f"""
[operator]
keys = [{{ name = "ops", sha256 = "{digest(OPERATOR_KEY)}", scopes = ["read", "admin"] }}]
shared_sns_topics = ["{SHARED_TOPIC}"]
"""


def tenants_file(*tenants: Tenant) -> str:
    """A tenants file with those and the operator."""
    return "".join(tenant.toml() for tenant in tenants) + _OPERATOR


FIRST = (ACME, BETA, GAMMA)
OF_CONSOLE = (*FIRST, EPSILON, ZETA, ETA)
