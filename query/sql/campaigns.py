"""Mailings: each campaign, and of messages without one those of a channel, a subject and a day; their figures, their opens
and clicks over time, and their links."""

from collections.abc import Mapping, Sequence
from typing import Any

from query.periods import Span
from query.sql.figures import BASES, bases_sql, figure_columns, figures
from query.sql.lists import Listed
from query.sql.rates import instant_sql
from query.sql.reached import FIRST_AT, first_at_sql
from query.sql.where import SortColumn, Where, like_pattern
from schemas.status import COUNTS

LOOK_BACK_MS = 35 * 86_400_000
"""How long before the range asked about the mailing before one is looked for: five weeks, since the first Mondays of two
months may lie so far apart."""

NEAR_MS = 60 * 86_400_000
"""What names no recipient may be filed this long before or after the campaign's messages: facts that lie further apart are
not folded together either (`state_days`)."""

_OWN = "m.is_attributed"
_PLACE = ("tenant", "campaign", "channel", "subject", "day")
"""What tells one mailing from another; of a campaign channel and subject follow from its name."""
_SAID = ("campaign", "channel", "subject", "day")

_SORTS = {
    "first_at": SortColumn("m.first_at", "time", True),
    "campaign": SortColumn("m.campaign", "String", False),
    "subject": SortColumn("m.subject", "String", False),
    "recipients": SortColumn("m.recipients", "UInt64", True),
    **{name: SortColumn(f"m.{name}", "UInt64", True) for name in COUNTS},
}
SORT_VALUES = [f"{minus}{name}" for name in _SORTS for minus in ("", "-")]


def mailings_list(
    where: Where,
    zone: str,
    span: Span,
    *,
    compare: bool = False,
    are_campaigns: bool = False,
    tells_tracking: bool = True,
) -> Listed:
    """The mailings of the rows of `where`, within `span`, the figures of each with those of the mailing before as previous_…
    where `compare` says so. `where` gets values bound, and is not for the list itself but `where.around()`.

    What names no recipient counts in no figure; it does tell whether opens and clicks are tracked. `are_campaigns` where all
    rows are of campaigns; where `tells_tracking` is not set, `tracking` means nothing.
    """
    columns = {
        **{name: f"nullIf(m.{name}, '')" for name in _SAID},
        **{name: f"m.{name}" for name in ("first_at", "recipients", "untracked")},
        **{f"tracking_{name}": _tracking_sql(f"m.saw_{name}") for name in ("opens", "clicks")},
        **figure_columns(),
    }
    source = _mailings_sql(
        where, zone, span, compare=compare, are_campaigns=are_campaigns, tells_tracking=tells_tracking
    )
    if compare:
        columns |= _previous_columns()
        source = _with_previous_sql(source)
    return Listed(
        name="campaigns",
        source=f"({source}) AS m",
        columns=columns,
        sorts=_SORTS,
        rest=[SortColumn(f"m.{name}", "String", False) for name in _PLACE],
        default_sort="-first_at",
        shape=_shape,
    )


def add_mailing_filters(mailings: Where, given: Mapping[str, Any]) -> None:
    """The filters of mailings as a whole, on the result of `mailings_list`."""
    mailings.add("m.recipients > 0")
    if "campaign" in given:
        mailings.equal("m.campaign", given["campaign"])
    if given.get("q"):
        pattern = f"lowerUTF8({mailings.bind('String', like_pattern(given['q']))})"
        mailings.add(f"lowerUTF8(m.campaign) LIKE {pattern} OR lowerUTF8(m.subject) LIKE {pattern}")


