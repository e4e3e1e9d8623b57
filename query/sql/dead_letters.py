"""Dead letters: what could not be understood or stored."""

from collections.abc import Mapping
from typing import Any

from query.sql.lists import Listed
from query.sql.where import SortColumn, Where

_RECEIVED = "fromUnixTimestamp64Milli(JSONExtractInt(m.receipt, 'received_at'), 'UTC')"
_RECEIPT = (
    "replaceRegexpOne(m.receipt, '\"received_at\":[0-9]+', "
    f"concat('\"received_at\":\"', replaceOne(toString({_RECEIVED}), ' ', 'T'), 'Z\"'))"
)
"""The receipt as its topic has it, but for its time, which answers tell as all times."""

DEAD_LETTERS = Listed(
    name="dead-letters",
    source="dead_letters AS m FINAL",
    columns={
        "at": "m.failed_at",
        **{name: f"m.{name}" for name in ("stage", "reason", "detail", "source")},
        **{name: f"nullIf({sql}, '')" for name, sql in (("receipt", _RECEIPT), ("raw", "m.raw"))},
    },
    sorts={"at": SortColumn("m.failed_at", "time", True)},
    rest=(
        SortColumn("m.source_topic", "String", True),
        SortColumn("m.source_partition", "UInt32", True),
        SortColumn("m.source_offset", "UInt64", True),
        SortColumn("m.source_index", "UInt32", True),
        SortColumn("m.tenant", "String", True),
    ),
    default_sort="-at",
    objects=frozenset({"source", "receipt"}),
    tenant="nullIf(m.tenant, '')",
)


_CHANNEL = "transform(JSONExtractString(m.receipt, 'provider'), ['ses', 'twilio'], ['email', 'sms'], '')"
_UNKNOWN = ("campaign", "customer", "category", "document", "method", "sender", "domain")
"""What is known of messages, and never of what could not be understood."""


def add_shared(where: Where, given: Mapping[str, Any]) -> None:
    """The filters that all lists share, `from` and `to` on `at`. A dead letter has none of `_UNKNOWN`, which '' finds."""
    where.between("m.failed_at", given.get("from"), given.get("to"))
    if "channel" in given:
        where.equal(_CHANNEL, given["channel"])
    if any(given.get(name) for name in _UNKNOWN):
        where.add("0")
