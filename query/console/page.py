"""Around every page: who may see it, what its URL should be, and its errors as pages."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp_jinja2
from aiohttp import web
from multidict import MultiDict, MultiMapping

from query.console import wording
from query.console.error_words import is_of_cursor, words_of
from query.console.security import Handler, check_meant, is_console, local_path
from query.console.visit import Visit, canonical, visit_of
from runtime.http import problem_of
from schemas.problems import FORBIDDEN, INTERNAL, UNAVAILABLE, ProblemError
from schemas.tenants import Scope

log = logging.getLogger(__name__)

Page = Callable[[Visit], Awaitable[web.StreamResponse]]
Change = Callable[[Visit, MultiMapping[str]], Awaitable[web.StreamResponse]]


def page(show: Page, scope: Scope = "read") -> Handler:
    """The handler of a page: it is shown to whoever has signed in with a key of that scope."""

    async def handler(request: web.Request) -> web.StreamResponse:
        visit = await visit_of(request)
        if not visit.is_signed_in:
            return to_sign_in(visit, visit.place)
        _check_scope(visit, scope)
        if (elsewhere := canonical(visit)) is not None:
            return redirect(elsewhere)
        return await show(visit)

    return handler


def change(make: Change, scope: Scope) -> Handler:
    """The handler of a form that changes something, with a key of that scope, and only from a page of the same session."""

    async def handler(request: web.Request) -> web.StreamResponse:
        visit = await visit_of(request)
        form = await read_form(request)
        if not visit.is_signed_in:
            return to_sign_in(visit, local_path(form.get("back")))
        check_meant(request, visit.session, form)
        _check_scope(visit, scope)
        return await make(visit, form)

    return handler


async def read_form(request: web.Request) -> MultiMapping[str]:
    """The fields of a form; the console takes no files."""
    return MultiDict(
        (name, value) for name, value in (await request.post()).items() if isinstance(value, str)
    )


def _check_scope(visit: Visit, scope: Scope) -> None:
    if not visit.may(scope):
        raise ProblemError(
            FORBIDDEN,
            f"the key “{visit.principal.key}” may not {wording.SCOPES[scope]}. Ask whoever runs Waybill for one that may",
        )


def redirect(location: str) -> web.Response:
    """To that path of this server."""
    return web.Response(status=303, headers={"Location": location})


def to_sign_in(visit: Visit, back: str) -> web.Response:
    """To the page for signing in, which leads back."""
    return redirect(visit.url("/sign-in", next=None if back == "/" else back))


def render(visit: Visit, template: str, *, status: int = 200, **values: Any) -> web.Response:
    """A page made of a template."""
    return aiohttp_jinja2.render_template(
        template, visit.request, values | {"visit": visit, "flashes": visit.session.heard()}, status=status
    )


@web.middleware
async def errors_as_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whoever reads HTML gets an error as a page; programs get it as the API's problem."""
    if not is_console(request.path) or "text/html" not in request.headers.get("Accept", ""):
        return await handler(request)
    try:
        return await handler(request)
    except ProblemError as error:
        return await _error_page(request, error)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return await _error_page(request, problem_of(error))
    except (ConnectionError, TimeoutError):
        raise
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        return await _error_page(request, ProblemError(INTERNAL))


async def _error_page(request: web.Request, error: ProblemError) -> web.Response:
    visit = await visit_of(request)
    is_change = request.method not in ("GET", "HEAD")
    response = render(
        visit,
        "error.html",
        status=error.problem.status,
        code=error.problem.status,
        words=words_of(error, is_change=is_change),
        ways=_ways_on(visit, error, is_change=is_change),
    )
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _ways_on(visit: Visit, error: ProblemError, *, is_change: bool) -> list[tuple[str, str]]:
    """Labels and URLs of what to do next about an error."""
    if is_of_cursor(error):
        return [("First page", visit.here())]
    if is_change and _has_page(visit.request):
        return [("Back to the form", visit.place)]
    if error.problem is UNAVAILABLE:
        return [("Try again", visit.place)]
    return []


def _has_page(request: web.Request) -> bool:
    """Whether what a form was sent to is where it stands, too."""
    resource = request.match_info.route.resource
    return resource is not None and any(route.method == "GET" for route in resource)
