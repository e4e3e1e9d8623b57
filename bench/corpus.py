"""Signed SES callbacks of one large mailing, made beforehand and kept on disk: whole HTTP requests.

An SNS signature covers MessageId and Message, so each request needs one of its own; at 0.3 ms each they
are signed once by all cores and kept under .cache/bench by their parameters. Every run starts with an empty
home, so the same requests are new to it.
"""

import json
import os
import random
import shutil
import uuid
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import orjson

from deploy.local.demo import payloads
from deploy.local.demo.payloads import Mail
from deploy.local.process import die_with_parent
from deploy.local.signing import SnsSigner
from schemas.times import format_time

CACHE: Final = Path(__file__).parent.parent / ".cache" / "bench"
TOPIC: Final = "arn:aws:sns:eu-west-1:123456789012:bench-events"
TENANT: Final = "bench"
CAMPAIGN: Final = "bench-mailing"

_FORMAT: Final = 1
_KEEP_DAYS: Final = 14
_CHUNK: Final = 2000
_AGENT: Final = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Thunderbird/128.5.0"
_LINK: Final = "https://acme.example.com/enrol?term=autumn&utm_source=mail&utm_campaign=bench"
_UNKNOWN_USER: Final = (
    "smtp; 550 5.1.1 <{}>: Recipient address rejected: User unknown in local recipient table"
)


@dataclass(frozen=True, slots=True)
class Fact:
    """One callback to make: what happened to which message, and when, in seconds since the mailing began."""

    at: float
    message: int
    kind: str
    sent_at: float


@dataclass(frozen=True, slots=True)
class Corpus:
    """Requests on disk. `expected` has the counts of GET /v1/rates once all of them are worked off."""

    folder: Path
    requests: int
    messages: int
    mean_bytes: float
    expected: dict[str, int]

    @property
    def requests_file(self) -> Path:
        """All requests, one after the other."""
        return self.folder / "requests.bin"

    def lengths(self) -> "array[int]":
        """The length of each request in bytes."""
        found = array("I")
        found.frombytes((self.folder / "lengths.bin").read_bytes())
        return found


def signer() -> SnsSigner:
    """The key that all requests are signed with; its certificate is in `certificates()`."""
    key = CACHE / "key.pem"
    return SnsSigner.load(key) if key.exists() else SnsSigner.create(key, certificates())


def certificates() -> Path:
    """The folder for WAYBILL_SNS_CERTS."""
    return CACHE / "certificates"


def facts(requests: int, rate: float, seed: int = 0) -> list[Fact]:
    """What happened, in the order of posting: `requests` callbacks offered at `rate` a second.

    In realistic proportions: of each 100 messages 96 are delivered (2 after a delay), 2 bounce, 2 are lost
    sight of; 35 are opened, some several times, 8 have a link clicked. About 2.5 callbacks a message; sends,
    deliveries and opens of different messages interleave as in a real mailing.
    """
    rng = random.Random(seed)
    found: list[Fact] = []
    message, at = 0, 0.0
    while len(found) < requests * 1.1 + 100:
        found += _facts_of(rng, message, at)
        message += 1
        at += 2.6 / rate
    found.sort(key=lambda fact: (fact.at, fact.message, fact.kind))
    return found[:requests]


def expected_counts(of: list[Fact]) -> dict[str, int]:
    """The counts of GET /v1/rates that these facts must come to, worked out apart from the fold."""
    by_message: dict[int, set[str]] = defaultdict(set)
    for fact in of:
        by_message[fact.message].add(fact.kind)
    counts: Counter[str] = Counter(sent=len(by_message), bounced=0, delivered=0, opened=0, clicked=0)
    for kinds in by_message.values():
        if "Bounce" in kinds:
            counts["bounced"] += 1
            continue
        counts["delivered"] += bool(kinds & {"Delivery", "Open", "Click"})
        counts["opened"] += bool(kinds & {"Open", "Click"})
        counts["clicked"] += "Click" in kinds
    return dict(counts)


def corpus(requests: int, rate: float) -> Corpus:
    """The corpus of that many requests for that rate; signs it where it is not on disk or has grown old."""
    folder = CACHE / f"v{_FORMAT}-{requests}-{rate:g}"
    described = folder / "corpus.json"
    if described.exists():
        known = json.loads(described.read_text())
        made = datetime.fromtimestamp(described.stat().st_mtime, UTC)
        if (datetime.now(UTC) - made).days < _KEEP_DAYS:
            return Corpus(folder=folder, **known)
    shutil.rmtree(folder, ignore_errors=True)
    return _make(folder, facts(requests, rate))


