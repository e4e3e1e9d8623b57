"""The sink on a real broker and the real engine: exact after repeats, kills, outages and poison."""

import base64
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import orjson
import pytest
import pytest_asyncio

from deploy.local.clickhouse import EmbeddedClickHouse
from deploy.local.kafka import EmbeddedKafka
from deploy.migrations import migrate, read_migrations
from deploy.topics import create_topics
from schemas.envelope import Envelope
from schemas.topics import (
    ADDRESS_STANDING,
    CONSENT_LOG,
    CONSENTS,
    CUSTOMERS,
    DEAD_LETTERS,
    EVENTS,
    MESSAGE_STATUS,
    RECEIPTS,
)
from tests.integration.sink_stage import (
    SinkProcess,
    Store,
    everything_in,
    key_of,
    publish,
    publish_statuses,
    status_value,
)
from tests.patience import eventually

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"
STATUSES = "SELECT count() AS n FROM message_status FINAL"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """A broker of this module's own: the sink's topics and its group have fixed names."""
    with EmbeddedKafka(tmp_path_factory.mktemp("sink-kafka")) as server:
        yield server


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedClickHouse]:
    """An engine that these tests may take away."""
    with EmbeddedClickHouse(tmp_path_factory.mktemp("sink-clickhouse")) as server:
        yield server


@pytest_asyncio.fixture
async def store(
    engine: EmbeddedClickHouse, broker: EmbeddedKafka, request: pytest.FixtureRequest
) -> AsyncIterator[Store]:
    """Empty tables, and a sink's group that has nothing left to read."""
    url = f"{engine.url}/{request.node.name[:60]}_{int(time.time())}"
    await create_topics(broker.bootstrap, partitions=4)
    await migrate(url, read_migrations())
    store = Store(url)
    yield store
    await store.clickhouse.close()


@pytest_asyncio.fixture
async def sink(store: Store, broker: EmbeddedKafka, tmp_path: Path) -> AsyncIterator[SinkProcess]:
    """A running sink, which leaves nothing uncommitted behind."""
    process = SinkProcess(broker.bootstrap, store.url, tmp_path / "sink.log")
    process.start()
    await process.until_ready()
    yield process
    if process.running.poll() is None:

        async def caught_up() -> bool:
            status, body = await process.answer("/readyz")
            return status == 200 and orjson.loads(body)["lag_records"] == 0

        await eventually(caught_up, 30, f"the sink having caught up; it said: {process.said[-2000:]}")
        assert process.stop(5) == 0
    assert "Traceback" not in process.said, process.said


def _envelope(number: int) -> Envelope:
    return Envelope(
        f"r-{number}",
        1_795_341_600_000 + number,
        "ses",
        "acme",
        f"m-{number}",
        {"by": "sns"},
        "text/plain",
        "",
        b'{"a": "\xc3\xa9"}',
    )


def _event(number: int) -> dict[str, object]:
    return {
        "schema": "event/1",
        "event_id": f"{number:032x}",
        "tenant": "acme",
        "provider": "ses",
        "channel": "email",
        "message_id": f"m-{number}",
        "recipient": None,
        "outcome": "opened",
        "at": "2026-11-22T10:00:01.000Z",
        "timed": True,
        "received_at": "2026-11-22T10:00:02.000Z",
        "receipt_id": f"r-{number}",
        "detail": {"user_agent": 'a "b" \\ c'},
        "machine": None,
        "late": False,
    }


def _dead_letter(number: int) -> dict[str, object]:
    return {
        "schema": "dead-letter/1",
        "tenant": None,
        "receipt": None,
        "raw": base64.b64encode(b"{").decode(),
        "reason": "malformed_line",
        "detail": "expected JSON",
        "stage": "track",
        "failed_at": "2026-11-22T10:00:02.000Z",
        "source": {"topic": "waybill-receipts", "partition": 1, "offset": number, "index": 0},
    }


