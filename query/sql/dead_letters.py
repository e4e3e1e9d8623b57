"""Dead letters: what could not be understood or stored, newest first."""

from query.sql.where import SortColumn, Where, order_by

ORDER = (
    SortColumn("m.failed_at", "time", True),
    SortColumn("m.source_topic", "String", True),
    SortColumn("m.source_partition", "UInt32", True),
    SortColumn("m.source_offset", "UInt64", True),
    SortColumn("m.source_index", "UInt32", True),
    SortColumn("m.tenant", "String", True),
)

KINDS = [str if column.kind == "String" else int for column in ORDER]


def dead_letters_sql(where: Where, limit: int, *, with_tenant: bool) -> str:
    """A page, with the order's values beside each row as k0, k1, …"""
    keys = ", ".join(
        f"{f'toUnixTimestamp64Milli({column.sql})' if column.kind == 'time' else column.sql} AS k{number}"
        for number, column in enumerate(ORDER)
    )
    tenant = "nullIf(m.tenant, '') AS tenant, " if with_tenant else ""
    return (
        f"SELECT {tenant}m.failed_at AS at, m.stage AS stage, m.reason AS reason, m.detail AS detail, "
        f"m.source AS source, nullIf(m.receipt, '') AS receipt, nullIf(m.raw, '') AS raw, {keys} "
        f"FROM dead_letters AS m FINAL WHERE {where.sql} ORDER BY {order_by(ORDER)} LIMIT {limit}"
    )
