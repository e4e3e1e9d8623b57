"""Why does one address not receive? The rules in their order; each finds something or nothing."""

from collections.abc import Callable, Iterator

from query.diagnosis import addresses, consents, domains, messages, owners, standing
from query.diagnosis.evidence import AddressEvidence
from query.diagnosis.findings import Diagnosis, Finding, Severity, in_order

Rule = Callable[[AddressEvidence], Iterator[Finding]]


def _send_a_test(evidence: AddressEvidence) -> Iterator[Finding]:
    what = "mail" if evidence.channel == "email" else "text message"
    yield Finding(
        "send_a_test",
        Severity.INFO,
        f"What still cannot be explained, a test shows: whether a {what} of the same sender arrives elsewhere.",
        f"Send the same {what} to yourself, and then to the recipient while they look.",
    )


RULES: tuple[Rule, ...] = (
    standing.suppressed,
    addresses.not_an_address,
    addresses.no_such_domain,
    addresses.mistyped,
    messages.never_sent,
    consents.opted_out,
    messages.troubles,
    standing.soft_bouncing,
    standing.on_the_providers_list,
    domains.in_trouble,
    owners.another_address_was_used,
    owners.not_on_file,
    messages.not_seen,
    addresses.stray_spaces,
    consents.no_opt_in,
    messages.under_way,
    messages.seen,
    standing.was_reset,
    messages.unknowable,
    _send_a_test,
)
"""In this order, within one severity."""


def of_address(evidence: AddressEvidence) -> Diagnosis:
    """The diagnosis of one address."""
    return Diagnosis(in_order([finding for rule in RULES for finding in rule(evidence)]))
