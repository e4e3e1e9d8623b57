"""Whose rows a key may see."""

from collections.abc import Mapping
from typing import Any

from query.sql.where import Scope
from schemas.problems import BAD_PARAMETER, UNKNOWN_TENANT, ProblemError
from schemas.tenants import Principal, Tenant, Tenants


def scope_of(principal: Principal, given: Mapping[str, Any]) -> Scope:
    """Whose rows this question is about: a tenant's key always its own, the operator's those of `tenant`, or all."""
    return Scope(given.get("tenant") if principal.tenant is None else principal.tenant)


def tenant_of(tenants: Tenants, principal: Principal, given: Mapping[str, Any]) -> tuple[str, Tenant]:
    """The one tenant that a question is about, its name first: a key's own, or the one that the operator names.

    Raises ProblemError where the operator names none, or one that there is not.
    """
    name = given.get("tenant") if principal.tenant is None else principal.tenant
    if name is None:
        raise ProblemError(
            BAD_PARAMETER, "tenant: expected, the operator's keys have none of their own", parameter="tenant"
        )
    if name not in tenants:
        raise ProblemError(UNKNOWN_TENANT)
    return name, tenants[name]
