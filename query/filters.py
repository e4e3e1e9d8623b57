"""The filters that all lists share, as parameters and as conditions on the rows of `message_status`."""

from collections.abc import Mapping
from typing import Any

from query.parameters import Parameter, choice, domain, stripped, text, time, zone
from query.periods import Span, common, day_span, read_day
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

DRILLED: dict[str, Parameter] = {
    **{name: Parameter(stripped) for name in ("cause", "error_code")},
    "subject_is": Parameter(text),
    "tracking": Parameter(choice("none", "")),
    "day": Parameter(read_day),
    "tz": Parameter(zone),
}
"""What else log, rates and mailings are filtered by, so that each of their figures leads to its rows. `day` is a day of
`at` in `tz`; an empty value finds what has none, as with the shared ones."""

OF_OPERATOR = {"tenant": Parameter(text)}
"""What the operator's keys may filter by besides."""


def attributed(scope: Scope, given: Mapping[str, Any]) -> Where:
    """Rows that log and rates are made of, which pass the shared filters: those with a recipient."""
    where = Where(scope)
    add_shared(where, given)
    where.add("m.is_attributed")
    return where


def add_shared(where: Where, given: Mapping[str, Any]) -> None:
    """The filters of SHARED and DRILLED among the parameters given."""
    where.between("m.filed_at", *span_of(given))
    for name in ("channel", "domain", *_EXACT, "cause", "error_code", "tracking"):
        if name in given:
            where.equal(f"m.{name}", given[name])
    if "subject_is" in given:
        where.equal("m.subject", given["subject_is"])


def span_of(given: Mapping[str, Any]) -> Span:
    """The range of `at` that is asked about: from `from` to `to`, and of these what lies on `day`."""
    span = given.get("from"), given.get("to")
    return common(span, day_span(given["day"], given.get("tz", "UTC"))) if "day" in given else span
