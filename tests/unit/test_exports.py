"""CSV that spreadsheets may open: no cell of it is a formula."""

import csv
import io
from collections.abc import AsyncIterator

from hypothesis import given
from hypothesis import strategies as st

from query.exports import without_formulas

HOSTILE = (
    "=1+1",
    '=HYPERLINK("http://x","y")',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "+",
    "-",
)
HARMLESS = (
    "+15005550006", "-5", "2026-11-27T09:00:00.000Z", "a=b", "", "x,", 'x,"=1', ',"=1', '"=1"', "a\n=1", "a,\n\"=1",
    "Über 100 %", "'=1", "{\"a\":\"=1\"}",
)  # fmt: skip
CELLS = st.one_of(
    st.sampled_from((*HOSTILE, *HARMLESS)), st.text(st.sampled_from('=+-@\t\r\n,"a1'), max_size=30)
)


def _csv(rows: list[list[str]]) -> bytes:
    """As the store writes it: texts in quotation marks, those in them doubled."""
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    return "".join(line + "\n" for line in quoted).encode()


async def _safe(text: bytes, size: int) -> list[list[str]]:
    async def pieces() -> AsyncIterator[bytes]:
        for begin in range(0, len(text), size):
            yield text[begin : begin + size]

    told = b"".join([piece async for piece in without_formulas(pieces())])
    return list(csv.reader(io.StringIO(told.decode(), newline="")))


def _expected(cell: str) -> str:
    number = cell[:1] in ("+", "-") and cell[1:].isdigit() and len(cell) <= 21
    return f"'{cell}" if cell[:1] in tuple("=+-@\t\r") and not number else cell


async def test_a_cell_that_a_spreadsheet_would_run_begins_with_an_apostrophe_and_all_others_stay() -> None:
    rows = [["name", "value"], *([cell, cell] for cell in (*HOSTILE, *HARMLESS))]
    assert await _safe(_csv(rows), 1 << 16) == [[_expected(cell) for cell in row] for row in rows]
    assert all(_expected(cell) != cell for cell in HOSTILE)
    assert all(_expected(cell) == cell for cell in HARMLESS)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=6), st.integers(1, 40))
async def test_wherever_a_stream_is_cut_into_pieces_the_cells_are_the_same(
    cells: list[tuple[str, str]], size: int
) -> None:
    rows = [["a", "b"], *map(list, cells)]
    assert await _safe(_csv(rows), size) == [[_expected(cell) for cell in row] for row in rows]
