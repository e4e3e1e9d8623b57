"""Findings from whose address it is: which address of theirs was used, and whether this one is on file."""

from collections.abc import Iterator

from query.diagnosis.evidence import USED_DAYS, AddressEvidence, Use
from query.diagnosis.findings import Finding, Proof, Severity, on


def another_address_was_used(evidence: AddressEvidence) -> Iterator[Finding]:
    """A customer's messages went to another address of theirs, most often to the primary one alone."""
    for customer in evidence.customers:
        uses = [use for use in customer.uses if use.channel == evidence.channel]
        others = [use for use in uses if use.address != evidence.address]
        used = len(others) < len(uses)
        if used or not others or not customer.is_on_file(evidence.channel, evidence.address):
            continue
        primary = customer.primary(evidence.channel)
        only_primary = primary is not None and {use.address for use in others} == {primary}
        yield Finding(
            "only_primary_used" if only_primary else "another_address_used",
            Severity.WARNING,
            f"In the last {USED_DAYS} days messages to customer {customer.customer} went to {_listed(others)}"
            + (", the primary address," if only_primary else "")
            + " and none to this one.",
            f"Look at {others[0].address}, or make this the primary address, or send to all addresses of the customer.",
            [_proof(use, evidence.zone) for use in others[:3]],
            others[0].address,
        )


def not_on_file(evidence: AddressEvidence) -> Iterator[Finding]:
    """Messages of a registered customer go to this address, and it is not on file; the other way round is in
    `another_address_was_used`."""
    for customer in evidence.customers:
        registered = [each["address"] for each in customer.addresses if each["channel"] == evidence.channel]
        if customer.registered is None or evidence.address in registered:
            continue
        told = (
            f"on file {'is' if len(registered) == 1 else 'are'} {', '.join(registered)}"
            if registered
            else "none is"
        )
        yield Finding(
            "not_on_file",
            Severity.WARNING,
            f"Messages to customer {customer.customer} name this address, which is not on file: {told}.",
            "Ask which address is right, and correct the customer or the application that sends.",
            [_proof(use, evidence.zone) for use in customer.uses if use.address == evidence.address][:1],
            registered[0] if len(registered) == 1 else None,
        )


def _listed(uses: list[Use]) -> str:
    return ", ".join(use.address for use in uses[:3])


def _proof(use: Use, zone: str) -> Proof:
    told = "a message" if use.messages == 1 else f"{use.messages} messages"
    return Proof(use.last_at, None, f"{told} to {use.address}, the latest on {on(use.last_at, zone)}")
