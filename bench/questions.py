"""What the stage `queries` asks: every filter, search and sort of the log, one address, one message, rates, lists, reports,
and the console's pages."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from query.console.pages.reports import OF_RECENT, RECENT_DAYS
from query.reports import REPORTS
from query.sql.messages import SORTS
from schemas.status import Status
from schemas.times import format_time

Asking = tuple[str, tuple[tuple[str, str], ...]]
"""Path and parameters of one request."""


@dataclass(frozen=True, slots=True)
class Goal:
    """How long an answer may take: the median of all askings, and the slowest one in a hundred; seconds."""

    median_s: float
    p99_s: float


LOG: Final = Goal(0.5, 1.5)
EXACT: Final = Goal(0.1, 0.3)
RATES: Final = Goal(0.5, 1.5)
PAGE: Final = Goal(0.8, 1.5)
"""Of a page that is to be there for its reader within a second, what the server may take."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question, asked with different values. With `deep`, it is about the page after so many of 500 rows."""

    name: str
    askings: tuple[Asking, ...]
    goal: Goal = LOG
    deep: int = 0


@dataclass(frozen=True, slots=True)
class Samples:
    """Values that are in the data of those who ask, from SAMPLES_SQL; words of subjects by how often they are used."""

    recipients: Sequence[str]
    phones: Sequence[str]
    customers: Sequence[str]
    documents: Sequence[str]
    messages: Sequence[str]
    senders: Sequence[str]
    campaigns: Sequence[str]
    domains: Sequence[str]
    subjects: Sequence[str]
    frequent_words: Sequence[str]
    middling_words: Sequence[str]
    rare_words: Sequence[str]
    text_words: Sequence[str]


_EACH: Final = 5
"""Values that a question is asked with."""

_ENDS: Final = (
    "SELECT {0} AS value FROM seen WHERE {0} != '' GROUP BY {0} "
    "ORDER BY least(row_number() OVER (ORDER BY count()), row_number() OVER (ORDER BY count() DESC))"
)
_SAMPLED: Final = {
    "recipients": "SELECT recipient AS value FROM seen WHERE channel = 'email' ORDER BY cityHash64(message_id)",
    "phones": "SELECT recipient AS value FROM seen WHERE channel = 'sms' ORDER BY cityHash64(message_id)",
    "customers": "SELECT customer AS value FROM seen WHERE customer != '' ORDER BY cityHash64(message_id)",
    "documents": "SELECT document AS value FROM seen WHERE document != '' ORDER BY cityHash64(message_id)",
    "messages": "SELECT message_id AS value FROM seen ORDER BY cityHash64(message_id)",
    "senders": "SELECT sender AS value FROM seen GROUP BY sender ORDER BY count() DESC",
    # The largest and the smallest first.
    "campaigns": _ENDS.format("campaign"),
    "domains": _ENDS.format("domain"),
    "subjects": _ENDS.format("subject"),
    "frequent_words": "SELECT value FROM words ORDER BY often DESC",
    "middling_words": "SELECT value FROM words ORDER BY abs(often / (SELECT max(often) FROM words) - 0.01)",
    "rare_words": "SELECT value FROM words ORDER BY often, cityHash64(value)",
    "text_words": (
        "SELECT arrayJoin(extractAll(text, '[A-Z][a-z]{5,}')) AS value FROM seen WHERE text != '' "
        "GROUP BY value ORDER BY count()"
    ),
}


def samples_sql(name: str) -> str:
    """SQL for values that the rows of `{tenant:String}` have ('' = of anybody), where a sample was taken from."""
    return (
        "WITH seen AS (SELECT * FROM message_status WHERE recipient != '' AND ({tenant:String} = '' OR tenant = {tenant:String}) "
        "AND cityHash64(recipient) % {one_in:UInt32} = 0), "
        "words AS (SELECT arrayJoin(extractAll(subject, '[A-Za-z]{4,}')) AS value, count() AS often FROM seen GROUP BY value) "
        f"SELECT DISTINCT value FROM ({_SAMPLED[name]}) LIMIT {_EACH}"
    )


