"""Consents, as they are or as they were at a time, and their audit log."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from query.sql.addresses import add_whose
from query.sql.lists import Listed, select_list
from query.sql.where import Scope, SortColumn, Where
from schemas.consent import EVERY_CATEGORY

_OR_NULL = ("sender", "evidence", "reason", "message_id", "recorded_by")
_KEY = "tenant channel address category sender".split()
_STATE = "state since source actor evidence reason entry_id message_id".split()
_REST = (
    SortColumn("m.address", "String", False),
    SortColumn("m.channel", "String", False),
    SortColumn("m.category", "String", False),
    SortColumn("m.sender", "String", False),
    SortColumn("m.tenant", "String", False),
)


def _columns(names: list[str]) -> dict[str, str]:
    return {name: f"nullIf(m.{name}, '')" if name in _OR_NULL else f"m.{name}" for name in names}


CONSENTS = Listed(
    name="consents",
    source="consents AS m FINAL",
    columns=_columns([*_KEY[1:], *_STATE]),
    sorts={
        "since": SortColumn("m.since", "time", True),
        "address": SortColumn("m.address", "String", False),
        "category": SortColumn("m.category", "String", False),
    },
    rest=_REST,
    default_sort="-since",
    objects=frozenset({"evidence"}),
)

LOG = Listed(
    name="consent-log",
    source="consent_log AS m FINAL",
    columns=_columns(
        "entry_id address channel category sender consent source actor evidence reason at recorded_at recorded_by "
        "receipt_id message_id".split()
    ),
    sorts={
        "at": SortColumn("m.at", "time", True),
        "recorded_at": SortColumn("m.recorded_at", "time", True),
        "address": SortColumn("m.address", "String", False),
    },
    rest=(
        SortColumn("m.at", "time", True),
        SortColumn("m.entry_id", "String", False),
        SortColumn("m.channel", "String", False),
        SortColumn("m.address", "String", False),
        SortColumn("m.tenant", "String", False),
    ),
    default_sort="-at",
    objects=frozenset({"evidence"}),
)


def as_of(where: Where, at: int) -> Listed:
    """The consents as the log has them for that time, in ms: the latest change of each until then, of two at the very same
    time the opt-out, as the fold has it. `where` gets the value bound."""
    latest = ", ".join(f"l.{'consent' if name == 'state' else name}" for name in _STATE if name != "since")
    places = {"state": 2, **{name: 2 + n for n, name in enumerate(n for n in _STATE if n != "since")}}
    columns = ", ".join(f"stood.{1 if name == 'since' else places[name]} AS {name}" for name in _STATE)
    keys = ", ".join(f"l.{name}" for name in _KEY)
    source = (
        f"(SELECT {', '.join(_KEY)}, {columns} FROM (SELECT {', '.join(f'l.{name} AS {name}' for name in _KEY)}, "
        f"argMax((l.at, {latest}), (l.at, l.consent = 'out', l.entry_id)) AS stood "
        f"FROM consent_log AS l FINAL WHERE l.at <= {where.bind_time(at)} GROUP BY {keys})) AS m"
    )
    return replace(CONSENTS, source=source)


OF_MESSAGES = ("campaign", "document", "method")
"""Filters shared by all lists that are of messages; category and sender are those of the consent."""

_DOMAIN = "if(position(m.address, '@') > 0, splitByChar('@', m.address)[-1], '')"


def add_filters(where: Where, given: Mapping[str, Any], scope: Scope) -> None:
    """The filters of the list of consents."""
    where.between("m.since", given.get("from"), given.get("to"))
    if "state" in given:
        where.equal("m.state", given["state"])
    _add_shared(where, given, scope)


def add_log_filters(where: Where, given: Mapping[str, Any], scope: Scope) -> None:
    """The filters of the audit log."""
    where.between("m.at", given.get("from"), given.get("to"))
    if "consent" in given:
        where.equal("m.consent", given["consent"])
    if "actor" in given:
        where.add(f"lowerUTF8(m.actor) = lowerUTF8({where.bind('String', given['actor'])})")
    _add_shared(where, given, scope)


def _add_shared(where: Where, given: Mapping[str, Any], scope: Scope) -> None:
    """What both take. An opt-out from everything is one from each category."""
    for name in ("channel", "source", "sender", "address"):
        if name in given:
            where.equal(f"m.{name}", given[name])
    if "domain" in given:
        where.equal(_DOMAIN, given["domain"])
    if "category" in given:
        where.one_of("m.category", sorted({given["category"], EVERY_CATEGORY}))
    add_whose(where, given, scope, OF_MESSAGES)


def consents_sql(where: Where) -> str:
    """The consents of `where`, with their tenants."""
    columns = select_list(CONSENTS, with_tenant=False)
    return f"SELECT m.tenant AS tenant, {columns} FROM consents AS m FINAL WHERE {where.sql}"
