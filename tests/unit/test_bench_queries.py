"""The pure parts of the stage `queries`: the recipe of its data, what is asked, and how an answer is judged."""

import re
from datetime import UTC, datetime

import pytest

from bench.queries import Found
from bench.questions import LOG, SAMPLED, Question, questions, samples_of, samples_sql
from bench.stored.filling import FOLDER, LARGE, Recipe, clickhouse_time, months, parameters
from query.routes.messages import PARAMETERS
from query.sql.messages import SORTS
from schemas.status import Status

NOW = datetime(2026, 11, 27, 9, 30, 15, 123_000, UTC)
NOW_MS = int(NOW.timestamp() * 1000)


def asked() -> list[Question]:
    samples = samples_of({name: [{"value": f"some.{name}@x"}] for name in SAMPLED})
    return list(questions(samples, NOW_MS))


def test_the_same_recipe_has_the_same_digest_and_another_size_another() -> None:
    assert Recipe(1000).digest == Recipe(1000).digest
    assert Recipe(1000).digest != Recipe(1001).digest


def test_the_months_follow_each_other_from_400_days_ago_until_now() -> None:
    found = list(months(NOW, 400))
    assert found[0][0] <= datetime(2025, 10, 23, tzinfo=UTC) and found[-1][0] <= NOW < found[-1][1]
    assert [end for _, end in found[:-1]] == [begin for begin, _ in found[1:]]
    assert all(begin.day == 1 for begin, _ in found)


def test_every_place_in_the_recipe_is_given_a_value() -> None:
    given = parameters(Recipe(1000), NOW) | {"from": "", "to": "", "batch": 0}
    for file in FOLDER.glob("*.sql"):
        assert set(re.findall(r"\{(\w+):", file.read_text())) <= given.keys(), file.name


def test_times_are_bound_to_the_millisecond() -> None:
    assert clickhouse_time(NOW) == "2026-11-27 09:30:15.123"


def test_the_large_tenant_is_the_first_of_many() -> None:
    assert Recipe(1000).tenants[0] == LARGE and len(set(Recipe(1000).tenants)) == 53


def test_every_filter_search_and_order_of_the_log_is_asked() -> None:
    given = [
        dict(parameters) for each in asked() for path, parameters in each.askings if path == "/v1/messages"
    ]
    assert {name for each in given for name in each} >= PARAMETERS.keys() - {"cursor", "format"}
    assert {each.get("sort") for each in given} >= {f"{minus}{name}" for name in SORTS for minus in ("", "-")}
    assert {each.get("status") for each in given} >= set(Status)


def test_no_two_questions_have_the_same_name() -> None:
    names = [each.name for each in asked()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", SAMPLED)
def test_samples_are_of_one_tenant_or_of_all(name: str) -> None:
    assert "{tenant:String} = '' OR tenant = {tenant:String}" in samples_sql(name)


def test_an_answer_meets_its_goal_only_by_its_median_and_its_slowest_alike() -> None:
    question = Question("log: x", (("/v1/messages", ()),), LOG)
    assert Found(question, [0.1] * 98 + [0.2, 0.3], 1).met
    assert not Found(question, [0.6] * 100, 1).met
    assert not Found(question, [0.1] * 95 + [9.0] * 5, 1).met
