"""The worker on a real broker: what it publishes is exact, whatever happens to it on the way."""

import asyncio
import base64
import random
import shutil
import signal
from pathlib import Path

from deploy.local.kafka import EmbeddedKafka
from processors.ownership import EXIT_STATUS
from schemas.topics import DEAD_LETTERS, EVENTS, MESSAGE_STATUS
from tests.integration.worker_stage import (
    SENT_AT,
    StartWorker,
    WorkerProcess,
    assert_statuses_become,
    committed_offsets,
    event_ids,
    expected_statuses,
    mailing,
    partition_of,
    put,
    reading,
    records_of,
    sends,
    ses_envelope,
    ses_event,
    ses_mail,
)
from tests.patience import eventually

DAY_MS = 86_400_000


async def test_every_receipt_is_folded_once_and_published(
    bootstrap: str, start: StartWorker, tenant: str
) -> None:
    records = list(records_of(mailing(tenant, 300)))
    worker = await start().ready()
    await put(bootstrap, records)
    await assert_statuses_become(bootstrap, tenant, expected_statuses(records))
    assert len(await event_ids(bootstrap, tenant)) == 300 * 4 + 43
    assert await worker.stop() == 0
    assert "Traceback" not in worker.said()


async def test_killed_at_random_moments_under_load_it_still_counts_everything_once(
    bootstrap: str, start: StartWorker, tenant: str
) -> None:
    records = list(records_of(mailing(tenant, 3000)))
    worker = await start().ready()
    feeding = asyncio.create_task(put(bootstrap, records, pause_s=0.004))
    moments = random.Random(tenant)
    while not feeding.done():
        await asyncio.wait({feeding}, timeout=moments.uniform(0.2, 2.5))
        await worker.kill()
        worker = await start().ready()
    await feeding
    await assert_statuses_become(bootstrap, tenant, expected_statuses(records))
    assert len(await event_ids(bootstrap, tenant)) == 3000 * 4 + 429


async def test_revisions_never_fall_behind_what_was_published_before_a_crash(
    bootstrap: str, start: StartWorker, tenant: str
) -> None:
    records = list(records_of(mailing(tenant, 500)))
    worker = await start().ready()
    feeding = asyncio.create_task(put(bootstrap, records, pause_s=0.004))
    await asyncio.wait({feeding}, timeout=0.6)
    await worker.kill()
    await start().ready()
    await feeding
    expected = expected_statuses(records)
    await assert_statuses_become(bootstrap, tenant, expected)
    async with reading(bootstrap, MESSAGE_STATUS, tenant) as reader:
        await reader.read()
    filed = {(value["message_id"], value["recipient"], value["filed_at"]) for value in reader.values}
    assert len(filed) == len(expected), "filed_at of a key has changed"


RAISES_ON_POISON = """
from processors.tracking import Tracker
track = Tracker.track_many
def raising(self, records, **where):
    if any(b"poison-for-the-worker" in value for _, value in records):
        raise RuntimeError("not foreseen")
    return track(self, records, **where)
Tracker.track_many = raising
"""


async def test_an_error_in_the_agent_commits_nothing_past_the_record_that_raised(
    bootstrap: str, start: StartWorker, tenant: str
) -> None:
    mails = [ses_mail(f"m{place}", ["ann@example.org"]) for place in range(60)]
    mails[30]["tags"]["campaign"] = ["poison-for-the-worker"]
    records = list(
        records_of(
            (ses_envelope(tenant, ses_event("Open", mail, SENT_AT), 1) for mail in mails), per_record=1
        )
    )
    poisoned = partition_of(tenant, "m30")
    later = [partition for partition, _ in records[31:]].count(poisoned)
    worker = await start(sabotage=RAISES_ON_POISON).ready()
    raised_at = (await put(bootstrap, records))[poisoned] - later
    assert await worker.ended(20) == 70
    assert (await committed_offsets(bootstrap)).get(poisoned, 0) <= raised_at
    await start().ready()
    await assert_statuses_become(bootstrap, tenant, expected_statuses(records))


