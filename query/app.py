"""The query server: routes, errors, readiness."""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from query.bodies import MAX_BODY_BYTES
from query.console.app import add_console
from query.console.app import middlewares as console_middlewares
from query.context import CONTEXT, Context
from query.limits import read_limits
from query.readiness import readiness_document
from query.routes.addresses import get_address, get_addresses, get_diagnosis
from query.routes.campaigns import get_campaign, get_campaigns, get_links, get_timeline
from query.routes.consents import get_consent_log, get_consents
from query.routes.customers import get_customer, get_customer_diagnosis, get_customer_messages
from query.routes.dead_letters import get_dead_letters
from query.routes.documents import get_document
from query.routes.issue_reports import get_address_issue_report, get_message_issue_report
from query.routes.message import get_message
from query.routes.messages import get_messages
from query.routes.openapi import get_json, get_yaml
from query.routes.rates import get_rates
from query.routes.receipts import get_receipt
from query.routes.reports import add_reports
from query.routes.sendability import post_sendability
from query.routes.statuses import get_statuses
from query.routes.tenants import get_tenants, post_release
from query.sending import SENDING, Sending
from runtime import metrics
from runtime.clickhouse import ClickHouseAway, ClickHouseRefused
from runtime.http import add_operations, problem_of, problems_middleware
from schemas.problems import INTERNAL, UNAVAILABLE, ProblemError

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

RETRY_AFTER_S = 2


def make_app(context: Context) -> web.Application:
    """The application; it closes what the context holds open. Raises LimitsFault where a file of limits is faulty."""
    settings = context.settings
    app = web.Application(
        middlewares=[
            problems_middleware,
            *console_middlewares(settings.console_secret),
            _measured,
            _store_errors,
        ],
        client_max_size=MAX_BODY_BYTES,
    )
    app[CONTEXT] = context
    sending = app[SENDING] = Sending(
        settings.kafka,
        context.rows,
        read_limits(settings.limits),
        settings.sendability_stale_s,
        settings.dns,
    )

    async def ready() -> tuple[bool, dict[str, Any]]:
        told = await readiness_document(context, sending)
        return told["clickhouse"], told

    async def start(_: web.Application) -> None:
        sending.start()

    async def close(_: web.Application) -> None:
        await sending.close()
        await context.lag.close()
        await context.store.close()

    add_operations(app, ready)
    app.router.add_get("/v1/messages", get_messages)
    # An id is whatever the provider or the application chose, so it may have slashes in it.
    app.router.add_get("/v1/messages/{message_id:(?s:.+)}/issue-report", get_message_issue_report)
    app.router.add_get("/v1/messages/{message_id:(?s:.+)}", get_message)
    app.router.add_get("/v1/receipts/{receipt_id}", get_receipt)
    # So may the name of a campaign; one that ends in /links is asked for with that slash percent-encoded, as all are.
    app.router.add_get("/v1/campaigns", get_campaigns)
    app.router.add_get("/v1/campaigns/{campaign:(?s:.+)}/timeline", get_timeline)
    app.router.add_get("/v1/campaigns/{campaign:(?s:.+)}/links", get_links)
    app.router.add_get("/v1/campaigns/{campaign:(?s:.+)}", get_campaign)
    app.router.add_get("/v1/addresses", get_addresses)
    # So may an address be; one that ends in /diagnosis or /issue-report is none.
    app.router.add_get("/v1/addresses/{address:(?s:.+)}/diagnosis", get_diagnosis)
    app.router.add_get("/v1/addresses/{address:(?s:.+)}/issue-report", get_address_issue_report)
    app.router.add_get("/v1/addresses/{address:(?s:.+)}", get_address)
    app.router.add_get("/v1/consents", get_consents)
    app.router.add_get("/v1/consents/log", get_consent_log)
    app.router.add_get("/v1/customers/{customer}", get_customer)
    app.router.add_get("/v1/customers/{customer}/messages", get_customer_messages)
    app.router.add_get("/v1/customers/{customer}/diagnosis", get_customer_diagnosis)
    app.router.add_get("/v1/documents/{document:(?s:.+)}", get_document)
    app.router.add_get("/v1/statuses", get_statuses)
    app.router.add_get("/v1/rates", get_rates)
    add_reports(app)
    app.router.add_get("/v1/dead-letters", get_dead_letters)
    app.router.add_post("/v1/sendability", post_sendability)
    app.router.add_get("/v1/tenants", get_tenants)
    app.router.add_post("/v1/tenants/{tenant}/release", post_release)
    app.router.add_get("/v1/openapi.yaml", get_yaml)
    app.router.add_get("/v1/openapi.json", get_json)
    add_console(app)
    app.on_startup.append(start)
    app.on_cleanup.append(close)
    return app


@web.middleware
async def _store_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A store that is away is 503; a question that it refuses is a fault of ours."""
    try:
        return await handler(request)
    except ClickHouseAway as away:
        log.warning("ClickHouse is away: %s", away)
        raise ProblemError(
            UNAVAILABLE, "the message store does not answer", retry_after=RETRY_AFTER_S
        ) from None
    except ClickHouseRefused as refused:
        log.error("ClickHouse refused a question of %s: %s", request.path, refused)
        raise ProblemError(INTERNAL) from None


@web.middleware
async def _measured(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Counts answers and problems."""
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else "none"
    begun = time.monotonic()
    try:
        return await handler(request)
    except ProblemError as error:
        metrics.QUERY_PROBLEMS.labels(error.problem.code).inc()
        raise
    except web.HTTPException as error:
        if error.status >= 400:
            metrics.QUERY_PROBLEMS.labels(problem_of(error).problem.code).inc()
        raise
    finally:
        metrics.QUERY_SECONDS.labels(route).observe(time.monotonic() - begun)
