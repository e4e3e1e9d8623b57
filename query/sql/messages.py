"""The log: one row per message and recipient, filtered, searched, sorted and paged."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from query.periods import Span
from query.sql.reached import first_at_sql
from query.sql.where import SortColumn, Where, after, bound_time, like_pattern, order_by, select_keys
from schemas.status import CHANNELS, VOCABULARIES, Status, label
from schemas.tenants import Tenants

OR_NULL = (
    "recipient_as_given sender subject text campaign customer category document method link reason error_code error"
).split()
"""Text fields of which '' stands for "none", null in an item."""

OBJECTS = ("soft_bounce", "delay", "bounce")
"""Fields that are objects; ClickHouse has them as JSON text, '' for null."""

FIELDS = (
    "message_id channel recipient recipient_as_given sender subject text campaign customer category document method link "
    "status label reason at sent_at updated_at delivered_at first_opened_at first_clicked_at opens human_opens clicks "
    "soft_bounces gave_up soft_bounce delay bounce error_code error"
).split()
"""Fields of an item, in this order."""

_AT = SortColumn("m.filed_at", "time", True)
_REST = (
    SortColumn("m.message_id", "String", True),
    SortColumn("m.recipient", "String", True),
    SortColumn("m.tenant", "String", True),
)
_LEADING = {
    "recipient": SortColumn("m.recipient", "String", False),
    "status": SortColumn("m.rank", "UInt8", False),
    "updated_at": SortColumn("m.updated_at", "time", False),
}
SORTS = ("at", *_LEADING)

DAY_MS = 86_400_000


def order_of(sort: str) -> list[SortColumn]:
    """The whole order for a `sort` parameter: the field, then newest first, then what makes each row's place unique."""
    name, descending = sort.removeprefix("-"), sort.startswith("-")
    if name == "at":
        return [SortColumn(column.sql, column.kind, descending) for column in (_AT, *_REST)]
    leading = _LEADING[name]
    return [SortColumn(leading.sql, leading.kind, descending), _AT, *_REST]


def add_log_filters(where: Where, given: Mapping[str, Any]) -> None:
    """The filters and searches that only the log has."""
    for name, columns in _SEARCHED.items():
        if given.get(name):
            _add_search(where, columns, given[name])
    if given.get("q"):
        _add_search_everywhere(where, given["q"])
    if "status" in given:
        where.one_of("m.status", given["status"])
    if "reached" in given:
        span = given.get("reached_from"), given.get("reached_to")
        where.add(" OR ".join(_reached(where, name, span) for name in dict.fromkeys(given["reached"])))
    if "gave_up" in given:
        where.add("m.gave_up" if given["gave_up"] else "NOT m.gave_up")
    where.between("m.updated_at", given.get("updated_from"), None)
    if "clicked_link" in given:
        _add_clicked(where, given["campaign"], given["clicked_link"])


def _reached(where: Where, name: str, span: Span) -> str:
    """Rows that count so, and first did within the span, if there is one."""
    bounds = [
        f"{first_at_sql(name)} {sign} {where.bind_time(ms)}"
        for sign, ms in zip((">=", "<"), span, strict=True)
        if ms is not None
    ]
    return " AND ".join([f"m.is_{name}", *bounds])


def _add_clicked(where: Where, campaign: str, link: str) -> None:
    """Rows of a campaign in which this link was clicked, '' where none was told. Events are sorted by message, so that they
    are looked for by those of the campaign; of these also what was replaced since does no harm."""
    tenant = where.scope.tenant
    own = "" if tenant is None else f"m.tenant = {where.bind('String', tenant)} AND "
    messages = (
        f"SELECT m.tenant, m.message_id FROM message_status AS m WHERE {own}m.clicks > 0 "
        f"AND m.campaign = {where.bind('String', campaign)}"
    )
    where.add(
        "(m.tenant, m.message_id, m.recipient) IN (SELECT m.tenant, m.message_id, m.recipient FROM events AS m FINAL "
        f"WHERE {own}m.outcome = 'clicked' AND NOT m.late AND (m.tenant, m.message_id) IN ({messages}) "
        f"AND JSONExtractString(m.detail, 'link') = {where.bind('String', link)})"
    )