def _mailings_sql(
    where: Where, zone: str, span: Span, *, compare: bool, are_campaigns: bool, tells_tracking: bool
) -> str:
    """The mailings; with `compare` also those of the time before, and what is told of a mailing when it is the one before:
    all_<name>, over that time too."""
    from_ms, to_ms = span
    asked = "1"
    if compare and from_ms is not None:
        asked = f"m.filed_at >= {where.bind_time(from_ms)}"
        from_ms -= LOOK_BACK_MS
    where.between("m.filed_at", from_ms, to_ms)
    saw = {
        name: _saw_sql(where, name, asked, (from_ms, to_ms)) if tells_tracking else "false" for name in _SEEN
    }
    selected = [
        *_place_columns(where, zone, are_campaigns=are_campaigns),
        "of_day AS day",
        *_aggregates(asked),
        *(f"{sql} AS saw_{name}" for name, sql in saw.items()),
        f"countIf({asked} AND {_OWN} AND m.tracking = 'none') AS untracked",
        *(_aggregates("1", "all_") if compare else ()),
    ]
    return f"SELECT {', '.join(selected)} FROM message_status AS m FINAL WHERE {where.sql} GROUP BY {_PLACED}"


_PLACED = "tenant, campaign, of_channel, of_subject, of_day"


def _place_columns(where: Where, zone: str, *, are_campaigns: bool = False) -> list[str]:
    """The columns of _PLACED, which tell mailings apart: of a campaign nothing but its name. `are_campaigns` where all are:
    to work out a day, though of none, takes longer than all else of a row."""
    values = ["m.tenant", "m.campaign", "''", "''", "''"] if are_campaigns else _place_sql(where, zone)
    return [f"{sql} AS {name}" for name, sql in zip(_PLACED.split(", "), values, strict=True)]


def _place_sql(where: Where, zone: str) -> list[str]:
    day = f"toString(toDate(m.filed_at, {where.bind('String', zone)}))"
    of_others = [f"if(m.campaign = '', {sql}, '')" for sql in ("m.channel", "m.subject", day)]
    return ["m.tenant", "m.campaign", *of_others]


_SEEN = ("opens", "clicks")


def _saw_sql(where: Where, name: str, asked: str, span: Span) -> str:
    """Whether opens or clicks (`name`) of a mailing were seen, in rows of `where` of which `asked` holds."""
    return (
        f"countIf({asked} AND m.{name} > 0 AND m.tracking != 'none') > 0 "
        f"OR (tenant, campaign) IN ({_seen_by_message_sql(where, name, asked, span)})"
    )


def _seen_by_message_sql(where: Where, name: str, asked: str, span: Span) -> str:
    """Tenant and campaign of the rows of `where`, of which `asked` holds, whose message was seen to be opened or clicked
    (`name`) by somebody whom the provider does not name, of a campaign that it does not name either: one that is no tag of
    the mail but only registered is told of the recipients that the registration names. `where` gets values bound.
    """
    from_ms, to_ms = span
    nameless = where.around()
    if where.scope.tenant is not None:
        nameless.equal("m.tenant", where.scope.tenant)
    nameless.between(
        "m.filed_at",
        None if from_ms is None else from_ms - NEAR_MS,
        None if to_ms is None else to_ms + NEAR_MS,
    )
    nameless.add(f"NOT {_OWN} AND m.campaign = '' AND m.tracking != 'none' AND m.{name} > 0")
    where.parameters |= nameless.parameters
    messages = f"SELECT m.tenant, m.message_id FROM message_status AS m WHERE {nameless.sql}"
    return (
        f"SELECT m.tenant, m.campaign FROM message_status AS m WHERE {where.sql} AND {asked} AND {_OWN} "
        f"AND m.campaign != '' AND (m.tenant, m.message_id) IN ({messages})"
    )


def _aggregates(rows: str, prefix: str = "") -> list[str]:
    """What is told of a mailing, over those of its rows for which `rows` holds."""
    return [
        f"{_channel_sql(rows)} AS {prefix}channel",
        # Subjects may be personal: that of the first message stands for all. To tell two of the same instant apart by a
        # tuple would cost as much as all the counts.
        f"argMinIf(m.subject, m.filed_at, {rows} AND m.subject != '') AS {prefix}subject",
        f"minIf(m.filed_at, {rows} AND {_OWN}) AS {prefix}first_at",
        f"countIf({rows} AND {_OWN}) AS {prefix}recipients",
        *bases_sql(f"{rows} AND {_OWN}", prefix),
    ]


def _channel_sql(rows: str) -> str:
    """A campaign may be of both channels, and is told as of none then."""
    return f"if(minIf(m.channel, {rows}) = maxIf(m.channel, {rows}), minIf(m.channel, {rows}), '')"


