"""The whole demo stream: mailings, documents and text messages of some days, shuffled and with repeats.

Pure: the same seed and day give the same stream, so a second `make demo` on one day repeats the first, and
the figures stay what they are.
"""

import random
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from deploy.local.demo import payloads
from deploy.local.demo.payloads import Mail
from deploy.local.demo.people import Person, people
from deploy.local.demo.stories import (
    HOUR,
    MINUTE,
    SECOND,
    Audience,
    Callback,
    Story,
    mail_story,
    suppressed_story,
    text_story,
)
from schemas.times import format_time

DAY: Final = 24 * HOUR
NEWS: Final = ("Acme Gymnastics", "acme-notifications@ses.example.com")
OFFICE: Final = ("Acme Gymnastics Office", "acme@ses.example.com")
SMS_SENDER: Final = "+12015550100"

_PEOPLE: Final = 480
_SITE: Final = "https://acme.example.com"


@dataclass(frozen=True, slots=True)
class Mailing:
    """One mailing: sent `days` and `hours` before the end of the stream to so many people."""

    name: str
    subject: str
    days: int
    hours: int
    recipients: int
    category: str = "marketing"
    appeal: float = 1.0
    complaints: int = 1
    links: tuple[str, ...] = ()
    tracked: bool = True


MAILINGS: Final = (
    Mailing(
        "autumn-enrolment",
        "Autumn classes: enrolment opens on Monday",
        days=7,
        hours=15,
        recipients=420,
        links=(f"{_SITE}/enrol?term=autumn", f"{_SITE}/timetable"),
    ),
    Mailing(
        "parents-newsletter",
        "News from the gym: new coaches, new beams, old jokes",
        days=4,
        hours=6,
        recipients=380,
        appeal=0.8,
        complaints=2,
        links=(f"{_SITE}/news/coaches", f"{_SITE}/news/beams", f"{_SITE}/gallery"),
    ),
    Mailing(
        "holiday-camp",
        "Holiday camp: 30 places, first come, first served",
        days=2,
        hours=14,
        recipients=260,
        appeal=1.25,
        complaints=0,
        links=(f"{_SITE}/camp",),
    ),
    Mailing(
        "hall-b-closed",
        "Hall B stays closed this week: where your class meets instead",
        days=1,
        hours=9,
        recipients=140,
        category="notification",
        complaints=0,
        tracked=False,
    ),
)
REMINDER: Final = "class-reminder"
_SMS_ENDS: Final[dict[str | None, int]] = {
    None: 104,
    "": 3,
    "30003": 3,
    "30005": 2,
    "30006": 2,
    "30007": 1,
    "30008": 2,
    "21610": 3,
}


@dataclass(frozen=True, slots=True)
class Post:
    """One request to make: `id` is the SNS MessageId, which a repeat of a request shares with the first."""

    id: str
    callback: Callback


@dataclass(frozen=True, slots=True)
class Stream:
    """What to post, in that order; what must come of it, by campaign; a document and a person to look at."""

    posts: list[Post]
    expected: dict[str, Counter[str]]
    document: str
    recipient: str


def build(seed: int, until: int, twilio_account: str) -> Stream:
    """The stream of that seed that ends at `until`, ms since the epoch."""
    rng = random.Random(f"{seed} {until}")  # noqa: S311 - a story, not a secret
    everybody = people(rng, _PEOPLE)
    expected: dict[str, Counter[str]] = {}
    callbacks: list[Callback] = []
    suppressed: dict[str, bool] = {}
    edition = f"-{seed}" if seed else ""
    for mailing in MAILINGS:
        campaign = f"{mailing.name}-{_day(until - mailing.days * DAY)}{edition}"
        stories = list(_mailing(rng, mailing, campaign, everybody, until, suppressed))
        expected[campaign] = _count(stories)
        callbacks += _callbacks(stories)
    reminder = f"{REMINDER}-{_day(until - DAY)}{edition}"
    texts = list(_texts(rng, twilio_account, reminder, everybody, until))
    expected[reminder] = _count(texts)
    callbacks += _callbacks(texts)
    callbacks += _stops(rng, twilio_account, everybody, until)
    readers = [person for person in everybody if person.mailbox == "good" and person.email not in suppressed]
    series = f"{until // DAY}{edition}"
    callbacks += _callbacks(_documents(rng, series, readers, until))
    return Stream(_as_posted(rng, callbacks), expected, f"INV-{series}-1001", readers[0].email)