async def test_a_lost_disk_is_restored_from_the_changelog(
    bootstrap: str, start: StartWorker, tenant: str, tmp_path: Path
) -> None:
    whole = list(mailing(tenant, 400, opens=3))
    first, rest = list(records_of(whole[: len(whole) // 2])), list(records_of(whole[len(whole) // 2 :]))
    worker = await start().ready()
    await put(bootstrap, first)
    await assert_statuses_become(bootstrap, tenant, expected_statuses(first))
    await worker.kill()
    shutil.rmtree(tmp_path / "w1")
    await start().ready()
    await put(bootstrap, rest)
    await assert_statuses_become(bootstrap, tenant, expected_statuses(first + rest))


async def test_two_workers_share_the_partitions_and_one_takes_over_from_the_other(
    bootstrap: str, start: StartWorker, tenant: str
) -> None:
    records = list(records_of(mailing(tenant, 2000)))
    one, two = start("w1"), start("w2")
    await one.ready()
    await two.ready()
    feeding = asyncio.create_task(put(bootstrap, records, pause_s=0.005))
    await asyncio.wait({feeding}, timeout=1.5)
    await two.kill()
    await feeding
    await assert_statuses_become(bootstrap, tenant, expected_statuses(records))
    assert one.status is None


async def test_a_worker_frozen_past_its_session_and_woken_leaves_without_writing(
    bootstrap: str, start: StartWorker, tenant: str, tmp_path: Path
) -> None:
    records = list(records_of(mailing(tenant, 2500)))
    one, two = start("w1"), start("w2")
    await one.ready()
    await two.ready()
    feeding = asyncio.create_task(put(bootstrap, records, pause_s=0.004))
    await asyncio.wait({feeding}, timeout=1.5)
    one.signal(signal.SIGSTOP)
    try:
        await feeding
        expected = expected_statuses(records)
        await assert_statuses_become(bootstrap, tenant, expected)
    finally:
        one.signal(signal.SIGCONT)
    assert await one.ended(10) == 70
    assert "leaving at once" in one.said()
    # What the changelog holds now is what a worker with an empty disk makes of it: one old receipt more for each key.
    await two.kill()
    shutil.rmtree(tmp_path / "w2")
    await start("w2").ready()
    await put(bootstrap, records_of(sends(tenant, 2500)))
    await assert_statuses_become(bootstrap, tenant, expected)


async def test_what_cannot_be_understood_is_put_aside_and_the_rest_goes_on(
    bootstrap: str, start: StartWorker, tenant: str
) -> None:
    good = list(mailing(tenant, 20))
    stranger = ses_envelope(tenant, {"mail": {"messageId": "x"}}, 1)
    records = []
    for partition, value in records_of(good):
        records.append((partition, b"\n".join((b'{"not": "an envelope"', value, stranger.to_line()))))
    await start().ready()
    await put(bootstrap, records)
    await assert_statuses_become(bootstrap, tenant, expected_statuses(records_of(good)))
    async with reading(bootstrap, DEAD_LETTERS, tenant) as letters:

        async def all_there() -> bool:
            await letters.read()
            return len(letters.values) == len(records)

        await eventually(all_there, 10, "a dead letter for each stranger")
    assert {letter["receipt"]["receipt_id"] for letter in letters.values} == {stranger.receipt_id}
    async with reading(bootstrap, DEAD_LETTERS, "") as nobodys:
        nobodys._tenant = None  # type: ignore[assignment]
        await nobodys.read()
    assert {base64.b64decode(letter["raw"]) for letter in nobodys.values} == {b'{"not": "an envelope"'}


async def test_an_event_of_an_expired_message_is_published_as_late_and_not_folded(
    bootstrap: str, start: StartWorker, tenant: str
) -> None:
    mail = ses_mail("old", ["old@example.org"], SENT_AT - 61 * DAY_MS)
    late = ses_envelope(tenant, ses_event("Open", mail, SENT_AT), 1)
    intime = ses_envelope(tenant, ses_event("Open", ses_mail("new", ["new@example.org"]), SENT_AT), 2)
    await start().ready()
    await put(bootstrap, records_of([late, intime]))
    await assert_statuses_become(bootstrap, tenant, expected_statuses(records_of([intime])))
    async with reading(bootstrap, EVENTS, tenant) as events:

        async def both() -> bool:
            await events.read()
            return len(events.values) == 2

        await eventually(both, 10, "both events")
    assert {event["message_id"]: event["late"] for event in events.values} == {"old": True, "new": False}


async def test_the_broker_killed_and_restarted_under_load_costs_nothing(
    broker: EmbeddedKafka, bootstrap: str, start: StartWorker, tenant: str
) -> None:
    records = list(records_of(mailing(tenant, 2000)))
    worker = await start().ready()
    feeding = asyncio.create_task(put(bootstrap, records, pause_s=0.004))
    await asyncio.wait({feeding}, timeout=1.5)
    await asyncio.to_thread(broker.kill)
    await asyncio.to_thread(broker.start)
    await feeding
    await assert_statuses_become(bootstrap, tenant, expected_statuses(records), 90)
    assert worker.status is None, worker.said()[-1500:]


async def test_it_leaves_when_kafka_answers_but_never_confirms_its_membership_and_not_while_kafka_is_away(
    broker: EmbeddedKafka, bootstrap: str, tmp_path: Path
) -> None:
    never_confirmed = (
        "import processors.watchdog as watchdog; from processors.ownership import Ownership\n"
        "Ownership.confirmed = lambda self, asked_at: None\n"
        "watchdog.LOOK_EVERY_S, watchdog.unconfirmed_after_s = 0.5, lambda _: 4.0"
    )
    worker = WorkerProcess(bootstrap, tmp_path / "w1", sabotage=never_confirmed, log_level="debug")
    try:
        await worker.start().ready()
        await asyncio.to_thread(broker.kill)
        away = "Kafka does not answer now"
        await eventually(lambda: worker.said().count(away) >= 12, 30, "it looked for longer than its limit")
        assert worker.status is None, worker.said()[-1500:]
        await asyncio.to_thread(broker.start)
        assert await worker.ended(40) == EXIT_STATUS
    finally:
        worker.end()
    assert "Kafka answers, but has not confirmed the membership" in worker.said()


async def test_missing_topics_end_it_with_what_to_do(tmp_path: Path) -> None:
    with EmbeddedKafka(tmp_path / "kafka") as empty:
        worker = WorkerProcess(empty.bootstrap, tmp_path / "w1").start()
        try:
            assert await worker.ended(20) == 1
        finally:
            worker.end()
    assert "missing in Kafka: waybill-receipts" in worker.said()
    assert "python -m deploy prepare" in worker.said()


async def test_it_waits_for_a_broker_that_is_not_there_yet_and_stops_when_told(tmp_path: Path) -> None:
    worker = WorkerProcess("127.0.0.1:1", tmp_path / "w1").start()
    try:
        await eventually(lambda: "waiting for Kafka" in worker.said(), 15, "it says that it waits")
        assert await worker.stop() == 0
    finally:
        worker.end()


async def test_a_second_worker_on_the_same_folder_is_refused(
    start: StartWorker, bootstrap: str, tmp_path: Path
) -> None:
    await start().ready()
    second = WorkerProcess(bootstrap, tmp_path / "w1", "w9")
    second.log = tmp_path / "second.log"
    second.start()
    try:
        assert await second.ended(20) == 2
    finally:
        second.end()
    assert "is in use" in second.said()
