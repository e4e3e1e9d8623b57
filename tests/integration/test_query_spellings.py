"""One address in all its spellings, in a path and in parameters; what is nobody's; and a STOP, where programs look for it."""

from collections.abc import AsyncIterator

import orjson
import pytest
import pytest_asyncio

from schemas.consent import IN, OUT
from tests.integration import address_model as model
from tests.integration.log_model import Row, make_rows
from tests.integration.query_stage import QueryServer, write_tenants

STANDING = model.standings(["acme"])[0] | {"channel": "email"}
CONSENT = model.consents(model.log_entries(["acme"], 1))[0] | {"channel": "email", "sender": None}
MESSAGE = make_rows(1, ("acme",))[0] | {"channel": "email"}

MAILBOX, NUMBER = "ann+news@example.org", "+15005550019"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(clickhouse: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[QueryServer]:
    tenants = write_tenants(tmp_path_factory.mktemp("spellings") / "tenants.toml")
    async with QueryServer(clickhouse, "127.0.0.1:1", tenants) as server:
        await _put(server, "address_standing", STANDING | {"address": MAILBOX})
        await _put(server, "address_standing", STANDING | {"address": NUMBER, "channel": "sms"})
        yield server


async def _put(server: QueryServer, table: str, *rows: Row) -> None:
    await server.store.insert_lines(table, b"\n".join(map(orjson.dumps, rows)))


@pytest.mark.parametrize(
    "spelling",
    [
        "ann%2Bnews@example.org",
        "ann+news@example.org",
        "ANN%2bNews%40Example.ORG",
        "%20ann+news@example.org%09",
        "Ann%20B.%20%3Cann+news@example.org%3E",
        "ann+news@example.org%E2%80%8B",
    ],
)
async def test_an_address_in_a_path_may_be_spelled_in_every_way(server: QueryServer, spelling: str) -> None:
    document = await server.page(f"/v1/addresses/{spelling}")
    assert (document["address"], document["standing"]) == (MAILBOX, STANDING["standing"])
    assert (await server.get(f"/v1/addresses/{spelling}/diagnosis"))[0] == 200


@pytest.mark.parametrize("spelling", ["%2B15005550019", "+15005550019", "+1%20(500)%20555-0019"])
async def test_a_number_in_a_path_may_be_spelled_in_every_way(server: QueryServer, spelling: str) -> None:
    document = await server.page(f"/v1/addresses/{spelling}")
    assert (document["address"], document["channel"]) == (NUMBER, "sms")


async def test_a_number_without_its_countrys_code_is_none_that_is_known(server: QueryServer) -> None:
    # What is dialled to get abroad differs from country to country.
    assert (await server.get("/v1/addresses/0015005550019"))[0] == 404


async def test_a_path_without_an_address_finds_nothing_least_of_all_what_is_nobodys(
    server: QueryServer,
) -> None:
    await _put(server, "message_status", MESSAGE | {"recipient": None, "message_id": "nobody's"})
    for path in ("%20", "%20%20/diagnosis", "%E2%80%8B", "%3C%3E"):
        for channel in ("email", "sms"):
            status, problem = await server.get(f"/v1/addresses/{path}", ("channel", channel))
            assert (status, problem["code"]) == (404, "not_found"), path


@pytest.mark.parametrize(
    "path", ["%00", "a%00b@example.org", "%FF%FE@example.org", "a%2Fb@example.org", "%zz", "%F0%9F%98%80"]
)
async def test_whatever_stands_in_a_path_has_an_answer(server: QueryServer, path: str) -> None:
    assert (await server.get(f"/v1/addresses/{path}"))[0] == 404
    assert (await server.page(f"/v1/addresses/{path}/diagnosis"))["findings"]


async def test_without_a_channel_what_could_not_be_dialled_is_an_address_of_email(
    server: QueryServer,
) -> None:
    await _put(server, "message_status", MESSAGE | {"recipient": "ann.example.org", "message_id": "no-at"})
    assert (await server.page("/v1/addresses/ann.example.org"))["channel"] == "email"
    document = await server.page("/v1/addresses/ann.example.org/diagnosis")
    assert document["findings"][0]["text"].startswith("This is no email address: expected")


async def test_a_domain_is_found_in_any_spelling(server: QueryServer) -> None:
    address, domain = "ann@xn--exmple-cua.org", "xn--exmple-cua.org"
    await _put(server, "address_standing", STANDING | {"address": address})
    await _put(server, "consents", CONSENT | {"address": address})
    await _put(
        server, "message_status", MESSAGE | {"recipient": address, "domain": domain, "message_id": "idn"}
    )
    for path in ("/v1/addresses", "/v1/consents", "/v1/messages"):
        for spelling in ("exämple.org", " EXÄMPLE.org", "xn--exmple-cua.ORG"):
            assert len(await server.items(path, ("domain", spelling))) == 1, path


async def test_a_stop_to_one_sender_is_told_where_programs_look_for_consent(server: QueryServer) -> None:
    number, sender = "+15005551111", "+15005550006"
    row = CONSENT | {"channel": "sms", "address": number}
    await _put(
        server,
        "consents",
        row | {"category": "*", "sender": sender, "state": OUT},
        row | {"category": "marketing", "sender": sender, "state": OUT},
        row | {"category": "marketing", "sender": None, "state": IN},
    )
    document = await server.page(f"/v1/addresses/{number}")
    assert {name: (told["state"], told["sender"]) for name, told in document["consent"].items()} == {
        "*": (OUT, sender),
        "marketing": (OUT, sender),
    }
    assert set(document["consent_by_sender"][sender]) == {"*", "marketing"}