def _mailing(
    rng: random.Random,
    mailing: Mailing,
    campaign: str,
    everybody: Sequence[Person],
    until: int,
    suppressed: dict[str, bool],
) -> Iterable[Story]:
    """A story for each recipient. `suppressed`: who gets nothing more, True where for a complaint."""
    audience = Audience(mailing.appeal, mailing.links, until) if mailing.tracked else None
    recipients = rng.sample(everybody, mailing.recipients)
    annoyed = [person for person in recipients if person.mailbox == "good" and person.email not in suppressed]
    complaining = {person.email for person in annoyed[: mailing.complaints]}
    start = until - mailing.days * DAY + mailing.hours * HOUR
    tags = {"campaign": campaign, "category": mailing.category, "method": "manual"}
    tags |= {} if mailing.tracked else {"tracking": "none"}
    for number, person in enumerate(recipients):
        mail = _mail(rng, start + number * 140, NEWS, (person,), mailing.subject, tags)
        if person.email in suppressed:
            yield suppressed_story(mail, person, suppressed[person.email])
            continue
        story = mail_story(rng, mail, person, audience, person.email in complaining)
        for outcome in story.truth[person.email] & {"bounced", "complained"}:
            suppressed[person.email] = outcome == "complained"
        yield story


def _documents(rng: random.Random, series: str, readers: Sequence[Person], until: int) -> Iterable[Story]:
    """Invoices, receipts and statements; a few to both parents; one not rendered, one with a virus."""
    audience = Audience(1.6, (f"{_SITE}/account",), until)
    for number, person in enumerate(readers[:60]):
        at = until - rng.randrange(1, 7 * 24) * HOUR + rng.randrange(HOUR)
        kind, prefix = (("Invoice", "INV"), ("Receipt", "RCP"), ("Statement", "STM"))[number % 3]
        document = f"{prefix}-{series}-{1001 + number}"
        tags = {
            "category": "transactional",
            "document": document,
            "method": "automatic",
        }
        both = (person, readers[60 + number]) if number % 12 == 5 else (person,)
        mail = _mail(rng, at, OFFICE, both, f"{kind} {document} from Acme Gymnastics", tags)
        if number == 20:
            yield _only(
                mail, payloads.rendering_failed(mail, "statement", "Attribute 'balance' is not present")
            )
        elif number == 41:
            yield _only(mail, payloads.rejected(mail))
        else:
            story = mail_story(rng, mail, person, audience, complains=False)
            for other in both[1:]:
                story.ses(at + 3 * SECOND, payloads.delivered(mail, at + 3 * SECOND, other.email))
            yield story


def _texts(
    rng: random.Random, account: str, campaign: str, everybody: Sequence[Person], until: int
) -> Iterable[Story]:
    """Reminders by text message, with the errors that numbers have."""
    ends = [end for end, number in _SMS_ENDS.items() for _ in range(number)]
    for end, person in zip(ends, rng.sample(everybody, len(ends)), strict=True):
        query = urlencode({"campaign": campaign, "category": "notification", "customer": person.customer})
        story = text_story(rng, account, SMS_SENDER, _sid(rng), person, query, end)
        start = until - 3 * HOUR + rng.randrange(20 * MINUTE)
        story.callbacks = [
            Callback(start + one.at, one.provider, one.payload, one.query) for one in story.callbacks
        ]
        yield story


def _stops(rng: random.Random, account: str, everybody: Sequence[Person], until: int) -> Iterable[Callback]:
    """A few people answer STOP, one thinks better of it."""
    for number, person in enumerate(rng.sample(everybody, 3)):
        words = ("STOP", "START") if number == 0 else ("STOP",)
        for word in words:
            form = payloads.sms_inbound(account, _sid(rng), person.phone, SMS_SENDER, word.title(), word)
            yield Callback(until - 2 * HOUR + rng.randrange(HOUR), "twilio", form)


def _as_posted(rng: random.Random, callbacks: Iterable[Callback]) -> list[Post]:
    """The callbacks as they really come: not in order, some again, some again as another SNS message."""
    ordered = sorted(callbacks, key=lambda one: one.at + rng.expovariate(1 / (5 * MINUTE)))
    posts = [Post(_uuid(rng), one) for one in ordered]
    retried = rng.sample(posts, len(posts) // 40)
    doubled = [Post(_uuid(rng), post.callback) for post in rng.sample(posts, len(posts) // 80)]
    for post in retried + doubled:
        posts.insert(rng.randrange(len(posts) + 1), post)
    return posts


def _count(stories: Iterable[Story]) -> Counter[str]:
    """How many recipients each count of GET /v1/rates must have."""
    return Counter(name for story in stories for names in story.truth.values() for name in names)


def _callbacks(stories: Iterable[Story]) -> list[Callback]:
    return [one for story in stories for one in story.callbacks]


def _only(mail: Mail, payload: dict[str, object]) -> Story:
    story = Story()
    story.ses(mail.sent_at + SECOND, payload)
    return story


def _mail(
    rng: random.Random,
    at: int,
    sender: tuple[str, str],
    recipients: Sequence[Person],
    subject: str,
    tags: dict[str, str],
) -> Mail:
    """A mail with an id as SES makes them, and its first recipient as the tag `customer`."""
    everyone = tuple(person.email for person in recipients)
    message_id = f"0102{at:012x}-{_uuid(rng)}-000000"
    return Mail(message_id, at, *sender, everyone, subject, {"customer": recipients[0].customer} | tags)


def _day(at: int) -> str:
    return format_time(at)[:10]


def _uuid(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def _sid(rng: random.Random) -> str:
    return f"SM{rng.getrandbits(128):032x}"
