"""Who asks: bearer keys and their scopes, as ingest and query take them alike."""

from aiohttp import web

from schemas.problems import FORBIDDEN, UNAUTHENTICATED, ProblemError
from schemas.tenants import Principal, Tenants


def authenticate(request: web.BaseRequest, tenants: Tenants, scope: str) -> Principal:
    """Whose key the request carries. Raises ProblemError where it has none that is known, or one without this scope."""
    kind, _, key = request.headers.get("Authorization", "").partition(" ")
    principal = tenants.principal(key.strip()) if kind.lower() == "bearer" else None
    if principal is None:
        raise ProblemError(UNAUTHENTICATED)
    if scope not in principal.scopes:
        raise ProblemError(FORBIDDEN, f"this needs the scope {scope}")
    return principal
