"""Which opens and clicks are those of machines, by whom and by what that is told."""

import re
import tomllib
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

import processors.machine_opens
from processors.machine_opens import Verdict, by_context, judge
from processors.sketches import identity_hash
from processors.status import published
from schemas.machine_reasons import BY_CONTEXT, MACHINE_REASONS, SHORT_IDENTITY
from schemas.status import Outcome
from tests.cases import FIXTURES
from tests.folding import events_of, facts_of, mail_event, status

ROOT = Path(__file__).parents[2]
RULES = tomllib.loads(Path(processors.machine_opens.__file__).with_suffix(".toml").read_text())
AGENTS: list[dict[str, Any]] = tomllib.loads((FIXTURES / "user_agents.toml").read_text())["agent"]
DELIVERED_AT = 1_000_000
DELIVERY = "2026-11-20T08:15:04.133Z"


@pytest.mark.parametrize("seen", AGENTS, ids=[one["agent"][:60] for one in AGENTS])
def test_every_agent_of_the_corpus_gets_its_verdict(seen: dict[str, Any]) -> None:
    expected = Verdict(False) if seen["verdict"] == "person" else Verdict(True, seen["verdict"])
    for outcome in seen.get("of", ("opened", "clicked")):
        assert judge(Outcome(outcome), seen["agent"]) == expected


@pytest.mark.parametrize("agent", [None, ""])
def test_an_agent_that_says_nothing_is_a_person(agent: str | None) -> None:
    assert judge(Outcome.OPENED, agent) == judge(Outcome.CLICKED, agent) == Verdict(False)


def test_every_rule_has_a_source_and_a_reason_that_is_declared_and_every_reason_has_its_rule() -> None:
    by_agent = {rule["reason"] for rule in RULES["agent"] if not rule.get("person")}
    assert all(rule["source"] for rule in RULES["agent"])
    assert by_agent | set(BY_CONTEXT) == set(MACHINE_REASONS)
    assert by_agent <= {one["verdict"] for one in AGENTS}, "each has an agent in the corpus"


def test_every_reason_is_in_the_docs_and_in_the_api_s_description() -> None:
    section = (ROOT / "docs/data-model.md").read_text().split("## Machine opens")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == set(MACHINE_REASONS)
    event = yaml.safe_load((ROOT / "schemas/openapi.yaml").read_text())["components"]["schemas"][
        "EventFields"
    ]
    assert all(reason in event["properties"]["machine_reason"]["description"] for reason in MACHINE_REASONS)
    assert all(reason.label and reason.meaning.endswith(".") for reason in MACHINE_REASONS.values())


def seen(identity: int, after_ms: int, link: int = 0, machine: int = 0) -> list[int]:
    return [identity, DELIVERED_AT + after_ms, machine, link]


@pytest.mark.parametrize(("outcome", "until"), [(Outcome.OPENED, 2000), (Outcome.CLICKED, 3000)])
def test_what_comes_with_the_delivery_is_a_machines_and_what_comes_later_is_not(
    outcome: Outcome, until: int
) -> None:
    found = by_context(outcome, [seen(1, 0), seen(2, until - 1), seen(3, until)], DELIVERED_AT)
    assert found == {1: "at_delivery", 2: "at_delivery"}


def test_what_comes_while_the_server_takes_the_mail_is_a_machines_and_what_an_earlier_try_brought_is_not() -> (
    None
):
    opens = [seen(1, -1), seen(2, -600_000), seen(3, -600_001)]
    assert by_context(Outcome.OPENED, opens, DELIVERED_AT) == {1: "before_delivery", 2: "before_delivery"}


def test_without_a_delivery_nothing_is_said_by_time() -> None:
    assert by_context(Outcome.OPENED, [seen(1, 0), seen(2, -1)], None) == {}


def test_what_its_agent_gives_away_is_not_told_again() -> None:
    assert by_context(Outcome.OPENED, [seen(1, 0, machine=1)], DELIVERED_AT) == {}


