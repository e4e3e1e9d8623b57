"""The report over the health of tenants and senders, over a real Kafka and a real engine."""

import csv
import io
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import orjson
import pytest_asyncio

from deploy.local.kafka import EmbeddedKafka
from deploy.topics import create_topics
from query.limits import read_limits
from tests.integration.name_server import name_server
from tests.integration.query_stage import OPERATOR, QueryServer, key_of
from tests.integration.report_stage import told
from tests.integration.sending_stage import sending_of, sent, store, until_able, write_tenants
from tests.integration.worker_stage import PARTITIONS
from tests.openapi import check
from tests.patience import eventually

RECORDS = {
    "ses.example.com": ["v=spf1 include:amazonses.com -all"],
    "_dmarc.example.com": ["v=DMARC1; p=none"],
    "one._domainkey.ses.example.com": ["v=DKIM1; k=rsa; p=MIGf"],
}
PATH = "/v1/reports/sender-health"
NEWS, SHOP, SPAM = "news@ses.example.com", "shop@ses.example.com", "spam@ses.example.com"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(clickhouse: str, broker: EmbeddedKafka, tmp_path_factory: Any) -> AsyncIterator[QueryServer]:
    """Acme sent 300, of which a third bounced, all from one sender; lenient 400 that brought complaints; small nothing."""
    await create_topics(broker.bootstrap, partitions=PARTITIONS)
    tenants = write_tenants(tmp_path_factory.mktemp("senders") / "tenants.toml")
    async with (
        name_server(RECORDS, []) as dns,
        QueryServer(clickhouse, broker.bootstrap, tenants, dns=dns) as server,
    ):
        await until_able(server)
        await store(
            server.store,
            sent("acme", "good", 200, minutes_ago=30, sender=SHOP),
            sent("acme", "bad", 100, minutes_ago=20, sender=NEWS, reached=("sent", "bounced")),
            sent("lenient", "fine", 396, minutes_ago=30, sender=SPAM),
            sent(
                "lenient", "spam", 4, minutes_ago=30, sender=SPAM, reached=("sent", "delivered", "complained")
            ),
        )
        for standing in ("warned", "blocked"):
            await sending_of(server).health.look()
            await eventually(partial(_all_are, server, standing), 10, standing)
        yield server


async def _all_are(server: QueryServer, standing: str) -> bool:
    items = await server.items(PATH, ("standing", standing), key=OPERATOR)
    return {(item["tenant"], item["sender"]) for item in items} >= {
        ("acme", None),
        ("acme", NEWS),
        ("lenient", SPAM),
    }


async def test_tenants_and_senders_stand_beside_their_rates_the_worst_first(server: QueryServer) -> None:
    document = await server.page(PATH)
    check(PATH, document)
    assert told(
        document["items"], "sender", "standing", "reason", "sent", "delivered", "bounced", "complained"
    ) == [
        (None, "blocked", "bounce_rate", 300, 200, 100, 0),
        (NEWS, "blocked", "bounce_rate", 100, 0, 100, 0),
        (SHOP, "ok", None, 200, 200, 0, 0),
    ]
    assert told(document["items"], "bounce_rate", "complaint_rate") == [(1 / 3, 0), (1, None), (0, 0)]
    assert all(item["since"] for item in document["items"][:2])
    assert document["items"][2]["since"] is None
    assert {item["released_at"] for item in document["items"]} == {None}


async def test_senders_stand_beside_what_the_dns_says_of_their_domain(server: QueryServer) -> None:
    whole, news, _ = (await server.page(PATH))["items"]
    assert (whole["spf"], whole["dkim"], whole["dmarc"], whole["authentication"]) == (None, None, None, None)
    assert (news["spf"], news["dkim"], news["dmarc"]) == ("aligned", "not_asked", "published")
    said = news["authentication"]
    assert said["spf"].startswith("ses.example.com: v=spf1 include:amazonses.com -all")
    assert said["dmarc"] == "p=none at _dmarc.example.com: receivers are asked to do nothing"
    assert "dkim_selectors" in said["dkim"]
    (spam,) = await server.items(PATH, ("tenant", "lenient"), ("sender", SPAM), key=OPERATOR)
    assert (spam["dkim"], spam["authentication"]["dkim"]) == (
        "aligned",
        "keys at one._domainkey.ses.example.com",
    )


