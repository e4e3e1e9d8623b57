"""May an address be written to? The decision and its order. Pure: what is known comes in, the decision goes out.

In this order: tenant stopped: block; no address, or an invalid one: invalid; one that complained: invalid, unless the
message is transactional; opted out, or no opt-in where one is needed: skip, unless it is transactional; a limit is used up:
hold; else allow. Source: the product's definition, docs/sending.md.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, partial
from typing import NamedTuple

from query.limits import Window
from schemas.consent import IN, OUT, TRANSACTIONAL
from schemas.standing import Reason


class Decision(StrEnum):
    """What to do with an address."""

    ALLOW = "allow"
    SKIP = "skip"
    INVALID = "invalid"
    HOLD = "hold"
    BLOCK = "block"


TENANT_BLOCKED, SENDER_BLOCKED = "tenant_blocked", "sender_blocked"
NOT_AN_ADDRESS = "not_an_address"
OPTED_OUT, OPTED_OUT_OF_SENDER, NO_OPT_IN = "opted_out", "opted_out_of_sender", "no_opt_in"
TENANT_LIMIT, DOMAIN_LIMIT = "tenant_limit", "domain_limit"

REASONS = {
    Decision.ALLOW: (None, Reason.COMPLAINT, OPTED_OUT, OPTED_OUT_OF_SENDER),
    Decision.SKIP: (OPTED_OUT, OPTED_OUT_OF_SENDER, NO_OPT_IN),
    Decision.INVALID: (*Reason, NOT_AN_ADDRESS),
    Decision.HOLD: (TENANT_LIMIT, DOMAIN_LIMIT),
    Decision.BLOCK: (TENANT_BLOCKED, SENDER_BLOCKED),
}
"""Every reason that a decision can have. An allowed one has the reason for which other categories would not be sent."""


OUT_OF_SENDER = "out of sender"
"""A consent beside IN and OUT: opted out of what one sender sends, as by STOP."""


class Answer(NamedTuple):
    """The decision for one address. `until` is there where it is HOLD, ms since the epoch."""

    decision: Decision
    reason: str | None
    until: int | None = None


ALLOWED = Answer(Decision.ALLOW, None)


@dataclass(frozen=True, slots=True)
class Rules:
    """What all addresses of a question have in common: whether those of whom no consent is known are passed over, and why
    nothing may be sent, a reason of BLOCK."""

    category: str
    needs_opt_in: bool
    stopped: str | None = None


def before_limits(rules: Rules, is_address: bool, standing: str | None, consent: str | None) -> Answer:
    """The decision as long as no limit is used up.

    `standing` is why the address is invalid, None where it is valid; `consent` one of IN, OUT, OUT_OF_SENDER, None.
    """
    if rules.stopped is not None:
        return Answer(Decision.BLOCK, rules.stopped)
    if not is_address:
        return Answer(Decision.INVALID, NOT_AN_ADDRESS)
    transactional = rules.category == TRANSACTIONAL
    if standing is not None and not (transactional and standing == Reason.COMPLAINT):
        return Answer(Decision.INVALID, standing)
    against = standing or _OBJECTIONS.get(consent)
    if transactional:
        return Answer(Decision.ALLOW, against) if against else ALLOWED
    if against:
        return Answer(Decision.SKIP, against)
    if consent != IN and rules.needs_opt_in:
        return Answer(Decision.SKIP, NO_OPT_IN)
    return ALLOWED


_OBJECTIONS: dict[str | None, str] = {OUT: OPTED_OUT, OUT_OF_SENDER: OPTED_OUT_OF_SENDER}


def within_limits(answer: Answer, windows: Sequence[Window]) -> Answer:
    """The same decision, or HOLD where it is ALLOW and one of these limits is used up.

    Within one answer each address that is allowed takes its place, so that a list longer than what is left is allowed as
    far as that goes. Nothing is reserved beyond the answer.
    """
    if answer.decision is not Decision.ALLOW:
        return answer
    if all(window.left > 0 for window in windows):
        for window in windows:
            window.left -= 1
        return answer
    until, reason = max((window.opens_at(), window.reason) for window in windows if window.left <= 0)
    return Answer(Decision.HOLD, reason, until)


@dataclass(frozen=True, slots=True)
class Known:
    """What may be asked of a normalised address: why it is invalid, its consent, and which limits it falls under."""

    standing: Callable[[str], str | None]
    consent: Callable[[str], str | None]
    windows: Callable[[str], Sequence[Window]]


def decide(rules: Rules, known: Known, addresses: Iterable[str | None]) -> Iterator[Answer]:
    """The answers for normalised addresses, None for what is none, in their order. The same one again counts once."""
    allow = Decision.ALLOW  # looking a member up in its enum takes as long as looking up an address
    before = cache(partial(before_limits, rules))  # a long list has few pairs of standing and consent
    seen: dict[str, Answer] = {}
    for address in addresses:
        if address is None:
            yield before(False, None, None)
            continue
        found = seen.get(address)
        if found is None:
            found = before(True, known.standing(address), known.consent(address))
            if found.decision is allow and (windows := known.windows(address)):
                found = within_limits(found, windows)
            seen[address] = found
        yield found
