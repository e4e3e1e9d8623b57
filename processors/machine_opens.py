"""Which opens and clicks a machine made: mail-privacy prefetch, security scanners, programs. Rules and sources are
in machine_opens.toml.

`judge` needs the user agent alone; `machines` needs the message's other facts.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from schemas.status import Outcome

_RULES = tomllib.loads(files(__package__).joinpath("machine_opens.toml").read_text(encoding="utf-8"))
_CONTEXT = _RULES["context"]
_AFTER_DELIVERY = {
    Outcome.OPENED: _CONTEXT["open_after_delivery_ms"],
    Outcome.CLICKED: _CONTEXT["click_after_delivery_ms"],
}
_BURST_LINKS: int = _CONTEXT["burst_links"]
_BURST_MS: int = _CONTEXT["burst_ms"]

Sighting = Sequence[int]
"""One open or click as the facts keep it: [identity hash, time in ms, 1 if its agent is a machine, link hash]."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a machine made an open or a click, and by which rule that was seen."""

    machine: bool
    reason: str | None = None


_PERSON = Verdict(False)


def judge(outcome: Outcome, agent: str | None) -> Verdict:
    """The verdict that needs no context. An agent that no rule knows is a person, also one that says nothing."""
    return _judge(outcome, agent) if agent else _PERSON


@lru_cache(maxsize=2048)
def _judge(outcome: Outcome, agent: str) -> Verdict:
    words = agent.lower()
    machine = _PERSON
    for rule in _RULES["agent"]:
        if outcome not in rule["of"]:
            continue
        if agent in rule.get("equals", ()) or any(found in words for found in rule.get("contains", ())):
            if rule.get("person"):
                return _PERSON
            if not machine.machine:
                machine = Verdict(True, rule["reason"])
    return machine


def machines(outcome: Outcome, sightings: Sequence[Sighting], delivered_at: int | None) -> set[int]:
    """The identity hashes of the opens or clicks that a machine made, by their agents and by what stands around
    them: within moments of the delivery, or so many different links within a moment.

    `delivered_at` is the first delivery in ms, None where none was told.
    """
    found = {seen[0] for seen in sightings if seen[2]}
    if delivered_at is not None:
        until = delivered_at + _AFTER_DELIVERY[outcome]
        found.update(seen[0] for seen in sightings if delivered_at <= seen[1] < until)
    if outcome is Outcome.CLICKED and len(sightings) >= _BURST_LINKS:
        found |= _bursts(sightings)
    return found


def _bursts(clicks: Sequence[Sighting]) -> set[int]:
    by_time = sorted(clicks, key=lambda seen: (seen[1], seen[0]))
    found: set[int] = set()
    start = 0
    for end, last in enumerate(by_time):
        while last[1] - by_time[start][1] > _BURST_MS:
            start += 1
        window = by_time[start : end + 1]
        if len({seen[3] for seen in window}) >= _BURST_LINKS:
            found.update(seen[0] for seen in window)
    return found
