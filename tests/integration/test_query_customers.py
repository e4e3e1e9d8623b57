"""Customers with addresses and messages, and the diagnosis of addresses and customers, on the real engine."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import orjson
import pytest
import pytest_asyncio

from query.evidence import DOMAIN_DAYS
from schemas.times import format_time, parse_time
from tests.integration import log_model
from tests.integration.log_model import NOW, Row
from tests.integration.query_stage import OPERATOR, TENANTS, QueryServer, key_of, write_tenants
from tests.integration.test_query_addresses import CONSENTS, CUSTOMERS, MESSAGES, STANDINGS, fill, ours

NOW_MS = int(NOW.timestamp() * 1000)
HOUR = 3_600_000


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(clickhouse: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[QueryServer]:
    tenants = write_tenants(tmp_path_factory.mktemp("customers") / "tenants.toml")
    async with QueryServer(clickhouse, "127.0.0.1:1", tenants) as server:
        await fill(server)
        yield server


def customer_of(tenant: str, customer: str) -> Row:
    return next(row for row in ours(CUSTOMERS, tenant) if row["customer"] == customer)


def path_of(customer: str, more: str = "") -> str:
    return f"/v1/customers/{quote(customer, safe='')}{more}"


def theirs(customer: str, tenant: str = "acme") -> list[Row]:
    """Log rows of a customer: those that name it, and all to its addresses."""
    addresses = {
        each["address"]
        for row in ours(CUSTOMERS, tenant)
        if row["customer"] == customer
        for each in row["addresses"]
    }
    return [
        row for row in ours(MESSAGES, tenant) if row["customer"] == customer or row["recipient"] in addresses
    ]


@pytest.mark.parametrize("customer", ["42", "43", "44", "a/b %", "ünï"])
async def test_a_customer_has_the_addresses_on_file_with_standing_and_consent(
    server: QueryServer, customer: str
) -> None:
    row, document = customer_of("acme", customer), await server.page(path_of(customer))
    assert {name: document[name] for name in ("customer", "kind", "name", "created_at", "updated_at")} == {
        name: row[name] for name in ("customer", "kind", "name", "created_at", "updated_at")
    }
    assert document["registered"] is True
    names = ("address", "address_as_given", "channel", "primary")
    assert [{name: each[name] for name in names} for each in document["addresses"]] == row["addresses"]
    standings = {(one["channel"], one["address"]): one for one in ours(STANDINGS)}
    for each in document["addresses"]:
        place = (each["channel"], each["address"])
        known = standings.get(place)
        assert (each["standing"], each["reason"]) == (
            (known["standing"], known["reason"]) if known else ("valid", None)
        )
        assert set(each["consent"]) == {
            one["category"] for one in ours(CONSENTS) if (one["channel"], one["address"]) == place
        }


async def test_addresses_in_use_and_not_on_file_stand_apart(server: QueryServer) -> None:
    on_file = {each["address"] for each in customer_of("acme", "42")["addresses"]}
    expected: dict[str, list[str]] = {}
    for row in ours(MESSAGES):
        recent = parse_time(row["filed_at"]) > NOW_MS - 89 * 24 * HOUR
        if (
            row["customer"] == "42"
            and "sent" in row["reached"]
            and row["recipient"] not in on_file
            and recent
        ):
            expected.setdefault(row["recipient"], []).append(row["filed_at"])
    found = {each["address"]: each for each in (await server.page(path_of("42")))["other_addresses"]}
    assert set(expected) <= set(found)
    for address, times in expected.items():
        assert found[address]["messages"] >= len(times)
        assert found[address]["last_at"] == max(times)


async def _put(server: QueryServer, customer: str, *addresses: str, **more: Any) -> None:
    """Registers a customer of acme; the first address is the primary one."""
    row = customer_of("acme", "42") | {
        "customer": customer,
        "addresses": [
            {"address": each, "address_as_given": each, "channel": "email", "primary": place == 0}
            for place, each in enumerate(addresses)
        ],
    }
    await server.store.insert_lines("customers", orjson.dumps(row | more))


async def test_every_one_of_many_addresses_has_its_standing(server: QueryServer) -> None:
    addresses = [f"many{n}@example.org" for n in range(60)]
    await _put(server, "many", *addresses)
    invalid = {"channel": "email", "tenant": "acme", "address": addresses[-1], "standing": "invalid"}
    await server.store.insert_lines("address_standing", orjson.dumps(STANDINGS[0] | invalid))
    found = {each["address"]: each["standing"] for each in (await server.page(path_of("many")))["addresses"]}
    assert found == dict.fromkeys(addresses, "valid") | {addresses[-1]: "invalid"}
    document = await server.page(path_of("many", "/diagnosis"))
    (told,) = [one["text"] for one in document["findings"] if one["code"] == "not_all_looked_into"]
    assert told == "Of 60 addresses the first 20 were looked into, not the other 40."


async def test_an_address_on_file_is_used_whomever_the_messages_name(server: QueryServer) -> None:
    await _put(server, "both", "one@used.example", "two@used.example")
    rows = [
        _to_domain("acme", "used.example", 1, arrives=True)
        | {"recipient": "one@used.example", "customer": "both"},
        _to_domain("acme", "used.example", 2, arrives=True)
        | {"recipient": "two@used.example", "customer": None},
    ]
    await server.store.insert_lines("message_status", orjson.dumps(rows[0]))
    for path in (path_of("both", "/diagnosis"), "/v1/addresses/two@used.example/diagnosis"):
        assert "only_primary_used" in codes(await server.page(path))
    await server.store.insert_lines("message_status", orjson.dumps(rows[1]))
    for path in (path_of("both", "/diagnosis"), "/v1/addresses/two@used.example/diagnosis"):
        assert "only_primary_used" not in codes(await server.page(path))


async def test_a_customer_whom_only_messages_name_is_told_as_not_registered(server: QueryServer) -> None:
    row = log_model.make_rows(1, ("acme",), seed=11)[0] | {"customer": "unregistered", "revision": 2**42}
    await server.store.insert_lines("message_status", orjson.dumps(row))
    document = await server.page(path_of("unregistered"))
    assert (document["registered"], document["kind"], document["addresses"]) == (False, None, [])


@pytest.mark.parametrize("customer", ["42", "a/b %"])
@pytest.mark.parametrize(
    "parameters", [[], [("channel", "email"), ("sort", "status")], [("category", "marketing")]]
)
async def test_a_customers_messages_are_those_that_name_it_and_all_to_its_addresses(
    server: QueryServer, customer: str, parameters: list[tuple[str, str]]
) -> None:
    filters = [one for one in parameters if one[0] != "sort"]
    sort = dict(parameters).get("sort", "-at")
    expected = log_model.in_order(log_model.matching(theirs(customer), filters), sort)
    items = await server.items(path_of(customer, "/messages"), *parameters, ("limit", "7"))
    assert [("acme", item["message_id"], item["recipient"]) for item in items] == expected


async def test_a_cursor_of_one_customer_is_none_of_another(server: QueryServer) -> None:
    page = await server.page(path_of("42", "/messages"), ("limit", "1"))
    status, problem = await server.get(path_of("43", "/messages"), ("limit", "1"), ("cursor", page["next"]))
    assert (status, problem["parameter"]) == (400, "cursor")


async def test_a_customers_messages_can_be_narrowed_to_those_that_name_it(server: QueryServer) -> None:
    path, every = path_of("42", "/messages"), theirs("42")
    for named in ("42", ""):
        items = await server.items(path, ("customer", named))
        expected = [row for row in every if (row["customer"] or "") == named]
        assert {item["message_id"] for item in items} == {row["message_id"] for row in expected}


async def test_nobodys_and_other_tenants_customers_are_404(server: QueryServer) -> None:
    only_theirs = {"schema": "customer/1"} | customer_of("other", "42") | {"customer": "only-theirs"}
    await server.store.insert_lines("customers", orjson.dumps(only_theirs))
    for customer in ("nobody", "only-theirs"):
        for more in ("", "/messages", "/diagnosis"):
            status, problem = await server.get(path_of(customer, more))
            assert (status, problem["code"]) == (404, "not_found")
    assert (await server.page(path_of("only-theirs"), key=key_of("other")))["customer"] == "only-theirs"
    assert (await server.page(path_of("only-theirs"), key=OPERATOR))["tenant"] == "other"


async def test_the_operator_says_whose_customer_is_meant(server: QueryServer) -> None:
    for more in ("", "/messages", "/diagnosis"):
        status, problem = await server.get(path_of("42", more), key=OPERATOR)
        assert (status, problem["parameter"]) == (400, "tenant")
        assert (await server.get(path_of("42", more), ("tenant", "third"), key=OPERATOR))[0] == 200
    items = await server.items(
        path_of("42", "/messages"), ("tenant", "third"), ("limit", "500"), key=OPERATOR
    )
    assert {item["tenant"] for item in items} == {"third"}
    assert len(items) == len(theirs("42", "third"))


def codes(document: dict[str, Any]) -> list[str]:
    return [finding["code"] for finding in document["findings"]]


async def test_every_address_has_a_diagnosis_that_agrees_with_its_standing(server: QueryServer) -> None:
    for row in ours(STANDINGS)[:25]:
        document = await server.page(f"/v1/addresses/{row['address']}/diagnosis")
        first = document["findings"][0]
        if row["reason"]:
            assert first["code"] == f"suppressed_{row['reason']}"
            assert first["evidence"][0]["said"] == row["diagnostic"]
        assert document["summary"].startswith(first["text"])
        assert codes(document)[-1] == "send_a_test"


async def test_an_address_that_nobody_knows_was_never_sent_anything(server: QueryServer) -> None:
    document = await server.page("/v1/addresses/nobody@gmial.com/diagnosis")
    assert codes(document)[:2] == ["never_sent", "mistyped_domain"]
    assert document["suggestion"] == "nobody@gmail.com"
    assert (await server.get("/v1/addresses/nobody@gmial.com/diagnosis", key=OPERATOR))[0] == 200
    assert "stray_spaces" not in codes(document)


async def test_how_an_unknown_address_is_written_is_looked_at(server: QueryServer) -> None:
    document = await server.page("/v1/addresses/no%20body@example.org/diagnosis")
    assert codes(document)[:2] == ["never_sent", "stray_spaces"]
    assert document["suggestion"] == "nobody@example.org"


async def test_what_only_a_machine_opened_was_seen_by_nobody(server: QueryServer) -> None:
    row = _to_domain("acme", "scanned.example", 1, arrives=True)
    scanned = {"status": "clicked", "opens": 1, "clicks": 2}
    reached = ["sent", "delivered", "opened", "clicked"]
    for number, (more, expected) in enumerate(
        (
            ({"reached": reached}, "delivered_not_seen"),
            ({"reached": [*reached, "human_opened"], "first_human_opened_at": row["filed_at"]}, "seen"),
        )
    ):
        told = row | scanned | more | {"revision": 2**43 + number}
        await server.store.insert_lines("message_status", orjson.dumps(told))
        document = await server.page("/v1/addresses/u1@scanned.example/diagnosis")
        assert expected in codes(document)
        assert len({"delivered_not_seen", "seen"} & set(codes(document))) == 1


async def test_a_customer_has_a_diagnosis_of_all_addresses(server: QueryServer) -> None:
    document = await server.page(path_of("42", "/diagnosis"))
    places = {each["address"] for each in customer_of("acme", "42")["addresses"]}
    assert places <= {finding["address"] for finding in document["findings"]} | {None}
    assert all(finding["text"] and finding["remedy"] for finding in document["findings"])


def _to_domain(tenant: str, domain: str, number: int, *, arrives: bool, hours_ago: int = 30) -> Row:
    row = log_model.make_rows(1, (tenant,), seed=number)[0]
    at = format_time(NOW_MS - hours_ago * HOUR)
    soft = {
        "type": "soft",
        "subtype": "General",
        "code": "4.4.1",
        "cause": "server",
        "diagnostic": "secret words",
        "at": at,
    }
    return row | {
        "message_id": f"{domain}-{tenant}-{number}",
        "channel": "email",
        "recipient": f"u{number}@{domain}",
        "recipient_as_given": f"u{number}@{domain}",
        "domain": domain,
        "customer": None,
        "subject": f"{tenant}'s own subject",
        "filed_at": at,
        "status": "delivered" if arrives else "sent",
        "reached": ["sent", "delivered"] if arrives else ["sent", "soft_bounced"],
        "delivered_at": at if arrives else None,
        "gave_up": not arrives,
        "soft_bounce": None if arrives else soft,
        "bounce": None,
        "revision": 2**42 + number,
    }


async def test_trouble_of_a_domain_is_seen_in_sums_over_tenants_and_never_in_their_messages(
    server: QueryServer,
) -> None:
    rows = [
        _to_domain(tenant, "troubled.example", n, arrives=n % 2 == 0)
        for tenant in TENANTS
        for n in range(10 if tenant != "acme" else 2)
    ]
    rows += [_to_domain(tenant, "fine.example", n, arrives=True) for tenant in TENANTS for n in range(100)]
    rows += [_to_domain("other", "private.example", n, arrives=False) for n in range(40)]
    await server.store.insert_lines("message_status", b"\n".join(map(orjson.dumps, rows)))
    document = await server.page("/v1/addresses/u0@troubled.example/diagnosis")
    (found,) = [finding for finding in document["findings"] if finding["code"] == "domain_in_trouble"]
    assert (
        f"several senders to troubled.example in the last {DOMAIN_DAYS} days 50% did not arrive"
        in found["text"]
    )
    # What a single tenant meets at a domain is nobody else's business, nor is any row of theirs.
    for address in ("u0@private.example", "u0@troubled.example"):
        document = await server.page(f"/v1/addresses/{address}/diagnosis")
        told = orjson.dumps(document).decode()
        assert "secret words" not in told
        assert not any(f"{tenant}'s own subject" in told for tenant in ("other", "third"))
    assert "domain_in_trouble" not in codes(await server.page("/v1/addresses/u0@private.example/diagnosis"))
    own = await server.page("/v1/addresses/u0@private.example/diagnosis", key=key_of("other"))
    assert "domain_in_trouble" in codes(own)
