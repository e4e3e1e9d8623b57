"""What the routes work with, and how a question is asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

from aiohttp import web
from multidict import MultiMapping

from query.filters import OF_OPERATOR
from query.lag import Lag
from query.parameters import Parameter, read_parameters, refused
from runtime.clickhouse import ClickHouse
from runtime.keys import authenticate
from runtime.tenants_file import TenantsFile
from schemas.settings import QuerySettings
from schemas.tenants import Principal, Tenants


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of a running query server."""

    settings: QuerySettings
    tenants_file: TenantsFile
    store: ClickHouse
    lag: Lag

    @property
    def tenants(self) -> Tenants:
        """The tenants in force."""
        return self.tenants_file.current

    @property
    def query_settings(self) -> dict[str, Any]:
        """ClickHouse's settings for every question."""
        return {
            "max_execution_time": self.settings.query_timeout_s,
            # filed_at is in both the partition and the sort key and never changes for a row.
            "do_not_merge_across_partitions_select_final": 1,
        }

    async def rows(
        self,
        sql: str,
        parameters: Mapping[str, Any],
        *,
        timeout_s: float | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """The rows that answer a question, given up after the usual time or sooner, with these settings of ClickHouse's
        besides. Raises ClickHouseAway then."""
        bound = {} if timeout_s is None else {"max_execution_time": timeout_s}
        return await self.store.rows(sql, parameters, self.query_settings | bound | dict(settings or {}))


CONTEXT = web.AppKey("context", Context)


def asked(
    request: web.Request, known: Mapping[str, Parameter], scope: str = "read"
) -> tuple[Context, Principal, dict[str, Any]]:
    """The context, whose key it is, and the parameters of a request. Raises ProblemError."""
    context = request.app[CONTEXT]
    principal = authenticate(request, context.tenants, scope)
    return context, principal, parameters_of(principal, query_of(request), known)


def query_of(request: web.Request) -> MultiMapping[str]:
    """The query of a request. Raises ProblemError where something in it is no UTF-8: read all the same, it would have another
    sign in its place, and find something else."""
    for part in request.rel_url.raw_query_string.split("&"):
        try:
            unquote_to_bytes(part).decode()
        except UnicodeDecodeError:
            raise refused(unquote(part.partition("=")[0]), "expected UTF-8, percent-encoded") from None
    return request.query


def parameters_of(
    principal: Principal, query: MultiMapping[str], known: Mapping[str, Parameter]
) -> dict[str, Any]:
    """The parameters of a query, as somebody may give them. Raises ProblemError."""
    if principal.tenant is None:
        known = {**known, **OF_OPERATOR}
    elif "tenant" in query:
        raise refused("tenant", "only the operator's keys may name a tenant")
    return read_parameters(query, known)
