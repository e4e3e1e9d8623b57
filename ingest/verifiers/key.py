"""Bearer keys: who is it that registers something, and for which tenant?"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from runtime.keys import authenticate
from schemas import problems
from schemas.problems import ProblemError
from schemas.tenants import Principal, Scope, Tenants

_MAX_PARAMETERS = 10


@dataclass(frozen=True, slots=True)
class Author:
    """Who registers, for `tenant`; `verified` goes into the envelope as it is."""

    tenant: str
    verified: dict[str, Any]


def author_of(request: web.BaseRequest, tenants: Tenants, scope: Scope) -> Author:
    """The author of a request that writes for one tenant: a tenant's key for its own, an operator's for the one that
    `tenant=` names. Raises ProblemError."""
    principal = authenticate(request, tenants, scope)
    named = _only_tenant(request)
    tenant = principal.tenant if named is None else named
    if tenant is None:
        raise _bad_parameter("tenant", "expected, an operator's key writes for one tenant")
    if tenant not in tenants or principal.tenant not in (None, tenant):
        raise ProblemError(problems.UNKNOWN_TENANT)
    return Author(tenant, _verified(principal))


def _only_tenant(request: web.BaseRequest) -> str | None:
    """The parameter `tenant`, the one that there is."""
    query = request.raw_path.partition("?")[2].encode(errors="surrogateescape").decode(errors="replace")
    try:
        given = parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS)
    except ValueError:
        raise ProblemError(problems.BAD_PARAMETER, "expected no parameters but tenant") from None
    for name, _ in given:
        if name != "tenant":
            raise _bad_parameter(name, "expected no parameters but tenant")
    if len(given) > 1:
        raise _bad_parameter("tenant", "expected once")
    return given[0][1] if given else None


def _bad_parameter(name: str, expected: str) -> ProblemError:
    return ProblemError(problems.BAD_PARAMETER, f"{name:.40}: {expected}", parameter=name[:40])


def _verified(principal: Principal) -> dict[str, Any]:
    """How the envelope tells of the key; an operator's may be named as a tenant's is."""
    verified: dict[str, Any] = {"by": "key", "key": principal.key}
    return verified if principal.tenant is not None else verified | {"operator": True}
