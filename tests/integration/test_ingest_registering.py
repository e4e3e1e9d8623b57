"""What applications register: each answer over real HTTP, and what Kafka then has of it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio

from deploy.topics import create_topics
from processors.providers.app import adapt
from processors.providers.told import Told
from schemas.envelope import Envelope
from schemas.partition import partition_of
from schemas.topics import message_key
from tests.integration.ingest_stage import (
    PARTITIONS,
    Answer,
    Client,
    Receipts,
    bearer,
    code,
    receipts,
    within,
)

LIMIT = 16 * 1024
LIST_LIMIT = 512 * 1024

MESSAGE = {"id": "m-1", "channel": "email", "recipient": "Ann@Example.org", "subject": "Class at five"}
CONSENT = {
    "address": "Ann@Example.org",
    "channel": "email",
    "category": "marketing",
    "consent": "out",
    "source": "customer",
    "actor": "ann",
}
STAFF_IN = CONSENT | {"consent": "in", "source": "staff", "actor": "Sam Lee"}
EVIDENCE = {"method": "verbal", "wording": "Yes, send me the news", "reference": "call of 2026-11-20"}
CUSTOMER = {
    "kind": "client",
    "name": "Ann Example",
    "created_at": "1998-09-01T00:00:00Z",
    "addresses": [
        {"address": "ann@example.org", "channel": "email", "primary": True},
        {"address": "ann@work.example", "channel": "email", "primary": False},
        {"address": "+1 500 555 0006", "channel": "sms", "primary": True},
    ],
}
SUPPRESSION = {"address": "ann@example.org", "channel": "email", "reason": "hard_bounce", "actor": "Sam Lee"}
RESET = {"channel": "email", "actor": "Sam Lee", "reason": "The mailbox works again"}

WRITES = [
    ("POST", "/v1/messages", MESSAGE, "writer"),
    ("POST", "/v1/consents", CONSENT, "writer"),
    ("POST", "/v1/suppressions", SUPPRESSION, "writer"),
    ("PUT", "/v1/customers/42", CUSTOMER, "writer"),
    ("POST", "/v1/addresses/ann%40example.org/reset", RESET, "resetter"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stored(kafka: str) -> AsyncIterator[Receipts]:
    await create_topics(kafka, partitions=PARTITIONS)
    async with receipts(kafka) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ingest(
    kafka: str, stored: Receipts, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Client]:
    folder = tmp_path_factory.mktemp("ingest")
    async with within(kafka, folder, max_body_bytes=LIMIT, max_list_bytes=LIST_LIMIT) as client:
        yield client


def body_of(envelope: Envelope) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(envelope.body)
    return body


async def only_the_last(ingest: Client, stored: Receipts) -> None:
    """Nothing was stored since the last look: a message that is registered now is the first to come."""
    assert (await ingest.tell("POST", "/v1/messages", MESSAGE | {"id": "last"}))[0] == 202
    assert [envelope.message_id for envelope in await stored.until(1)] == ["last"]


def faults(answer: Answer) -> list[tuple[int, str]]:
    """Index and field of each fault of a 422; each says what was expected."""
    assert code(answer) == (422, "invalid_fields")
    errors = answer[1]["errors"]
    assert all(error["expected"].startswith("expected") for error in errors), errors
    return [(error["index"], error["field"]) for error in errors]


async def test_a_message_becomes_a_receipt_of_the_provider_app(ingest: Client, stored: Receipts) -> None:
    assert await ingest.tell("POST", "/v1/messages", MESSAGE) == (202, {"accepted": 1}, "application/json")
    (envelope,) = await stored.until(1)
    assert (envelope.provider, envelope.tenant, envelope.message_id) == ("app", "acme", "m-1")
    assert envelope.verified == {"by": "key", "key": "writer"}
    told = body_of(envelope)
    assert told["message"].pop("at")
    assert told == {"type": "message", "message": MESSAGE}


async def test_a_list_becomes_one_receipt_each_in_the_partition_of_its_message(
    ingest: Client, stored: Receipts
) -> None:
    messages = [MESSAGE | {"id": f"list-{n}", "at": "2026-11-20T12:00:00+01:00"} for n in range(1000)]
    assert (await ingest.tell("POST", "/v1/messages", messages))[1] == {"accepted": 1000}
    envelopes = await stored.until(1000)
    assert sorted(envelope.message_id for envelope in envelopes) == sorted(m["id"] for m in messages)
    assert len({envelope.receipt_id for envelope in envelopes}) == 1000
    assert body_of(envelopes[0])["message"]["at"] == "2026-11-20T11:00:00.000Z"
    for partition, _, found in stored.records:
        for envelope in found:
            assert partition == partition_of(message_key("acme", envelope.message_id), PARTITIONS)


async def test_an_empty_list_is_accepted_as_what_it_is(ingest: Client) -> None:
    assert (await ingest.tell("POST", "/v1/messages", []))[:2] == (202, {"accepted": 0})


@pytest.mark.parametrize("status", ["queued", "skipped", "invalid", "failed", "canceled"])
async def test_what_was_never_sent_is_registered_too(ingest: Client, stored: Receipts, status: str) -> None:
    message = MESSAGE | {"status": status, "reason": "why", "error_code": 21610, "customer": 42}
    assert (await ingest.tell("POST", "/v1/messages", message))[0] == 202
    (envelope,) = await stored.until(1)
    read = adapt(envelope, "acme")
    assert isinstance(read, Told)
    assert [(event.outcome, event.descriptors.customer) for event in read.events] == [(status, "42")]


async def test_what_failed_may_have_failed_because_its_address_was_none(
    ingest: Client, stored: Receipts
) -> None:
    for status in ("failed", "invalid"):
        message = {"id": "m", "channel": "sms", "recipient": "call me", "status": status}
        assert (await ingest.tell("POST", "/v1/messages", message))[0] == 202
        (envelope,) = await stored.until(1)
        assert isinstance(adapt(envelope, "acme"), Told)
    assert faults(await ingest.tell("POST", "/v1/messages", message | {"recipient": " "})) == [
        (0, "recipient")
    ]


async def test_where_one_message_has_a_fault_nothing_of_the_list_is_stored_and_each_fault_is_told(
    ingest: Client, stored: Receipts
) -> None:
    answer = await ingest.tell(
        "POST",
        "/v1/messages",
        [
            MESSAGE,
            MESSAGE | {"recipient": "nobody", "channel": "fax"},
            MESSAGE | {"recipient": "nobody"},
            {"id": "x", "channel": "sms", "recipients": ["+15005550006", "5550006"], "colour": "red"},
            {"id": "x", "channel": "sms", "recipients": ["+15005550006", "5550006"], "at": "yesterday"},
            "m-1",
            MESSAGE | {"recipients": ["ben@example.org"]},
            {"id": "x", "channel": "email"},
        ],
    )
    assert faults(answer) == [
        (1, "channel"),
        (2, "recipient"),
        (3, "colour"),
        (4, "recipients.1"),
        (4, "at"),
        (5, ""),
        (6, "recipient"),
        (7, "recipient"),
    ]
    await only_the_last(ingest, stored)


async def test_more_than_a_thousand_are_refused_whole(ingest: Client) -> None:
    answer = await ingest.tell("POST", "/v1/messages", [{}] * 1001)
    assert faults(answer) == [(1000, "")]


async def test_no_request_has_an_answer_many_times_its_size(ingest: Client) -> None:
    answer = await ingest.tell("POST", "/v1/messages", [{str(n): 1 for n in range(50)}] * 1000)
    assert code(answer) == (422, "invalid_fields")
    assert len(answer[1]["errors"]) == 10_000
    assert answer[1]["detail"] == "52000 faults, nothing was stored, the first 10000 of them are told"


async def test_of_a_whole_list_each_fault_is_told(ingest: Client) -> None:
    answer = await ingest.tell("POST", "/v1/messages", [{"id": "", "channel": "fax", "at": 1}] * 1000)
    assert faults(answer) == [(n, field) for n in range(1000) for field in ("id", "channel", "at")]


async def test_while_kafka_is_away_whoever_registers_is_told_to_come_again(tmp_path: Path) -> None:
    async with within("127.0.0.1:1", tmp_path, ready=503) as ingest:
        assert faults(await ingest.tell("POST", "/v1/messages", {})) != []
        assert code(await ingest.tell("POST", "/v1/messages", MESSAGE)) == (503, "unavailable")
        async with ingest.session.post(
            f"{ingest.base}/v1/messages",
            json=MESSAGE,
            headers={"Authorization": f"Bearer {bearer('writer')}"},
        ) as refused:
            assert int(refused.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    "at", ["2099-01-01T00:00:00Z", "1999-12-31T23:59:59Z", "2026-11-20T12:00:00", "", "0", 5]
)
async def test_a_time_that_cannot_be_is_refused(ingest: Client, at: object) -> None:
    assert faults(await ingest.tell("POST", "/v1/messages", MESSAGE | {"at": at})) == [(0, "at")]
    assert faults(await ingest.tell("POST", "/v1/consents", CONSENT | {"at": at})) == [(0, "at")]


async def test_consents_are_stored_with_their_evidence_and_by_their_address(
    ingest: Client, stored: Receipts
) -> None:
    given = STAFF_IN | {"evidence": EVIDENCE, "at": "2026-11-20T12:00:00.000Z", "reason": "asked for it"}
    assert (await ingest.tell("POST", "/v1/consents", [given, CONSENT]))[:2] == (202, {"accepted": 2})
    first, second = await stored.until(2)
    assert body_of(first) == {"type": "consent", "consent": given}
    assert first.message_id == second.message_id == "consent:email:ann@example.org"
    read = adapt(first, "acme")
    assert isinstance(read, Told)
    assert [activity.address for activity in read.activity] == ["ann@example.org"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({}, "evidence"),
        ({"evidence": None}, "evidence"),
        ({"evidence": {}}, "evidence.method"),
        ({"evidence": {"method": "hearsay", "reference": "x"}}, "evidence.method"),
        ({"evidence": {"method": "portal", "reference": "x"}}, "evidence.method"),
        ({"evidence": {"method": "written"}}, "evidence.reference"),
        ({"evidence": {"method": "written", "reference": " "}}, "evidence.reference"),
    ],
)
async def test_staff_opts_nobody_in_without_evidence(
    ingest: Client, changes: dict[str, Any], field: str
) -> None:
    assert faults(await ingest.tell("POST", "/v1/consents", STAFF_IN | changes)) == [(0, field)]


async def test_staff_opts_out_without_evidence(ingest: Client, stored: Receipts) -> None:
    assert (await ingest.tell("POST", "/v1/consents", STAFF_IN | {"consent": "out"}))[0] == 202
    await stored.until(1)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"address": "ann at example.org"}, "address"),
        ({"address": "5550006", "channel": "sms"}, "address"),
        ({"category": "newsletter"}, "category"),
        ({"consent": "maybe"}, "consent"),
        ({"source": "ses"}, "source"),
        ({"actor": "  "}, "actor"),
        ({"sender": "news@acme.example"}, "sender"),
        ({"customer": "42"}, "customer"),
    ],
)
async def test_a_consent_with_a_fault_is_refused(ingest: Client, changes: dict[str, Any], field: str) -> None:
    assert faults(await ingest.tell("POST", "/v1/consents", [CONSENT, CONSENT | changes])) == [(1, field)]


async def test_a_customer_is_stored_under_the_name_in_the_address(ingest: Client, stored: Receipts) -> None:
    assert (await ingest.tell("PUT", "/v1/customers/a%2Fb%20%C3%BC", CUSTOMER))[1] == {"accepted": 1}
    (envelope,) = await stored.until(1)
    assert envelope.message_id == "customer:a/b ü"
    told = body_of(envelope)["customer"]
    assert told.pop("at")
    assert told == CUSTOMER | {"customer": "a/b ü"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"customer": "7"}, "customer"),
        ({"kind": "cat"}, "kind"),
        ({"addresses": None}, "addresses"),
        ({"addresses": [{"address": "x", "channel": "email"}]}, "addresses.0.address"),
        (
            {"addresses": [{"address": "a@b.example", "channel": "email", "primary": 1}]},
            "addresses.0.primary",
        ),
        ({"created_at": "2099-01-01T00:00:00Z"}, "created_at"),
    ],
)
async def test_a_customer_with_a_fault_is_refused(
    ingest: Client, changes: dict[str, Any], field: str
) -> None:
    assert faults(await ingest.tell("PUT", "/v1/customers/42", CUSTOMER | changes)) == [(0, field)]


async def test_a_customer_with_two_primaries_of_a_channel_is_refused(ingest: Client) -> None:
    addresses = [CUSTOMER["addresses"][0], {"address": "b@example.org", "channel": "email", "primary": True}]
    answer = await ingest.tell("PUT", "/v1/customers/42", CUSTOMER | {"addresses": addresses})
    assert faults(answer) == [(0, "addresses.1.primary")]


async def test_a_customer_has_each_address_once(ingest: Client) -> None:
    addresses = [CUSTOMER["addresses"][0], {"address": " ANN@example.org", "channel": "email"}]
    answer = await ingest.tell("PUT", "/v1/customers/42", CUSTOMER | {"addresses": addresses})
    assert faults(answer) == [(0, "addresses.1.address")]


@pytest.mark.parametrize(
    ("path", "channel", "address"),
    [
        ("Ann%40Example.org", "email", "ann@example.org"),
        ("+15005550006", "sms", "+15005550006"),
        ("%2B1%20500%20555%200006", "sms", "+15005550006"),
        ("ann%40localhost", "email", "ann@localhost"),
        ("a%2Fb%40example.org", "email", "a/b@example.org"),
        ("+15005", "sms", "+15005"),
    ],
)
async def test_whatever_a_provider_may_have_reported_can_be_reset(
    ingest: Client, stored: Receipts, path: str, channel: str, address: str
) -> None:
    answer = await ingest.tell(
        "POST", f"/v1/addresses/{path}/reset", RESET | {"channel": channel}, key="resetter"
    )
    assert answer[:2] == (202, {"accepted": 1})
    (envelope,) = await stored.until(1)
    assert envelope.message_id == f"reset:{channel}:{address}"
    read = adapt(envelope, "acme")
    assert isinstance(read, Told)
    assert [activity.address for activity in read.activity] == [address]


@pytest.mark.parametrize(
    ("path", "changes", "field"),
    [
        ("nobody", {}, "address"),
        ("ann%40example.org", {"channel": "sms"}, "address"),
        ("ann%40example.org", {"actor": ""}, "actor"),
        ("ann%40example.org", {"reason": " "}, "reason"),
        ("ann%40example.org", {"address": "ben@example.org"}, "address"),
    ],
)
async def test_a_reset_with_a_fault_is_refused(
    ingest: Client, path: str, changes: dict[str, Any], field: str
) -> None:
    answer = await ingest.tell("POST", f"/v1/addresses/{path}/reset", RESET | changes, key="resetter")
    assert faults(answer) == [(0, field)]


@pytest.mark.parametrize(("method", "path", "document", "key"), WRITES)
async def test_each_write_needs_a_known_key_with_its_scope(
    ingest: Client, method: str, path: str, document: object, key: str
) -> None:
    answer = await ingest.tell(method, path, document, key=None)
    assert code(answer) == (401, "unauthenticated")
    assert code(await ingest.tell(method, path, document, key="stranger")) == (401, "unauthenticated")
    lacking = {"writer": "resetter", "resetter": "writer"}[key]
    assert code(await ingest.tell(method, path, document, key=lacking)) == (403, "forbidden")
    assert code(await ingest.tell(method, path, document, key="reader")) == (403, "forbidden")


async def test_a_refusal_for_want_of_a_key_says_how_to_give_one(ingest: Client) -> None:
    async with ingest.session.post(f"{ingest.base}/v1/messages", data=b"x" * LIST_LIMIT) as answer:
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path", "document", "key"), WRITES)
async def test_a_tenants_key_writes_for_its_own_tenant_alone(
    ingest: Client, stored: Receipts, method: str, path: str, document: object, key: str
) -> None:
    for other in ("other", "nobody", ""):
        answer = await ingest.tell(method, f"{path}?tenant={other}", document, key=key)
        assert code(answer) == (404, "unknown_tenant")
    assert (await ingest.tell(method, f"{path}?tenant=acme", document, key=key))[0] == 202
    assert [envelope.tenant for envelope in await stored.until(1)] == ["acme"]


@pytest.mark.parametrize(("method", "path", "document", "key"), WRITES)
async def test_an_operators_key_names_the_tenant_that_it_writes_for(
    ingest: Client, stored: Receipts, method: str, path: str, document: object, key: str
) -> None:
    assert code(await ingest.tell(method, path, document, key="ops")) == (400, "bad_parameter")
    answer = await ingest.tell(method, f"{path}?tenant=nobody", document, key="ops")
    assert code(answer) == (404, "unknown_tenant")
    assert (await ingest.tell(method, f"{path}?tenant=other", document, key="ops"))[0] == 202
    (envelope,) = await stored.until(1)
    assert (envelope.tenant, envelope.verified) == (
        "other",
        {"by": "key", "key": "ops", "operator": True},
    )


@pytest.mark.parametrize(
    "query", ["?x=1", "?tenant=acme&tenant=other", "?tenant=acme&x", "?%FF=1", "?" + "&" * 50 + "a=1"]
)
async def test_an_unknown_parameter_is_an_error(ingest: Client, query: str) -> None:
    assert code(await ingest.tell("POST", f"/v1/messages{query}", MESSAGE)) == (400, "bad_parameter")


@pytest.mark.parametrize("body", [b"", b"{", b"id=1", b"\xff", b'{"id": "\\ud800"}', b"[" * 5000])
async def test_what_is_no_json_is_refused_as_such(ingest: Client, body: bytes) -> None:
    assert code(await ingest.tell("POST", "/v1/messages", body)) == (400, "bad_request")


@pytest.mark.parametrize("document", [None, 5, "text", True])
async def test_what_is_json_and_nothing_to_register_is_refused(ingest: Client, document: object) -> None:
    assert faults(await ingest.tell("POST", "/v1/messages", document)) == [(0, "")]
    assert faults(await ingest.tell("PUT", "/v1/customers/42", document)) == [(0, "")]


async def test_one_thing_is_as_large_as_a_callback_at_most_and_a_list_may_be_larger(
    ingest: Client, stored: Receipts
) -> None:
    large = MESSAGE | {"text": "x" * (LIMIT // 2)}
    assert (await ingest.tell("POST", "/v1/messages", [large] * 20))[0] == 202
    await stored.until(20)
    too_large = MESSAGE | {"text": "x" * LIMIT}
    assert code(await ingest.tell("POST", "/v1/messages", [MESSAGE, too_large])) == (413, "too_large")
    assert code(await ingest.tell("POST", "/v1/messages", b"x" * (LIST_LIMIT + 1))) == (413, "too_large")
    await only_the_last(ingest, stored)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/messages", "POST"),
        ("POST", "/v1/customers/42", "PUT"),
        ("GET", "/v1/addresses/ann%40example.org/reset", "POST"),
    ],
)
async def test_another_method_is_told_which_one_is_taken(
    ingest: Client, method: str, path: str, allowed: str
) -> None:
    async with ingest.session.request(method, ingest.base + path) as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, allowed)


@pytest.mark.parametrize(
    "path", ["/v1", "/v1/customers/", "/v1/customers", "/v1/addresses//reset", "/v1/messages/1"]
)
async def test_another_address_is_not_found(ingest: Client, path: str) -> None:
    assert code(await ingest.tell("POST", path, {})) == (404, "not_found")


async def test_registering_again_is_harmless(ingest: Client, stored: Receipts) -> None:
    for _ in range(2):
        assert (await ingest.tell("POST", "/v1/messages", MESSAGE))[0] == 202
    first, second = (adapt(envelope, "acme") for envelope in await stored.until(2))
    assert isinstance(first, Told)
    assert isinstance(second, Told)
    assert [event.event_id for event in first.events] == [event.event_id for event in second.events]
