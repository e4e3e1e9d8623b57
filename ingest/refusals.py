"""How ingest refuses: what every refusal goes through, and the one that several places make: not now."""

from aiohttp import web

from runtime import metrics
from schemas import problems
from schemas.problems import ProblemError

RETRY_AFTER_S = 5
"""Long enough for a broker to elect another leader; SNS itself comes back after 20 s."""


def unavailable(detail: str) -> ProblemError:
    """503 with Retry-After: the provider keeps the callback and tries again."""
    return ProblemError(problems.UNAVAILABLE, detail, retry_after=RETRY_AFTER_S)


def refuse(
    request: web.BaseRequest, provider: str, refusal: ProblemError, response: web.Response
) -> web.Response:
    """The response that tells a refusal, which is counted. The rest of a body that was not read whole is not read for the
    sake of the next request."""
    metrics.REFUSALS.labels(provider, refusal.problem.code).inc()
    if not request.content.is_eof():
        response.force_close()
    return response
