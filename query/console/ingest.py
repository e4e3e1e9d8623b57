"""What people change is sent to ingest over HTTP, with their own key, as any other program does."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import orjson
from aiohttp import web
from yarl import URL

from query.console.visit import Visit
from query.console.wording import capitalised
from schemas.problems import BAD_REQUEST, INVALID_FIELDS, PROBLEMS, UNAVAILABLE, ProblemError

_TIMEOUT = aiohttp.ClientTimeout(total=15)
_BY_CODE = {problem.code: problem for problem in PROBLEMS}
_CLIENT = web.AppKey("ingest client", aiohttp.ClientSession)


class Unconfirmed(ProblemError):
    """Nobody knows whether a change that was sent is stored."""


async def ingest_client(app: web.Application) -> AsyncIterator[None]:
    """Keeps connections to ingest while the application runs (a cleanup context)."""
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as client:
        app[_CLIENT] = client
        yield


async def send_to_ingest(visit: Visit, method: str, path: str, document: dict[str, Any]) -> None:
    """Sends a change, for the tenant that is shown; `path` is encoded already.

    Raises ProblemError with what ingest answered, `unavailable` where it is away; Unconfirmed where it may have stored it.
    """
    base = visit.context.settings.ingest_url.rstrip("/")
    url = URL(f"{base}{path}", encoded=True)
    if visit.is_operator and visit.tenant:
        url = url.with_query(tenant=visit.tenant)
    try:
        async with visit.request.app[_CLIENT].request(
            method,
            url,
            data=orjson.dumps(document),
            headers={"Authorization": f"Bearer {visit.session.key}", "Content-Type": "application/json"},
        ) as answer:
            if answer.status < 400:
                return
            told = orjson.loads(await answer.read())
    except aiohttp.ClientConnectorError:
        raise ProblemError(
            UNAVAILABLE, "ingest (`WAYBILL_INGEST_URL`) takes no connection: look whether it runs"
        ) from None
    except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError):
        raise Unconfirmed(
            UNAVAILABLE, "ingest did not answer, or not in time: look at its `/readyz`"
        ) from None
    problem, detail = _BY_CODE.get(told.get("code"), BAD_REQUEST), told.get("detail", "")
    if problem is UNAVAILABLE:
        raise Unconfirmed(problem, f"ingest answered: {detail}")
    extra = {name: told[name] for name in ("errors", "parameter") if name in told}
    raise ProblemError(problem, detail, **extra)


def faults_of(
    problem: ProblemError, given: Mapping[str, str], asked: Mapping[str, str] | None = None
) -> dict[str, str]:
    """What was expected of each field that was not taken, by its name: what is `asked` for where it was left empty in `given`.

    Raises the problem where it is another one.
    """
    if problem.problem is not INVALID_FIELDS:
        raise problem
    wanted = dict.fromkeys(given, "Please fill this in.") | dict(asked or {})

    def told(field: str, expected: str) -> str:
        is_empty = not given.get(field.rpartition(".")[2])
        return wanted[field] if is_empty and field in wanted else capitalised(expected)

    return {
        fault["field"]: told(fault["field"], fault["expected"]) for fault in problem.extra.get("errors", ())
    }
