"""Counts and rates by the exact definitions of the product, from rows of `message_status`; never by counting events."""

from collections.abc import Mapping
from typing import Any

from schemas.status import COUNTS

_TRACKED = len(COUNTS)
"""The bit of `reached_bits` that says whether opens and clicks may be seen: open and click rates are of email, and leave out
what was declared untracked."""


def counted_as_sql(*names: str, tracked: bool = False) -> str:
    """Whether a row is in one of these counts, by its `reached_bits` (schemas/clickhouse/0014_reached_bits.sql); with `tracked`,
    of those whose opens and clicks may be seen."""
    is_any = f"bitAnd(m.reached_bits, {sum(1 << COUNTS.index(name) for name in names)}) > 0"
    return f"{is_any} AND bitTest(m.reached_bits, {_TRACKED})" if tracked else is_any


BASES: dict[str, str] = {
    **{name: counted_as_sql(name) for name in COUNTS},
    "tracked": counted_as_sql("delivered", tracked=True),
    **{
        f"tracked_{name}": counted_as_sql(name, tracked=True)
        for name in ("opened", "human_opened", "clicked")
    },
}
"""What is counted, for the counts themselves and for the rates' numerators and denominators."""

RATES: dict[str, tuple[str, str]] = {
    "delivery": ("delivered", "sent"),
    "open": ("tracked_opened", "tracked"),
    "human_open": ("tracked_human_opened", "tracked"),
    "click": ("tracked_clicked", "tracked"),
    "click_to_open": ("tracked_clicked", "tracked_opened"),
    "bounce": ("bounced", "sent"),
    "complaint": ("complained", "delivered"),
    "unsubscribe": ("unsubscribed", "delivered"),
}
"""Each rate as numerator and denominator."""


def bases_sql(rows: str, prefix: str = "", counted: str | None = None) -> list[str]:
    """The bases over the rows of a group for which `rows` holds, each as <prefix><name>; of rows that each stand for `counted` of
    the store's, of all these."""
    total = "countIf(" if counted is None else f"sumIf({counted}, "
    return [f"{total}{rows} AND {condition}) AS {prefix}{name}" for name, condition in BASES.items()]


def figure_columns(bases: str = "", fields: str = "") -> dict[str, str]:
    """Counts and rates as flat fields, <fields>counts_sent to <fields>rates_unsubscribe, of a source `m` that has the bases
    as <bases><name>. A rate over zero is null."""
    counts = {f"{fields}counts_{name}": f"m.{bases}{name}" for name in COUNTS}
    rates = {
        f"{fields}rates_{name}": f"if(m.{bases}{whole} = 0, NULL, m.{bases}{part} / m.{bases}{whole})"
        for name, (part, whole) in RATES.items()
    }
    return counts | rates


def figures(item: Mapping[str, Any], fields: str = "") -> dict[str, Any]:
    """The flat fields of an item as the objects `counts` and `rates`."""
    return {
        "counts": {name: item[f"{fields}counts_{name}"] for name in COUNTS},
        "rates": {name: item[f"{fields}rates_{name}"] for name in RATES},
    }