def http_request(body: bytes, host: str = "bench.example.org") -> bytes:
    """A POST as SNS makes it, https://docs.aws.amazon.com/sns/latest/dg/http-notification-json.html"""
    head = (
        f"POST /webhooks/ses/{TENANT} HTTP/1.1\r\n"
        f"x-amz-sns-message-type: Notification\r\nx-amz-sns-topic-arn: {TOPIC}\r\n"
        f"Content-Length: {len(body)}\r\nContent-Type: text/plain; charset=UTF-8\r\n"
        f"Host: {host}\r\nConnection: Keep-Alive\r\nUser-Agent: Amazon Simple Notification Service Agent\r\n"
        "Accept-Encoding: gzip,deflate\r\n\r\n"
    )
    return head.encode() + body


def signed_body(sns: SnsSigner, fact: Fact, base: int, number: int) -> bytes:
    """The SNS envelope of one fact, versions 1 and 2 in turn; `base`: when the mailing began, ms."""
    at = base + int(fact.at * 1000)
    message = orjson.dumps(payload_of(fact, base)).decode()
    envelope = sns.notification(
        message,
        topic=TOPIC,
        message_id=str(uuid.UUID(int=(base << 64) + number, version=4)),
        timestamp=format_time(at + 200),
        version="12"[number % 2],
    )
    return orjson.dumps(envelope)


def mail_of(message: int, base: int, sent_at: int) -> Mail:
    """Message number `message` of the mailing."""
    return Mail(
        message_id=f"0102{base:012x}-{message:08x}-e9ae-4b9a-82f9-4d12a87ddd00-000000",
        sent_at=sent_at,
        sender_name="Acme Gymnastics",
        sender="acme-notifications@ses.example.com",
        recipients=(f"person.{message}@{('example.com', 'example.org', 'example.net')[message % 3]}",),
        subject="Autumn classes: enrolment opens on Monday",
        tags={"campaign": CAMPAIGN, "customer": str(100_000 + message), "category": "marketing"},
    )


def _facts_of(rng: random.Random, message: int, at: float) -> Iterator[Fact]:
    yield Fact(at, message, "Send", at)
    arrived, fate = at + 1 + rng.expovariate(0.5), rng.random()
    if fate < 0.02:
        yield Fact(arrived, message, "Bounce", at)
        return
    if fate < 0.04:
        yield Fact(arrived, message, "DeliveryDelay", at)
        arrived += 5 + rng.expovariate(0.2)
    if fate > 0.98:
        return
    yield Fact(arrived, message, "Delivery", at)
    if rng.random() < 0.35:
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            arrived += 1 + rng.expovariate(0.2)
            yield Fact(arrived, message, "Open", at)
        if rng.random() < 0.23:
            yield Fact(arrived + 1, message, "Click", at)


def payload_of(fact: Fact, base: int) -> dict[str, Any]:
    """SES's payload of a fact; `base` is when the mailing began, ms since the epoch."""
    at = base + int(fact.at * 1000)
    mail = mail_of(fact.message, base, base + int(fact.sent_at * 1000))
    to, ip = mail.recipients[0], f"198.51.100.{fact.message % 254 + 1}"
    match fact.kind:
        case "Send":
            return payloads.sent(mail)
        case "Delivery":
            return payloads.delivered(mail, at, to)
        case "Bounce":
            return payloads.bounced(mail, at, to, "Permanent", "General", "5.1.1", _UNKNOWN_USER.format(to))
        case "DeliveryDelay":
            diagnostic = "smtp; 451 4.7.1 Greylisting in action, please come back later"
            return payloads.delayed(mail, at, to, "TransientCommunicationFailure", "4.7.1", diagnostic)
        case "Open":
            return payloads.opened(mail, at, _AGENT, ip)
        case _:
            return payloads.clicked(mail, at, _AGENT, ip, _LINK)


def _make(folder: Path, of: list[Fact]) -> Corpus:
    signer()
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    base = int(datetime.now(UTC).timestamp() * 1000) - 3_600_000
    lengths = array("I")
    chunks = [(base, start, of[start : start + _CHUNK]) for start in range(0, len(of), _CHUNK)]
    # However this process ends, they do not go on without it.
    workers = ProcessPoolExecutor(mp_context=get_context("fork"), initializer=die_with_parent())
    with workers as pool, (partial / "requests.bin").open("wb") as out:
        for chunk in pool.map(_signed_chunk, chunks):
            lengths.extend(map(len, chunk))
            out.write(b"".join(chunk))
    (partial / "lengths.bin").write_bytes(lengths.tobytes())
    made = Corpus(partial, len(of), len({f.message for f in of}), sum(lengths) / len(of), expected_counts(of))
    described = {name: value for name, value in asdict(made).items() if name != "folder"}
    (partial / "corpus.json").write_text(json.dumps(described))
    partial.rename(folder)
    return Corpus(folder=folder, **described)


def _signed_chunk(chunk: tuple[int, int, list[Fact]]) -> list[bytes]:
    os.nice(5 if os.nice(0) == 0 else 0)
    base, start, of = chunk
    sns = signer()
    return [http_request(signed_body(sns, fact, base, start + n)) for n, fact in enumerate(of)]
