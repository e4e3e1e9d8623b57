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
            load.finish()
    settled(lambda: planned.check(stack), 60, f"the exact log and rates after {load}")
