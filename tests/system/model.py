"""What must come out of a load, said beforehand and by hand: stories of messages with their ends.

Nothing is computed here as the program computes it: a story names its callbacks and, beside them, the rows and
counts that they must give.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.system import payloads as p
from tests.system.client import Request
from tests.system.posting import twilio_request
from tests.system.stack import Stack
from tests.system.tenants import ACME, Tenant

_SENT = frozenset({"sent"})
_DELIVERED = _SENT | {"delivered"}
_OPENED = _DELIVERED | {"opened", "human_opened"}
_CLICKED = _OPENED | {"clicked", "human_clicked"}


@dataclass(frozen=True)
class End:
    """What one recipient's row must say, and in which counts the recipient is."""

    status: str
    counted: frozenset[str]
    opens: int = 0
    clicks: int = 0
    soft_bounces: int = 0
    gave_up: bool = False
    error_code: str | None = None


@dataclass
class Message:
    """One message of a load: its callbacks and the end of each recipient."""

    message_id: str
    callbacks: list[Request]
    ends: dict[str, End]


Story = Callable[[p.Payload], list[p.Payload]]

_MAIL: list[tuple[Story, End]] = [
    (lambda m: [p.send(m)], End("sent", _SENT)),
    (lambda m: [p.send(m), p.delivery(m, p.at(2))], End("delivered", _DELIVERED)),
    (lambda m: [p.send(m), p.delivery(m, p.at(2)), p.open_(m, p.at(900))], End("opened", _OPENED, opens=1)),
    (
        lambda m: [p.send(m), p.delivery(m, p.at(2)), *(p.open_(m, p.at(900 + n)) for n in range(3))],
        End("opened", _OPENED, opens=3),
    ),
    (
        lambda m: [
            p.delivery(m, p.at(2)),
            p.open_(m, p.at(900)),
            p.click(m, p.at(905)),
            p.click(m, p.at(999)),
        ],
        End("clicked", _CLICKED, opens=1, clicks=2),
    ),
    (lambda m: [p.send(m), p.bounce(m, p.at(3))], End("bounced", _SENT | {"bounced"})),
    (
        lambda m: [p.send(m), p.delivery(m, p.at(2)), p.open_(m, p.at(900)), p.bounce(m, p.at(1000))],
        End("bounced", _SENT | {"bounced"}, opens=1),
    ),
    (
        lambda m: [p.delivery(m, p.at(2)), p.complaint(m, p.at(99))],
        End("complained", _DELIVERED | {"complained"}),
    ),
    (lambda m: [p.send(m), p.delay(m, p.at(60)), p.delivery(m, p.at(700))], End("delivered", _DELIVERED)),
    (
        lambda m: [p.send(m), p.mailbox_full(m, p.at(60))],
        End("sent", _SENT | {"soft_bounced"}, soft_bounces=1, gave_up=True),
    ),
    (lambda m: [p.reject(m)], End("rejected", _SENT | {"rejected"})),
    (
        lambda m: [p.rendering_failure(m)],
        End("failed", _SENT | {"failed"}, error_code="rendering_failure"),
    ),
]

_SMS: list[tuple[list[tuple[str, dict[str, str]]], End]] = [
    ([("queued", {})], End("queued", frozenset({"queued"}))),
    ([("queued", {}), ("sent", {})], End("sent", _SENT)),
    ([("queued", {}), ("sent", {}), ("delivered", {})], End("delivered", _DELIVERED)),
    (
        [("sent", {}), ("undelivered", {"ErrorCode": "30005"})],
        End("undelivered", _SENT | {"undelivered"}, error_code="30005"),
    ),
    ([("failed", {"ErrorCode": "21211"})], End("failed", _SENT | {"failed"}, error_code="21211")),
]


@dataclass
class Plan:
    """A campaign of messages with all their callbacks, and what the log and the rates must then say."""

    campaign: str
    tenant: Tenant
    messages: list[Message] = field(default_factory=list)

    def callbacks(self) -> list[Request]:
        """Every callback of every message."""
        return [request for message in self.messages for request in message.callbacks]

    def counts(self) -> Counter[str]:
        """Over all recipients, in how many ends each count is."""
        return Counter(name for _, _, end in self._ends() for name in end.counted)

    def check(self, stack: Stack) -> None:
        """Raises AssertionError unless log and rates say exactly this."""
        rows = stack.items("/v1/messages", self.tenant.key, campaign=self.campaign, limit=500)
        got = Counter((row["message_id"], row["recipient"], _end_of(row)) for row in rows)
        want = Counter((message, to, _told(end)) for message, to, end in self._ends())
        missing, extra = list((want - got).items()), list((got - want).items())
        assert not missing and not extra, (
            f"missing {len(missing)}: {missing[:3]}; not expected {len(extra)}: {extra[:3]}"
        )
        counts, _ = stack.rates(self.campaign, self.tenant.key)
        expected = {name: self.counts()[name] for name in counts}
        assert counts == expected, f"counts {counts}, expected {expected}"

    def _ends(self) -> Iterator[tuple[str, str, End]]:
        for message in self.messages:
            for recipient, end in message.ends.items():
                yield message.message_id, recipient, end


def _told(end: End) -> tuple[Any, ...]:
    return end.status, end.opens, end.clicks, end.soft_bounces, end.gave_up, end.error_code


def _end_of(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["status"], row["opens"], row["clicks"], row["soft_bounces"], row["gave_up"], row["error_code"]


def plan(stack: Stack, campaign: str, callbacks: int, tenant: Tenant = ACME, seed: int = 7) -> Plan:
    """A plan of at least so many callbacks, mixed of every story; one fact in eight also comes a second time.

    The second time it has another SNS MessageId, as when a topic has two subscriptions.
    """
    choose = random.Random(seed)
    made = Plan(campaign, tenant)
    count = 0
    while count < callbacks:
        make = choose.choices((_single, _pair, _text), (6, 2, 2))[0]
        message = make(stack, choose, campaign, tenant)
        made.messages.append(message)
        count += len(message.callbacks)
    return made


def _signed(stack: Stack, choose: random.Random, tenant: Tenant, facts: list[p.Payload]) -> list[Request]:
    facts = facts + [fact for fact in facts if choose.random() < 0.125]
    return [stack.ses_request(fact, tenant, version=choose.choice("12")) for fact in facts]


def _single(stack: Stack, choose: random.Random, campaign: str, tenant: Tenant) -> Message:
    story, end = choose.choice(_MAIL)
    to = p.new_address()
    m = p.mail(p.new_id(), [to], p.at(0), campaign=campaign)
    return Message(m["messageId"], _signed(stack, choose, tenant, story(m)), {to: end})


def _pair(stack: Stack, choose: random.Random, campaign: str, tenant: Tenant) -> Message:
    good, bad = p.new_address(), p.new_address()
    m = p.mail(p.new_id(), [good, bad], p.at(0), campaign=campaign)
    facts = [p.send(m), p.delivery(m, p.at(2), good), p.bounce(m, p.at(4), bad)]
    ends = {good: End("delivered", _DELIVERED), bad: End("bounced", _SENT | {"bounced"})}
    return Message(m["messageId"], _signed(stack, choose, tenant, facts), ends)


def _text(stack: Stack, choose: random.Random, campaign: str, tenant: Tenant) -> Message:
    steps, end = choose.choice(_SMS)
    sid, to = p.new_sid(), p.new_number()
    query = f"?campaign={campaign}"
    forms = [p.sms(sid, status, to, tenant.account, **more) for status, more in steps]
    return Message(sid, [twilio_request(form, tenant, query=query) for form in forms], {to: end})
