"""Dead letters: what could not be understood or stored."""

from query.sql.lists import Listed
from query.sql.where import SortColumn

DEAD_LETTERS = Listed(
    name="dead-letters",
    source="dead_letters AS m FINAL",
    columns={
        "at": "m.failed_at",
        **{name: f"m.{name}" for name in ("stage", "reason", "detail", "source")},
        **{name: f"nullIf(m.{name}, '')" for name in ("receipt", "raw")},
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
