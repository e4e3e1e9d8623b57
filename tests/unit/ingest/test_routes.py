"""How the handler of an address is found."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import web

from ingest.routes import Routes
from schemas.problems import ProblemError


async def _echo(_: web.BaseRequest, *parts: str) -> Any:
    return parts


ROUTES = Routes({"/a": {"POST": _echo}, "/a/{}": {"PUT": _echo, "GET": _echo}, "/a/{}/b": {"POST": _echo}})


async def call(method: str, path: str) -> Any:
    return await ROUTES(cast(Any, SimpleNamespace(method=method)), path)


@pytest.mark.parametrize(
    ("method", "path", "parts"),
    [
        ("POST", "/a", ()),
        ("PUT", "/a/x", ("x",)),
        ("GET", "/a/b%2Fc", ("b/c",)),
        ("POST", "/a/+1/b", ("+1",)),
        ("POST", "/a/%C3%BC%20/b", ("ü ",)),
        ("POST", "/a/\udcff/b", ("\ufffd",)),
        ("POST", "/a/%FF/b", ("\ufffd",)),
    ],
)
async def test_varying_parts_are_decoded_after_the_path_is_split(
    method: str, path: str, parts: tuple[str, ...]
) -> None:
    assert await call(method, path) == parts


@pytest.mark.parametrize("path", ["", "/", "/a/", "/a//b", "/a/x/", "/a/x/c", "/a/x/b/c", "/A", "a"])
async def test_what_is_no_address_is_not_found(path: str) -> None:
    with pytest.raises(ProblemError, match="not_found"):
        await call("POST", path)


async def test_another_method_is_told_which_ones_are_taken() -> None:
    with pytest.raises(web.HTTPMethodNotAllowed) as refused:
        await call("POST", "/a/x")
    assert refused.value.headers["Allow"] == "GET,PUT"