def _tracking_sql(seen: str) -> str:
    """Where part of a mailing was declared untracked, that of the rest."""
    return f"multiIf(m.untracked = m.recipients, 'no', {seen}, 'yes', 'unknown')"


_OF_PREVIOUS = (*_SAID, "first_at", "recipients", *BASES)


def _with_previous_sql(mailings: str) -> str:
    """Each mailing with the one before it, as p_…: the one that began before it, of the same tenant and channel, campaigns
    among campaigns."""
    whole = {name: name if name in ("campaign", "day") else f"all_{name}" for name in _OF_PREVIOUS}
    before = ", ".join(f"lagInFrame({sql}) OVER w AS p_{name}" for name, sql in whole.items())
    order = ", ".join(whole[name] for name in ("first_at", *_SAID))
    return (
        f"SELECT *, row_number() OVER w > 1 AS has_previous, {before} "
        f"FROM (SELECT * FROM ({mailings}) WHERE all_recipients > 0) "
        f"WINDOW w AS (PARTITION BY tenant, all_channel, campaign = '' ORDER BY {order} "
        "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
    )


def _previous_columns() -> dict[str, str]:
    columns = {name: f"nullIf(m.p_{name}, '')" for name in _SAID}
    columns |= {name: f"m.p_{name}" for name in ("first_at", "recipients")} | figure_columns("p_")
    return {f"previous_{name}": f"if(m.has_previous, {sql}, NULL)" for name, sql in columns.items()}


def _shape(item: dict[str, Any]) -> dict[str, Any]:
    """The flat fields of a mailing as an item."""
    shaped = {
        **{
            name: item[name]
            for name in ("tenant", *_SAID, "first_at", "recipients", "untracked")
            if name in item
        },
        "tracking": {name: item[f"tracking_{name}"] for name in ("opens", "clicks")},
        **figures(item),
    }
    if "previous_first_at" in item:
        shaped["previous"] = _previous(item) if item["previous_first_at"] is not None else None
    return shaped


def _previous(item: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: item[f"previous_{name}"] for name in (*_SAID, "first_at", "recipients")}
    return told | figures(item, "previous_")


Place = tuple[str, str, str, str, str]
"""What tells a mailing from others: tenant, campaign, and of messages without one channel, subject and day."""
_PLACES = "Array(Tuple(String, String, String, String, String))"


def place_of(item: Mapping[str, Any], tenant: str | None) -> Place:
    """Where an item of `mailings_list` stands, which is of `tenant` unless it says of whom it is."""
    of_others = ("", "", "") if item["campaign"] else (item["channel"], item["subject"] or "", item["day"])
    return (item.get("tenant", tenant) or "", item["campaign"] or "", *of_others)


def mailings_before_sql(
    where: Where, zone: str, places: Sequence[Place], near: Sequence[tuple[int, int]], *, are_campaigns: bool
) -> str:
    """Of each mailing of `places` which one was before it, as `_with_previous_sql` has it, of those that have a row within
    one of the spans of `near` (first and last ms); when that began, and between which times its rows lie, ms. No row where none
    was. They are all campaigns or all none. `where` has the rows of the tenants, and gets values bound."""
    names = _PLACED.split(", ")
    where.add("m.campaign != ''" if are_campaigns else "m.campaign = ''")
    # To group all mailings of a month takes ten times as long as to see which ones are near.
    (near_rows := where.copy()).add(_within_sql(near_rows, near))
    where.parameters |= near_rows.parameters
    # Of others than campaigns the subject alone, since to work out the days of all rows takes as long as to group them.
    telling = "m.campaign" if are_campaigns else "m.subject"
    near_ones = (
        f"{where.sql} AND {telling} IN (SELECT {telling} FROM message_status AS m WHERE {near_rows.sql})"
    )
    if are_campaigns:
        # They are far between, and soon over: to look for their last row first, without FINAL, spares reading on until now.
        near_ones += f" AND m.filed_at <= (SELECT max(m.filed_at) FROM message_status AS m WHERE {near_ones})"
    place = ", ".join(_place_columns(where, zone, are_campaigns=are_campaigns))
    mailings = (
        f"SELECT {place}, {_channel_sql('1')} AS all_channel, "
        f"minIf(m.filed_at, {_OWN}) AS began, min(m.filed_at) AS first_at, max(m.filed_at) AS last_at "
        f"FROM message_status AS m FINAL WHERE {near_ones} "
        f"GROUP BY {_PLACED} HAVING countIf({_OWN}) > 0"
    )
    before = [
        *(f"lagInFrame({name}) OVER w AS before_{name}" for name in names),
        *(
            f"toUnixTimestamp64Milli(lagInFrame({name}) OVER w) AS before_{name}_ms"
            for name in ("began", "first_at", "last_at")
        ),
    ]
    asked = where.bind(_PLACES, list(places))
    return (
        f"SELECT * FROM (SELECT {_PLACED}, row_number() OVER w > 1 AS has_previous, {', '.join(before)} "
        f"FROM ({mailings}) WINDOW w AS (PARTITION BY tenant, all_channel ORDER BY began, {', '.join(names[1:])} "
        f"ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) WHERE has_previous AND ({_PLACED}) IN {asked}"
    )


