"""One mailing: its figures, its opens and clicks over time, domains and links; and its recipients."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiohttp import web

from query.console.figures import KINDS, RowsOf, figures_of, not_attempted
from query.console.forms import form_of
from query.console.mailings import campaign_url
from query.console.page import page, render
from query.console.pages.log import fields
from query.console.timelines import COUNTS, Timeline, timeline_of
from query.console.visit import Visit
from query.console.wording import cause_of
from query.lists import is_stream
from query.parameters import Parameter, choice
from query.routes import messages
from query.routes.campaigns import (
    Found,
    campaign_document,
    find_campaign,
    links_document,
    timeline_document,
)
from query.routes.messages import messages_document, stream_messages
from query.routes.rates import rates_document
from schemas.status import Status, label
from schemas.times import format_time, parse_time

PARAMETERS = {"bucket": Parameter(choice("hour", "day"))}

Item = dict[str, Any]

_FAILED = ("undelivered", "rejected", "failed")

_MOST_DOMAINS = 15
_MOST_CAUSES = 200
_MOST_ERRORS = 100
_MOST_LINKS = 50


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain of the recipients, and why messages to it came back: cause, count and URL."""

    name: str | None
    item: Item
    rows_of: RowsOf
    causes: Sequence[tuple[str, int, str]]


async def get_mailing(visit: Visit) -> web.StreamResponse:
    """GET /campaigns/{campaign}?bucket=: by hour, unless most opens came later than hours are shown."""
    campaign = visit.request.match_info["campaign"]
    given = visit.read(PARAMETERS)
    bucket = given.pop("bucket", None)
    context, principal = visit.context, visit.principal
    found = await find_campaign(context, principal, given, campaign)
    from_ms, to_ms = found[1]
    # That changes no figure, and spares looking through all that was ever sent.
    within = {**given, "campaign": campaign, "from": from_ms, "to": to_ms}
    rates = partial(rates_document, context, principal)
    timeline_by = partial(_timeline, visit, given, campaign, found)
    one, by_bucket, links, domains, causes = await asyncio.gather(
        campaign_document(context, principal, {**given, "compare": "previous"}, campaign, found),
        timeline_by(bucket or "hour"),
        links_document(context, principal, {**given, "limit": _MOST_LINKS}, campaign, found),
        rates({**within, "group_by": ["domain"], "limit": _MOST_DOMAINS}),
        rates({**within, "group_by": ["domain", "cause"], "sort": "-bounced", "limit": _MOST_CAUSES}),
    )
    of_texts = {**within, "channel": "sms", "group_by": ["error_code"], "limit": _MOST_ERRORS}
    errors = (await rates(of_texts))["items"] if one["channel"] != "email" else []
    begin_ms = parse_time(one["first_at"])
    timeline = timeline_of(by_bucket, begin_ms, bucket or "hour", visit.zone)
    if bucket is None and timeline.is_mostly_later:
        timeline = timeline_of(await timeline_by("day"), begin_ms, "day", visit.zone)
    rows_of = partial(_rows, visit, campaign)
    return render(
        visit,
        "mailing.html",
        campaign=campaign,
        one=one,
        head=figures_of(
            KINDS[one["channel"] or "email"], one, rows_of, is_tracked=one["tracking"]["opens"] != "no"
        ),
        unattempted=not_attempted(one, rows_of),
        rows_of=rows_of,
        figures_url=campaign_url(visit, campaign),
        recipients_url=rows_of(None),
        untracked_url=_rows(visit, campaign, None, tracking="none"),
        funnel=_funnel(one, rows_of),
        timeline=timeline,
        timeline_ways=_timeline_ways(visit, campaign, timeline),
        later_url=_rows(visit, campaign, "opened", reached_from=format_time(timeline.places[-1])),
        links=links,
        clicked=partial(_clicked, visit, campaign),
        domains=_domains(visit, campaign, domains["items"], causes["items"]),
        more_domains=domains["next"] is not None,
        errors=_errors(visit, campaign, errors),
        previous_url=_previous_url(visit, one),
    )


async def _timeline(
    visit: Visit, given: Mapping[str, Any], campaign: str, found: Found, bucket: str
) -> list[Item]:
    asked = {**given, "bucket": bucket, "tz": visit.zone}
    document = await timeline_document(visit.context, visit.principal, asked, campaign, found)
    items: list[Item] = document["items"]
    return items