@pytest.mark.parametrize(
    "clicks",
    [
        [seen(1, 60_000, 1), seen(2, 60_300, 2)],
        [seen(1, 60_000, 1), seen(2, 60_500, 2), seen(3, 62_000, 3)],
        [seen(n, 60_000 + 1250 * (n - 1), n) for n in range(1, 6)],
    ],
    ids=["both links of a mail at once", "three links in two seconds", "five links in five seconds"],
)
def test_many_links_at_once_are_a_scanner_and_a_later_click_is_a_person(clicks: list[list[int]]) -> None:
    found = by_context(Outcome.CLICKED, [*clicks, seen(9, 90_000, 1)], DELIVERED_AT)
    assert found == dict.fromkeys(range(1, len(clicks) + 1), "many_links")


@pytest.mark.parametrize(
    "clicks",
    [
        [seen(1, 60_000, 1), seen(2, 60_010, 1), seen(3, 60_020, 1)],
        [seen(1, 60_000, 1), seen(2, 60_301, 2)],
        [seen(1, 60_000, 1), seen(2, 61_000, 2), seen(3, 62_001, 3)],
        [seen(n, 60_000 + 1251 * (n - 1), n) for n in range(1, 6)],
    ],
    ids=["one link thrice", "two links", "three links, slower", "five links, slower"],
)
def test_what_a_person_can_do_is_a_persons(clicks: list[list[int]]) -> None:
    assert by_context(Outcome.CLICKED, clicks, DELIVERED_AT) == {}


def test_a_scanner_with_its_name_on_unmasks_the_clicks_without_one_beside_it() -> None:
    clicks = [seen(1, 60_000, 1, machine=1), seen(2, 60_200, 2)]
    assert by_context(Outcome.CLICKED, clicks, DELIVERED_AT) == {2: "many_links"}


def test_machine_opens_count_as_opens_and_not_as_opens_by_people() -> None:
    said = status(mail_event("delivery"), mail_event("open-apple-mail-privacy"))
    assert (said["opens"], said["human_opens"], said["first_human_opened_at"]) == (1, 0, None)
    assert said["reached"] == ["sent", "delivered", "opened"]
    assert said["unmasked"] == {}, "the event says so itself"


def test_a_person_after_the_machine_is_told_with_their_own_time() -> None:
    said = status(
        mail_event("delivery"),
        mail_event("open-apple-mail-privacy", at="2026-11-20T08:15:05.000Z"),
        mail_event("open-thunderbird", at="2026-11-20T09:30:00.000Z"),
    )
    assert (said["opens"], said["human_opens"]) == (2, 1)
    assert said["first_opened_at"] == "2026-11-20T08:15:05.000Z"
    assert said["first_human_opened_at"] == "2026-11-20T09:30:00.000Z"
    assert "human_opened" in said["reached"]


def test_a_delivery_that_comes_after_its_open_still_unmasks_the_machine_and_tells_which_it_was() -> None:
    early = mail_event("open-thunderbird", at="2026-11-20T08:15:04.533Z")
    later = mail_event("open-thunderbird", at="2026-11-20T10:00:00.000Z")
    assert (status(early, later)["human_opens"], status(early, later)["unmasked"]) == (2, {})
    said = status(early, later, mail_event("delivery"))
    (event,) = events_of(early)
    assert said["human_opens"] == 1
    assert said["unmasked"] == {"at_delivery": [event.event_id[:SHORT_IDENTITY]]}


def test_a_delivery_whose_time_was_not_told_unmasks_nobody() -> None:
    said = status(mail_event("open"), mail_event("delivery", at="1970-01-01T00:00:00.000Z"))
    assert (said["delivered_at"] is not None, said["human_opens"], said["unmasked"]) == (True, 1, {})


def test_beyond_what_is_kept_one_by_one_verdicts_stay_within_their_bound() -> None:
    clicks = [
        mail_event("click", at=f"2026-11-20T09:00:00.{n:03d}Z", link=f"https://acme.example/{n}")
        for n in range(100)
    ]
    said = status(*clicks)
    assert (said["approximate"], said["human_clicks"], said["clicks"] > 64) == (True, 0, True)
    assert len(said["unmasked"]["many_links"]) == 64
    known = {f"{identity_hash(event.event_id):016x}" for click in clicks for event in events_of(click)}
    assert set(said["unmasked"]["many_links"]) <= known


def test_clicks_that_nobody_can_be_named_for_are_told_to_be_a_scanner_s_too() -> None:
    several = "click-on-a-message-to-several"
    facts = facts_of(*(mail_event(several, link=f"https://acme.example/{n}") for n in range(3)))
    assert orjson.loads(published(facts[None]))["human_clicks"] == 0
