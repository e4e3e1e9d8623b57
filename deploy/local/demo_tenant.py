"""The tenant of a local run without a tenants file: made once under the home, the same at every later start."""

import hashlib
import json
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from deploy.local.signing import SnsSigner

NAME = "demo"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:waybill-demo"

_TENANTS = """# Made by `make run`, which never changes it. Nothing in it is known to anybody else.
[tenants.{name}]
name = "Demo"
sns_topics = ["{topic}"]
twilio = [{{ account_sid = "{account}", auth_tokens = ["{token}"] }}]
keys = [{{ name = "demo", sha256 = "{digest}", scopes = ["read", "write", "reset", "admin"] }}]
unsubscribe_secrets = ["{unsubscribe_secret}"]
"""


@dataclass(frozen=True)
class DemoTenant:
    """What posting as the demo tenant's providers and reading as itself takes."""

    folder: Path
    key: str
    account_sid: str
    auth_token: str
    name: str = NAME
    topic: str = TOPIC

    @property
    def tenants_file(self) -> Path:
        """The tenants file with this one tenant, for WAYBILL_TENANTS."""
        return self.folder / "tenants.toml"

    @property
    def certificates(self) -> Path:
        """The folder with its SNS certificate, for WAYBILL_SNS_CERTS."""
        return self.folder / "certificates"

    def signer(self) -> SnsSigner:
        """Signs as the tenant's SNS topic does."""
        return SnsSigner.load(self.folder / "sns.key")


def load(home: Path) -> DemoTenant | None:
    """The demo tenant of that home, if there is one."""
    folder = home / "demo"
    try:
        secret = json.loads((folder / "secrets.json").read_text())
    except FileNotFoundError:
        return None
    return DemoTenant(folder, secret["key"], secret["account_sid"], secret["auth_token"])


def load_or_make(home: Path) -> DemoTenant:
    """The demo tenant of that home; made there the first time. Its files are readable by their owner alone."""
    if found := load(home):
        return found
    # Made beside its place and moved there whole, so that an interrupted start leaves nothing half-made.
    partial = home / "demo.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True, mode=0o700)
    made = DemoTenant(
        partial, "wb_demo_" + secrets.token_urlsafe(24), "AC" + secrets.token_hex(16), secrets.token_hex(16)
    )
    SnsSigner.create(partial / "sns.key", made.certificates)
    made.tenants_file.write_text(
        _TENANTS.format(
            name=made.name,
            topic=made.topic,
            account=made.account_sid,
            token=made.auth_token,
            digest=hashlib.sha256(made.key.encode()).hexdigest(),
            unsubscribe_secret=secrets.token_urlsafe(32),
        )
    )
    secret = {"key": made.key, "account_sid": made.account_sid, "auth_token": made.auth_token}
    (partial / "secrets.json").write_text(json.dumps(secret, indent=2))
    for file in partial.iterdir():
        if file.is_file():
            file.chmod(0o600)
    partial.rename(home / "demo")
    return DemoTenant(home / "demo", made.key, made.account_sid, made.auth_token)