SAMPLED: Final = tuple(_SAMPLED)


def questions(samples: Samples, now_ms: int) -> Iterator[Question]:
    """All questions of one who asks."""
    yield from _sorts()
    yield from _filters(samples, now_ms)
    yield from _searches(samples)
    yield from _together(samples)
    yield from _about_one(samples)
    yield from _figures(now_ms)
    yield from _lists()
    yield from _reports(now_ms)
    yield from _console(samples, now_ms)


def _log(what: str, *askings: Mapping[str, str], deep: int = 0, goal: Goal = LOG) -> Question:
    return Question(
        f"log: {what}", tuple(("/v1/messages", tuple(each.items())) for each in askings), goal, deep
    )


def _each(what: str, name: str, values: Sequence[str], **more: str) -> Question:
    return _log(what, *({name: value, **more} for value in values))


def _sorts() -> Iterator[Question]:
    for name in SORTS:
        for sort in (f"-{name}", name):
            yield _log(f"sort={sort}", {"sort": sort})
            deep = 20 if name == "at" else 4
            yield _log(f"sort={sort}, {500 * deep:,} rows on", {"sort": sort}, deep=deep)
    yield _log("500 rows", {"limit": "500"})


def _filters(samples: Samples, now_ms: int) -> Iterator[Question]:
    for channel in ("email", "sms"):
        yield _log(f"channel={channel}", {"channel": channel})
    for name, values in (
        ("campaign", samples.campaigns),
        ("customer", samples.customers),
        ("document", samples.documents),
        ("domain", samples.domains),
        ("sender", samples.senders),
        ("category", ("transactional", "marketing")),
        ("method", ("statement", "text", "newsletter")),
    ):
        yield _each(name, name, values)
        yield _each(f"{name} that nothing has", name, ["no-such-value"])
    for status in Status:
        yield _log(f"status={status}", {"status": status})
    for fact in ("delivered", "human_opened", "clicked", "complained", "unsubscribed", "soft_bounced"):
        yield _log(f"reached={fact}", {"reached": fact})
    for name, values in (
        ("cause", ("mailbox", "blocklisted_ip")),
        ("error_code", ("30003", "21610")),
        ("tracking", ("none",)),
    ):
        yield _each(name, name, values)
    days = (_ago(now_ms, 1)[:10], _ago(now_ms, 200)[:10])
    yield _each("day", "day", days, tz="Europe/Berlin")
    yield _each("subject_is", "subject_is", samples.subjects)
    yield _log(
        "clicked_link", *({"campaign": each, "clicked_link": _link(each)} for each in samples.campaigns)
    )
    yield _log(
        "reached_from, reached_to",
        *(
            {"reached": fact, "reached_from": _ago(now_ms, days + 1), "reached_to": _ago(now_ms, days)}
            for fact in ("opened", "human_clicked")
            for days in (1, 60)
        ),
    )
    yield _log("gave_up", {"gave_up": "true"})
    yield _log("not gave_up", {"gave_up": "false"})
    yield _log("updated_from", *({"updated_from": _ago(now_ms, days)} for days in (0.01, 1, 30, 300)))
    yield _log(
        "from, to",
        *({"from": _ago(now_ms, days + 3), "to": _ago(now_ms, days)} for days in (1, 30, 200, 390)),
    )