def add_places(
    where: Where, zone: str, places: Sequence[Place], spans: Sequence[tuple[int, int]], *, are_campaigns: bool
) -> None:
    """Only rows of these mailings, which are all campaigns or all none and lie within `spans`: first and last ms of each."""
    where.add(_within_sql(where, spans))
    if are_campaigns:
        add_campaigns(where, [place[:2] for place in places])
    else:
        subjects = sorted({place[3] for place in places})
        where.add(f"m.campaign = '' AND m.subject IN {where.bind('Array(String)', subjects)}")
        where.add(f"({', '.join(_place_sql(where, zone))}) IN {where.bind(_PLACES, list(places))}")


def _within_sql(where: Where, spans: Sequence[tuple[int, int]]) -> str:
    """Whether a row lies within one of these spans, first and last ms of each."""
    return " OR ".join(
        f"m.filed_at BETWEEN {where.bind_time(first)} AND {where.bind_time(last)}" for first, last in spans
    )


def campaigns_sql(where: Where) -> str:
    """Which campaigns have rows of `where`. Also what was replaced since is looked at, as in `span_sql`."""
    return (
        "SELECT DISTINCT m.tenant AS tenant, m.campaign AS campaign FROM message_status AS m "
        f"WHERE {where.sql} AND m.campaign != ''"
    )


def add_campaigns(where: Where, campaigns: Sequence[tuple[str, str]]) -> None:
    """Only rows of these campaigns, each with its tenant."""
    bound = where.bind("Array(Tuple(String, String))", list(campaigns))
    where.add(f"(m.tenant, m.campaign) IN {bound}")


def span_sql(where: Where) -> str:
    """Between which times the rows of `where` lie, in ms, and whether there are any. Also what was replaced since is looked
    at, which spares a merge and makes the span no narrower, since `filed_at` never changes."""
    ends = ", ".join(
        f"toUnixTimestamp64Milli({end}(m.filed_at)) AS {name}_ms"
        for end, name in (("min", "first"), ("max", "last"))
    )
    return f"SELECT {ends}, count() AS rows FROM message_status AS m WHERE {where.sql}"


def unattributed_sql(where: Where, campaign: str, span: tuple[int, int]) -> str:
    """Opens and clicks of the campaign's messages that name no recipient, of a campaign whose rows lie within `span`; `where`
    gets values bound, and has only the tenant.

    They are found by their messages: what only a registration tells, as a campaign that is no tag of the mail, is told of
    the recipients that it names.
    """
    of_campaign = where.copy()
    of_campaign.equal("m.campaign", campaign)
    of_campaign.between("m.filed_at", *span)
    of_campaign.add(_OWN)
    where.parameters |= of_campaign.parameters
    where.between("m.filed_at", span[0] - NEAR_MS, span[1] + NEAR_MS)
    where.add(f"NOT {_OWN}")
    # There are few of them: so the campaign's messages are looked for among theirs, and not all of those remembered.
    nameless = f"SELECT m.message_id FROM message_status AS m WHERE {where.sql}"
    messages = f"SELECT m.message_id FROM message_status AS m WHERE {of_campaign.sql} AND m.message_id IN ({nameless})"
    named = f"m.campaign = {where.bind('String', campaign)}"
    # Whether a row is of a recipient never changes, so these may be chosen before FINAL is worked out, and of others nothing is
    # read.
    return (
        f"SELECT sum(m.opens) AS opens, sum(m.clicks) AS clicks FROM message_status AS m FINAL PREWHERE NOT {_OWN} "
        f"WHERE {where.sql} AND ({named} OR m.message_id IN ({messages}))"
    )


