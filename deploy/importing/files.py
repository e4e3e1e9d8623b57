"""CSV files as records with line numbers. Pure: bytes in, records and faults out."""

import csv
import io
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

_DELIMITERS = ",;\t"
_HEAD = re.compile(r"[^\r\n]+")


@dataclass(frozen=True, slots=True)
class LineFault:
    """One fault of a file. Lines count from 1, the head's; `column` is '' where it is of the whole line."""

    line: int
    column: str
    expected: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.column + ': ' if self.column else ''}{self.expected}"


@dataclass(frozen=True, slots=True)
class Record:
    """One row: its line, and its values by column, those that are not empty."""

    line: int
    values: dict[str, str]


def read_records(
    data: bytes, required: Collection[str], optional: Collection[str]
) -> tuple[list[Record], list[LineFault]]:
    """The rows of a file and all faults that it has as a file.

    UTF-8, with a head that names the columns; separated by comma, semicolon or tab, whichever the head has. Empty lines
    are passed over.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = data.count(b"\n", 0, fault.start) + 1
        return [], [LineFault(line, "", "expected UTF-8; save the file so and try again")]
    head = _HEAD.search(text)
    delimiter = max(_DELIMITERS, key=head[0].count) if head else _DELIMITERS[0]
    rows = _rows(text, delimiter)
    try:
        line, names = next(rows, (1, []))
        columns = [name.strip().lower().replace(" ", "_").replace("-", "_") for name in names]
        faults = [LineFault(line, "", expected) for expected in _faults_of_head(columns, required, optional)]
        return ([], faults) if faults else _records(rows, columns)
    except _NoCsv as fault:
        return [], [LineFault(fault.line, "", f"expected CSV from here to the end of the file: {fault}")]


class _NoCsv(Exception):
    """A row that is none: the line on which it begins, and what is wrong with it."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line


def _rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line on which it begins; a quoted value may go on over several lines. Raises _NoCsv."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begins = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield begins, cells
            begins = reader.line_num + 1
    except csv.Error as error:
        raise _NoCsv(begins, str(error)) from None


def _faults_of_head(
    columns: list[str], required: Collection[str], optional: Collection[str]
) -> Iterator[str]:
    known = [*required, *optional]
    for name in dict.fromkeys(columns):
        if name not in known:
            yield f"expected a head of columns among {', '.join(known)}, found {name!r:.60}"
        elif columns.count(name) > 1:
            yield f"expected the column {name} once"
    for name in required:
        if name not in columns:
            yield f"expected a column {name}"


def _records(
    rows: Iterator[tuple[int, list[str]]], columns: list[str]
) -> tuple[list[Record], list[LineFault]]:
    records: list[Record] = []
    faults: list[LineFault] = []
    for line, cells in rows:
        if len(cells) > len(columns):
            faults.append(LineFault(line, "", f"expected {len(columns)} values, found {len(cells)}"))
            continue
        named = zip(columns, cells, strict=False)
        records.append(Record(line, {name: cell for name, cell in named if cell.strip()}))
    return records, faults
