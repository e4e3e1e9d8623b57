"""A mailing as pages show it: its name, and the ways to its page and to its rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from query.console.figures import (
    BOUNCED,
    CLICKED,
    COMPLAINED,
    DELIVERED,
    OPENED,
    OPENED_BY_PEOPLE,
    UNDELIVERED,
    Figure,
    RowsOf,
    figures_of,
)
from query.console.visit import Visit, segment
from query.periods import Span, common, day_span
from schemas.times import format_optional

_KINDS = (DELIVERED, OPENED, OPENED_BY_PEOPLE, CLICKED, BOUNCED, COMPLAINED)
_KINDS_OF_TEXTS = (DELIVERED, UNDELIVERED)
"""Text messages have no opens, clicks, bounces and complaints to speak of."""


@dataclass(frozen=True, slots=True)
class Mailing:
    """A mailing of a list. `url` leads to its page, or to the log where it has none: messages without a campaign are told
    apart by subject and day."""

    item: Mapping[str, Any]
    url: str
    rows_of: RowsOf
    figures: Mapping[str, Figure]
    """By the name of their count."""

    @property
    def name(self) -> str:
        """The campaign, else the subject; '' where there is neither."""
        return self.item["campaign"] or self.item["subject"] or ""


def campaign_url(
    visit: Visit, campaign: str, tenant: str | None = None, below: str = "", **parameters: Any
) -> str:
    """The page of a campaign, or one `below` it."""
    chosen = {"tenant": tenant} if tenant is not None else {}
    return visit.url(f"/campaigns/{segment(campaign)}{below}", **chosen, **parameters)


def mailing_of(
    visit: Visit, item: Mapping[str, Any], span: Span, zone: str, filters: Mapping[str, str] | None = None
) -> Mailing:
    """An item of /v1/campaigns within `span`, its days being those of `zone`; `filters` are those of the list that its rows
    passed."""
    rows_of = partial(_rows, visit, item, span, zone, filters or {})
    campaign = item["campaign"]
    url = campaign_url(visit, campaign, item.get("tenant")) if _has_page(campaign) else rows_of(None)
    is_tracked = item["tracking"]["opens"] != "no"
    kinds = _KINDS_OF_TEXTS if item["channel"] == "sms" else _KINDS
    figures = figures_of(kinds, _compared(item), rows_of, is_tracked=is_tracked)
    return Mailing(item, url, rows_of, {figure.kind.count: figure for figure in figures})


def _compared(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """The item without the one before where that says nothing: of two receipts, one was opened and the other was not."""
    previous = item.get("previous")
    if previous and min(item["recipients"], previous["recipients"]) > 1:
        return item
    return {**item, "previous": None}


def _rows(
    visit: Visit,
    item: Mapping[str, Any],
    span: Span,
    zone: str,
    filters: Mapping[str, str],
    reached: str | None,
) -> str:
    campaign, tenant = item["campaign"], item.get("tenant")
    if not campaign:
        span = common(span, day_span(date.fromisoformat(item["day"]), zone))
    narrowed = {**filters, **_bounds(span), "reached": reached}
    if _has_page(campaign):
        return campaign_url(visit, campaign, tenant, "/recipients", **narrowed)
    if tenant is not None:
        narrowed["tenant"] = tenant
    log = "/sms-log" if item["channel"] == "sms" else "/email-log"
    which = {"campaign": campaign} if campaign else {"campaign": "", "subject_is": item["subject"] or ""}
    return visit.url(log, **{**narrowed, **which})


def _has_page(campaign: str | None) -> bool:
    """Whether a mailing has a page of its own: it has a name, and one that can be a part of a path. Browsers take dots for the
    folder itself or the one above, however they are encoded."""
    return campaign not in (None, ".", "..")


def _bounds(span: Span) -> dict[str, str | None]:
    return {"from": format_optional(span[0]), "to": format_optional(span[1])}
