"""The public unsubscribe endpoint (RFC 8058): whoever holds a signed link may end what it names, without a key.

Opening a link only asks: mail programs, virus scanners and link checkers open all of them. What acts is the POST, by the
mail program's own button (`List-Unsubscribe=One-Click`) or by that of the page.
"""

from email.parser import BytesParser
from itertools import islice
from urllib.parse import parse_qsl

from aiohttp import web

from ingest import pages
from ingest.body import BodyReader
from ingest.registering import Registrar, counted, now_ms
from ingest.routes import Handler
from ingest.verifiers.key import Author
from runtime import metrics
from runtime.http import problem_response
from runtime.tenants_file import TenantsFile
from schemas import problems
from schemas.problems import ProblemError
from schemas.registrations import Consent, Evidence
from schemas.unsubscribe import PATH, LinkFault, UnsubscribeLink, read_token

_ONE_CLICK = ("List-Unsubscribe", "One-Click")
_PAGES_OWN = (pages.CONFIRM, "yes")
_MAX_FIELDS = 10

MAX_BODY_BYTES = 16 * 1024
"""Either form has less than a hundred; a mail program may add parts of its own."""


class Unsubscriber:
    """Shows and takes unsubscribe links."""

    def __init__(self, tenants: TenantsFile, bodies: BodyReader, registrar: Registrar) -> None:
        self._tenants = tenants
        self._bodies = bodies
        self._registrar = registrar

    def routes(self) -> dict[str, dict[str, Handler]]:
        """The address and its handlers."""
        show, act = counted(self._show, _refusal), counted(self._act, _refusal)
        return {PATH + "{}": {"GET": show, "HEAD": show, "POST": act}}

    async def _show(self, _: web.BaseRequest, token: str) -> web.StreamResponse:
        link, tenant_name = self._link(token)
        metrics.UNSUBSCRIBES.labels("asked").inc()
        return pages.question(tenant_name, link.address, link.category)

    async def _act(self, request: web.BaseRequest, token: str) -> web.StreamResponse:
        link, tenant_name = self._link(token)
        how = how_it_was_meant(request.headers.get("Content-Type", ""), await self._bodies.read(request))
        if how is None:
            raise ProblemError(problems.BAD_REQUEST, "expected the form List-Unsubscribe=One-Click")
        consent = _opt_out(link, how, pages.wording(tenant_name, link.category))
        await self._registrar.store(Author(link.tenant, {"by": "link"}), [consent], now_ms())
        metrics.UNSUBSCRIBES.labels(how).inc()
        return pages.done(tenant_name, link.address, link.category)

    def _link(self, token: str) -> tuple[UnsubscribeLink, str]:
        """What the token says, and the name of its tenant. Raises ProblemError; which tenants there are it tells nobody."""
        tenants = self._tenants.current
        try:
            link = read_token(token, tenants.unsubscribe_secrets, now_ms())
        except LinkFault as fault:
            metrics.UNSUBSCRIBES.labels("refused").inc()
            raise ProblemError(problems.EXPIRED_LINK if fault.expired else problems.BAD_LINK) from None
        return link, tenants[link.tenant].name


def how_it_was_meant(content_type: str, body: bytes) -> str | None:
    """`one_click` for a mail program's button, `page` for that of the page, None where the body is of neither."""
    fields = _multipart(content_type, body) if "multipart/" in content_type.lower() else _urlencoded(body)
    if _ONE_CLICK in fields:
        return "one_click"
    return "page" if _PAGES_OWN in fields else None


def _urlencoded(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode(errors="replace").strip(), max_num_fields=_MAX_FIELDS)
    except ValueError:
        return []


def _multipart(content_type: str, body: bytes) -> list[tuple[str, str]]:
    """The fields of multipart/form-data, which RFC 8058 prefers; its parts are those of a mail."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode(errors="replace")
    fields: list[tuple[str, str]] = []
    for part in islice(BytesParser().parsebytes(head + body).walk(), _MAX_FIELDS):
        name, value = part.get_param("name", header="Content-Disposition"), part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(value, bytes):
            fields.append((name, value.decode(errors="replace").strip()))
    return fields


def _opt_out(link: UnsubscribeLink, how: str, wording: str) -> Consent:
    return Consent(
        address=link.address,
        channel=link.channel,
        category=link.category,
        sender=link.sender if link.channel == "sms" else None,  # of mail the page promises the whole category
        consent="out",
        source="customer",
        actor=link.address,
        evidence=Evidence(method="link", wording=wording, reference=link.campaign),
        reason="one-click unsubscribe in the mail program"
        if how == "one_click"
        else "unsubscribe link, confirmed",
        message_id=link.message_id,
    )


def _refusal(request: web.BaseRequest, refusal: ProblemError) -> web.Response:
    """A page for whoever asks for one, as browsers do; a problem for programs."""
    if "text/html" not in request.headers.get("Accept", ""):
        return problem_response(refusal)
    return pages.refused(refusal.problem.status, refusal.retry_after)
