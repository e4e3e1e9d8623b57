"""Work beside the requests: repeated at a pace, side by side, and not ended by a client that cancels what it gives up."""

import asyncio
from collections.abc import Sequence

import pytest

from query.pace import first_end, repeat
from runtime.clickhouse import ClickHouseAway


async def test_a_cancellation_from_within_is_a_lost_connection_and_not_an_end() -> None:
    async def gives_up() -> None:
        given_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        given_up.cancel()
        await given_up

    with pytest.raises(ConnectionError):
        await first_end(gives_up(), asyncio.sleep(60))


async def test_the_first_fault_ends_the_others_and_is_raised() -> None:
    ended = asyncio.Event()

    async def lasting() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async def failing() -> None:
        await asyncio.sleep(0)
        raise LookupError("x")

    with pytest.raises(LookupError):
        await first_end(lasting(), failing())
    assert ended.is_set()


async def test_who_is_told_to_end_ends_with_all_its_works() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def lasting() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    task = asyncio.create_task(first_end(lasting()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def _repeated(ends: Sequence[Exception | None]) -> None:
    """Repeats work that ends like this, one try after the other, and cancels it after the last."""
    coming = iter(ends)
    left = len(ends)
    enough = asyncio.Event()

    async def work() -> None:
        nonlocal left
        left -= 1
        if not left:
            enough.set()
        if (fault := next(coming, None)) is not None:
            raise fault

    task = asyncio.create_task(repeat(work, "counting", 0, 0, 1))
    await enough.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_failure_is_told_once_and_the_work_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    away = ClickHouseAway("away")
    await _repeated([away, away, None, away, away])
    assert [record.getMessage() for record in caplog.records] == ["counting failed, trying again: away"] * 2


async def test_an_unforeseen_error_does_not_end_the_work_either(caplog: pytest.LogCaptureFixture) -> None:
    await _repeated([KeyError("recipients")] * 3)
    (record,) = caplog.records
    assert record.getMessage() == "counting failed in an unforeseen way, trying again"
    assert record.exc_info