def tenants_sql(where: Where) -> str:
    """The tenants that have a row of `where` with a recipient, two at most."""
    # Of one tenant the first row says all.
    first = "LIMIT 1 BY m.tenant LIMIT 2" if where.scope.tenant is None else "LIMIT 1"
    return f"SELECT m.tenant AS tenant FROM message_status AS m FINAL WHERE {where.sql} AND {_OWN} {first}"


def timeline_list(where: Where, bucket: str, zone: str) -> Listed:
    """How many of the rows of `where` first counted as opened and clicked in each hour or day of the zone; only those in
    which some did. `where` gets the zone bound."""
    seen = ", ".join(f"('{count}', if(m.is_{count}, {first_at_sql(count)}, NULL))" for count in FIRST_AT)
    moment = f"toTimeZone(assumeNotNull(seen.2), {where.bind('String', zone)})"
    start = f"toStartOfHour({moment})" if bucket == "hour" else f"toStartOfDay({moment})"
    counts = ", ".join(f"countIf(seen.1 = '{count}') AS {count}" for count in FIRST_AT)
    rows = (
        f"SELECT arrayJoin([{seen}]) AS seen FROM message_status AS m FINAL WHERE {where.sql} AND m.is_opened"
    )
    return Listed(
        name="timeline",
        source=f"(SELECT {instant_sql(start)} AS at, {counts} FROM ({rows}) WHERE seen.2 IS NOT NULL GROUP BY at) AS m",
        columns={name: f"m.{name}" for name in ("at", *FIRST_AT)},
        sorts={"at": SortColumn("m.at", "String", False)},
        rest=(),
        default_sort="at",
        tenant=None,
    )


def links_list(tenant: str, where: Where) -> Listed:
    """The links that were clicked in the messages of `where`, which may be unattributed. `where` gets the tenant bound.

    A click is by a person where its own verdict says nothing else, and people clicked in the message at all by the verdicts
    that look at what stands around a click.
    """
    rows = (
        f"SELECT m.message_id, m.recipient FROM message_status AS m FINAL WHERE {where.sql} AND m.clicks > 0"
    )
    by_people = f"m.recipient = '' OR (m.message_id, m.recipient) IN ({rows} AND m.human_clicks > 0)"
    source = (
        "SELECT JSONExtractString(m.detail, 'link') AS link, count() AS clicks, "
        f"countIf(NOT ifNull(m.machine, false) AND ({by_people})) AS human_clicks, "
        "uniqExactIf((m.message_id, m.recipient), m.recipient != '') AS recipients "
        f"FROM events AS m FINAL WHERE m.tenant = {where.bind('String', tenant)} "
        f"AND m.outcome = 'clicked' AND NOT m.late AND (m.message_id, m.recipient) IN ({rows}) GROUP BY link"
    )
    return Listed(
        name="links",
        source=f"({source}) AS m",
        columns={"link": "nullIf(m.link, '')"} | {name: f"m.{name}" for name in _LINK_COUNTS},
        sorts={
            **{name: SortColumn(f"m.{name}", "UInt64", True) for name in _LINK_COUNTS},
            "link": SortColumn("m.link", "String", False),
        },
        rest=(SortColumn("m.link", "String", False),),
        default_sort="-clicks",
        tenant=None,
    )


_LINK_COUNTS = ("clicks", "human_clicks", "recipients")
LINK_SORT_VALUES = [f"{minus}{name}" for name in (*_LINK_COUNTS, "link") for minus in ("", "-")]
