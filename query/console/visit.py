"""One look at one page: who looks, at whose data, in which zone and theme, and the ways to other pages from there."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from aiohttp import web
from multidict import MultiDict, MultiMapping
from yarl import URL

from query.console.session import SignedIn, session_of
from query.context import CONTEXT, Context, parameters_of, query_of
from query.moments import from_field
from query.parameters import Parameter, refused, zone
from schemas.tenants import Principal, Scope

ZONE_COOKIE, THEME_COOKIE = "waybill_zone", "waybill_theme"
THEMES = ("auto", "light", "dark")
FIND = "find"
"""A form of filters carries this, to be told from a link: its empty fields are no filters, its dates are the reader's."""
NONE = "none"
"""A field of such a form: the names of filters that are to find what has none, whatever else stands in their fields."""

Value = str | int | Sequence[str] | None


class Visit:
    """A request for a page."""

    def __init__(self, request: web.Request, session: SignedIn) -> None:
        self.request = request
        self.session = session
        self.context: Context = request.app[CONTEXT]
        self.zone = _zone(request.cookies.get(ZONE_COOKIE, ""))
        """The reader's time zone, UTC until it is known."""
        theme = request.cookies.get(THEME_COOKIE, "")
        self.theme = theme if theme in THEMES else "auto"

    @property
    def is_signed_in(self) -> bool:
        """Whether a known key stands behind this request."""
        return self.session.principal is not None

    @property
    def principal(self) -> Principal:
        """Whose key it is. Pages for everybody ask `is_signed_in` first."""
        assert self.session.principal is not None, "nobody has signed in"
        return self.session.principal

    @property
    def is_operator(self) -> bool:
        """Whether this is the operator, who sees all tenants."""
        return self.principal.tenant is None

    @property
    def tenant(self) -> str | None:
        """The one tenant whose data are shown; None where the operator looks at all of them."""
        return self.principal.tenant or self.request.query.get("tenant")

    @property
    def vocabulary(self) -> str:
        """The wording of the tenant that is shown."""
        return self.context.tenants.vocabulary(self.tenant) if self.tenant else "waybill"

    def may(self, scope: Scope) -> bool:
        """Whether the key has a scope, for what is only shown to those who can use it."""
        return scope in self.principal.scopes

    def read(self, known: Mapping[str, Parameter], **fixed: str) -> dict[str, Any]:
        """The parameters in the URL, as the API reads its own; `fixed` are those that this page itself decides.

        Raises ProblemError, which names the parameter.
        """
        query = MultiDict(query_of(self.request))
        for name, value in fixed.items():
            if name in query:
                raise refused(name, "this page has its own")
            query.add(name, value)
        return parameters_of(self.principal, query, known)

    def here(self, **changes: Value) -> str:
        """This page with other parameters; None takes one away. A page's place (`cursor`) is kept by nothing but itself."""
        query = MultiDict(self.request.query)
        query.pop("cursor", None)
        return _url(self.request.rel_url.raw_path, _changed(query, changes))

    def without(self, name: str, value: str) -> str:
        """This page without one value of a parameter."""
        left = [each for each in self.request.query.getall(name, []) if each != value]
        return self.here(**{name: left})

    def url(self, path: str, **parameters: Value) -> str:
        """Another page, about the same tenant where the operator has chosen one."""
        tenant = {"tenant": self.tenant} if self.is_signed_in and self.is_operator else {}
        return _url(path, _changed(MultiDict(), tenant | parameters))

    @property
    def place(self) -> str:
        """Path and query of this page, to come back to."""
        return self.request.path_qs


def segment(text: str) -> str:
    """A value as one part of a path, whatever is in it."""
    return quote(text, safe="")


async def visit_of(request: web.Request) -> Visit:
    """The visit that a request is."""
    return Visit(request, await session_of(request, request.app[CONTEXT].tenants))


def canonical(visit: Visit) -> str | None:
    """Where the URL of a page should be another one, that one: a form of filters tidied up, the operator's tenant named.

    So a URL always says everything about what it shows, and can be shared.
    """
    query = MultiDict(visit.request.query)
    if FIND in query:
        query = _tidied(query, visit.zone)
    if visit.is_operator:
        if "tenant" in query:
            visit.session.tenant = query["tenant"] if query["tenant"] in visit.context.tenants else None
        elif visit.session.tenant is not None:
            query["tenant"] = visit.session.tenant
        if not query.get("tenant", "-"):
            del query["tenant"]
    return None if query == visit.request.query else _url(visit.request.rel_url.raw_path, query)


def _tidied(query: MultiMapping[str], zone: str) -> MultiDict[str]:
    without = query.getall(NONE, [])
    tidy: MultiDict[str] = MultiDict((name, "") for name in without)
    for name, value in query.items():
        if name in (FIND, NONE, "cursor", *without) or not value.strip():
            continue
        if name in ("from", "to", "updated_from", "as_of"):
            value = from_field(value, zone, ends=name in ("to", "as_of"))
        tidy.add(name, value)
    return tidy


def _changed(query: MultiDict[str], changes: Mapping[str, Value]) -> MultiDict[str]:
    for name, value in changes.items():
        query.popall(name, None)
        if value is None:
            continue
        for each in [value] if isinstance(value, str | int) else value:
            query.add(name, str(each))
    return query


def _url(path: str, query: MultiMapping[str]) -> str:
    """`path` is encoded already."""
    return path + str(URL.build(path="/", query=query))[1:]


def _zone(text: str) -> str:
    try:
        return zone(text)
    except ValueError:
        return "UTC"