def _searches(samples: Samples) -> Iterator[Question]:
    recipients = [*samples.recipients, *samples.phones]
    yield _log("recipient, exact", *({"recipient": each} for each in recipients), goal=EXACT)
    yield _each("recipient, the end of it", "recipient", [each[4:] for each in samples.recipients])
    yield _each(
        "recipient, a name",
        "recipient",
        [each.partition(".")[2].partition("@")[0] for each in samples.recipients],
    )
    yield _each("recipient, a domain", "recipient", ["@gmail.com", "@web.de", "hotmail"])
    yield _each("recipient, digits of a number", "recipient", [each[-5:] for each in samples.phones])
    yield _each("recipient, one or two letters", "recipient", ["a", "zs", "q", "xx"])
    yield _each("recipient that is not there", "recipient", ["nobody.atall@nowhere.example", "qqqq"])
    for kind, words in (
        ("frequent", samples.frequent_words),
        ("middling", samples.middling_words),
        ("rare", samples.rare_words),
        ("absent", ["Quxotopia", "zzzz", "no such subject at all"]),
        ("one or two letters", ["a", "Ne", "xi", "qz"]),
    ):
        yield _each(f"subject, {kind}", "subject", words)
        yield _each(f"q, {kind}", "q", words)
    yield _each("subject, several words", "subject", ["swimming with", "update: ballet", "for gymnastics"])
    yield _each("text, rare", "text", samples.text_words)
    yield _each("text, frequent", "text", ["reminder", "STOP", "desk"])
    yield _each("text, absent", "text", ["Quxotopia", "zzzz"])
    for what, values in (
        ("a recipient", samples.recipients),
        ("a customer", samples.customers),
        ("a document", samples.documents),
        ("a message id", samples.messages),
        ("a diagnostic", ["spamhaus", "over quota", "5.1.10"]),
    ):
        yield _each(f"q, {what}", "q", values)


def _together(samples: Samples) -> Iterator[Question]:
    """Sorts of what a filter or a search leaves: much, little, nothing."""
    for sort in ("at", "recipient", "-status", "-updated_at"):
        yield _each(f"status=delivered, sort={sort}", "status", ["delivered"], sort=sort)
        yield _each(f"status=bounced, sort={sort}", "status", ["bounced"], sort=sort)
        yield _each(f"subject, frequent, sort={sort}", "subject", samples.frequent_words[:3], sort=sort)
        yield _each(f"subject, middling, sort={sort}", "subject", samples.middling_words[:3], sort=sort)
        yield _each(f"q, rare, sort={sort}", "q", samples.rare_words[:3], sort=sort)
        yield _each(f"campaign, sort={sort}", "campaign", samples.campaigns, sort=sort)


def _about_one(samples: Samples) -> Iterator[Question]:
    for name, path, values, goal in (
        ("address", "/v1/addresses/{}", [*samples.recipients, *samples.phones], EXACT),
        ("diagnosis of an address", "/v1/addresses/{}/diagnosis", samples.recipients, LOG),
        ("customer", "/v1/customers/{}", samples.customers, LOG),
        ("messages of a customer", "/v1/customers/{}/messages", samples.customers, LOG),
        ("trail of a message", "/v1/messages/{}", samples.messages, LOG),
        ("trail of a document", "/v1/documents/{}", samples.documents, LOG),
        ("issue report of a message", "/v1/messages/{}/issue-report", samples.messages, LOG),
        ("issue report of an address", "/v1/addresses/{}/issue-report", samples.recipients, LOG),
        ("diagnosis of a customer", "/v1/customers/{}/diagnosis", samples.customers, LOG),
        ("campaign", "/v1/campaigns/{}", samples.campaigns, LOG),
        ("opens of a campaign over time", "/v1/campaigns/{}/timeline", samples.campaigns, LOG),
        ("links of a campaign", "/v1/campaigns/{}/links", samples.campaigns, LOG),
    ):
        yield Question(name, tuple((path.format(quote(value)), ()) for value in values), goal)
    compared = tuple(
        (f"/v1/campaigns/{quote(each)}", (("compare", "previous"),)) for each in samples.campaigns
    )
    yield Question("campaign, compared", compared)


def _figures(now_ms: int) -> Iterator[Question]:
    for group in ("none", "day", "campaign", "domain", "channel,category", "day,category", "cause"):
        for compare in ({}, {"compare": "previous"}):
            asked = {"from": _ago(now_ms, 30), "group_by": group, **compare}
            what = f"rates: 30 days by {group}{', compared' if compare else ''}"
            yield Question(what, (("/v1/rates", tuple(asked.items())),), RATES)

    for compare in ({}, {"compare": "previous"}):
        asked = {"from": _ago(now_ms, 30), **compare}
        what = f"campaigns of 30 days{', compared' if compare else ''}"
        yield Question(what, (("/v1/campaigns", tuple(asked.items())),))


