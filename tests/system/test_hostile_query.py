"""Input that nobody honest sends, at every address of query: a stable answer, never a crash, never another's data."""

import contextlib
import socket

import pytest

from tests.system import payloads as p
from tests.system.client import Request, call, get
from tests.system.stack import Stack
from tests.system.tenants import ACME, BETA, DELTA
from tests.system.waiting import settled

LISTS = ("/v1/messages", "/v1/rates", "/v1/dead-letters")
NEEDS_KEY = (*LISTS, "/v1/messages/none", "/v1/statuses")


@pytest.mark.parametrize("path", NEEDS_KEY)
def test_a_missing_unknown_or_absurd_key_is_401(stack: Stack, path: str) -> None:
    for authorization in (
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer nobody",
        f"Bearer {DELTA.key}",
        f"Basic {ACME.key}",
        ACME.key,
        f"Bearer {ACME.key} x",
        "Bearer " + "x" * 7000,
        "Bearer \u00e9\u00ff",
    ):
        headers = {} if authorization is None else {"Authorization": authorization}
        answer = call(stack.ports["query"], Request("GET", path, headers=headers))
        assert (answer.status, answer.code) == (401, "unauthenticated"), (authorization, answer)
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("path", LISTS)
def test_unknown_parameters_and_absurd_values_are_400(stack: Stack, path: str) -> None:
    for name, value in (
        ("no_such_parameter", "1"),
        ("limit", "0"),
        ("limit", "501"),
        ("limit", "-1"),
        ("limit", "1e9"),
        ("limit", "99999999999999999999"),
        ("cursor", "nonsense"),
        ("cursor", "'; DROP TABLE events; --"),
        ("cursor", "\u00e9" * 100),
        ("from", "yesterday"),
        ("from", "99999-01-01T00:00:00Z"),
        ("sort", "nonsense"),
        ("format", "pdf"),
        ("channel", "pigeon"),
    ):
        answer = stack.ask(path, **{name: value})
        assert (answer.status, answer.code) == (400, "bad_parameter"), (name, value, answer)
        assert name in answer.json()["detail"], answer


def test_values_of_the_rates_parameters_are_checked(stack: Stack) -> None:
    for name, value in (
        ("group_by", "nonsense"),
        ("group_by", "campaign,day,domain"),
        ("group_by", ""),
        ("tz", "Mars/Olympus"),
        ("tz", "../../etc/passwd"),
        ("compare", "never"),
    ):
        answer = stack.ask("/v1/rates", **{name: value})
        assert (answer.status, answer.code) == (400, "bad_parameter"), (name, value, answer)


def test_sql_and_patterns_in_a_filter_are_only_text(stack: Stack) -> None:
    m = p.mail(
        p.new_id(), [p.new_address()], p.at(0), campaign="100%_safe' OR 1=1 --", subject="50% off_now\\"
    )
    stack.accept(p.delivery(m, p.at(2)))
    stack.accept(
        p.delivery(p.mail(p.new_id(), [p.new_address()], p.at(0), campaign="other"), p.at(2)), tenant=BETA
    )
    stack.until_events(m["messageId"], 1)

    def shown() -> None:
        rows = stack.items("/v1/messages", campaign="100%_safe' OR 1=1 --")
        assert [row["message_id"] for row in rows] == [m["messageId"]]
        assert len(stack.items("/v1/messages", subject="50% off_now\\")) == 1
        assert stack.items("/v1/messages", subject="50_ off%now") == []

    settled(shown, 10, "the filters")
    hostile = (
        "'",
        "\\'",
        "' OR '1'='1",
        "{tenant:String}",
        "%",
        "_",
        "*",
        "(",
        "\x00",
        "\U0001f600",
        "a" * 5000,
        "\n",
    )
    names = (
        "recipient",
        "subject",
        "text",
        "q",
        "campaign",
        "customer",
        "category",
        "document",
        "method",
        "sender",
        "domain",
    )
    asked: list[dict[str, str]] = [dict.fromkeys(names, value) for value in hostile]
    asked += [{name: value} for name, value in zip(names, hostile, strict=False)]
    for parameters in asked:
        answer = stack.ask("/v1/messages", **parameters)
        assert answer.status in (200, 400), (parameters, answer)
        if answer.status == 200:
            assert "other" not in {row["campaign"] for row in answer.json()["items"]}, "another tenant's"


def test_absurd_message_ids_are_404(stack: Stack) -> None:
    for message_id in ("none", "%00", "%2F%2e%2e", "'", "a" * 5000, "%ff", "%F0%9F%98%80", "..;/"):
        answer = stack.ask(f"/v1/messages/{message_id}")
        assert answer.status in (404, 400) and answer.code in ("not_found", "bad_request"), (
            message_id,
            answer,
        )


def test_unknown_addresses_are_404_and_wrong_methods_405(stack: Stack) -> None:
    port = stack.ports["query"]
    headers = {"Authorization": f"Bearer {ACME.key}"}
    for path in ("/v1", "/v1/", "/v2/messages", "/v1/messages/a/b", "/etc/passwd", "/../../etc/passwd"):
        answer = call(port, Request("GET", path, headers=headers))
        assert (answer.status, answer.code) == (404, "not_found"), (path, answer)
    for method in ("POST", "PUT", "DELETE", "NONSENSE"):
        answer = call(port, Request(method, "/v1/messages", b"{}", headers))
        assert answer.status in (405, 400) and answer.code in ("method_not_allowed", "bad_request"), (
            method,
            answer,
        )


def test_broken_requests_get_a_4xx_or_a_closed_connection_and_query_stays_up(stack: Stack) -> None:
    pid = stack.part("query").pid
    for data in (
        b"\x00\x01\x02",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/messages?" + b"status=sent&" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/messages HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /v1/messages HTTP/9.9\r\n\r\n",
        b"GET\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", stack.ports["query"]), timeout=10) as connection:
            said = b""
            with contextlib.suppress(ConnectionError):
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                said = connection.recv(4096)
        assert said == b"" or said.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), (data[:50], said[:200])
    assert stack.part("query").pid == pid
    assert get(stack.ports["query"], "/healthz").status == 200


def test_a_cursor_of_one_tenant_shows_nothing_of_it_to_another(stack: Stack) -> None:
    made = [p.mail(p.new_id(), [p.new_address()], p.at(n), campaign="cursor") for n in range(3)]
    for m in made:
        stack.accept(p.delivery(m, p.at(60)))
    for m in made:
        stack.until_events(m["messageId"], 1)
    cursor = stack.ask("/v1/messages", campaign="cursor", limit=1).json()["next"]
    assert cursor
    answer = stack.ask("/v1/messages", BETA.key, campaign="cursor", limit=10, cursor=cursor)
    assert answer.status == 400 or answer.json()["items"] == [], answer
