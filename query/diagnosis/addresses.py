"""Findings from the address as it is written."""

from collections.abc import Iterator

from query.diagnosis.evidence import AddressEvidence
from query.diagnosis.findings import Finding, Proof, Severity, arrived, seen_by_a_person
from query.diagnosis.typos import has_stray_spaces, meant_domain
from schemas.addresses import AddressFault, address_of, domain_of

_NO_SUCH_DOMAIN = ("5.1.2", "5.4.4", "5.1.10")
"""Enhanced codes of a domain that does not exist or takes no mail: RFC 3463, RFC 7505, and SES's page on bounces."""


def not_an_address(evidence: AddressEvidence) -> Iterator[Finding]:
    """No address at all, whatever one would send."""
    try:
        address_of(evidence.channel, evidence.address)
    except AddressFault as fault:
        yield Finding(
            "not_an_address",
            Severity.ERROR,
            f"This is no {'email address' if evidence.channel == 'email' else 'phone number'}: {fault.expected}.",
            "Ask the recipient for the right one and correct it.",
        )


def no_such_domain(evidence: AddressEvidence) -> Iterator[Finding]:
    """A server looked for the domain, and there is none that takes mail."""
    if evidence.channel != "email" or _was_ever_delivered(evidence):
        return
    proofs = [
        Proof(
            bounce["at"],
            row["message_id"],
            f"bounced, code {bounce['code'] or 'unknown'}",
            bounce["diagnostic"],
        )
        for row in evidence.messages
        for bounce in (row["bounce"], row["soft_bounce"])
        if bounce and (bounce["cause"] == "domain" or bounce["code"] in _NO_SUCH_DOMAIN)
    ]
    row = evidence.standing
    if not proofs and row is not None and row["cause"] == "domain":
        proofs = [Proof(row["since"], row["message_id"], "bounced", row["diagnostic"])]
    if not proofs:
        return
    domain = domain_of(evidence.address)
    meant = _meant(evidence)
    yield Finding(
        "no_such_domain",
        Severity.ERROR,
        f"There is no domain {domain} that takes mail." + (f" Is {meant} meant?" if meant else ""),
        "Correct the address." if meant else "Ask the recipient for the right address and correct it.",
        proofs[:3],
        meant,
    )


def mistyped(evidence: AddressEvidence) -> Iterator[Finding]:
    """The domain is nearly a well-known one. What a person read there is no slip."""
    meant = _meant(evidence)
    if meant is None or any(map(seen_by_a_person, evidence.messages)):
        return
    domain, delivered = domain_of(evidence.address), _was_ever_delivered(evidence)
    told = "takes mail, but most likely somebody else’s" if delivered else "is nearly a well-known one"
    yield Finding(
        "mistyped_domain",
        Severity.WARNING if delivered or not evidence.messages else Severity.ERROR,
        f"The address looks mistyped: {domain} {told}. Is {meant} meant?",
        f"Ask the recipient whether {meant} is right, and correct the address. Nothing is changed by itself.",
        [Proof(None, None, f"{domain} is nearly {domain_of(meant)}")],
        meant,
    )


def stray_spaces(evidence: AddressEvidence) -> Iterator[Finding]:
    """Given with spaces, or with signs that nobody sees. In a phone number spaces are no fault."""
    stray = next((given for given in evidence.spellings if has_stray_spaces(given)), None)
    if stray is None or evidence.channel != "email":
        return
    yield Finding(
        "stray_spaces",
        Severity.INFO if _was_ever_delivered(evidence) else Severity.WARNING,
        "The address was given with stray spaces or invisible signs. They are left out where addresses are compared here, "
        "but not every program does so.",
        "Correct it where it is on file.",
        [Proof(None, None, "as it was given", stray)],
        evidence.address,
    )


def _meant(evidence: AddressEvidence) -> str | None:
    if evidence.channel != "email":
        return None
    domain = meant_domain(domain_of(evidence.address))
    return f"{evidence.address.rpartition('@')[0]}@{domain}" if domain else None


def _was_ever_delivered(evidence: AddressEvidence) -> bool:
    return any(arrived(row) for row in evidence.messages)
