"""The one refusal that several places of ingest make: not now."""

from schemas import problems
from schemas.problems import ProblemError

RETRY_AFTER_S = 5
"""Long enough for a broker to elect another leader; SNS itself comes back after 20 s."""


def unavailable(detail: str) -> ProblemError:
    """503 with Retry-After: the provider keeps the callback and tries again."""
    return ProblemError(problems.UNAVAILABLE, detail, retry_after=RETRY_AFTER_S)
