"""What a diagnosis answers: findings, each with its evidence and its remedy, and how things are told to people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from query.moments import local, minute

Row = Mapping[str, Any]


class Severity(StrEnum):
    """How much a finding explains, the most first."""

    ERROR = "error"
    """Nothing arrives until it is mended."""
    WARNING = "warning"
    """Something did not arrive, or may not have been seen."""
    INFO = "info"
    """Worth knowing or trying."""


SEVERITIES: Mapping[Severity, str] = {
    Severity.ERROR: "Cause",
    Severity.WARNING: "Look at this",
    Severity.INFO: "Worth knowing",
}
"""As people read it before a finding."""

_RANK = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class Proof:
    """One piece of evidence: what happened, when, with which message, and the words of whoever told it."""

    at: str | None
    message_id: str | None
    fact: str
    said: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found. `suggestion` is an address to use instead; `address` says of which one of several it is."""

    code: str
    severity: Severity
    text: str
    remedy: str
    evidence: Sequence[Proof] = ()
    suggestion: str | None = None
    address: str | None = None

    def of(self, address: str) -> "Finding":
        """The same, as one of that address among several, which its text names: nobody could tell which is meant."""
        text = self.text if address in self.text else f"{address}: {self.text}"
        return replace(self, address=address, text=text)

    def document(self) -> dict[str, Any]:
        """As the API tells it."""
        return {
            "code": self.code,
            "severity": self.severity,
            "address": self.address,
            "text": self.text,
            "evidence": [
                {"at": proof.at, "message_id": proof.message_id, "fact": proof.fact, "said": proof.said}
                for proof in self.evidence
            ],
            "remedy": self.remedy,
        }


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All findings, what explains most first."""

    findings: Sequence[Finding]

    @property
    def summary(self) -> str:
        """What explains most, in a sentence or two."""
        first, *others = self.findings
        more = sum(finding.severity is not Severity.INFO for finding in others)
        told = {0: "", 1: " There is one more thing to look at."}.get(
            more, f" There are {more} more things to look at."
        )
        return first.text + told

    @property
    def suggestion(self) -> str | None:
        """An address to use instead, if one suggests itself."""
        return next((finding.suggestion for finding in self.findings if finding.suggestion), None)

    def document(self) -> dict[str, Any]:
        """As the API tells it."""
        return {
            "summary": self.summary,
            "findings": [finding.document() for finding in self.findings],
            "suggestion": self.suggestion,
        }


def in_order(findings: Sequence[Finding]) -> list[Finding]:
    """By severity; within one in the order in which they were found."""
    return sorted(findings, key=lambda finding: _RANK[finding.severity])


def on(at: str | None, zone: str) -> str:
    """A time for people, in a zone by its IANA name: `22 Nov 2026 09:28 UTC`."""
    if at is None:
        return "an unknown day"
    moment = local(at, zone)
    return f"{minute(moment)} {moment:%Z}"


def named(row: Row, zone: str) -> str:
    """A message for people: its subject or the beginning of its text, and its time in a zone."""
    words = row.get("subject") or row.get("text")
    if not words:
        return f"the message of {on(row['at'], zone)}"
    return f"“{short(words, _NAMED)}” of {on(row['at'], zone)}"


_NAMED = 60


def short(text: str, most: int) -> str:
    """A text in one line; of a longer one so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[:most]}…"


def coded(fact: str, code: str | None) -> str:
    """A fact with the code that it was reported with."""
    return f"{fact}, code {code}" if code else fact


def arrived(row: Row) -> bool:
    """Whether a message was accepted by the recipient's server or handset, and not bounced in the end."""
    return "delivered" in row["reached"]


def seen_by_a_person(row: Row) -> bool:
    """Whether a person opened a mail or clicked in it, machines left out; or read a text message."""
    return ("human_opened" if row["channel"] == "email" else "opened") in row["reached"]
