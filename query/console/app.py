"""Puts the console into the query server's application."""

import aiohttp_jinja2
import jinja2
from aiohttp import web
from aiohttp.typedefs import Middleware
from aiohttp_session import session_middleware

from query import moments
from query.console import charts, wording
from query.console.ingest import ingest_client
from query.console.navigation import Entry, current
from query.console.page import errors_as_pages
from query.console.pages import (
    addresses,
    api,
    consenting,
    consents,
    customers,
    dead_letters,
    documents,
    finding,
    issue_reports,
    log,
    mailing,
    mailings,
    message,
    overview,
    preferences,
    receipts,
    reports,
    resetting,
    signing,
    statuses,
)
from query.console.security import CSRF_FIELD, cookies_to_https, secure
from query.console.session import storage_of
from query.console.statics import Statics
from query.console.visit import segment

PAGES = (
    signing,
    issue_reports,
    overview,
    mailings,
    mailing,
    log,
    message,
    receipts,
    addresses,
    resetting,
    consents,
    consenting,
    customers,
    documents,
    reports,
    dead_letters,
    finding,
    statuses,
    preferences,
    api,
)
"""Modules of pages: each has ROUTES, and ENTRIES where it is in the navigation, which are shown in this order."""


def middlewares(secret: str) -> list[Middleware]:
    """What stands around every request: cookies and sessions, and errors as pages. To be outside of whatever raises problems."""
    return [cookies_to_https, session_middleware(storage_of(secret)), errors_as_pages]


def add_console(app: web.Application) -> None:
    """Adds pages and static files; the application has the middlewares already."""
    statics = Statics()
    environment = aiohttp_jinja2.setup(
        app,
        loader=jinja2.PackageLoader("query.console"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "static": statics.url,
        "sections": _sections(),
        "current_entry": current,
        "CSRF_FIELD": CSRF_FIELD,
        "charts": charts,
        "moments": moments,
        "wording": wording,
    }
    environment.filters |= {
        "segment": segment,
        "number": wording.number,
        "percent": wording.percent,
        "tone": wording.tone,
        "sign": wording.sign,
        "meaning": wording.meaning,
        "next_step": wording.next_step,
        "prose": wording.prose,
        "breakable": wording.breakable,
        "capitalised": wording.capitalised,
    }
    app.router.add_get("/static/{hash}/{name}", statics.get_static)
    for module in PAGES:
        app.router.add_routes(module.ROUTES)
    app.on_response_prepare.append(secure)
    app.cleanup_ctx.append(ingest_client)


def _sections() -> dict[str, list[Entry]]:
    """The navigation: sections in the order of their first entries."""
    sections: dict[str, list[Entry]] = {}
    for module in PAGES:
        for entry in getattr(module, "ENTRIES", ()):
            sections.setdefault(entry.section, []).append(entry)
    return sections