async def test_what_is_published_of_addresses_and_customers_is_stored_newest_first_and_as_it_was_told(
    sink: SinkProcess, store: Store, broker: EmbeddedKafka
) -> None:
    for topic in (ADDRESS_STANDING, CONSENTS, CONSENT_LOG, CUSTOMERS):
        values = [orjson.loads(file.read_bytes()) for file in sorted((EXAMPLES / topic.name).glob("*.json"))]
        older = [value | {"revision": 1, "updated_at": "2020-01-01T00:00:00.000Z"} for value in values]
        await publish(
            broker.bootstrap,
            topic.name,
            [(b"acme/x", orjson.dumps(value)) for value in (*values, *older, *values)],
        )
        if topic is CONSENT_LOG:
            entries = {value["entry_id"] for value in values}
    await store.until("SELECT count() AS n FROM v_addresses", 2)
    await store.until("SELECT count() AS n FROM v_consents", 2)
    await store.until("SELECT count() AS n FROM v_consent_log", len(entries))
    await store.until("SELECT count() AS n FROM customer_addresses", 2)
    assert await store.one("SELECT groupArray(reason) AS r FROM v_addresses WHERE channel = 'sms'") == [
        "landline"
    ]
    assert await store.one("SELECT evidence AS e FROM v_consents WHERE sender IS NOT NULL")
    assert await store.one("SELECT min(updated_at) > '2021-01-01' AS b FROM address_standing FINAL") == 1


async def test_rows_of_every_topic_are_in_their_tables_without_waiting_for_more(
    sink: SinkProcess, store: Store, broker: EmbeddedKafka
) -> None:
    for n in range(1, 4):
        lines = b"\n".join([_envelope(10 * n + number).to_line() for number in range(3)])
        await publish(
            broker.bootstrap, RECEIPTS.name, [(None, lines), (None, _envelope(10 * n + 3).to_line())]
        )
        await publish(broker.bootstrap, EVENTS.name, [(b"acme/m-0", orjson.dumps(_event(n)))])
        await publish(broker.bootstrap, DEAD_LETTERS.name, [(b"/", orjson.dumps(_dead_letter(n)))])
        await publish_statuses(broker.bootstrap, [status_value(n)])
        await store.until(STATUSES, n)
        await store.until("SELECT count() AS n FROM receipts FINAL", 4 * n)
        await store.until("SELECT count() AS n FROM events FINAL", n)
        await store.until("SELECT count() AS n FROM dead_letters FINAL", n)
    assert await store.one("SELECT body FROM receipts WHERE receipt_id = 'r-13'") == '{"a": "é"}'
    assert (
        await store.one("SELECT toString(received) AS t FROM receipts WHERE receipt_id = 'r-13'")
        == "2026-11-22 10:00:00.013"
    )
    assert orjson.loads(await store.one("SELECT any(detail) AS d FROM events")) == {
        "user_agent": 'a "b" \\ c'
    }
    assert await store.one("SELECT DISTINCT (is_sent, is_delivered, is_opened) AS t FROM message_status") == [
        True,
        True,
        False,
    ]
    assert await store.one("SELECT sum(source_offset) AS n FROM dead_letters FINAL") == 1 + 2 + 3


async def test_every_row_counts_once_however_often_the_sink_is_killed(
    sink: SinkProcess, store: Store, broker: EmbeddedKafka
) -> None:
    for round_ in range(4):
        values = [
            status_value(number, revision=10 + round_)
            for number in range(round_ * 2000, round_ * 2000 + 4000)
        ]
        await publish_statuses(broker.bootstrap, values)
        receipts = [
            b"\n".join([_envelope(n).to_line() for n in range(first, first + 20)])
            for first in range(0, 2000, 20)
        ]
        await publish(broker.bootstrap, RECEIPTS.name, [(None, lines) for lines in receipts])
        sink.kill()
        sink.start()
    await sink.until_ready()
    await store.until(STATUSES, 10_000)
    await store.until("SELECT count() AS n FROM receipts FINAL", 2000)
    assert await store.one("SELECT sum(is_delivered) AS n FROM message_status FINAL") == 10_000
    # The later of two revisions has won, in whatever order they came.
    assert await store.one("SELECT sum(revision) AS n FROM message_status FINAL") == 2000 * (
        10 + 11 + 12 + 2 * 13
    )


