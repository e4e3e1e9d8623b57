"""The SQL contract: the views have the columns that docs/sql.md tells of, and its example gives the API's rates."""

import re
from pathlib import Path

import orjson
import pytest

from tests.integration.log_model import figures_of, make_rows
from tests.integration.sink_stage import Store

DOCS = (Path(__file__).parents[2] / "docs" / "sql.md").read_text()


def _described(view: str) -> list[str]:
    section = DOCS.split(f"## `{view}`")[1].split("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)


@pytest.mark.parametrize(
    "view", ["v_messages", "v_events", "v_machine_verdicts", "v_addresses", "v_consents", "v_consent_log"]
)
async def test_a_view_has_the_columns_that_are_described_in_their_order(clickhouse: str, view: str) -> None:
    async with Store(clickhouse) as store:
        rows = await store.clickhouse.rows(
            "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {view:String} ORDER BY position",
            {"view": view},
        )
    assert [row["name"] for row in rows] == _described(view)


async def test_the_example_of_the_docs_gives_the_rates_of_the_product(clickhouse: str) -> None:
    rows = make_rows(300, ("acme", "other"))
    async with Store(clickhouse) as store:
        await store.clickhouse.insert_lines("message_status", b"\n".join(map(orjson.dumps, rows)))
        example = DOCS.split("```sql\n")[1].split("```")[0]
        found = await store.clickhouse.rows(example.replace("INTERVAL 30 DAY", "INTERVAL 400 DAY"))
    ours = [row for row in rows if row["tenant"] == "acme"]
    assert {row["campaign"] for row in found} == {row["campaign"] for row in ours}
    for row in found:
        expected = figures_of([each for each in ours if each["campaign"] == row["campaign"]])["rates"]
        told = {"delivery": row["delivery_rate"], "open": row["open_rate"], "bounce": row["bounce_rate"]}
        assert told == {name: expected[name] for name in told}
