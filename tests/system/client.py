"""A plain HTTP client for the tests: every call its own connection, every answer a value."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlencode

CUT = (OSError, HTTPException)
"""What is raised where nobody listens, or the connection ended before the answer was whole."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str | None:
        """The problem's code, None where the answer is no problem."""
        if self.headers.get("content-type", "").split(";")[0] != "application/problem+json":
            return None
        document = self.json()
        assert document["status"] == self.status and document["title"] and document["type"], document
        code: str = document["code"]
        return code


@dataclass(frozen=True)
class Request:
    """A request that can be sent, and sent again."""

    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def exchange(connection: HTTPConnection, request: Request) -> Answer:
    """Sends a request over an open connection. Raises one of CUT."""
    connection.request(request.method, request.path, request.body or None, request.headers)
    response = connection.getresponse()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, response.read())


def call(port: int, request: Request, timeout: float = 20) -> Answer:
    """Sends a request to that port of the loopback. Raises one of CUT."""
    connection = HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        return exchange(connection, request)
    finally:
        connection.close()


def get(port: int, path: str, key: str | None = None, *, timeout: float = 20, **parameters: Any) -> Answer:
    """GET with a bearer key and query parameters (a list gives a name several times). Raises one of CUT."""
    if parameters:
        path += "?" + urlencode(parameters, doseq=True)
    return call(
        port, Request("GET", path, headers={"Authorization": f"Bearer {key}"} if key else {}), timeout
    )
