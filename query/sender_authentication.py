"""What the DNS says of a sender's domain: SPF, DKIM, DMARC, and whether they are for the domain in the From line. Pure.

Only records are looked at, never a mail: a record can be in order and a mail be signed with another key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

Records = Mapping[str, Sequence[str] | str]
"""By name its TXT records, none where there are none; a text where it could not be asked, and why."""

_LEAST_LABELS = 2
"""Names with fewer belong to nobody who sends."""


class State(StrEnum):
    """What was found."""

    ALIGNED = "aligned"
    """The record is there, and for the domain of the From line."""
    PUBLISHED = "published"
    """The record is there."""
    NOT_ALIGNED = "not_aligned"
    """The record is there, and for another organisation's domain."""
    MISSING = "missing"
    FAULTY = "faulty"
    """There are records, and receivers take them for none."""
    NOT_ASKED = "not_asked"


NO_SELECTORS = "the DNS has no list of keys: name the selectors in senders.dkim_selectors of the tenants file"
BY_SETTING = " (senders.mail_from tells)"
"""What names a setting in the words of a verdict: nothing to those who cannot change it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of one mechanism, and in words what it rests on."""

    state: State
    said: str


@dataclass(frozen=True, slots=True)
class SenderDomain:
    """A sender's domain, the domain that bounces go to (None where nobody tells), and the selectors of its DKIM keys."""

    domain: str
    mail_from: str | None = None
    selectors: Sequence[str] = ()

    @property
    def names(self) -> list[str]:
        """The names whose TXT records tell."""
        keys = [f"{selector}._domainkey.{self.domain}" for selector in self.selectors]
        return [self.mail_from or self.domain, *keys, *self.dmarc_names]

    @property
    def dmarc_names(self) -> list[str]:
        """Where a policy may stand: at the domain itself, else at the next domain above that has one.

        RFC 7489, 6.6.3 looks at the organisation's domain second, by a list of public suffixes; going up label by label finds
        it without one.
        """
        labels = self.domain.split(".")
        return [f"_dmarc.{'.'.join(labels[start:])}" for start in range(len(labels) - _LEAST_LABELS + 1)]


def spf(sender: SenderDomain, records: Records) -> Verdict:
    """RFC 7208, 4.5: exactly one record that begins with v=spf1; aligned with the From line by RFC 7489, 3.1.2."""
    name = sender.mail_from or sender.domain
    found = records[name]
    if isinstance(found, str):
        return Verdict(State.NOT_ASKED, found)
    own = [record for record in found if record.lower().split(" ")[0] == "v=spf1"]
    if not own:
        return Verdict(State.MISSING, f"{name} has no SPF record")
    if len(own) > 1:
        return Verdict(State.FAULTY, f"{name} has {len(own)} SPF records, which receivers take for an error")
    if not _is_one_organisation(sender.domain, name):
        return Verdict(State.NOT_ALIGNED, f"{name} is not of {sender.domain}: {own[0]}")
    told = "" if sender.mail_from else f", if bounces go to the sender's own domain{BY_SETTING}"
    return Verdict(State.ALIGNED, f"{name}: {own[0]}{told}")


def dkim(sender: SenderDomain, records: Records) -> Verdict:
    """RFC 6376, 3.6.1: a key under each selector; one with an empty p= is revoked."""
    if not sender.selectors:
        return Verdict(
            State.NOT_ASKED,
            NO_SELECTORS,
        )
    names = [f"{selector}._domainkey.{sender.domain}" for selector in sender.selectors]
    for name in names:
        if isinstance(why := records[name], str):
            return Verdict(State.NOT_ASKED, why)
    missing = [name for name in names if not any(map(_has_key, records[name]))]
    if missing:
        return Verdict(State.MISSING, f"no key at {', '.join(missing)}")
    return Verdict(State.ALIGNED, f"keys at {', '.join(names)}")


def _has_key(record: str) -> bool:
    return bool(_tags(record).get("p"))


def dmarc(sender: SenderDomain, records: Records) -> Verdict:
    """RFC 7489, 6.3 and 6.6.3: exactly one record that begins with v=DMARC1, with a policy."""
    for name in sender.dmarc_names:
        found = records[name]
        if isinstance(found, str):
            return Verdict(State.NOT_ASKED, found)
        own = [record for record in found if record.replace(" ", "").startswith("v=DMARC1")]
        if not own:
            continue
        policy = _tags(own[0]).get("p")
        if len(own) > 1 or policy not in ("none", "quarantine", "reject"):
            return Verdict(State.FAULTY, f"{name}: {' and '.join(own)}")
        weak = ": receivers are asked to do nothing" if policy == "none" else ""
        return Verdict(State.PUBLISHED, f"p={policy} at {name}{weak}")
    return Verdict(State.MISSING, f"neither {sender.dmarc_names[0]} nor a name above has a policy")


def _tags(record: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip(): "".join(value.split()) for name, _, value in pairs}


def _is_one_organisation(left: str, right: str) -> bool:
    """Whether one is the other, or is under it."""
    return left == right or left.endswith(f".{right}") or right.endswith(f".{left}")
