"""Standing and consent on a real broker: from receipts to the public topics, whatever happens to the worker."""

import asyncio
import base64
import random
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import orjson

from runtime.kafka import open_producer
from schemas.partition import partition_of as partition_of_key
from schemas.topics import (
    ADDRESS_ACTIVITY,
    ADDRESS_STANDING,
    CONSENT_LOG,
    CONSENTS,
    CUSTOMERS,
    DEAD_LETTERS,
    address_key,
    consent_key,
)
from tests.integration.standing_stage import (
    assert_become,
    correspondence,
    expected,
    mail,
    opted,
    posted,
    reset,
    standing_of,
    text,
)
from tests.integration.worker_stage import PARTITIONS, SENT_AT, Reader, StartWorker, put, reading, records_of
from tests.patience import eventually

ANN = "ann@example.org"
OURS, THEIRS = "+15005550001", "+15005550006"


async def send(bootstrap: str, *receipts: Any) -> None:
    """Each receipt in a record of its own."""
    await put(bootstrap, records_of(receipts, per_record=1))


async def test_a_hard_bounce_makes_its_address_invalid_within_a_second(
    bootstrap: str, start: StartWorker, tenant: str
) -> None:
    await start().ready()
    waited = []
    async with reading(bootstrap, ADDRESS_STANDING, tenant) as reader:
        for number in range(5):
            address = f"user{number}@example.org"
            await send(bootstrap, mail(tenant, "Bounce", number, address))
            stored = time.monotonic()
            key = address_key(tenant, "email", address)
            async with asyncio.timeout(20):
                while key not in reader.keyed:
                    await read_once(reader)
            waited.append(time.monotonic() - stored)
            assert reader.keyed[key]["reason"] == "hard_bounce"
    assert sorted(waited)[2] < 1.0, waited


async def read_once(reader: Reader) -> None:
    """Takes in what comes next, at once."""
    for records in (await reader._consumer.getmany(timeout_ms=1000)).values():
        for record in records:
            reader._apply(record.key.decode(), orjson.loads(record.value))


async def test_a_reset_makes_it_valid_and_another_bounce_invalid_again(
    bootstrap: str, start: StartWorker, tenant: str
) -> None:
    await start().ready()
    await send(bootstrap, mail(tenant, "Bounce", 1, ANN))
    await standing_of(bootstrap, tenant, ANN, standing="invalid", reason="hard_bounce")
    await send(bootstrap, reset(tenant, ANN, 2))
    said = await standing_of(bootstrap, tenant, ANN, standing="valid")
    assert (said["reset"]["lifted"], said["reset"]["key"]) == ("hard_bounce", "console")
    await send(bootstrap, mail(tenant, "Bounce", 3, ANN))
    await standing_of(bootstrap, tenant, ANN, standing="invalid", message_id=f"{ANN}-3")


async def test_messages_in_a_row_that_gave_up_make_it_invalid_until_a_late_delivery_revises_it(
    bootstrap: str, start: StartWorker, tenant: str
) -> None:
    await start().ready()
    await send(bootstrap, *(mail(tenant, "SoftBounce", number, ANN) for number in range(5)))
    await standing_of(bootstrap, tenant, ANN, reason="repeated_soft_bounces", soft_bounces_in_a_row=5)
    await send(bootstrap, mail(tenant, "Delivery", 2, ANN))
    await standing_of(bootstrap, tenant, ANN, standing="valid", soft_bounces_in_a_row=2)


async def test_the_limit_in_the_tenants_file_counts_from_the_next_time_the_address_is_touched(
    bootstrap: str, start: StartWorker, tenant: str
) -> None:
    worker = start()
    await worker.ready()
    await send(bootstrap, *(mail(tenant, "SoftBounce", number, ANN) for number in range(2)))
    await standing_of(bootstrap, tenant, ANN, standing="valid", soft_bounces_in_a_row=2)
    worker.tenants.write_text(f'[tenants.{tenant}]\nname = "T"\nsoft_bounce_limit = 3\n')
    worker.signal(signal.SIGHUP)
    await eventually(lambda: "read again" in worker.said(), 10, "the tenants file is read again")
    await send(bootstrap, mail(tenant, "SoftBounce", 2, ANN))
    await standing_of(bootstrap, tenant, ANN, standing="invalid", reason="repeated_soft_bounces")


