"""A stage for tests of standing and consent: receipts about addresses, and what must be published of them."""

import random
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from processors import address_facts, consent, standing
from processors.address_facts import AddressFacts
from processors.consent import ConsentFacts
from processors.facts import MessageFacts
from schemas.consent import ConsentChange
from schemas.envelope import Envelope, parse_line
from schemas.times import format_time
from schemas.topics import ADDRESS_STANDING, Topic, address_key, consent_key
from tests.folding import told_of_addresses
from tests.integration.worker_stage import SENT_AT, Reader, reading, ses_envelope, ses_event, ses_mail
from tests.patience import eventually

MINUTE = 60_000
LIMIT = 5

_BY_PATH = ("revision", "updated_at")


def mail(
    tenant: str, kind: str, number: int, address: str, *, at: int | None = None, receipt: int = 0
) -> Envelope:
    """An SES event about the message of that number, one a minute, to one address. `SoftBounce` is a Transient one."""
    sent = SENT_AT + number * MINUTE
    told = ses_mail(f"{address}-{number}", [address], sent)
    payload = ses_event("Bounce" if kind == "SoftBounce" else kind, told, sent + 1000 if at is None else at)
    if kind == "SoftBounce":
        payload["bounce"] |= {"bounceType": "Transient", "bounceSubType": "MailboxFull"}
        payload["bounce"]["bouncedRecipients"][0] |= {"status": "4.2.2"}
    return ses_envelope(tenant, payload, receipt, received_at=SENT_AT + 600 * MINUTE)


def posted(tenant: str, kind: str, identity: str, /, **content: Any) -> Envelope:
    """Something that an application posted with the key `console`."""
    return Envelope(
        receipt_id=f"{tenant}-{kind}-{identity}",
        received_at=SENT_AT + 600 * MINUTE,
        provider="app",
        tenant=tenant,
        message_id=f"{kind}:{identity}",
        verified={"by": "key", "key": "console"},
        content_type="application/json",
        query="",
        body=orjson.dumps({"type": kind, kind: content}),
    )


def reset(tenant: str, address: str, number: int) -> Envelope:
    """Staff resets an address right before the message of that number."""
    at = format_time(SENT_AT + number * MINUTE - 1)
    return posted(
        tenant,
        "reset",
        f"{address}-{number}",
        address=address,
        channel="email",
        actor="Sam",
        reason="r",
        at=at,
    )


def opted(tenant: str, address: str, consent: str, number: int) -> Envelope:
    """Staff records an opt-in or opt-out."""
    return posted(
        tenant,
        "consent",
        f"{address}-{number}",
        address=address,
        channel="email",
        category="marketing",
        consent=consent,
        source="staff",
        actor="Sam",
        evidence={"method": "verbal", "reference": f"ticket {number}"},
        at=format_time(SENT_AT + number * MINUTE),
    )


def text(tenant: str, sid: str, minute: int = 600, **fields: str) -> Envelope:
    """A callback or an inbound message of Twilio, received in that minute."""
    form = {"MessageSid": sid, "AccountSid": "AC" + "0" * 32} | fields
    return Envelope(
        receipt_id=f"{tenant}-{sid}",
        received_at=SENT_AT + minute * MINUTE,
        provider="twilio",
        tenant=tenant,
        message_id=sid,
        verified={"by": "twilio"},
        content_type="application/json",
        query="",
        body=orjson.dumps(form),
    )


def correspondence(tenant: str, addresses: int, messages: int, seed: int = 1) -> Iterator[Envelope]:
    """Receipts of so many messages to so many addresses that soft-bounce, arrive, arrive late, bounce hard, are reset
    and opt out, in no order; every fifth comes twice."""
    chance = random.Random(seed)
    receipts = []
    for index in range(addresses):
        address = f"user{index}@example.org"
        softly = chance.random()
        for number in range(messages):
            receipts.append(mail(tenant, "Send", number, address))
            if chance.random() < softly:
                receipts.append(mail(tenant, "SoftBounce", number, address))
            if chance.random() > softly:
                receipts.append(mail(tenant, "Delivery", number, address, at=SENT_AT + (number + 5) * MINUTE))
            if chance.random() < 0.02:
                receipts.append(mail(tenant, "Bounce", number, address, receipt=1))
            if chance.random() < 0.05:
                receipts.append(opted(tenant, address, chance.choice(["in", "out"]), number))
        if chance.random() < 0.3:
            receipts.append(reset(tenant, address, chance.randrange(messages)))
    receipts += receipts[::5]
    chance.shuffle(receipts)
    return iter(receipts)


def expected(records: Iterable[tuple[int, bytes]]) -> tuple[dict[str, Any], dict[str, Any], set[str]]:
    """What must be published for those receipts: standings and consents by key, and the identities of log entries."""
    messages: dict[str, MessageFacts] = {}
    addresses: dict[str, AddressFacts] = {}
    consents: dict[str, ConsentFacts] = {}
    entries: set[str] = set()
    for _, value in records:
        for line in value.split(b"\n"):
            for one in told_of_addresses(parse_line(line), messages):
                key = address_key(one.tenant, one.channel, one.address)
                if isinstance(what := one.what, ConsentChange):
                    entries.add(what.entry_id)
                    key = consent_key(one.tenant, one.channel, one.address, what.category, what.sender)
                    consents[key] = consent.fold(consents.get(key), one, 0)
                else:
                    addresses[key] = address_facts.fold(addresses.get(key), one, 0)
    standings = {
        key: without_path(orjson.loads(standing.published(facts, LIMIT)))
        for key, facts in addresses.items()
        if facts.noted
    }
    states = {key: without_path(orjson.loads(consent.published(facts))) for key, facts in consents.items()}
    return standings, states, entries


def without_path(value: dict[str, Any]) -> dict[str, Any]:
    """A value without what tells of records and receipts."""
    return {name: found for name, found in value.items() if name not in _BY_PATH}


async def assert_become(
    bootstrap: str, topic: Topic, tenant: str, expected: dict[str, Any], seconds: float = 60
) -> None:
    """Waits until exactly those values are published for a tenant."""
    async with reading(bootstrap, topic, tenant) as reader:

        async def as_expected() -> bool:
            await reader.read()
            return latest(reader) == expected

        try:
            await eventually(as_expected, seconds, f"{len(expected)} values of {topic.name} as expected")
        except AssertionError as error:
            got = latest(reader)
            wrong = [key for key in expected.keys() | got.keys() if got.get(key) != expected.get(key)]
            raise AssertionError(
                f"{error}; {len(wrong)} wrong: {wrong[0]}: {got.get(wrong[0])} instead of {expected.get(wrong[0])}"
            ) from None


def latest(reader: Reader) -> dict[str, Any]:
    """What a reader knows by key now."""
    return {key: without_path(value) for key, value in reader.keyed.items()}


async def standing_of(
    bootstrap: str, tenant: str, address: str, seconds: float = 20, channel: str = "email", **members: Any
) -> dict[str, Any]:
    """Waits until an address's standing has those members; the standing."""
    key = address_key(tenant, channel, address)
    async with reading(bootstrap, ADDRESS_STANDING, tenant) as reader:

        async def so() -> bool:
            await reader.read()
            return members.items() <= reader.keyed.get(key, {}).items()

        try:
            await eventually(so, seconds, f"standing of {key} with {members}")
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {reader.keyed.get(key)}") from None
        return reader.keyed[key]
