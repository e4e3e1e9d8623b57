"""The tenants file is read again on SIGHUP; a faulty one is refused whole."""

import signal
from collections.abc import Iterator

import pytest

from tests.system import payloads as p
from tests.system.stack import Stack
from tests.system.tenants import ACME, BETA, DELTA, FIRST, tenants_file
from tests.system.waiting import eventually

READERS = ("ingest", "query")
OTHERS = ("worker", "sink")


@pytest.fixture(autouse=True)
def restored(stack: Stack) -> Iterator[None]:
    """The first tenants file is in force again afterwards."""
    yield
    stack.tenants_file.write_text(tenants_file(*FIRST))
    _reload(stack)
    eventually(lambda: stack.ask("/v1/statuses", DELTA.key).status == 401, 10, "the first tenants file again")
    eventually(lambda: stack.ses(p.send(_mail()), DELTA).status == 404, 10, "the first tenants file again")


def _mail() -> p.Payload:
    return p.mail(p.new_id(), [p.new_address()], p.at(0))


def _reload(stack: Stack) -> None:
    for name in READERS:
        stack.part(name).send_signal(signal.SIGHUP)


def test_a_tenant_that_joins_is_served_after_sighup_and_one_that_left_is_not(stack: Stack) -> None:
    pids = [stack.part(name).pid for name in READERS]
    m = _mail()
    assert stack.ses(p.send(m), DELTA).status == 404
    stack.tenants_file.write_text(tenants_file(ACME, DELTA))
    _reload(stack)
    eventually(lambda: stack.ses(p.send(m), DELTA).status == 200, 10, "the new tenant taken by ingest")
    eventually(
        lambda: stack.ask("/v1/statuses", DELTA.key).status == 200, 10, "the new tenant's key known to query"
    )
    stack.until_events(m["messageId"], 1, DELTA.key)
    eventually(
        lambda: stack.ses(p.send(m), BETA).code == "unknown_tenant", 10, "the old tenant gone from ingest"
    )
    eventually(
        lambda: stack.ask("/v1/messages", BETA.key).status == 401, 10, "the old tenant's key unknown to query"
    )
    assert [stack.part(name).pid for name in READERS] == pids


def test_sighup_to_the_supervisor_reaches_who_reads_the_file(stack: Stack) -> None:
    stack.tenants_file.write_text(tenants_file(*FIRST, DELTA))
    stack.process.send_signal(signal.SIGHUP)
    eventually(lambda: stack.ses(p.send(_mail()), DELTA).status == 200, 10, "the new tenant taken by ingest")
    eventually(
        lambda: stack.ask("/v1/statuses", DELTA.key).status == 200, 10, "the new tenant's key known to query"
    )


@pytest.mark.parametrize(
    "faulty",
    [
        "nonsense [",
        '[tenants.acme]\nname = "Acme"\nsurprise = 1\n',
        tenants_file(ACME, DELTA) + f'\n[tenants.thief]\nname = "Thief"\nsns_topics = ["{ACME.topic}"]\n',
    ],
    ids=["no TOML", "an unknown field", "a topic under two tenants"],
)
def test_a_faulty_file_is_refused_whole_and_the_old_one_stays_in_force(stack: Stack, faulty: str) -> None:
    before = stack.log.stat().st_size
    stack.tenants_file.write_text(faulty)
    _reload(stack)

    def told() -> bool:
        with stack.log.open("rb") as log:
            log.seek(before)
            said = log.read().decode(errors="replace")
        return said.count("refused, the old one stays in force") >= 2 and "line" in said

    eventually(told, 10, "line and reason in the log")
    assert stack.ses(p.send(_mail()), ACME).status == 200
    assert stack.ses(p.send(_mail()), BETA).status == 200
    assert stack.ses(p.send(_mail()), DELTA).status == 404
    assert stack.ask("/v1/messages", BETA.key).status == 200


def test_sighup_to_a_part_that_reads_no_tenants_file_does_not_end_it(stack: Stack) -> None:
    processes = [stack.part(name) for name in OTHERS]
    for process in processes:
        process.send_signal(signal.SIGHUP)
    m = _mail()
    stack.accept(p.send(m))
    stack.until_events(m["messageId"], 1)
    assert [stack.part(name).pid for name in OTHERS] == [process.pid for process in processes]
