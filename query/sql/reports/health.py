"""Rows that this server has in memory, as if they were a table: so that they are filtered, paged and streamed as all others."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from query.sql.where import Where

_AT_ONCE = 100
"""Rows bound as one value: ClickHouse takes none longer than 128 KiB (http_max_field_value_size)."""


def bound_source(where: Where, rows: Sequence[Mapping[str, Any]], types: Mapping[str, str]) -> str:
    """These rows; `types` has the type of each of their columns. `where` gets them bound."""
    kind = "Array(Tuple(" + ", ".join(f"{name} {each}" for name, each in types.items()) + "))"
    parts = [rows[start : start + _AT_ONCE] for start in range(0, len(rows), _AT_ONCE)] or [[]]
    bound = ", ".join(
        f"JSONExtract({where.bind('String', orjson.dumps(part).decode())}, '{kind}')" for part in parts
    )
    columns = ", ".join(f"one.{place} AS {name}" for place, name in enumerate(types, 1))
    return f"(SELECT {columns} FROM (SELECT arrayJoin(arrayConcat({bound})) AS one)) AS m"