_SEARCHED = {
    "recipient": ("m.recipient", "lowerUTF8(m.recipient_as_given)"),
    "subject": ("lowerUTF8(m.subject)",),
    "text": ("lowerUTF8(m.text)",),
}

_GRAM = 3
"""Letters of what the index of the haystack holds."""

_USUAL_ID = frozenset("0123456789abcdefsm-")
"""The signs, in small letters, of which a message's id has no others where the store's `has_odd_id` is 0."""

_SES_ID, _TWILIO_ID = re.compile(r"[-0-9a-f]{60}"), re.compile(r"[sm]m[0-9a-f]{32}")
"""Whole ids, in small letters, as they are where `has_odd_id` is 0 (schemas/clickhouse/0011_whole_ids.sql)."""


def recipient_sql(where: Where, text: str) -> str:
    """Whether `text` is part of the recipient, as addresses are compared."""
    return f"m.recipient LIKE {_pattern(where, text)}"


def _add_search(where: Where, columns: Sequence[str], text: str) -> None:
    """Finds `text` in one of the columns. What is in a field is in the haystack, whose index tells quickly where not to look, but
    nothing of less than its grams."""
    pattern = _pattern(where, text)
    if len(text) >= _GRAM:
        where.hint(f"m.haystack LIKE {pattern}")
    where.add(" OR ".join(f"{column} LIKE {pattern}" for column in columns))


def _add_search_everywhere(where: Where, text: str) -> None:
    """Finds `text` in the haystack or in a message's id. What is part of an id is in no index, ids being long and all different;
    but nearly all are of few signs and two lengths, and are not read where `text` has other signs or is a whole one."""
    pattern = _pattern(where, text)
    in_id = f"lowerUTF8(m.message_id) LIKE {pattern}"
    ways = [f"m.haystack LIKE {pattern}"]
    whole = _whole_id(text.lower())
    if whole is not None:
        ways.append(f"m.message_id = {where.bind('String', whole)}")
    may_be_part = whole is None and _USUAL_ID.issuperset(text.lower())
    where.add_any([*ways, in_id if may_be_part else f"m.has_odd_id > 0 AND {in_id}"])


def _whole_id(text: str) -> str | None:
    """A whole message id of SES or Twilio as the provider writes it; None for any other text, which is in small letters."""
    if _SES_ID.fullmatch(text):
        return text
    return text[:2].upper() + text[2:] if _TWILIO_ID.fullmatch(text) else None


def _pattern(where: Where, text: str) -> str:
    return f"lowerUTF8({where.bind('String', like_pattern(text))})"


def bind_labels(where: Where, tenants: Tenants) -> str:
    """SQL for the label of a row of `m` in the vocabulary of its tenant; the status itself where there is none."""
    labels = {
        f"{vocabulary}/{channel}/{status}/{int(gave_up)}": label(
            status, channel, gave_up=gave_up, vocabulary=vocabulary
        )
        for vocabulary in VOCABULARIES
        for channel in CHANNELS
        for status in Status
        for gave_up in (False, True)
    }
    spoken = {name: tenants.vocabulary(name) for name in tenants if tenants.vocabulary(name) != "waybill"}
    vocabulary = _bind_lookup(where, "m.tenant", spoken, "'waybill'") if spoken else "'waybill'"
    key = f"concat({vocabulary}, '/', m.channel, '/', m.status, '/', toString(toUInt8(m.gave_up)))"
    return _bind_lookup(where, key, labels, "m.status")


def _bind_lookup(where: Where, key: str, table: dict[str, str], otherwise: str) -> str:
    keys, values = (where.bind("Array(String)", list(each)) for each in (table.keys(), table.values()))
    return f"transform(toString({key}), {keys}, {values}, toString({otherwise}))"