async def test_the_picture_has_the_rates_beside_the_accepted_ones(server: QueryServer) -> None:
    series = (await server.page(PATH))["series"]
    assert (series["unit"], series["by"], series["value"]) == ("value", None, None)
    assert told(series["points"], "x", "by", "value") == [
        (NEWS, "bounce_rate", 1),
        (None, "bounce_rate", 1 / 3),
        (None, "complaint_rate", 0),
        (SHOP, "bounce_rate", 0),
        (SHOP, "complaint_rate", 0),
    ]
    health = read_limits(None).health
    assert told(series["lines"], "by", "name", "value") == [
        ("bounce_rate", "warn", health.bounce.warn),
        ("bounce_rate", "block", health.bounce.block),
        ("complaint_rate", "warn", health.complaint.warn),
        ("complaint_rate", "block", health.complaint.block),
    ]


async def test_the_operator_sees_all_tenants_page_by_page_or_one(server: QueryServer) -> None:
    items = await server.items(PATH, ("limit", "2"), ("sort", "sender"), key=OPERATOR)
    assert told(items, "tenant", "sender", "standing") == [
        ("acme", None, "blocked"),
        ("lenient", None, "blocked"),
        ("small", None, "ok"),
        ("acme", NEWS, "blocked"),
        ("acme", SHOP, "ok"),
        ("lenient", SPAM, "blocked"),
    ]
    one = await server.items(PATH, ("tenant", "lenient"), ("sender", SPAM), key=OPERATOR)
    assert told(one, "sender", "reason", "complained") == [(SPAM, "complaint_rate", 4)]
    assert await server.items(PATH, ("tenant", "nobody"), key=OPERATOR) == []
    status, problem = await server.get(PATH, ("tenant", "lenient"))
    assert (status, problem["parameter"]) == (400, "tenant")


async def test_a_tenant_that_sent_nothing_has_one_row_that_says_so(server: QueryServer) -> None:
    (item,) = (await server.page(PATH, key=key_of("small")))["items"]
    assert (item["sender"], item["standing"], item["sent"], item["bounce_rate"]) == (None, "ok", 0, None)


async def test_it_comes_as_a_stream_too(server: QueryServer) -> None:
    items = await server.items(PATH)
    _, _, lines = await server.raw(PATH, [("format", "ndjson")])
    # From when on mail counts moves with the clock.
    assert [orjson.loads(line) | {"counted_from": None} for line in lines.splitlines()] == [
        item | {"counted_from": None} for item in items
    ]
    _, _, body = await server.raw(PATH, [("format", "csv")])
    rows = list(csv.DictReader(io.StringIO(body.decode())))
    assert [row["sender"] for row in rows] == [item["sender"] or "" for item in items]
    assert list(rows[0]) == list(items[0])


async def test_a_release_is_told_with_who_did_it_and_why(server: QueryServer) -> None:
    body = {"actor": "Olga Ops", "reason": "The bought list is gone"}
    assert (await server.post("/v1/tenants/acme/release", body, key=OPERATOR))[0] == 202

    async def released() -> bool:
        return bool((await server.page(PATH))["items"][0]["released_at"])

    await eventually(released, 10, "a release")
    await sending_of(server).health.look()
    for item in await server.items(PATH):
        assert (item["standing"], item["since"], item["sent"]) == ("ok", item["released_at"], 0)
        assert (item["released_by"], item["released_why"]) == ("Olga Ops", "The bought list is gone")
        assert item["counted_from"] == item["released_at"]
