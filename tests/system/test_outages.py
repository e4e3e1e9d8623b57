"""Kafka or ClickHouse away for a while: honest answers meanwhile, nothing lost, and no hand needed afterwards."""

import time

from tests.system import payloads as p
from tests.system.client import call, get
from tests.system.load import Load
from tests.system.model import plan
from tests.system.posting import twilio_request
from tests.system.stack import Stack
from tests.system.tenants import ACME
from tests.system.waiting import eventually, settled


def _unavailable(stack: Stack) -> None:
    m = p.mail(p.new_id(), [p.new_address()], p.at(0))
    texted = twilio_request(p.sms(p.new_sid(), "sent", p.new_number(), ACME.account))
    for request in (stack.ses_request(p.send(m)), texted):
        begun = time.monotonic()
        answer = call(stack.ports["ingest"], request)
        took = time.monotonic() - begun
        assert (answer.status, answer.code) == (503, "unavailable"), answer
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert took <= 4.5, f"answered after {took:.1f} s"


def test_ingest_says_503_within_four_seconds_while_kafka_does_not_answer_and_recovers(stack: Stack) -> None:
    planned = plan(stack, "kafka-frozen", 600)
    with Load(stack.ports["ingest"], planned.callbacks(), rate=100, threads=12) as load:
        load.until(0.3)
        with stack.frozen("supervisor", "kafka"):
            _unavailable(stack)
            _unavailable(stack)
            assert eventually(
                lambda: get(stack.ports["ingest"], "/readyz").status == 503, 15, "ingest not ready"
            )
            assert get(stack.ports["ingest"], "/healthz").status == 200
        load.finish()
        assert load.unavailable > 0
    settled(lambda: planned.check(stack), 60, f"the exact log and rates after {load}")


def test_ingest_says_503_while_kafka_is_gone_and_recovers(stack: Stack) -> None:
    planned = plan(stack, "kafka-gone", 600)
    with Load(stack.ports["ingest"], planned.callbacks(), rate=100, threads=12) as load:
        load.until(0.3)
        old = stack.part("kafka").pid
        with stack.frozen("supervisor"):
            stack.kill("kafka")
            _unavailable(stack)
            assert eventually(
                lambda: get(stack.ports["ingest"], "/readyz").status == 503, 15, "ingest not ready"
            )
            assert stack.ask("/v1/messages").status == 200, "reading needs no Kafka"
        stack.until_back("kafka", old)
        load.finish()
    settled(lambda: planned.check(stack), 60, f"the exact log and rates after {load}")


def test_query_says_503_while_clickhouse_is_away_and_what_came_meanwhile_is_there_afterwards(
    stack: Stack,
) -> None:
    planned = plan(stack, "clickhouse-away", 600)
    old = stack.part("clickhouse").pid
    with Load(stack.ports["ingest"], planned.callbacks(), rate=150) as load:
        load.until(0.3)
        with stack.frozen("supervisor"):
            stack.kill("clickhouse")
            for path in ("/v1/messages", "/v1/messages/none", "/v1/rates", "/v1/dead-letters"):
                answer = stack.ask(path)
                assert (answer.status, answer.code) == (503, "unavailable"), (path, answer)
            assert get(stack.ports["query"], "/readyz").status == 503
            assert get(stack.ports["query"], "/healthz").status == 200
            load.finish()
            assert load.unavailable == 0, "storing needs no ClickHouse"
    stack.until_back("clickhouse", old)
    settled(lambda: planned.check(stack), 60, f"the exact log and rates after {load}")


def test_clickhouse_frozen_for_a_while_loses_and_doubles_nothing(stack: Stack) -> None:
    planned = plan(stack, "clickhouse-frozen", 600)
    with Load(stack.ports["ingest"], planned.callbacks(), rate=100) as load:
        load.until(0.2)
        with stack.frozen("supervisor", "clickhouse"):
            for path in ("/v1/messages", "/v1/rates", "/v1/messages?format=csv"):
                begun = time.monotonic()
                answer = stack.ask(path)
                assert (answer.status, answer.code) == (503, "unavailable"), (path, answer)
                assert time.monotonic() - begun <= 12, f"{path}: nobody waits that long"
            assert get(stack.ports["query"], "/readyz").status == 503
            load.finish()
    settled(lambda: planned.check(stack), 60, f"the exact log and rates after {load}")


def test_parts_that_are_started_while_kafka_hangs_answer_honestly_and_join_when_it_is_back(
    stack: Stack,
) -> None:
    m = p.mail(p.new_id(), [p.new_address()], p.at(0))
    stack.accept(p.send(m))
    stack.until_events(m["messageId"], 1)
    with stack.frozen("kafka"):
        for name in ("ingest", "worker", "sink", "query"):
            _start_anew(stack, name)
        _unavailable(stack)
        assert stack.ask(f"/v1/messages/{m['messageId']}").status == 200
    stack.until_ready()
    stack.accept(p.delivery(m, p.at(2)))
    assert [row["status"] for row in stack.until_events(m["messageId"], 2).values()] == ["delivered"]


def test_parts_that_are_started_while_clickhouse_hangs_answer_honestly_and_go_on_when_it_is_back(
    stack: Stack,
) -> None:
    m = p.mail(p.new_id(), [p.new_address()], p.at(0))
    with stack.frozen("clickhouse"):
        for name in ("sink", "query"):
            _start_anew(stack, name)
        stack.accept(p.delivery(m, p.at(2)))
        answer = stack.ask("/v1/messages")
        assert (answer.status, answer.code) == (503, "unavailable"), answer
    stack.until_ready()
    assert [row["status"] for row in stack.until_events(m["messageId"], 1).values()] == ["delivered"]


def _start_anew(stack: Stack, name: str) -> None:
    """kill -9, and the next process of that part is alive."""
    process = stack.part(name)
    process.kill()
    eventually(lambda: stack.part(name).pid != process.pid, 20, f"another process of {name}")
    eventually(lambda: get(stack.ports[name], "/healthz", timeout=2).status == 200, 30, f"{name} alive")
