"""kill -9 of every part under load: what was answered 200 is counted exactly once, and nothing is doubled."""

import pytest

from tests.system.load import Load
from tests.system.model import plan
from tests.system.processes import PARTS
from tests.system.stack import Stack
from tests.system.tenants import BETA
from tests.system.waiting import settled

CALLBACKS = 900
RATE = 150


@pytest.mark.parametrize("part", PARTS)
def test_everything_answered_200_is_counted_once_when_a_part_is_killed_under_load(
    stack: Stack, part: str
) -> None:
    planned = plan(stack, f"kill-{part}", CALLBACKS)
    with Load(stack.ports["ingest"], planned.callbacks(), rate=RATE) as load:
        load.until(0.3)
        old = stack.part(part).pid
        stack.kill(part)
        stack.until_back(part, old)
        load.finish()
    settled(lambda: planned.check(stack), 60, f"the exact log and rates after {load}")


def test_everything_is_counted_once_when_all_parts_but_the_broker_are_killed_at_once(stack: Stack) -> None:
    names = [name for name in PARTS if name != "kafka"]
    planned = plan(stack, "kill-all", CALLBACKS)
    with Load(stack.ports["ingest"], planned.callbacks(), rate=RATE) as load:
        load.until(0.4)
        processes = [stack.part(name) for name in names]
        for process in processes:
            process.kill()
        for name, process in zip(names, processes, strict=True):
            stack.until_back(name, process.pid)
        load.finish()
    settled(lambda: planned.check(stack), 60, f"the exact log and rates after {load}")


def test_two_tenants_under_one_load_are_counted_apart_through_a_kill_of_the_worker(stack: Stack) -> None:
    ours, theirs = plan(stack, "both", 400, seed=1), plan(stack, "both", 400, tenant=BETA, seed=2)
    with Load(stack.ports["ingest"], [*ours.callbacks(), *theirs.callbacks()], rate=RATE) as load:
        for share in (0.3, 0.6):
            load.until(share)
            old = stack.part("worker").pid
            stack.kill("worker")
            stack.until_back("worker", old)
        load.finish()
    settled(lambda: ours.check(stack), 60, f"one tenant's log and rates after {load}")
    settled(lambda: theirs.check(stack), 60, f"the other tenant's log and rates after {load}")
