"""Why does one customer not receive? The findings on each of their addresses, and on all of them together."""

from collections.abc import Iterator, Sequence

from query.diagnosis.evidence import AddressEvidence, CustomerEvidence
from query.diagnosis.findings import Diagnosis, Finding, Proof, Severity, in_order, on
from query.diagnosis.rules import of_address

_SAID_ONCE = frozenset(
    {"send_a_test", "cannot_know", "another_address_used", "only_primary_used", "not_on_file"}
)
"""What is no finding of one address among several: said once, or in other words."""


def of_customer(customer: CustomerEvidence, addresses: Sequence[AddressEvidence]) -> Diagnosis:
    """The diagnosis of a customer; `addresses` has the evidence of each address on file or in use, the primary ones first."""
    findings = [*_together(customer)]
    for evidence in addresses:
        findings += [
            finding.of(evidence.address)
            for finding in of_address(evidence).findings
            if finding.code not in _SAID_ONCE and not (finding.code == "never_sent" and customer.uses)
        ]
    if addresses:
        findings += [f for f in of_address(addresses[0]).findings if f.code in ("cannot_know", "send_a_test")]
    return Diagnosis(in_order(findings))


def _together(customer: CustomerEvidence) -> Iterator[Finding]:
    if not customer.addresses:
        yield Finding(
            "no_address_on_file",
            Severity.ERROR,
            f"Customer {customer.customer} has no address on file.",
            "Ask for one and register it.",
        )
        if not customer.uses:
            yield Finding(
                "never_sent",
                Severity.ERROR,
                f"Nothing was ever sent to customer {customer.customer}, as far as Waybill was told.",
                "Check that they are on the list of recipients, and that messages are registered with the customer's id.",
            )
        return
    for channel in ("email", "sms"):
        yield from _used(customer, channel)


def _used(customer: CustomerEvidence, channel: str) -> Iterator[Finding]:
    """Which of several addresses of a channel messages go to, and which that are not on file."""
    on_file = [each["address"] for each in customer.addresses if each["channel"] == channel]
    uses = [use for use in customer.uses if use.channel == channel]
    used = {use.address for use in uses}
    unused = [address for address in on_file if address not in used]
    kind = "addresses" if channel == "email" else "numbers"
    if uses and unused and used & set(on_file):
        primary = customer.primary(channel)
        only_primary = used & set(on_file) == {primary}
        told = "only the primary one was used" if only_primary else "not all were used"
        yield Finding(
            "only_primary_used" if only_primary else "only_some_used",
            Severity.WARNING,
            f"Of the {kind} on file {told}: {', '.join(unused)} got nothing.",
            "If the customer reads another one, make that the primary, or send to all of them.",
            [
                Proof(use.last_at, None, f"{use.messages} × {use.address}, last on {on(use.last_at)}")
                for use in uses[:3]
            ],
        )
    for use in uses:
        if use.address not in on_file:
            yield Finding(
                "not_on_file",
                Severity.WARNING,
                f"Messages to this customer went to {use.address}, which is not on file.",
                "Ask which address is right, and correct the customer or the application that sends.",
                [Proof(use.last_at, None, f"{use.messages} × {use.address}, last on {on(use.last_at)}")],
            )