async def test_an_address_that_only_ever_received_is_published_nowhere(
    bootstrap: str, start: StartWorker, tenant: str
) -> None:
    await start().ready()
    await send(bootstrap, mail(tenant, "Delivery", 1, ANN), mail(tenant, "Bounce", 1, "bob@example.org"))
    await standing_of(bootstrap, tenant, "bob@example.org", standing="invalid")
    async with reading(bootstrap, ADDRESS_STANDING, tenant) as reader:
        await reader.read()
    assert list(reader.keyed) == [address_key(tenant, "email", "bob@example.org")]


async def test_stop_and_start_are_the_consent_to_one_sender_with_every_change_in_the_log(
    bootstrap: str, start: StartWorker, tenant: str
) -> None:
    await start().ready()
    key = consent_key(tenant, "sms", THEIRS, "*", OURS)
    async with (
        reading(bootstrap, CONSENTS, tenant) as consents,
        reading(bootstrap, CONSENT_LOG, tenant) as log,
    ):

        async def state_is(state: str) -> bool:
            await consents.read()
            return consents.keyed.get(key, {}).get("state") == state

        inbound = {"SmsStatus": "received", "From": THEIRS, "To": OURS}
        await send(bootstrap, text(tenant, "SM1", 601, Body="STOP", **inbound))
        await eventually(lambda: state_is("out"), 20, "STOP opts out")
        await send(bootstrap, text(tenant, "SM2", 602, Body="Start", **inbound))
        await eventually(lambda: state_is("in"), 20, "START lifts it")
        await send(bootstrap, text(tenant, "SM1", 603, Body="STOP", **inbound))
        await send(bootstrap, opted(tenant, ANN, "out", 2), opted(tenant, ANN, "in", 1))

        async def all_told() -> bool:
            await log.read()
            return len(log.values) == 5

        await eventually(all_told, 20, "five entries of the log, two of them the same STOP")
        await consents.read()
    assert len({entry["entry_id"] for entry in log.values}) == 4
    assert consents.keyed[key]["state"] == "in", "the STOP that was posted again is no news"
    assert consents.keyed[consent_key(tenant, "email", ANN, "marketing", None)]["state"] == "out"
    assert {entry["evidence"]["method"] for entry in log.values} == {"written", "verbal"}
    assert {entry["recorded_by"] for entry in log.values} == {None, "console"}


async def test_values_are_where_kafkas_default_partitioner_looks_for_their_address(
    bootstrap: str, start: StartWorker, tenant: str
) -> None:
    await start().ready()
    addresses = [f"user{number}@example.org" for number in range(20)]
    await send(bootstrap, *(mail(tenant, "Bounce", 1, address) for address in addresses))
    async with reading(bootstrap, ADDRESS_STANDING, tenant) as reader:
        found: dict[str, int] = {}
        deadline = time.monotonic() + 20
        while len(found) < len(addresses) and time.monotonic() < deadline:
            for tp, records in (await reader._consumer.getmany(timeout_ms=200)).items():
                found |= {
                    record.key.decode(): tp.partition
                    for record in records
                    if record.key.decode().startswith(f"{tenant}/")
                }
    assert found == {
        (key := address_key(tenant, "email", address)): partition_of_key(key, PARTITIONS)
        for address in addresses
    }


async def test_killed_at_random_moments_under_load_standings_and_consents_are_exact(
    bootstrap: str, start: StartWorker, tenant: str
) -> None:
    records = list(records_of(correspondence(tenant, 120, 12)))
    standings, consents, entries = expected(records)
    assert {value["reason"] for value in standings.values()} >= {None, "hard_bounce", "repeated_soft_bounces"}
    worker = await start().ready()
    feeding = asyncio.create_task(put(bootstrap, records, pause_s=0.02))
    moments = random.Random(tenant)
    while not feeding.done():
        await asyncio.wait({feeding}, timeout=moments.uniform(0.2, 2.5))
        await worker.kill()
        worker = await start().ready()
    await feeding
    await assert_become(bootstrap, ADDRESS_STANDING, tenant, standings)
    await assert_become(bootstrap, CONSENTS, tenant, consents)
    async with reading(bootstrap, CONSENT_LOG, tenant) as log:
        await log.read()
    assert {entry["entry_id"] for entry in log.values} == entries
    assert "dead letter" not in worker.said() and "Traceback" not in worker.said()


async def test_a_lost_disk_is_restored_from_the_changelogs(
    bootstrap: str, start: StartWorker, tenant: str, tmp_path: Path
) -> None:
    receipts = list(correspondence(tenant, 60, 10, seed=2))
    half = len(receipts) // 2
    first, rest = list(records_of(receipts[:half])), list(records_of(receipts[half:]))
    worker = await start().ready()
    await put(bootstrap, first)
    await assert_become(bootstrap, ADDRESS_STANDING, tenant, expected(first)[0])
    await worker.kill()
    shutil.rmtree(tmp_path / "w1")
    await start().ready()
    await put(bootstrap, rest)
    standings, consents, _ = expected(first + rest)
    await assert_become(bootstrap, ADDRESS_STANDING, tenant, standings)
    await assert_become(bootstrap, CONSENTS, tenant, consents)


