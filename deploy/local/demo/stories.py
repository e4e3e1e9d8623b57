"""What becomes of one message: the callbacks that its providers post, and what must be told of it in the end.

Pure: the same random generator gives the same story.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from deploy.local.demo import payloads
from deploy.local.demo.payloads import Mail
from deploy.local.demo.people import Person

SECOND: Final = 1000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE

_AGENTS: Final = {
    "desktop": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Thunderbird/128.5.0",
    "phone": "Mozilla/5.0 (Linux; Android 15; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 "
    "Chrome/131.0.0.0 Mobile Safari/537.36",
    "gmail": "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    # All that Apple's mail privacy protection tells of whom it fetches images for.
    "apple": "Mozilla/5.0",
    "scanner": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/103.0.5060.134 Safari/537.36",
}
_BROWSER: Final = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Mobile/15E148 Safari/604.1"
)

_UNKNOWN_USER: Final = (
    "smtp; 550-5.1.1 The email account that you tried to reach does not exist. Please try 550-5.1.1 "
    "double-checking the recipient's email address for typos or 550-5.1.1 unnecessary spaces. - gsmtp"
)
_NO_DOMAIN: Final = "smtp; 550 5.4.4 Invalid domain"
_FULL: Final = "smtp; 452-4.2.2 The recipient's inbox is out of storage space. - gsmtp"
_POLICY: Final = (
    "smtp; 550 5.7.1 Message rejected due to content or sender policy of the recipient's organization"
)
_GREYLISTED: Final = "smtp; 451 4.7.1 Greylisting in action, please come back later"
_SUPPRESSED: Final = "Amazon SES did not send the message: it is on the suppression list for your account."
_MOVED: Final = "smtp; 550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup"

SMS_ERRORS: Final[Mapping[str, str]] = {
    "30003": "Unreachable destination handset",
    "30005": "Unknown destination handset",
    "30006": "Landline or unreachable carrier",
    "30007": "Message filtered",
    "30008": "Unknown error",
    "21610": "Attempt to send to unsubscribed recipient",
}
_SMS_TRUTH: Final = {"30007": {"sent", "rejected"}, "21610": {"skipped"}}


@dataclass(frozen=True, slots=True)
class Callback:
    """One callback. `at` is when the provider has it ready, ms since the epoch; `payload` is SES's, or the
    form of Twilio, which posts to its callback URL with the query string `query`.
    """

    at: int
    provider: str
    payload: Mapping[str, Any]
    query: str = ""


@dataclass(slots=True)
class Story:
    """The callbacks of one message; `truth`: the counts of GET /v1/rates that each recipient must raise."""

    callbacks: list[Callback] = field(default_factory=list)
    truth: dict[str, set[str]] = field(default_factory=dict)

    def ses(self, at: int, payload: Mapping[str, Any]) -> None:
        """SES has an event at `at`."""
        self.callbacks.append(Callback(at, "ses", payload))


@dataclass(frozen=True, slots=True)
class Audience:
    """How a mailing is read: `appeal` scales how many open it, `links` can be followed; no one reads it after
    `until` (ms since the epoch).
    """

    appeal: float
    links: tuple[str, ...]
    until: int


def mail_story(
    rng: random.Random, mail: Mail, person: Person, audience: Audience | None, complains: bool
) -> Story:
    """One message to one person who is not suppressed yet; without an audience, opens are not tracked."""
    story = Story()
    story.ses(mail.sent_at + 300, payloads.sent(mail))
    truth = _ARRIVALS[person.mailbox](rng, story, mail, person)
    arrived = story.callbacks[-1].at
    if "delivered" in truth:
        truth |= _reading(rng, story, mail, person, audience, arrived) if audience else set()
        if complains:
            story.ses(arrived + 7 * MINUTE, payloads.complained(mail, arrived + 7 * MINUTE, person.email))
            truth.add("complained")
    if person.mailbox == "moved":
        at = arrived + 26 * MINUTE
        story.ses(at, payloads.bounced(mail, at, person.email, "Permanent", "General", "5.1.10", _MOVED))
        truth = {"bounced"}
    if person.mailbox == "away":
        at = arrived + 40 * SECOND
        story.ses(at, payloads.bounced(mail, at, person.email, "Transient", "General", "", ""))
    story.truth[person.email] = truth | {"sent"}
    return story


def suppressed_story(mail: Mail, person: Person, complained: bool) -> Story:
    """A message that SES did not attempt, because the address is on the account's suppression list."""
    story, at = Story(), mail.sent_at + 400
    story.ses(mail.sent_at + 300, payloads.sent(mail))
    if complained:
        story.ses(at, payloads.complained(mail, at, person.email, "OnAccountSuppressionList"))
    else:
        report = ("Permanent", "OnAccountSuppressionList", "5.1.1", _SUPPRESSED)
        story.ses(at, payloads.bounced(mail, at, person.email, *report))
    story.truth[person.email] = {"invalid"}
    return story


