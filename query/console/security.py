"""What keeps the pages safe: headers on every answer of the console, and proof that a change was meant."""

import secrets
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web
from multidict import MultiMapping

from query.console.session import SignedIn
from query.context import CONTEXT
from schemas.problems import FORBIDDEN, ProblemError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

CSRF_FIELD = "csrf"

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

_NOT_THE_CONSOLES = ("/v1/", "/healthz", "/readyz", "/metrics")


def is_console(path: str) -> bool:
    """Whether a path is one for people: everything that is neither the API's nor an operation of the server."""
    return not path.startswith(_NOT_THE_CONSOLES)


async def secure(request: web.Request, response: web.StreamResponse) -> None:
    """Puts the headers on an answer of the console that is about to be sent."""
    if not is_console(request.path):
        return
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    # What a page shows is somebody's mail: it stays in no cache. Static files have said so themselves.
    response.headers.setdefault("Cache-Control", "no-store")


def is_https(request: web.Request) -> bool:
    """Whether a request came over https, as far as proxy and settings say. Whoever forges the header makes only cookies of
    their own stricter, and URLs for themselves."""
    forwarded = request.headers.get("X-Forwarded-Proto", "").partition(",")[0].strip().lower()
    return request.secure or forwarded == "https" or request.app[CONTEXT].settings.console_https


@web.middleware
async def cookies_to_https(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Cookies that were set over https are never sent over anything else."""
    response = await handler(request)
    if is_https(request):
        for cookie in response.cookies.values():
            cookie["secure"] = True
    return response


def check_meant(request: web.Request, signed_in: SignedIn, form: MultiMapping[str]) -> None:
    """Raises ProblemError where a change does not come from a page of this session."""
    token = form.get(CSRF_FIELD, "")
    if not secrets.compare_digest(token.encode(errors="replace"), signed_in.csrf.encode()):
        raise ProblemError(FORBIDDEN, "the form is not one of this session: open the page anew and try again")
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise ProblemError(FORBIDDEN, "the form was sent from another site")


def local_path(text: str | None, otherwise: str = "/") -> str:
    """`text` where it is a path of this server that one may be sent to, else `otherwise`: never another host."""
    if not text or not text.startswith("/") or text[1:2] in ("/", "\\") or not text.isprintable():
        return otherwise
    return text
