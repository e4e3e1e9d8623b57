"""What the embedded ClickHouse reads out of a statement."""

import pytest

from deploy.local.statements import (
    StatementFault,
    error_code,
    http_status,
    insert_with_data,
    is_select,
    output_format,
    set_statement,
)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"INSERT INTO t FORMAT CSV\n1\n", ("INSERT INTO t ", "CSV", b"1\n")),
        (b"insert into t (a) format CSV\n1", ("insert into t (a) ", "CSV", b"1")),
        (b"INSERT INTO t FORMAT CSV", ("INSERT INTO t ", "CSV", b"")),
        (b"INSERT INTO t FORMAT Native\n\t\n\x00", ("INSERT INTO t ", "Native", b"\t\n\x00")),
        (
            b"-- why\n/* and\nmore */ INSERT INTO t FORMAT CSV\r\n1",
            ("-- why\n/* and\nmore */ INSERT INTO t ", "CSV", b"1"),
        ),
        (b"INSERT INTO `a FORMAT b` FORMAT CSV\n1", ("INSERT INTO `a FORMAT b` ", "CSV", b"1")),
        (
            b"INSERT INTO `values` (`select`) FORMAT CSV\n1",
            ("INSERT INTO `values` (`select`) ", "CSV", b"1"),
        ),
        (
            b"INSERT INTO t SETTINGS a = 'x' FORMAT CSV\n1",
            ("INSERT INTO t SETTINGS a = 'x' ", "CSV", b"1"),
        ),
        (b"INSERT INTO t VALUES (1)", None),
        (b"INSERT INTO t VALUES ('FORMAT CSV\n')", None),
        (b"INSERT INTO t SELECT 'x' FORMAT CSV\n", None),
        (b"INSERT INTO t FROM INFILE 'x' FORMAT CSV\n", None),
        (b"SELECT 1 FORMAT CSV\n", None),
        (b"", None),
    ],
)
def test_an_insert_is_taken_apart_only_where_its_rows_come_as_data(
    query: bytes, expected: tuple[str, str, bytes] | None
) -> None:
    insert = insert_with_data(query)
    assert (insert and (insert.statement, insert.format, query[insert.begin :])) == expected


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT 1", "TabSeparated"),
        ("SELECT 1 FORMAT CSV", "CSV"),
        ("SELECT 1 format Native ; ", "Native"),
        ("SELECT 1 FORMAT CSV SETTINGS max_threads = 1", "CSV"),
        ("SELECT format FROM t", "TabSeparated"),
        ("SELECT 'FORMAT CSV' AS a", "TabSeparated"),
    ],
)
def test_the_answer_s_format_is_the_statement_s_own_before_the_default(statement: str, expected: str) -> None:
    assert output_format(statement, "TabSeparated") == expected


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT 1", True),
        ("  -- x\n/* y */ with 1 as a select a", True),
        ("((SELECT 1) UNION ALL SELECT 2)", True),
        ("DESCRIBE TABLE t", False),
        ("INSERT INTO t SELECT 1", False),
        ("CREATE TABLE t AS SELECT 1", False),
        ("", False),
    ],
)
def test_only_selects_are_streamed(statement: str, expected: bool) -> None:
    assert is_select(statement) is expected


def test_values_of_settings_are_quoted_and_names_that_are_none_refused() -> None:
    assert set_statement({"a": "it's \\", "b_1": "2"}) == "SET a = 'it\\'s \\\\', b_1 = '2'"
    with pytest.raises(StatementFault, match="no name of a setting"):
        set_statement({"a = 1, b": "2"})


def test_an_error_s_number_decides_the_status_of_its_answer() -> None:
    assert error_code("Code: 60. DB::Exception: Table x does not exist") == 60
    assert error_code("something else") == 1002
    assert [http_status(code) for code in (60, 62, 48, 159, 1002)] == [404, 400, 501, 408, 500]
