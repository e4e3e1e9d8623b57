"""The filters that all lists share, as parameters and as conditions on the rows of `message_status`."""

from collections.abc import Mapping
from typing import Any

from query.parameters import Parameter, choice, domain, stripped, text, time
from query.sql.where import Scope, Where
from schemas.status import CHANNELS

_EXACT = ("campaign", "customer", "category", "document", "method", "sender")

SHARED: dict[str, Parameter] = {
    "from": Parameter(time),
    "to": Parameter(time),
    "channel": Parameter(choice(*CHANNELS)),
    "domain": Parameter(domain),
    **{name: Parameter(stripped) for name in _EXACT},
}
"""`from` and `to` are half-open, on `at`; an empty value finds what has none, as `campaign=` does."""

OF_OPERATOR = {"tenant": Parameter(text)}
"""What the operator's keys may filter by besides."""


def attributed(scope: Scope, given: Mapping[str, Any]) -> Where:
    """Rows that log and rates are made of, which pass the shared filters: those with a recipient."""
    where = Where(scope)
    add_shared(where, given)
    where.add("m.is_attributed")
    return where


def add_shared(where: Where, given: Mapping[str, Any]) -> None:
    """The shared filters among the parameters given."""
    where.between("m.filed_at", given.get("from"), given.get("to"))
    for name in ("channel", "domain", *_EXACT):
        if name in given:
            where.equal(f"m.{name}", given[name])
