"""Which opens and clicks a machine made: mail-privacy prefetch, security scanners, programs. Rules and sources are
in machine_opens.toml, the reasons in schemas/machine_reasons.py.

`judge` needs the user agent alone; `by_context` needs the message's other facts.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from processors.sketches import Sighting
from schemas.status import Outcome

_RULES = tomllib.loads(files(__package__).joinpath("machine_opens.toml").read_text(encoding="utf-8"))
_CONTEXT = _RULES["context"]
_BEFORE_DELIVERY: int = _CONTEXT["before_delivery_ms"]
_AFTER_DELIVERY: dict[Outcome, int] = {
    Outcome.OPENED: _CONTEXT["open_after_delivery_ms"],
    Outcome.CLICKED: _CONTEXT["click_after_delivery_ms"],
}
_BURSTS = [(burst["links"], burst["within_ms"]) for burst in _CONTEXT["burst"]]

_LONGEST_AGENT = 512
"""As much of a user agent is looked at, in characters: whoever opens a mail says there what they like."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a machine made an open or a click, and by which rule that was seen."""

    machine: bool
    reason: str | None = None


_PERSON = Verdict(False)


def judge(outcome: Outcome, agent: str | None) -> Verdict:
    """The verdict that needs no context. An agent that no rule knows is a person, also one that says nothing."""
    return _judge(outcome, agent[:_LONGEST_AGENT]) if agent else _PERSON


@lru_cache(maxsize=4096)
def _judge(outcome: Outcome, agent: str) -> Verdict:
    words = agent.lower()
    for rule in _RULES["agent"]:
        if outcome in rule["of"] and _fits(rule, agent, words):
            return _PERSON if rule.get("person") else Verdict(True, rule["reason"])
    return _PERSON


def _fits(rule: dict[str, Any], agent: str, words: str) -> bool:
    return (
        agent in rule.get("equals", ())
        or words.startswith(tuple(rule.get("starts", ())))
        or any(word in words for word in rule.get("contains", ()))
    )


def by_context(outcome: Outcome, sightings: Sequence[Sighting], delivered_at: int | None) -> dict[int, str]:
    """By identity hash why an open or a click is a machine's, of those that their agents do not give away: what came
    about with the delivery, or so many different links at once. A person's click among those is taken for one, too.

    `sightings` are [identity hash, time in ms, 1 if its agent is a machine, link hash]; `delivered_at` is the first
    delivery in ms, None where none was told.
    """
    found: dict[int, str] = {}
    if outcome is Outcome.CLICKED and len(sightings) > 1:
        found = dict.fromkeys(_bursts(sightings), "many_links")
    if delivered_at is not None:
        begins, ends = delivered_at - _BEFORE_DELIVERY, delivered_at + _AFTER_DELIVERY[outcome]
        for identity, at, _, _ in sightings:
            if begins <= at < ends:
                found[identity] = "at_delivery" if at >= delivered_at else "before_delivery"
    if found:
        for seen in sightings:
            if seen[2]:
                found.pop(seen[0], None)
    return found


def _bursts(clicks: Sequence[Sighting]) -> set[int]:
    """The identity hashes of clicks on so many different links within so short a time; machines' clicks count among
    them."""
    by_time = sorted(clicks, key=lambda seen: (seen[1], seen[0]))
    found: set[int] = set()
    for links, within in _BURSTS:
        start = told = 0
        inside: dict[int, int] = {}
        for end, (_, at, _, link) in enumerate(by_time, 1):
            inside[link] = inside.get(link, 0) + 1
            while at - by_time[start][1] > within:
                left = by_time[start][3]
                inside[left] -= 1
                if not inside[left]:
                    del inside[left]
                start += 1
            if len(inside) >= links:
                found.update(seen[0] for seen in by_time[max(start, told) : end])
                told = end
    return found
