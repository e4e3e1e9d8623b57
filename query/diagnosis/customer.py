"""Why does one customer not receive? The findings on each of their addresses, and on all of them together."""

from collections.abc import Iterator, Sequence

from query.diagnosis.evidence import USED_DAYS, AddressEvidence, CustomerEvidence, Use
from query.diagnosis.findings import Diagnosis, Finding, Proof, Severity, in_order, on
from query.diagnosis.rules import of_address

_ADVICE = frozenset({"cannot_know", "send_a_test"})
"""What is of no single address: said once for each channel."""

_TOLD_TOGETHER = frozenset({"another_address_used", "only_primary_used", "not_on_file"})
"""What is told of all addresses together, in other words."""


def of_customer(
    customer: CustomerEvidence, addresses: Sequence[AddressEvidence], zone: str = "UTC"
) -> Diagnosis:
    """The diagnosis of a customer; `addresses` has the evidence of each address on file or in use, the primary ones first.
    Times are told in `zone`, an IANA name."""
    findings = [*_together(customer, zone), *_not_looked_into(customer, addresses)]
    advice: dict[str, Finding] = {}
    for evidence in addresses:
        for finding in of_address(evidence).findings:
            if finding.code in _ADVICE:
                advice.setdefault(finding.text, finding)
            elif finding.code not in _TOLD_TOGETHER and not (finding.code == "never_sent" and customer.uses):
                findings.append(finding.of(evidence.address))
    return Diagnosis(in_order([*findings, *sorted(advice.values(), key=lambda finding: finding.code)]))


def _together(customer: CustomerEvidence, zone: str) -> Iterator[Finding]:
    if customer.registered is None and customer.uses:
        yield Finding(
            "not_registered",
            Severity.INFO,
            f"Customer {customer.customer} was never registered. Of their addresses Waybill knows those that messages went to.",
            "Register the customer with all addresses: what was not used, or is not on file, is told then.",
        )
        return
    if not customer.addresses:
        yield Finding(
            "no_address_on_file",
            Severity.WARNING if customer.uses else Severity.ERROR,
            f"Customer {customer.customer} has no address on file.",
            "Ask for one and register it.",
        )
    if not (customer.addresses or customer.uses):
        yield Finding(
            "never_sent",
            Severity.ERROR,
            f"Nothing that names customer {customer.customer} was sent in the last {USED_DAYS} days, as far as Waybill was told.",
            "Check that they are on the list of recipients, and that messages are registered with the customer’s id.",
        )
    for channel in ("email", "sms"):
        yield from _used(customer, channel, zone)


def _used(customer: CustomerEvidence, channel: str, zone: str) -> Iterator[Finding]:
    """Which of several addresses of a channel messages go to, and which that are not on file."""
    on_file = [each["address"] for each in customer.addresses if each["channel"] == channel]
    uses = [use for use in customer.uses if use.channel == channel]
    used = {use.address for use in uses}
    unused = [address for address in on_file if address not in used]
    kind = "addresses" if channel == "email" else "numbers"
    if unused and used & set(on_file):
        only_primary = used & set(on_file) == {customer.primary(channel)}
        told = "only the primary one was used" if only_primary else "not all were used"
        yield Finding(
            "only_primary_used" if only_primary else "only_some_used",
            Severity.WARNING,
            f"Of the {kind} on file {told}: {', '.join(unused)} got nothing in the last {USED_DAYS} days.",
            "If the customer reads another one, make that the primary, or send to all of them.",
            [_proof(use, zone) for use in uses[:3]],
        )
    for use in uses:
        if use.address not in on_file:
            yield Finding(
                "not_on_file",
                Severity.WARNING,
                f"Messages to this customer went to {use.address}, which is not on file.",
                "Ask which address is right, and correct the customer or the application that sends.",
                [_proof(use, zone)],
            )


def _not_looked_into(customer: CustomerEvidence, addresses: Sequence[AddressEvidence]) -> Iterator[Finding]:
    """A customer may have more addresses than one answer can look into."""
    known = {(each["channel"], each["address"]) for each in customer.addresses}
    known |= {(use.channel, use.address) for use in customer.uses}
    left_out = len(known - {(evidence.channel, evidence.address) for evidence in addresses})
    if left_out:
        yield Finding(
            "not_all_looked_into",
            Severity.INFO,
            f"Of {len(known)} addresses the first {len(addresses)} were looked into, not the other {left_out}.",
            "Ask for the diagnosis of the address that is meant.",
        )


def _proof(use: Use, zone: str) -> Proof:
    return Proof(use.last_at, None, f"{use.messages} × {use.address}, last on {on(use.last_at, zone)}")
