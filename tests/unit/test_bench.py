"""The pure parts of the bench: what it offers, what must come of it, and how answers are read."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.corpus import CAMPAIGN, TENANT, Fact, expected_counts, facts, http_request, payload_of
from bench.generator import is_whole, quantile
from bench.report import at_least, at_most, middle, table
from processors.tracking import Tracker
from schemas.envelope import Envelope

BASE = 1_763_769_600_000


def test_the_same_facts_are_offered_each_time() -> None:
    assert facts(500, 100) == facts(500, 100)


def test_exactly_as_many_are_offered_as_asked_in_order_of_time() -> None:
    made = facts(1234, 500)
    assert len(made) == 1234
    assert [fact.at for fact in made] == sorted(fact.at for fact in made)


def test_the_mixture_is_that_of_a_mailing() -> None:
    kinds = Counter(fact.kind for fact in facts(50_000, 2000))
    assert set(kinds) == {"Send", "Delivery", "DeliveryDelay", "Bounce", "Open", "Click"}
    assert 0.01 < kinds["Bounce"] / kinds["Send"] < 0.03
    assert 0.2 < kinds["Open"] / kinds["Send"] < 0.7


def test_the_expected_counts_are_what_the_fold_makes_of_it() -> None:
    made = facts(3000, 300)
    folded = folded_counts(made)
    assert {name: folded[name] for name in expected_counts(made)} == expected_counts(made)


def test_requests_have_the_size_of_real_ones() -> None:
    sizes = [
        len(http_request(orjson.dumps({"Message": orjson.dumps(payload_of(fact, BASE)).decode()})))
        for fact in facts(200, 50)
    ]
    assert all(2500 < size < 4500 for size in sizes)


ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"


@given(st.integers(0, len(ANSWER)))
def test_an_answer_is_whole_only_with_its_last_byte(cut: int) -> None:
    assert is_whole(ANSWER[:cut]) == (cut == len(ANSWER))


def test_an_answer_without_a_body_is_whole_at_the_end_of_its_head() -> None:
    assert is_whole(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n\r\n")


@pytest.mark.parametrize(("q", "value"), [(0.0, 1.0), (0.5, 51.0), (0.99, 100.0), (1.0, 100.0)])
def test_quantiles_are_taken_from_the_values_themselves(q: float, value: float) -> None:
    assert quantile([float(n) for n in range(1, 101)], q) == value


def test_of_several_runs_each_number_is_the_middle_one() -> None:
    runs = [{"rate": rate, "use": {"worker": {"cpu_s": rate * 2}}} for rate in (3, 1, 9)]
    assert middle(runs) == {"rate": 3, "use": {"worker": {"cpu_s": 6}}}


def test_a_run_that_did_not_come_to_an_end_is_not_hidden_by_the_others() -> None:
    assert (
        middle([{"worked_off_s": 1.0}, {"worked_off_s": None}, {"worked_off_s": 2.0}])["worked_off_s"] is None
    )
    assert middle([{"all_taken": True}, {"all_taken": False}, {"all_taken": True}])["all_taken"] is False


@pytest.mark.parametrize(("value", "met"), [(0.85, True), (0.84, False), (None, False)])
def test_a_lower_bound_is_met_at_the_bound_and_never_without_a_figure(value: float | None, met: bool) -> None:
    assert at_least("receiver", "requests/s", value, 0.85).met is met


@pytest.mark.parametrize(("value", "met"), [(1.2, True), (1.21, False), (None, False)])
def test_an_upper_bound_is_met_at_the_bound_and_never_without_a_figure(
    value: float | None, met: bool
) -> None:
    assert at_most("receiver", "CPU", value, 1.2).met is met


def test_the_table_is_markdown_with_one_row_a_line() -> None:
    rows = list(table([at_least("receiver", "requests/s", 0.9, 0.85), at_most("memory", "sink", 2.0, 1.15)]))
    assert len(rows) == 4
    assert len({len(row) for row in rows}) == 1
    assert rows[2].endswith("| yes |")
    assert rows[3].endswith("| NO  |")


def folded_counts(made: Sequence[Fact]) -> Counter[str]:
    """What the real adapter and fold make of them."""
    stored: dict[bytes, bytes] = {}
    latest: dict[bytes, bytes] = {}

    def read(keys: Sequence[bytes]) -> list[bytes | None]:
        return [stored.get(key) for key in keys]

    tracker = Tracker(epoch=1, state_days=60, partitions=4)
    for offset, fact in enumerate(made):
        line = envelope(fact, offset).to_line()
        written = tracker.track(line, topic="t", partition=0, offset=offset, now=BASE, read=read)
        assert not written.dead_letters
        stored |= written.facts
        latest |= dict(written.statuses)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for value in latest.values():
        status = orjson.loads(value)
        counts[status["campaign"]].update(status["reached"])
    return counts[CAMPAIGN]


def envelope(fact: Fact, number: int) -> Envelope:
    payload = payload_of(fact, BASE)
    outer = {"Type": "Notification", "MessageId": str(number), "Message": orjson.dumps(payload).decode()}
    return Envelope(
        receipt_id=f"{number:032x}",
        received_at=BASE + int(fact.at * 1000) + 500,
        provider="ses",
        tenant=TENANT,
        message_id=payload["mail"]["messageId"],
        verified={},
        content_type="text/plain; charset=UTF-8",
        query="",
        body=orjson.dumps(outer),
    )
