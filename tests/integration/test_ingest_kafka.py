"""Ingest and Kafka: group commit, outages, bounds, and a good end."""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
import pytest_asyncio
from prometheus_client import REGISTRY

from deploy.local.kafka import EmbeddedKafka
from deploy.topics import create_topics
from schemas.envelope import Envelope
from schemas.partition import partition_of
from schemas.topics import message_key
from tests.integration.ingest_stage import (
    PARTITIONS,
    TENANTS,
    Answer,
    Client,
    Receipts,
    code,
    process,
    receipts,
    within,
)
from tests.patience import eventually
from tests.unit.ingest import sns


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def bootstrap(kafka: str) -> str:
    await create_topics(kafka, partitions=PARTITIONS)
    return kafka


@pytest_asyncio.fixture(loop_scope="session")
async def stored(bootstrap: str) -> AsyncIterator[Receipts]:
    async with receipts(bootstrap) as opened:
        yield opened


@contextlib.asynccontextmanager
async def client_of(port: int) -> AsyncIterator[Client]:
    """A client that waits until ingest is ready."""
    client = Client(port)
    try:
        await _until(client, "/readyz", 200)
        yield client
    finally:
        await client.session.close()


async def _until(client: Client, path: str, status: int) -> None:
    """Waits until a page answers so."""
    await eventually(lambda: client.answers(path, status), 20, f"{status} from {path}")


def _signed(prefix: str, count: int) -> list[bytes]:
    return [orjson.dumps(sns.notification(sns.mail(f"{prefix}-{n}"))) for n in range(count)]


async def _post_all(client: Client, bodies: list[bytes]) -> list[Answer]:
    return await asyncio.gather(*[client.sns(body) for body in bodies])


async def _is_taken(client: Client, body: bytes, path: str) -> bool:
    return (await client.sns(body, path))[0] == 200


async def _nothing_waits(client: Client) -> bool:
    _, page, _ = await client.call("GET", "/metrics")
    line = next(line for line in page.splitlines() if line.startswith(b"waybill_ingest_waiting_bytes "))
    return float(line.split()[1]) == 0


async def test_requests_that_arrive_together_are_written_together(
    bootstrap: str, stored: Receipts, tmp_path: Path
) -> None:
    bodies = _signed("together", 400)
    async with within(bootstrap, tmp_path) as client:
        answers = await _post_all(client, bodies)
    assert {answer[0] for answer in answers} == {200}
    found = await stored.until(400)
    assert {one.message_id for one in found} == {f"together-{n}" for n in range(400)}
    assert len(stored.records) < 200
    for partition, _, envelopes in stored.records:
        assert {partition_of(message_key("acme", one.message_id), PARTITIONS) for one in envelopes} == {
            partition
        }


async def test_all_of_one_message_is_in_one_partition_in_the_order_of_its_answers(
    bootstrap: str, stored: Receipts, tmp_path: Path
) -> None:
    async with within(bootstrap, tmp_path) as client:
        for _ in range(5):
            assert {answer[0] for answer in await _post_all(client, _signed("same", 1) * 10)} == {200}
    found = await stored.until(50)
    assert len({partition for partition, *_ in stored.records}) == 1
    assert [one.receipt_id[:13] for one in found] == sorted(one.receipt_id[:13] for one in found)


async def test_a_lone_request_is_written_at_once(bootstrap: str, stored: Receipts, tmp_path: Path) -> None:
    async with within(bootstrap, tmp_path, batch_wait_ms=1000, store_timeout_s=10) as client:
        began = time.monotonic()
        for body in _signed("lone", 5):
            assert (await client.sns(body))[0] == 200
        assert time.monotonic() - began < 5, "each would have waited a second for others"
    await stored.until(5)
    assert [len(envelopes) for *_, envelopes in stored.records] == [1] * 5


async def test_a_record_of_many_envelopes_is_at_most_so_large(
    bootstrap: str, stored: Receipts, tmp_path: Path
) -> None:
    large = [orjson.dumps(sns.notification(sns.mail(f"large-{n}", filler="x" * 9000))) for n in range(80)]
    async with within(bootstrap, tmp_path, max_batch_bytes=20_000) as client:
        assert {answer[0] for answer in await _post_all(client, large)} == {200}
    await stored.until(80)
    assert max(sum(len(one.to_line()) + 1 for one in found) for *_, found in stored.records) <= 20_001
    assert len(stored.records) >= 40


