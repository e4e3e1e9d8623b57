"""Every error that Waybill's HTTP answers carry: a stable code, its HTTP status and a title (RFC 9457)."""

from dataclasses import dataclass
from typing import Any

CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Problem:
    """A kind of error. Programs may rely on `code`; `title` is for people."""

    code: str
    status: int
    title: str


BAD_SIGNATURE = Problem("bad_signature", 403, "The signature does not match what was received")
FOREIGN_TOPIC = Problem("foreign_topic", 403, "The SNS topic is not one that this tenant allows")
FOREIGN_ACCOUNT = Problem("foreign_account", 403, "The Twilio account is not one of this tenant")
UNKNOWN_TENANT = Problem("unknown_tenant", 404, "There is no such tenant")
TOO_LARGE = Problem("too_large", 413, "The body is larger than is taken")
MALFORMED_ENVELOPE = Problem(
    "malformed_envelope", 400, "There is no envelope whose signature could be verified"
)
UNAVAILABLE = Problem("unavailable", 503, "It cannot be stored or answered now; try again")
UNAUTHENTICATED = Problem("unauthenticated", 401, "A known key is needed: Authorization: Bearer <key>")
FORBIDDEN = Problem("forbidden", 403, "The key lacks the scope that this call needs")
NOT_FOUND = Problem("not_found", 404, "There is no such thing")
METHOD_NOT_ALLOWED = Problem("method_not_allowed", 405, "This address does not take this method")
BAD_PARAMETER = Problem("bad_parameter", 400, "A query parameter is unknown or has a value that is not taken")
INVALID_FIELDS = Problem(
    "invalid_fields", 422, "Fields are missing, unknown or have values that are not taken"
)
BAD_LINK = Problem("bad_link", 403, "The link is not one that was made here")
EXPIRED_LINK = Problem("expired_link", 410, "The link is no longer valid")
BAD_REQUEST = Problem("bad_request", 400, "The request could not be read")
INTERNAL = Problem("internal", 500, "Something went wrong here; it is logged")

PROBLEMS = (
    BAD_SIGNATURE,
    FOREIGN_TOPIC,
    FOREIGN_ACCOUNT,
    UNKNOWN_TENANT,
    TOO_LARGE,
    MALFORMED_ENVELOPE,
    UNAVAILABLE,
    UNAUTHENTICATED,
    FORBIDDEN,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    BAD_PARAMETER,
    INVALID_FIELDS,
    BAD_LINK,
    EXPIRED_LINK,
    BAD_REQUEST,
    INTERNAL,
)


class ProblemError(Exception):
    """Raised where a request must end in that problem; `detail` says what was wrong with this request."""

    def __init__(
        self, problem: Problem, detail: str = "", *, retry_after: int | None = None, **extra: Any
    ) -> None:
        super().__init__(f"{problem.code}: {detail}")
        self.problem = problem
        self.detail = detail
        self.retry_after = retry_after
        self.extra = extra

    def document(self) -> dict[str, Any]:
        """The body of the answer."""
        problem = self.problem
        document = {
            "type": "about:blank",
            "title": problem.title,
            "status": problem.status,
            "code": problem.code,
        }
        if self.detail:
            document["detail"] = self.detail
        return document | self.extra
