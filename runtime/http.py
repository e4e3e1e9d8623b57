"""The HTTP frame that ingest, query, worker and sink share: problems, /healthz, /readyz and /metrics, and serving."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import orjson
from aiohttp import web

from runtime import metrics
from schemas import problems
from schemas.problems import Problem, ProblemError

log = logging.getLogger(__name__)

R = TypeVar("R", bound=web.BaseRequest)

Ready = Callable[[], Awaitable[tuple[bool, dict[str, Any]]]]
"""Tells whether the process can do its work, and what to say about it."""

_BY_STATUS: dict[int, Problem] = {
    400: problems.BAD_REQUEST,
    404: problems.NOT_FOUND,
    405: problems.METHOD_NOT_ALLOWED,
    413: problems.TOO_LARGE,
}


def json_response(
    document: Any, *, status: int = 200, content_type: str = "application/json"
) -> web.Response:
    """A JSON answer."""
    return web.Response(body=orjson.dumps(document), status=status, content_type=content_type)


def problem_response(error: ProblemError) -> web.Response:
    """The answer that a problem is."""
    response = json_response(
        error.document(), status=error.problem.status, content_type=problems.CONTENT_TYPE
    )
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    if error.problem is problems.UNAUTHENTICATED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def problem_of(error: web.HTTPException) -> ProblemError:
    """What aiohttp raised, as a problem of ours."""
    return ProblemError(_problem_of_status(error.status))


def _problem_of_status(status: int) -> Problem:
    return _BY_STATUS.get(status, problems.BAD_REQUEST if status < 500 else problems.INTERNAL)


async def answer(request: R, handler: Callable[[R], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
    """What the handler answers; every error leaves as application/problem+json with a stable code.

    An unforeseen one is logged and told as `internal`.
    """
    try:
        return await handler(request)
    except ProblemError as error:
        return problem_response(error)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        response = problem_response(problem_of(error))
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        return response
    except asyncio.CancelledError:
        raise
    except ConnectionError:  # whoever asked has gone: nobody reads this, and it is nothing to log
        return problem_response(
            ProblemError(problems.BAD_REQUEST, "the connection ended before the request did")
        )
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        return problem_response(ProblemError(problems.INTERNAL))


def _unreadable(
    _: web.RequestHandler,
    request: web.BaseRequest,
    status: int = 500,
    exc: BaseException | None = None,
    message: str | None = None,
) -> web.StreamResponse:
    """The answer to what is no request: a problem too, and no traceback in the log, which anybody could fill with them."""
    if request.writer.output_size > 0:
        raise ConnectionError("the answer is under way already")
    if status >= 500:
        log.error("a request from %s failed", request.remote, exc_info=exc)
    else:
        log.debug("no request, from %s: %s", request.remote, message)
    response = problem_response(ProblemError(_problem_of_status(status)))
    response.force_close()
    return response


# aiohttp has no setting for it; its own answer is plain text, and a traceback in the log for each.
web.RequestHandler.handle_error = _unreadable  # type: ignore[assignment, method-assign]


@web.middleware
async def problems_middleware(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Every error leaves as application/problem+json with a stable code."""
    return await answer(request, handler)


def operations(ready: Ready) -> dict[str, Callable[[web.BaseRequest], Awaitable[web.Response]]]:
    """The pages that every part has, by path: /healthz (alive), /readyz (able to do its work) and /metrics."""

    async def healthz(_: web.BaseRequest) -> web.Response:
        return json_response({"status": "ok"})

    async def readyz(_: web.BaseRequest) -> web.Response:
        able, told = await ready()
        return json_response({"status": "ready" if able else "not ready"} | told, status=200 if able else 503)

    async def metrics_page(_: web.BaseRequest) -> web.Response:
        return web.Response(body=metrics.exposition(), headers={"Content-Type": metrics.CONTENT_TYPE_LATEST})

    return {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics_page}


def add_operations(app: web.Application, ready: Ready) -> None:
    """Adds the pages that every part has."""
    for path, handler in operations(ready).items():
        app.router.add_get(path, handler)


def stop_on_signals(stop: asyncio.Event) -> None:
    """Sets `stop` on SIGINT and SIGTERM."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)


async def start_site(app: web.Application, host: str, port: int, **options: Any) -> web.AppRunner:
    """Starts to serve; stop it with the runner's cleanup(). `options` go to the runner.

    Raises OSError where the port is taken.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5.0, **options)
    await start_listening(runner, host, port)
    return runner


async def start_listening(runner: web.BaseRunner, host: str, port: int, *, reuse_port: bool = False) -> None:
    """Lets a runner serve there; with `reuse_port` several processes may listen on one port.

    Raises OSError where the port is taken.
    """
    await runner.setup()
    await web.TCPSite(runner, host, port, backlog=1024, reuse_port=reuse_port or None).start()