async def test_a_second_worker_takes_over_from_one_that_is_killed(
    bootstrap: str, start: StartWorker, tenant: str
) -> None:
    records = list(records_of(correspondence(tenant, 80, 10, seed=3)))
    await start("w1").ready()
    two = await start("w2").ready()
    feeding = asyncio.create_task(put(bootstrap, records, pause_s=0.02))
    await asyncio.wait({feeding}, timeout=1.0)
    await two.kill()
    await feeding
    standings, consents, _ = expected(records)
    await assert_become(bootstrap, ADDRESS_STANDING, tenant, standings)
    await assert_become(bootstrap, CONSENTS, tenant, consents)


async def test_a_worker_frozen_past_its_session_and_woken_takes_nothing_from_its_successor(
    bootstrap: str, start: StartWorker, tenant: str, tmp_path: Path
) -> None:
    receipts = list(correspondence(tenant, 120, 12, seed=4))
    most = len(receipts) * 3 // 4
    first, rest = list(records_of(receipts[:most])), list(records_of(receipts[most:]))
    one, two = start("w1"), start("w2")
    await one.ready()
    await two.ready()
    feeding = asyncio.create_task(put(bootstrap, first, pause_s=0.02))
    await asyncio.wait({feeding}, timeout=1.0)
    one.signal(signal.SIGSTOP)
    try:
        await feeding
        standings, consents, _ = expected(first)
        await assert_become(bootstrap, ADDRESS_STANDING, tenant, standings)
        await assert_become(bootstrap, CONSENTS, tenant, consents)
    finally:
        one.signal(signal.SIGCONT)
    assert await one.ended(10) == 70
    # What the changelogs hold now is what a worker with an empty disk goes on from.
    await two.kill()
    shutil.rmtree(tmp_path / "w2")
    await start("w2").ready()
    await put(bootstrap, rest)
    standings, consents, _ = expected(first + rest)
    await assert_become(bootstrap, ADDRESS_STANDING, tenant, standings)
    await assert_become(bootstrap, CONSENTS, tenant, consents)


async def test_activity_that_cannot_be_read_is_put_aside_and_the_rest_goes_on(
    bootstrap: str, start: StartWorker, tenant: str
) -> None:
    await start().ready()
    broken = orjson.dumps({"schema": "address-activity/1", "tenant": tenant, "kind": "wish"})
    absurd = orjson.dumps(
        {
            "schema": "address-activity/1",
            "kind": "reset",
            "tenant": tenant,
            "channel": "email",
            "address": ANN,
            "received_at": SENT_AT,
            "receipt_id": "r",
            "what": {"reset_id": "x", "at": "yesterday", "actor": 7, "reason": None, "key": None},
        }
    )
    producer = open_producer(bootstrap, "test-activity")
    await producer.start()
    await producer.send_and_wait(ADDRESS_ACTIVITY.name, b"\n".join((broken, absurd)), partition=0)
    await producer.stop()
    await send(bootstrap, mail(tenant, "Bounce", 1, ANN))
    await standing_of(bootstrap, tenant, ANN, standing="invalid")
    async with reading(bootstrap, DEAD_LETTERS, tenant) as letters:
        letters._tenant = None  # type: ignore[assignment]  # whose they are nobody could read
        await letters.read()
    for line in (broken, absurd):
        (letter,) = [one for one in letters.values if base64.b64decode(one["raw"] or "") == line]
        assert (letter["stage"], letter["reason"]) == ("standing", "malformed_line")


async def test_customers_are_handed_on(bootstrap: str, start: StartWorker, tenant: str) -> None:
    await start().ready()
    addresses = [{"address": ANN, "channel": "email", "primary": True}]
    first = posted(tenant, "customer", "42", customer="42", kind="client", addresses=addresses)
    then = posted(tenant, "customer", "42", customer="42", kind="client", name="Ann", addresses=addresses)
    await send(bootstrap, first, then)
    async with reading(bootstrap, CUSTOMERS, tenant) as customers:

        async def both() -> bool:
            await customers.read()
            return [one["name"] for one in customers.values] == [None, "Ann"]

        await eventually(both, 20, "both values of the customer")
    assert customers.went_back == 0
    assert customers.keyed[f"{tenant}/42"]["addresses"][0]["primary"] is True
