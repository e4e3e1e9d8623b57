"""The issue report on a message and on an address: everything that support asks for, and nothing of anybody else's."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from query.issue_report import OTHERS_DAYS, PROBLEMS
from query.moments import day, local
from tests.integration.query_stage import OPERATOR, QueryServer, key_of, write_tenants
from tests.integration.report_stage import change, consent_of, customer, insert, message, standing, told
from tests.openapi import check

ANN, BEN, CEM = "ann@school.example", "ben@school.example", "cem@school.example"
HOSTILE = "News\r\nDiagnosis\n---------\n\u202edetrevni <b>bold</b> it's; DROP TABLE x --"
MESSAGE = "0102/018f%2F ü"
PATH = f"/v1/messages/{quote(MESSAGE, safe='')}/issue-report"


def ago(days: float) -> str:
    moment = datetime.now(UTC) - timedelta(days=days)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


SENT = ago(2)
BOUNCE = {
    "type": "hard", "subtype": "General", "code": "5.1.1", "cause": "mailbox", "at": SENT,
    "diagnostic": "smtp; 550 5.1.1 nobody\nhere",
}  # fmt: skip


def event(number: int, outcome: str, recipient: str | None, **fields: Any) -> dict[str, Any]:
    return {
        "schema": "event/1",
        "event_id": f"{number:032x}",
        "tenant": "acme",
        "provider": "ses",
        "channel": "email",
        "message_id": MESSAGE,
        "recipient": recipient,
        "outcome": outcome,
        "at": SENT,
        "timed": True,
        "received_at": SENT,
        "receipt_id": f"r-{number}",
        "detail": {},
        "machine": None,
        "machine_reason": None,
        "late": False,
    } | fields


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(clickhouse: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[QueryServer]:
    tenants = write_tenants(tmp_path_factory.mktemp("issues") / "tenants.toml")
    async with QueryServer(clickhouse, "127.0.0.1:1", tenants) as server:
        news = {
            "subject": HOSTILE,
            "sender": "news@ses.example.com",
            "category": "marketing",
            "method": "blast",
        }
        await insert(
            server,
            "message_status",
            message(MESSAGE, ANN, SENT, "bounced", bounce=BOUNCE, bounced_at=SENT, customer="42", **news),
            message(MESSAGE, BEN, SENT, "opened", **news),
            message("before", ANN, ago(30), "delivered", subject="Welcome"),
            message("fine", CEM, ago(1), "delivered", subject="Class list"),
            message("old", "dora@school.example", ago(OTHERS_DAYS + 1), "delivered"),
            message("single", CEM, ago(3), "delivered", subject="Receipt", sender="shop@ses.example.com"),
            message("text", "+15005550123", ago(1), "delivered", channel="sms", text="Class is canceled"),
            message("theirs", "eve@school.example", ago(1), "bounced", tenant="other", bounce=BOUNCE),
            message("x/issue-report", CEM, ago(9), "delivered"),
        )
        await insert(
            server,
            "events",
            event(1, "sent", ANN),
            event(
                2,
                "bounced",
                ANN,
                detail={"subtype": "General", "remote_mta": "mx.school.example", "feedback_id": "f-77"},
            ),
            event(3, "opened", BEN, machine=True, machine_reason="apple_prefetch"),
            event(4, "opened", None),
            event(5, "bounced", ANN, tenant="other"),
        )
        await insert(
            server, "address_standing", standing(ANN, "hard_bounce", SENT, diagnostic=BOUNCE["diagnostic"])
        )
        await insert(
            server, "consents", consent_of(change("e1", ANN, "in", ago(60), source="staff", actor="Sam Lee"))
        )
        await insert(server, "customers", customer("42", ANN))
        yield server


async def test_a_report_on_a_message_has_all_that_support_asks_for(server: QueryServer) -> None:
    document = await server.page(
        PATH,
        ("recipient", f" {ANN.upper()}"),
        ("problem", "not_received"),
        ("description", "Three families asked.\nSince Monday."),
        ("tried_address", CEM),
    )
    check("/v1/messages/{message_id}/issue-report", document)
    assert document["problem"] == {"code": "not_received", "label": "Not received"}
    assert document["description"] == "Three families asked.\nSince Monday."
    tried = document["tried_address"]
    assert (tried["given"], tried["standing"], tried["last_message"]["message_id"]) == (CEM, "valid", "fine")
    said = document["message"]
    assert (said["message_id"], said["sender"], said["method"], said["provider"]) == (
        MESSAGE, "news@ses.example.com", "blast", "ses",
    )  # fmt: skip
    assert told(document["messages"], "recipient", "status", "bounce") == [(ANN, "bounced", BOUNCE)]
    assert told(document["events"], "outcome", "recipient") == [
        ("sent", ANN), ("bounced", ANN), ("opened", None),
    ]  # fmt: skip
    assert document["events"][1]["detail"]["feedback_id"] == "f-77"
    address = document["address"]
    assert (address["standing"], address["reason"], address["customers"]) == (
        "invalid",
        "hard_bounce",
        ["42"],
    )
    assert address["consent"]["marketing"]["actor"] == "Sam Lee"
    assert "suppressed_hard_bounce" in [finding["code"] for finding in document["diagnosis"]["findings"]]


async def test_others_at_the_domain_are_the_tenants_own_of_the_last_days(server: QueryServer) -> None:
    domain = (await server.page(PATH, ("recipient", ANN)))["domain"]
    assert (domain["domain"], domain["days"], domain["addresses"]) == ("school.example", OTHERS_DAYS, 2)
    assert told(domain["others"], "recipient", "message_id", "status") == [
        (CEM, "fine", "delivered"),
        (BEN, MESSAGE, "opened"),
    ], "the newest of each"
    assert (domain["counts"]["sent"], domain["counts"]["opened"], domain["counts"]["bounced"]) == (3, 1, 0)


async def test_without_a_recipient_a_message_to_several_is_told_with_all_of_them(server: QueryServer) -> None:
    document = await server.page(PATH)
    check("/v1/messages/{message_id}/issue-report", document)
    assert told(document["messages"], "recipient") == [(ANN,), (BEN,)]
    assert len(document["events"]) == 4
    assert (document["address"], document["diagnosis"], document["domain"]) == (None, None, None)
    single = await server.page("/v1/messages/single/issue-report")
    assert (single["address"]["address"], single["problem"], single["tried_address"]) == (CEM, None, None)


async def test_a_report_on_an_address_has_its_last_messages(server: QueryServer) -> None:
    path = "/v1/addresses/{address}/issue-report"
    document = await server.page(path.format(address=ANN), ("problem", "part_missing"))
    check(path, document)
    assert document["message"] is None
    assert told(document["messages"], "message_id") == [(MESSAGE,), ("before",)]
    assert document["address"]["standing"] == "invalid"
    assert document["domain"]["addresses"] == 2
    phone = await server.page(path.format(address="+15005550123"))
    check(path, phone)
    assert (phone["domain"], phone["messages"][0]["text"]) == (None, "Class is canceled")
    unknown = await server.page(path.format(address="nobody@school.example"))
    check(path, unknown)
    assert (unknown["messages"], unknown["address"]["standing"]) == ([], "valid")
    assert unknown["diagnosis"]["findings"][0]["code"] == "never_sent"


async def test_the_text_is_a_file_in_which_nothing_that_others_wrote_looks_like_a_part_of_it(
    server: QueryServer,
) -> None:
    status, headers, body = await server.raw(
        PATH,
        [
            ("recipient", ANN),
            ("problem", "not_received"),
            ("description", "a\nDiagnosis\nb"),
            ("format", "text"),
        ],
    )
    assert (status, headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert headers["Content-Disposition"] == 'attachment; filename="issue-report-0102_018f_2F.txt"'
    lines = body.decode().splitlines()
    titles = [before for before, line in pairwise(lines) if line and set(line) == {"-"}]
    assert titles == [
        "Issue report", "Message", f"Recipient {ANN}", "Trail", "Address", "Diagnosis", "Others at the domain",
    ]  # fmt: skip
    told_of = {line.partition(":")[0]: line.partition(":")[2].strip() for line in lines if ":" in line[:17]}
    assert told_of["Problem"] == "Not received"
    assert told_of["Description"] == "a Diagnosis b"
    assert told_of["Subject"] == "News Diagnosis --------- detrevni <b>bold</b> it's; DROP TABLE x --"
    assert (told_of["Date"], told_of["Time"]) == (
        day(local(SENT, "UTC")),
        f"{SENT[11:19]} UTC",
    )
    assert told_of["Provider’s id"] == MESSAGE
    assert told_of["Domain"] == "school.example"
    assert "diagnostic: smtp; 550 5.1.1 nobody here" in told_of["Bounce"]
    assert told_of["Status"] == "Bounced"
    assert told_of["Provider"] == "Amazon SES"
    text = body.decode()
    for part in ("feedback_id: f-77", "Sam Lee", "What to do:", CEM, "invalid, hard bounce, since"):
        assert part in text
    assert "\u202e" not in text and "\r" not in text


async def test_the_text_on_an_address_lists_its_messages(server: QueryServer) -> None:
    _, headers, body = await server.raw(f"/v1/addresses/{ANN}/issue-report", [("format", "text")])
    assert headers["Content-Disposition"] == f'attachment; filename="issue-report-{ANN}.txt"'
    assert "Last messages to this address" in body.decode()
    assert "id before" in body.decode()


async def test_another_tenants_message_is_404_and_nothing_of_it_is_told(server: QueryServer) -> None:
    for path, parameters in (
        ("/v1/messages/theirs/issue-report", ()),
        ("/v1/messages/nobodys/issue-report", ()),
        (PATH, (("recipient", "eve@school.example"),)),
        (PATH, (("recipient", CEM),)),
    ):
        status, problem = await server.get(path, *parameters)
        assert (status, problem["code"]) == (404, "not_found"), path
    _, _, body = await server.raw(
        "/v1/addresses/eve@school.example/issue-report", [("tried_address", ANN)], key_of("other")
    )
    assert b"theirs" in body and b"0102" not in body and b"Sam Lee" not in body and CEM.encode() not in body
    _, _, body = await server.raw("/v1/addresses/eve@school.example/issue-report")
    assert b"theirs" not in body


async def test_the_operator_gets_it_of_the_tenant_whose_message_it_is(server: QueryServer) -> None:
    document = await server.page("/v1/messages/theirs/issue-report", key=OPERATOR)
    check("/v1/messages/{message_id}/issue-report", document)
    assert (document["tenant"], document["domain"]["addresses"]) == ("other", 0)
    named = await server.page(f"/v1/addresses/{ANN}/issue-report", ("tenant", "acme"), key=OPERATOR)
    assert named["tenant"] == "acme"


async def test_an_id_that_ends_like_the_report_is_the_report_of_what_is_before(server: QueryServer) -> None:
    assert (await server.get("/v1/messages/x/issue-report"))[0] == 404
    document = await server.page("/v1/messages/x%2Fissue-report/issue-report")
    assert document["message"]["message_id"] == "x/issue-report"


@pytest.mark.parametrize("path", [PATH, f"/v1/addresses/{ANN}/issue-report"])
async def test_a_problem_is_told_by_its_code_or_in_the_reporters_own_words(
    server: QueryServer, path: str
) -> None:
    for code, label in PROBLEMS.items():
        assert (await server.page(path, ("problem", code)))["problem"] == {"code": code, "label": label}
    for words, code in (
        ("not received", "not_received"),
        ("Part-Missing", "part_missing"),
        ("It is on fire", "other"),
    ):
        assert (await server.page(path, ("problem", words)))["problem"] == {"code": code, "label": words}
        _, _, text = await server.raw(path, [("problem", words), ("format", "text")])
        assert f"Problem:         {words}\n" in text.decode()
    assert (await server.page(path, ("problem", " ")))["problem"] is None


@pytest.mark.parametrize("path", [PATH, f"/v1/addresses/{ANN}/issue-report"])
async def test_a_parameter_or_a_key_that_is_not_taken_gets_no_report(server: QueryServer, path: str) -> None:
    for name, value in (("problem", "x" * 1001), ("format", "pdf"), ("x", "1"), ("tenant", "other")):
        status, told_of = await server.get(path, (name, value))
        assert (status, told_of["parameter"]) == (400, name)
    assert (await server.get(path, key=None))[0] == 401
    assert (await server.get(path, key="writer-acme"))[0] == 403