async def test_a_body_whose_line_would_be_too_large_for_kafka_is_stored(
    bootstrap: str, stored: Receipts, tmp_path: Path
) -> None:
    """Half a megabyte of line breaks between two fields: legal JSON, and twice as long inside a JSON text."""
    body = orjson.dumps(sns.notification(sns.mail("blank"))).replace(b",", b"," + b"\n" * 700_000, 1)
    async with within(bootstrap, tmp_path) as client:
        assert (await client.sns(body))[0] == 200
    assert (await stored.until(1))[0].body == body


async def test_too_much_waiting_is_503_at_once(bootstrap: str, tmp_path: Path) -> None:
    body = orjson.dumps(sns.notification(sns.mail("huge", filler='"' * 140_000)))
    async with within(bootstrap, tmp_path, max_waiting_bytes=1024 * 1024, store_timeout_s=14) as client:
        began = time.monotonic()
        assert code(await client.sns(body)) == (503, "unavailable")
        assert time.monotonic() - began < 14, "it would have waited so long for Kafka"
        assert (await client.sns(_signed("small", 1)[0]))[0] == 200
        assert REGISTRY.get_sample_value("waybill_ingest_waiting_bytes") == 0


@pytest.mark.parametrize("away", ["killed", "frozen"])
async def test_kafka_away_is_503_in_three_seconds_and_back_again_it_recovers_by_itself(
    bootstrap: str, kafka_server: EmbeddedKafka, tmp_path: Path, away: str
) -> None:
    bodies = _signed(f"away-{away}", 200)
    with process(bootstrap, tmp_path) as (_, port):
        async with client_of(port) as client:
            assert (await client.sns(bodies[0]))[0] == 200
            if away == "killed":
                kafka_server.kill()
            else:
                os.kill(kafka_server.pid, signal.SIGSTOP)
            try:
                await _until(client, "/readyz", 503)
                began = time.monotonic()
                answers = await _post_all(client, bodies)
                assert time.monotonic() - began < 10, "providers give up after 15 s"
                assert {code(answer) for answer in answers} == {(503, "unavailable")}
                await eventually(lambda: _nothing_waits(client), 10, "nothing that waits")
            finally:
                if away == "killed":
                    kafka_server.start()
                else:
                    os.kill(kafka_server.pid, signal.SIGCONT)
            await _until(client, "/readyz", 200)
            async with receipts(bootstrap) as stored:
                assert {answer[0] for answer in await _post_all(client, bodies)} == {200}
                found: list[Envelope] = await stored.until(200)
            assert {one.message_id for one in found} >= {f"away-{away}-{n}" for n in range(200)}


async def test_a_short_absence_of_kafka_goes_unnoticed(
    bootstrap: str, kafka_server: EmbeddedKafka, tmp_path: Path
) -> None:
    with process(bootstrap, tmp_path) as (_, port):
        async with client_of(port) as client:
            os.kill(kafka_server.pid, signal.SIGSTOP)
            posting = asyncio.create_task(_post_all(client, _signed("short", 50)))
            await asyncio.sleep(1)
            os.kill(kafka_server.pid, signal.SIGCONT)
            assert {answer[0] for answer in await posting} == {200}


async def test_it_starts_without_kafka_refuses_meanwhile_and_begins_when_kafka_is_there(
    bootstrap: str, kafka_server: EmbeddedKafka, tmp_path: Path
) -> None:
    kafka_server.kill()
    try:
        with process(bootstrap, tmp_path) as (_, port):
            client = Client(port)
            assert (await client.call("GET", "/healthz"))[0] == 200
            assert (await client.call("GET", "/readyz"))[0] == 503
            began = time.monotonic()
            assert code(await client.sns(_signed("early", 1)[0])) == (503, "unavailable")
            assert time.monotonic() - began < 3, "it would have waited so long for Kafka"
            kafka_server.start()
            await _until(client, "/readyz", 200)
            assert (await client.sns(_signed("early", 1)[0]))[0] == 200
            await client.session.close()
    finally:
        if not kafka_server.answers():
            kafka_server.start()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_on_a_signal_what_is_under_way_is_answered_and_stored(
    bootstrap: str, stored: Receipts, tmp_path: Path, number: signal.Signals
) -> None:
    bodies = _signed(f"last-{number}", 300)
    with process(bootstrap, tmp_path) as (child, port):
        async with client_of(port) as client:
            posting = [asyncio.create_task(client.sns(body)) for body in bodies]
            await asyncio.wait(posting, return_when=asyncio.FIRST_COMPLETED)
            child.send_signal(number)
            answers = await asyncio.gather(*posting, return_exceptions=True)
            assert await asyncio.to_thread(child.wait, 10) == 0
    taken = [answer for answer in answers if isinstance(answer, tuple)]
    assert {answer[0] for answer in taken} == {200}
    assert len(await stored.until(len(taken))) >= len(taken)