def item_columns(labelled: str, *, with_tenant: bool, nulls: bool = False) -> str:
    """The SELECT list of an item; `labelled` is the SQL of its label. Without `nulls` none is '', as the store has it:
    sixteen expressions more take the engine as long as the rest of a short answer."""
    special = {"at": "m.filed_at", "label": labelled}
    if nulls:
        special |= {name: f"nullIf(m.{name}, '')" for name in (*OR_NULL, *OBJECTS)}
    names = (["tenant"] if with_tenant else []) + FIELDS
    return ", ".join(f"{special.get(name, f'm.{name}')} AS {name}" for name in names)


NARROW: Mapping[str, Any] = {
    # It reads the rest of a row before the filters have seen it.
    "use_top_k_dynamic_filtering": 0,
    # To look into the indexes once, before anything is read, takes two thirds of the time.
    "use_skip_indexes_on_data_read": 0,
    "use_text_index_postings_cache": 1,
}
"""ClickHouse's settings for SQL that finds places."""


def leading_of(order: Sequence[SortColumn]) -> Sequence[SortColumn]:
    """What is short to read, tells most rows apart and is in the order of `order`: of a recipient its beginning as a number;
    a status is shared by many, so `at` belongs to it."""
    match order[0].sql:
        case "m.recipient":
            return [SortColumn("m.recipient_head", "UInt128", order[0].descending)]
        case "m.rank":
            return order[:2]
        case _:
            return order[:1]


def leading_values(order: Sequence[SortColumn], values: Sequence[Any]) -> Sequence[Any]:
    """What a row with these values of `order` has as values of `leading_of(order)`."""
    return [head_of(values[0])] if order[0].sql == "m.recipient" else values[: len(leading_of(order))]


_HEAD = 16


def head_of(recipient: str) -> str:
    """The store's `recipient_head`: the first 16 bytes, zeros behind a shorter one, as a number in digits, the first byte being
    the most significant one. So numbers stand in the order of the recipients, those that begin alike side by side."""
    return str(int.from_bytes(recipient.encode()[:_HEAD].ljust(_HEAD, b"\0")))


def places_sql(where: Where, order: Sequence[SortColumn], limit: int) -> str:
    """Where the first rows stand: the order's values as k0, k1, …, also of versions of a row that are no longer true."""
    return f"SELECT {select_keys(order)} {_first_of(where, order, order, limit)}"


def leading_sql(where: Where, leading: Sequence[SortColumn], limit: int) -> str:
    """The `leading` values of the first rows as k0, k1, …, and when each was filed, ms, as at_ms; versions that are no longer
    true have a row of their own."""
    return (
        f"SELECT {select_keys(leading)}, toUnixTimestamp64Milli(m.filed_at) AS at_ms "
        f"{_first_of(where, [*leading, _AT], leading, limit)}"
    )


def _first_of(where: Where, read: Sequence[SortColumn], order: Sequence[SortColumn], limit: int) -> str:
    """FROM what has these columns of the first rows, and so many of it in this order. What is found in several ways is looked
    for in each of them by itself."""
    first = f"ORDER BY {order_by(order)} LIMIT {limit}"
    if len(where.ways) == 1:
        return f"FROM message_status AS m WHERE {where.sql} {first}"
    names = ", ".join(dict.fromkeys(f"{column.sql} AS {column.sql.removeprefix('m.')}" for column in read))
    finds = [f"(SELECT {names} FROM message_status AS m WHERE {way} {first})" for way in where.ways]
    return f"FROM ({' UNION ALL '.join(finds)}) AS m {first}"


def filed_at(where: Where, times: Sequence[int]) -> None:
    """Only rows that were filed at one of these times, ms."""
    kind = "Array(DateTime64(3, 'UTC'))"
    where.add(f"m.filed_at IN {where.bind(kind, [bound_time(ms) for ms in sorted(set(times))])}")


def versions_sql(where: Where, columns: str, order: Sequence[SortColumn], limit: int, unchanging: str) -> str:
    """The first rows, all versions of each beside each other with their `revision`, with the order's values as k0, k1, …; and
    whether they pass `unchanging`."""
    return (
        f"SELECT {columns}, {select_keys(order)}, m.revision AS revision, {unchanging} AS is_unchanging "
        f"FROM message_status AS m WHERE {where.sql} ORDER BY {order_by(order)} LIMIT {limit}"
    )


