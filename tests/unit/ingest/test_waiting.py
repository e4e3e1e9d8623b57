"""What waits for Kafka: batches with one answer, bounded in bytes and in time."""

import asyncio

import pytest

from ingest.waiting import Limits, Waiting
from schemas.problems import ProblemError


async def test_lines_that_arrive_together_share_one_answer_and_one_record() -> None:
    waiting = Waiting(Limits())
    answers = {waiting.add(2, b"a"), waiting.add(2, b"b")}
    assert len(answers) == 1
    (write,) = waiting.take()
    assert (write.partition, write.value(), write.envelopes()) == (2, b"a\nb", 2)
    waiting.done(write, stored=True)
    assert await answers.pop() is True


async def test_each_partition_has_a_record_of_its_own() -> None:
    waiting = Waiting(Limits())
    for partition in (3, 1, 3):
        waiting.add(partition, b"x")
    assert {(write.partition, write.envelopes()) for write in waiting.take()} == {(3, 2), (1, 1)}
    assert waiting.take() == []


async def test_a_record_of_several_envelopes_is_at_most_so_large() -> None:
    waiting = Waiting(Limits(batch_bytes=100))
    for _ in range(10):
        waiting.add(0, b"x" * 29)
    sizes = []
    while writes := waiting.take():
        (write,) = writes
        sizes.append(len(write.value()))
        waiting.done(write, stored=True)
    assert sum(sizes) == 10 * 29 + 10 - len(sizes)
    assert max(sizes) <= 100


async def test_a_single_envelope_may_be_larger_and_is_alone_then() -> None:
    waiting = Waiting(Limits(batch_bytes=100))
    waiting.add(0, b"a")
    waiting.add(0, b"x" * 5000)
    waiting.add(0, b"b")
    values = []
    while writes := waiting.take():
        values.append(writes[0].value())
        waiting.done(writes[0], stored=True)
    assert values == [b"a", b"x" * 5000, b"b"]


async def test_batches_of_different_moments_become_one_record_when_they_fit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ingest.waiting._OPEN_S", 0)
    waiting = Waiting(Limits())
    first = waiting.add(0, b"a")
    await asyncio.sleep(0.002)
    second = waiting.add(0, b"b")
    assert first is not second
    (write,) = waiting.take()
    assert write.value() == b"a\nb"
    waiting.done(write, stored=True)
    assert first.result() and second.result()


async def test_too_much_waiting_is_refused_at_once_and_room_comes_back() -> None:
    waiting = Waiting(Limits(waiting_bytes=100))
    waiting.add(0, b"x" * 60)
    with pytest.raises(ProblemError) as refusal:
        waiting.add(0, b"x" * 60)
    assert refusal.value.problem.code == "unavailable" and refusal.value.retry_after
    (write,) = waiting.take()
    with pytest.raises(ProblemError):
        waiting.add(0, b"x" * 60)
    waiting.done(write, stored=True)
    waiting.add(0, b"x" * 60)
    assert waiting.bytes == 61


async def test_what_is_not_taken_in_time_is_answered_and_forgotten() -> None:
    waiting = Waiting(Limits(store_timeout_s=0.05))
    assert await waiting.add(0, b"x") is False
    assert (waiting.bytes, waiting.envelopes) == (0, 0)
    assert waiting.take() == []
    assert waiting.nothing.is_set()


async def test_what_is_being_written_is_answered_in_time_and_keeps_its_room_until_that_is_over() -> None:
    waiting = Waiting(Limits(store_timeout_s=0.05))
    answer = waiting.add(0, b"x")
    (write,) = waiting.take()
    assert await answer is False
    assert waiting.bytes == 2
    waiting.done(write, stored=True)
    assert waiting.bytes == 0
    assert answer.result() is False


async def test_a_write_that_is_put_back_comes_first_again_without_what_has_been_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ingest.waiting._OPEN_S", 0)
    waiting = Waiting(Limits(store_timeout_s=0.05))
    old = waiting.add(0, b"old")
    await asyncio.sleep(0.03)
    young = waiting.add(0, b"young")
    (write,) = waiting.take()
    assert await old is False
    waiting.add(0, b"younger")
    waiting.put_back(write)
    (write,) = waiting.take()
    assert write.value() == b"young\nyounger"
    waiting.done(write, stored=True)
    assert young.result() is True
    assert waiting.bytes == 0


async def test_a_write_of_which_nobody_waits_any_more_is_given_up() -> None:
    waiting = Waiting(Limits(store_timeout_s=0.02))
    answer = waiting.add(0, b"x")
    (write,) = waiting.take()
    assert await answer is False
    waiting.put_back(write)
    assert waiting.take() == []
    assert waiting.bytes == 0