async def test_it_ends_in_time_while_kafka_is_frozen(
    bootstrap: str, kafka_server: EmbeddedKafka, tmp_path: Path
) -> None:
    with process(bootstrap, tmp_path) as (child, port):
        async with client_of(port) as client:
            os.kill(kafka_server.pid, signal.SIGSTOP)
            try:
                posting = asyncio.create_task(_post_all(client, _signed("end", 5)))
                await asyncio.sleep(0.3)
                child.terminate()
                assert await asyncio.to_thread(child.wait, 10) == 0
                assert {code(answer) for answer in await posting} == {(503, "unavailable")}
            finally:
                os.kill(kafka_server.pid, signal.SIGCONT)


async def test_the_tenants_file_is_read_again_on_sighup_and_a_faulty_one_changes_nothing(
    bootstrap: str, tmp_path: Path
) -> None:
    body = _signed("reload", 1)[0]
    with process(bootstrap, tmp_path) as (child, port):
        async with client_of(port) as client:
            assert code(await client.sns(body, "/webhooks/ses/fresh")) == (404, "unknown_tenant")
            (tmp_path / "tenants.toml").write_text(TENANTS.replace("tenants.acme", "tenants.fresh"))
            child.send_signal(signal.SIGHUP)
            await eventually(lambda: _is_taken(client, body, "/webhooks/ses/fresh"), 10, "the new tenant")
            assert code(await client.sns(body)) == (404, "unknown_tenant")
            (tmp_path / "tenants.toml").write_text(TENANTS + "\n[tenants.bad]\nname = 5\n")
            child.send_signal(signal.SIGHUP)
            log = tmp_path / "ingest.log"
            await eventually(lambda: b"refused" in log.read_bytes(), 10, "a refusal in the log")
            assert b"tenants.bad.name" in log.read_bytes()
            assert (await client.sns(body, "/webhooks/ses/fresh"))[0] == 200
    assert child.returncode == 0


def _run(tmp_path: Path, bootstrap: str, port: int = 0, **environment: str) -> tuple[int, str]:
    """Exit status and log of an ingest that is expected to end by itself."""
    with process(bootstrap, tmp_path, port, **environment) as (child, _):
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(10)
        ended = child.poll()
    assert ended is not None
    return ended, (tmp_path / "ingest.log").read_text()


def test_a_faulty_setting_ends_it_with_its_name(tmp_path: Path) -> None:
    status, said = _run(tmp_path, "127.0.0.1:1", WAYBILL_PUBLIC_URL="hooks.example.com")
    assert status == 2
    assert "WAYBILL_PUBLIC_URL" in said and "Traceback" not in said


def test_a_port_that_is_taken_ends_it_with_a_word(bootstrap: str, tmp_path: Path) -> None:
    with process(bootstrap, tmp_path) as (_, port):
        (tmp_path / "second").mkdir()
        status, said = _run(tmp_path / "second", bootstrap, port)
    assert status == 1
    assert "address already in use" in said and "Traceback" not in said


async def test_several_processes_can_share_one_port(bootstrap: str, stored: Receipts, tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    with (
        process(bootstrap, tmp_path, WAYBILL_INGEST_REUSE_PORT="true") as (first, port),
        process(bootstrap, tmp_path / "second", port, WAYBILL_INGEST_REUSE_PORT="true") as (second, _),
    ):
        async with client_of(port) as client:
            assert {answer[0] for answer in await _post_all(client, _signed("shared", 100))} == {200}
        assert first.poll() is None and second.poll() is None
        first.terminate()
        await asyncio.to_thread(first.wait, 10)
        async with client_of(port) as client:
            assert {answer[0] for answer in await _post_all(client, _signed("rest", 20))} == {200}
    await stored.until(120)