def text_story(
    rng: random.Random, account: str, sender: str, sid: str, person: Person, query: str, error: str | None
) -> Story:
    """One text message; `error` is the code that it ends with, "" where nothing is heard after `sent`."""
    story, at = Story(), 0
    final = {None: "delivered", "": "sent", "21610": "failed"}.get(error, "undelivered")
    for status in dict.fromkeys(("queued", "sent", final) if error != "21610" else (final,)):
        reason = (error, SMS_ERRORS[error]) if error and status == final else None
        form = payloads.sms_status(account, sid, status, person.phone, sender, reason)
        story.callbacks.append(Callback(at, "twilio", form, query))
        at += rng.randrange(1, 20) * SECOND
    usual = {"sent", final} if error is None else {"sent"} if error == "" else {"sent", "undelivered"}
    story.truth[person.phone] = _SMS_TRUTH.get(error or "", usual)
    return story


def _delivers(rng: random.Random, story: Story, mail: Mail, person: Person) -> set[str]:
    _deliver(story, mail, person, mail.sent_at + rng.randrange(700, 9000))
    return {"delivered"}


def _delivers_late(rng: random.Random, story: Story, mail: Mail, person: Person) -> set[str]:
    at = mail.sent_at + rng.randrange(2, 6) * MINUTE
    story.ses(
        at, payloads.delayed(mail, at, person.email, "TransientCommunicationFailure", "4.7.1", _GREYLISTED)
    )
    _deliver(story, mail, person, at + rng.randrange(20, 50) * MINUTE)
    return {"delivered"}


def _is_full(rng: random.Random, story: Story, mail: Mail, person: Person) -> set[str]:
    at = mail.sent_at + rng.randrange(2, 6) * MINUTE
    story.ses(at, payloads.delayed(mail, at, person.email, "MailboxFull", "4.2.2", _FULL))
    at += 9 * HOUR
    # Now and then SES puts the label Permanent on a mailbox that is only full.
    kind, subtype = ("Permanent", "General") if rng.random() < 0.2 else ("Transient", "MailboxFull")
    story.ses(at, payloads.bounced(mail, at, person.email, kind, subtype, "4.2.2", _FULL))
    return {"soft_bounced"}


def _refuses(
    subtype: str, status: str, diagnostic: str
) -> Callable[[random.Random, Story, Mail, Person], set[str]]:
    def refuse(rng: random.Random, story: Story, mail: Mail, person: Person) -> set[str]:
        at = mail.sent_at + rng.randrange(800, 20_000)
        story.ses(at, payloads.bounced(mail, at, person.email, "Permanent", subtype, status, diagnostic))
        return {"bounced"}

    return refuse


def _deliver(story: Story, mail: Mail, person: Person, at: int) -> None:
    story.ses(at, payloads.delivered(mail, at, person.email))


_ARRIVALS: Final = {
    "good": _delivers,
    "moved": _delivers,
    "away": _delivers,
    "slow": _delivers_late,
    "full": _is_full,
    "dead": _refuses("NoEmail", "5.1.1", _UNKNOWN_USER),
    "no_domain": _refuses("General", "5.4.4", _NO_DOMAIN),
    "strict": _refuses("General", "5.7.1", _POLICY),
}


def _reading(
    rng: random.Random, story: Story, mail: Mail, person: Person, audience: Audience, arrived: int
) -> set[str]:
    """Opens and clicks, by machines and by the person; what they add to the truth."""
    truth: set[str] = set()
    ip = f"198.51.100.{rng.randrange(1, 255)}"
    if person.reader == "scanner":
        story.ses(
            arrived + SECOND, payloads.opened(mail, arrived + SECOND, _AGENTS["scanner"], "203.0.113.99")
        )
        for number, link in enumerate(audience.links):
            at = arrived + SECOND + 200 * (number + 1)
            story.ses(at, payloads.clicked(mail, at, _AGENTS["scanner"], "203.0.113.99", link))
        truth |= {"opened", "clicked"} if audience.links else {"opened"}
    agent = _AGENTS["desktop" if person.reader == "scanner" else person.reader]
    if person.reader == "apple":
        at = arrived + rng.randrange(1, 90) * MINUTE
        if at < audience.until:
            story.ses(at, payloads.opened(mail, at, agent, f"104.28.40.{rng.randrange(1, 255)}"))
            truth.add("opened")
    if rng.random() > person.keen * audience.appeal:
        return truth
    at = arrived + 2 * MINUTE + int(rng.expovariate(1 / (6 * HOUR)))
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3))):
        if at >= audience.until:
            break
        story.ses(at, payloads.opened(mail, at, agent, ip))
        truth.add("opened")
        if audience.links and rng.random() < 0.22:
            link = rng.choice(audience.links)
            story.ses(at + 20 * SECOND, payloads.clicked(mail, at + 20 * SECOND, _BROWSER, ip, link))
            truth.add("clicked")
        at += int(rng.expovariate(1 / (5 * HOUR))) + MINUTE
    return truth
