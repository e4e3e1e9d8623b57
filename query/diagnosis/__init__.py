"""Why did they not receive it? From evidence to findings in plain words. Pure; query/evidence.py gathers the evidence.

`of_address` and `of_customer` are the two questions. Each finding has a code that programs may rely on.
"""

from query.diagnosis.customer import of_customer
from query.diagnosis.evidence import (
    USED_DAYS,
    AddressEvidence,
    CustomerEvidence,
    DomainFigures,
    Figures,
    Senders,
    Use,
)
from query.diagnosis.findings import SEVERITIES, Diagnosis, Finding, Proof, Severity
from query.diagnosis.rules import of_address
from query.diagnosis.standing import by_reset

__all__ = [
    "SEVERITIES",
    "USED_DAYS",
    "AddressEvidence",
    "CustomerEvidence",
    "Diagnosis",
    "DomainFigures",
    "Figures",
    "Finding",
    "Proof",
    "Senders",
    "Severity",
    "Use",
    "by_reset",
    "of_address",
    "of_customer",
]