def rows_at_sql(
    where: Where, columns: str, order: Sequence[SortColumn], places: Sequence[Sequence[Any]]
) -> str:
    """The rows of `where` at these places as they are now, with the order's values beside them as k0, k1, …"""
    found = [dict(zip((column.sql for column in order), place, strict=True)) for place in places]
    keys = [(key["m.tenant"], key["m.filed_at"], key["m.message_id"], key["m.recipient"]) for key in found]
    # None of a row's key ever changes, so these may be chosen before FINAL is worked out, and of others nothing is read.
    return (
        f"SELECT {columns}, {select_keys(order)} FROM message_status AS m FINAL "
        f"PREWHERE {among_keys(where, keys)} WHERE {where.without_hints} "
        f"ORDER BY {order_by(order)}"
    )


def among_keys(where: Where, keys: Sequence[tuple[str, int, str, str]]) -> str:
    """Whether a row is one of these by the sort key: tenant, when filed (ms), message id and recipient of each. The primary key
    uses a bound list of tuples, and no zipped arrays. `where` gets values bound."""
    bound = [(tenant, bound_time(ms), message, recipient) for tenant, ms, message, recipient in keys]
    kind = "Array(Tuple(String, DateTime64(3, 'UTC'), String, String))"
    return f"(m.tenant, m.filed_at, m.message_id, m.recipient) IN {where.bind(kind, bound)}"


def oldest_sql(where: Where) -> str:
    """When the first of the rows was filed, ms; no row where there are none."""
    return (
        f"SELECT toUnixTimestamp64Milli(min(m.filed_at)) AS oldest FROM message_status AS m WHERE {where.sql} "
        "HAVING count() > 0"
    )


def whole_sql(where: Where, columns: str, order: Sequence[SortColumn]) -> str:
    """All rows, for an export."""
    return f"SELECT {columns} FROM message_status AS m FINAL WHERE {where.sql} ORDER BY {order_by(order)}"


WINDOW_DAYS = (1, 8, 64)
FEW_WINDOW_DAYS = (8,)
"""How many days the windows of a page end before its newest row; the second where few rows are expected, which are as soon found
in months as in a day, so that one question about all of them is answered sooner than several."""


def windows(
    newest_ms: int | None, oldest_ms: int | None, now_ms: int, window_days: Sequence[int] = WINDOW_DAYS
) -> list[tuple[int | None, int | None]]:
    """Ranges of `at`, newest first, that cover everything between the two ends (None = open).

    The newest page of a long log is found in its newest days: reading them first spares reading the rest.
    """
    last = now_ms if newest_ms is None else newest_ms
    found: list[tuple[int | None, int | None]] = []
    upper = newest_ms
    for edge in (last - days * DAY_MS for days in window_days):
        if oldest_ms is not None and edge <= oldest_ms:
            break
        found.append((edge, upper))
        upper = edge
    return [*found, (oldest_ms, upper)]


def later_windows(
    oldest_ms: int | None, newest_ms: int | None, window_days: Sequence[int] = WINDOW_DAYS
) -> list[tuple[int | None, int | None]]:
    """The same for the oldest page: ranges oldest first. None as `oldest_ms` = there is nothing."""
    if oldest_ms is None:
        return []
    found: list[tuple[int | None, int | None]] = []
    lower = oldest_ms
    for edge in (oldest_ms + days * DAY_MS for days in window_days):
        if newest_ms is not None and edge >= newest_ms:
            break
        found.append((lower, edge))
        lower = edge
    return [*found, (lower, newest_ms)]


def after_page(where: Where, order: Sequence[SortColumn], values: Sequence[Any]) -> None:
    """Only rows beyond a page's last one."""
    where.add(after(where, order, values))
    if order[0].kind == "time":
        # Said once more by itself, since the sort key can use it.
        where.add(f"{order[0].sql} {'<=' if order[0].descending else '>='} {where.bind_time(values[0])}")