async def test_a_killed_sink_takes_over_again_long_before_its_session_times_out(
    sink: SinkProcess, store: Store, broker: EmbeddedKafka
) -> None:
    await publish_statuses(broker.bootstrap, [status_value(1)])
    await store.until(STATUSES, 1)
    took = []
    for number in range(2, 5):  # the fastest counts: a busy machine is not what is tested
        sink.kill()
        sink.start()
        begun = time.monotonic()
        await publish_statuses(broker.bootstrap, [status_value(number)])
        await store.until(STATUSES, number)
        took.append(time.monotonic() - begun)
    assert min(took) < 9.5, "without its static membership it would wait for 10 s each time"


async def test_rows_wait_while_clickhouse_is_away_and_none_is_lost(
    sink: SinkProcess, store: Store, broker: EmbeddedKafka, engine: EmbeddedClickHouse
) -> None:
    await publish_statuses(broker.bootstrap, [status_value(number) for number in range(100)])
    await store.until(STATUSES, 100)
    engine.kill()
    try:
        await publish_statuses(broker.bootstrap, [status_value(number) for number in range(50, 3000)])

        async def unready() -> bool:
            return (await sink.answer("/readyz"))[0] == 503

        await eventually(unready, 10, "the sink saying that it cannot work")
        assert (await sink.answer("/healthz"))[0] == 200

        async def counted() -> bool:
            return b'waybill_sink_retries_total{table="message_status"}' in (await sink.answer("/metrics"))[1]

        await eventually(counted, 10, "a retry in the metrics")
    finally:
        engine.start()
    await store.until(STATUSES, 3000)


async def test_a_sink_stops_in_time_while_clickhouse_is_away(
    store: Store, broker: EmbeddedKafka, engine: EmbeddedClickHouse, tmp_path: Path
) -> None:
    process = SinkProcess(broker.bootstrap, store.url, tmp_path / "sink.log")
    process.start()
    await process.until_ready()
    engine.kill()
    try:
        await publish_statuses(broker.bootstrap, [status_value(number) for number in range(10)])

        async def trying() -> bool:
            return "ClickHouse is away" in process.said

        await eventually(trying, 10, "a try")
        assert process.stop(5) == 0
    finally:
        engine.start()
    process.start()
    await store.until(STATUSES, 10)
    assert process.stop(5) == 0


async def test_the_broker_may_be_killed_under_the_sink(
    sink: SinkProcess, store: Store, broker: EmbeddedKafka
) -> None:
    await publish_statuses(broker.bootstrap, [status_value(number) for number in range(500)])
    broker.kill()
    broker.start()
    await publish_statuses(broker.bootstrap, [status_value(number) for number in range(500, 1000)])
    await store.until(STATUSES, 1000, seconds=40)


async def test_a_poison_row_becomes_a_dead_letter_and_the_rest_is_stored(
    sink: SinkProcess, store: Store, broker: EmbeddedKafka
) -> None:
    values = [status_value(number) for number in range(2000)]
    records: list[tuple[bytes | None, bytes | None]] = [
        (key_of(value), orjson.dumps(value)) for value in values
    ]
    poison = {
        17: b'{"tenant": "acme", "opens": "many"}',
        900: b"{",
        901: b'{"tenant": "acme", "filed_at": [1]}',
        1999: b"[1, 2]",
    }
    for number, value in poison.items():
        records[number] = (records[number][0], value)
    # Two revisions would make one row of two: the healthy rows have keys of their own.
    await publish(broker.bootstrap, MESSAGE_STATUS.name, records)
    await store.until(STATUSES, 2000 - len(poison), seconds=60)
    await store.until("SELECT count() AS n FROM dead_letters FINAL WHERE stage = 'sink'", len(poison))
    letters = [
        letter
        for letter in await everything_in(broker.bootstrap, DEAD_LETTERS.name)
        if letter["stage"] == "sink"
    ]
    assert {base64.b64decode(letter["raw"]) for letter in letters} == set(poison.values())
    for letter in letters:
        assert (letter["tenant"], letter["reason"]) == ("acme", "not_storable")
        assert letter["source"]["topic"] == MESSAGE_STATUS.name
        assert letter["detail"]


