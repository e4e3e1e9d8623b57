"""Findings from how mail to the whole domain fares."""

from collections.abc import Iterator

from query.diagnosis.evidence import AddressEvidence, DomainFigures, Figures
from query.diagnosis.findings import Finding, Proof, Severity
from schemas.addresses import domain_of

_ENOUGH = 20
"""Recipients of one domain before a share of them is believed."""
_SENDERS = 3
"""Tenants that must have written to a domain before figures of all are told: of fewer one could tell another's share."""
_MUCH, _TIMES = 0.1, 3.0
"""Trouble: a tenth or more did not arrive, and three times as large a share as elsewhere."""


def in_trouble(evidence: AddressEvidence) -> Iterator[Finding]:
    """Mail to the domain does not arrive, and mail to others does: seen in sums over tenants, never in their messages."""
    figures = evidence.domain
    if figures is None:
        return
    here, elsewhere, across = _chosen(figures)
    if here.attempted < _ENOUGH:
        return
    share, usual = _share(here), _share(elsewhere)
    if share < _MUCH or share < _TIMES * usual:
        return
    domain = domain_of(evidence.address)
    seen = " of several senders" if across else ""
    told = (
        f"Of the mail{seen} to {domain} in the last {figures.days} days {share:.0%} did not arrive; "
        f"to other domains {usual:.0%}."
    )
    yield Finding(
        "domain_in_trouble",
        Severity.WARNING,
        f"The whole domain has trouble. {told}",
        "It is most likely not this address: wait and send again. If it lasts, ask the domain’s postmaster, and check that "
        "SPF, DKIM and DMARC of the sending domain are in order.",
        [Proof(None, None, told)],
    )


def _chosen(figures: DomainFigures) -> tuple[Figures, Figures, bool]:
    """The figures of all tenants where there are enough of them, else the tenant's own."""
    if figures.senders >= _SENDERS:
        return figures.all, figures.all_elsewhere, True
    return figures.own, figures.own_elsewhere, False


def _share(figures: Figures) -> float:
    return figures.troubled / figures.attempted if figures.attempted else 0.0