def _timeline_ways(visit: Visit, campaign: str, timeline: Timeline) -> list[list[str | None]]:
    """Where each figure of the timeline leads: to those who first opened or clicked then; None where nobody did."""
    bounds = [format_time(at) for at in timeline.places]
    return [
        [
            _rows(visit, campaign, name, reached_from=begin, reached_to=end) if count else None
            for count, begin, end in zip(values, bounds, bounds[1:], strict=False)
        ]
        for name, values in zip(COUNTS, timeline.series, strict=True)
    ]


def _clicked(visit: Visit, campaign: str, link: str | None) -> str:
    """The recipients who clicked a link, None for what no link was told of."""
    return _rows(visit, campaign, None, clicked_link=link or "")


async def get_recipients(visit: Visit) -> web.StreamResponse:
    """GET /campaigns/{campaign}/recipients: the log of this mailing; the parameters are those of GET /v1/messages."""
    campaign = visit.request.match_info["campaign"]
    given = visit.read(messages.PARAMETERS, campaign=campaign)
    context, principal = visit.context, visit.principal
    if is_stream(given):
        return await stream_messages(visit.request, context, principal, given)
    of_tenant = {name: given[name] for name in ("tenant",) if name in given}
    one, document = await asyncio.gather(
        campaign_document(context, principal, of_tenant, campaign),
        messages_document(context, principal, given),
    )
    return render(
        visit,
        "mailing_recipients.html",
        campaign=campaign,
        one=one,
        form=form_of(
            visit,
            [each for each in fields(one["channel"] or "email", visit.vocabulary) if each.name != "campaign"],
        ),
        sort=given.get("sort", "-at"),
        items=document["items"],
        next=document["next"],
        figures_url=campaign_url(visit, campaign),
        recipients_url=campaign_url(visit, campaign, below="/recipients"),
    )


def _rows(visit: Visit, campaign: str, reached: str | None, **more: str) -> str:
    return campaign_url(visit, campaign, None, "/recipients", reached=reached, **more)


def _funnel(one: Mapping[str, Any], rows_of: RowsOf) -> list[tuple[str, int, str, bool]]:
    """What each step kept, where it leads, and whether its share is told; opens and clicks only where they can have been seen,
    and without a share where some cannot: the rates are over the others alone."""
    is_all_tracked = not one["untracked"]
    steps = [("Attempted", "sent", True), ("Delivered", "delivered", True)]
    if one["channel"] != "sms" and one["tracking"]["opens"] != "no":
        steps.append(("Opened", "opened", is_all_tracked))
    if one["channel"] != "sms" and one["tracking"]["clicks"] != "no":
        steps.append(("Clicked", "clicked", is_all_tracked))
    return [(label, one["counts"][count], rows_of(count), has_share) for label, count, has_share in steps]


def _domains(visit: Visit, campaign: str, domains: Sequence[Item], causes: Sequence[Item]) -> list[Domain]:
    return [
        Domain(
            item["key"]["domain"],
            item,
            partial(_rows, visit, campaign, domain=item["key"]["domain"] or ""),
            [
                cause
                for each in causes
                if each["key"]["domain"] == item["key"]["domain"] and each["key"]["cause"]
                for cause in _causes(visit, campaign, each)
            ],
        )
        for item in domains
    ]


def _causes(visit: Visit, campaign: str, item: Item) -> list[tuple[str, int, str]]:
    """What came back for good and what was given up, of one domain and cause."""
    key = {name: value or "" for name, value in item["key"].items()}
    told = cause_of(key["cause"])
    return [
        (text, count, _rows(visit, campaign, name, **key))
        for name, text in (("bounced", told), ("soft_bounced", f"{told}, gave up"))
        if (count := item["counts"][name])
    ]


def _errors(
    visit: Visit, campaign: str, items: Sequence[Item]
) -> list[tuple[str | None, str, str, int, str]]:
    """Why text messages did not arrive: error (None where none was given), status with its label, count and URL, the most
    first."""
    found = []
    for item in items:
        code = item["key"]["error_code"]
        for name in _FAILED:
            if count := item["counts"][name]:
                href = _rows(visit, campaign, name, channel="sms", error_code=code or "")
                told = label(Status(name), "sms", vocabulary=visit.vocabulary)
                found.append((code, name, told, count, href))
    return sorted(found, key=lambda each: -each[3])


def _previous_url(visit: Visit, one: Mapping[str, Any]) -> str | None:
    previous = one["previous"]
    return campaign_url(visit, previous["campaign"]) if previous else None


ROUTES = [
    web.get("/campaigns/{campaign:(?s:.+)}/recipients", page(get_recipients)),
    web.get("/campaigns/{campaign:(?s:.+)}", page(get_mailing)),
]