async def test_one_damaged_line_of_a_record_of_receipts_spoils_only_itself(
    sink: SinkProcess, store: Store, broker: EmbeddedKafka
) -> None:
    lines = [_envelope(number).to_line() for number in range(50)]
    lines[20] = lines[20][:-30]
    await publish(broker.bootstrap, RECEIPTS.name, [(None, b"\n".join(lines))])
    await store.until("SELECT count() AS n FROM receipts FINAL", 49)
    await store.until("SELECT sum(source_index) AS n FROM dead_letters FINAL", 20)


async def test_a_dead_letter_that_cannot_be_stored_is_logged_and_never_queued_again(
    sink: SinkProcess, store: Store, broker: EmbeddedKafka
) -> None:
    before = len(await everything_in(broker.bootstrap, DEAD_LETTERS.name))
    broken = orjson.dumps(_dead_letter(1) | {"failed_at": {"no": "time"}})
    await publish(
        broker.bootstrap, DEAD_LETTERS.name, [(b"/", broken), (b"/", orjson.dumps(_dead_letter(2)))]
    )
    await store.until("SELECT count() AS n FROM dead_letters FINAL", 1)

    async def counted() -> bool:
        return b"waybill_sink_poison_undeliverable_total 1.0" in (await sink.answer("/metrics"))[1]

    await eventually(counted, 10, "the count")
    assert "stays in its topic only" in sink.said
    assert len(await everything_in(broker.bootstrap, DEAD_LETTERS.name)) == before + 2


async def test_tombstones_and_empty_values_are_passed_over(
    sink: SinkProcess, store: Store, broker: EmbeddedKafka
) -> None:
    value = status_value(1)
    await publish(
        broker.bootstrap,
        MESSAGE_STATUS.name,
        [
            (key_of(value), None),
            (key_of(value), b""),
            (key_of(value), orjson.dumps(value)),
            (key_of(value), None),
        ],
    )
    await store.until(STATUSES, 1)


async def test_two_sinks_share_the_work_and_either_may_go(
    sink: SinkProcess, store: Store, broker: EmbeddedKafka, tmp_path: Path
) -> None:
    other = SinkProcess(broker.bootstrap, store.url, tmp_path / "other.log", WAYBILL_INSTANCE="two")
    await publish_statuses(broker.bootstrap, [status_value(number) for number in range(2000)])
    other.start()
    await other.until_ready()
    await publish_statuses(broker.bootstrap, [status_value(number) for number in range(2000, 4000)])
    await store.until(STATUSES, 4000)
    assert other.stop(5) == 0
    await publish_statuses(broker.bootstrap, [status_value(number) for number in range(4000, 5000)])
    # What a static member had is given away when its session times out, not before.
    await store.until(STATUSES, 5000, seconds=40)


async def test_unattributed_facts_are_kept_apart_from_the_log(
    sink: SinkProcess, store: Store, broker: EmbeddedKafka
) -> None:
    await publish_statuses(broker.bootstrap, [status_value(1), status_value(1, recipient=None, opens=4)])
    await store.until(STATUSES, 2)
    assert await store.one("SELECT opens FROM message_status WHERE recipient = ''") == 4
    assert await store.one("SELECT count() AS n FROM v_messages") == 1