def _lists() -> Iterator[Question]:
    """The lists beside the log."""
    for what, path, given in (
        ("addresses", "/v1/addresses", {}),
        ("addresses that are invalid", "/v1/addresses", {"standing": "invalid"}),
        ("addresses, a search", "/v1/addresses", {"address": "smith"}),
        ("consents", "/v1/consents", {}),
        ("consents, opted out", "/v1/consents", {"state": "out"}),
        ("consent log", "/v1/consents/log", {}),
        ("dead letters", "/v1/dead-letters", {}),
    ):
        yield Question(f"list: {what}", ((path, tuple(given.items())),))


_OF_THE_STORE = {name: report for name, report in REPORTS.items() if name != "sender-health"}
"""The health of senders is counted from Kafka as well, which is not there."""


def _reports(now_ms: int) -> Iterator[Question]:
    """Every report as it is opened, with its picture; and of the last 30 days, where it has days."""
    for name, report in _OF_THE_STORE.items():
        path = f"/v1/reports/{name}"
        yield Question(f"report: {name}", ((path, ()),), PAGE)
        if "from" in report.parameters:
            yield Question(f"report: {name}, 30 days", ((path, (("from", _ago(now_ms, 30)),)),), PAGE)


def _console(samples: Samples, now_ms: int) -> Iterator[Question]:
    """The console's pages as the server makes them, whole documents."""
    month, recent = {"from": _ago(now_ms, 30)}, {"from": _ago(now_ms, RECENT_DAYS)}
    for what, path, given in (
        ("overview", "/", {}),
        ("overview of a week", "/", {"days": "7"}),
        ("overview of 90 days", "/", {"days": "90"}),
        ("email log", "/email-log", {}),
        ("SMS log", "/sms-log", {}),
        ("email log, sort=recipient", "/email-log", {"sort": "recipient"}),
        ("mailings", "/campaigns", {}),
        ("mailings of 30 days", "/campaigns", month),
        ("mailings of 30 days, sort=-recipients", "/campaigns", {**month, "sort": "-recipients"}),
        ("mailings, a search", "/campaigns", {"q": "swimming"}),
        ("suppressed", "/addresses", {}),
        ("consents", "/consents", {}),
        ("consent log", "/consents/log", {}),
        ("dead letters", "/dead-letters", {}),
        *(
            (f"report {name}", f"/reports/{name}", recent if name in OF_RECENT else {})
            for name in _OF_THE_STORE
        ),
    ):
        yield Question(f"console: {what}", ((path, tuple(given.items())),), PAGE)
    for what, path, values in (
        ("a recipient's log", "/email-log?recipient={}", samples.recipients),
        ("a mailing", "/campaigns/{}", samples.campaigns),
        ("a mailing's recipients", "/campaigns/{}/recipients", samples.campaigns),
        ("a message", "/messages/{}", samples.messages),
        ("an address", "/addresses/{}", samples.recipients),
        ("a customer", "/customers/{}", samples.customers),
        ("a document", "/documents/{}", samples.documents),
        ("found: an address", "/find?q={}", samples.recipients),
        ("found: a name", "/find?q={}", samples.rare_words),
        ("issue report of an address", "/addresses/{}/issue-report", samples.recipients),
    ):
        yield Question(f"console: {what}", tuple((path.format(quote(each)), ()) for each in values), PAGE)


def _link(campaign: str) -> str:
    """As the recipe has it: of twelve links the first is clicked most."""
    return f"https://www.example.com/{campaign}/0"


def _ago(now_ms: int, days: float) -> str:
    return format_time(now_ms - int(days * 86_400_000))


def samples_of(rows: Mapping[str, Sequence[Any]]) -> Samples:
    """The samples, from the rows that SQL found for each of SAMPLED."""
    return Samples(**{name: [row["value"] for row in found] for name, found in rows.items()})
