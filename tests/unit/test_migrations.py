"""Migrations as text: how files are read, split into statements and held against what was applied."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.migrations import Migration, MigrationFault, pending, read_migrations, split_statements


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1;\nSELECT 2;\n", ["SELECT 1", "SELECT 2"]),
        (
            "SELECT ';' ; SELECT 'it\\'s;' ; SELECT 'it''s;'",
            ["SELECT ';'", "SELECT 'it\\'s;'", "SELECT 'it''s;'"],
        ),
        ('SELECT `a;b`, "c;d"', ['SELECT `a;b`, "c;d"']),
        ("-- a; comment's\nSELECT 1 -- end;\n;", ["SELECT 1"]),
        ("/* a;\n b's */ SELECT 1", ["SELECT 1"]),
        ("SELECT '-- no comment'", ["SELECT '-- no comment'"]),
        (";;\n-- nothing\n;", []),
    ],
)
def test_a_script_is_split_at_the_semicolons_that_end_statements(text: str, expected: list[str]) -> None:
    assert list(split_statements(text)) == expected


@given(
    st.lists(st.sampled_from(["SELECT 1", "SELECT ';'", "SELECT `;`", "SELECT '\\';'"]), max_size=8),
    st.booleans(),
)
def test_what_was_joined_is_split_into_the_same(statements: list[str], comment: bool) -> None:
    between = ";\n-- next; one\n" if comment else ";"
    assert list(split_statements(between.join(statements))) == statements


def test_the_project_s_own_migrations_are_in_form() -> None:
    migrations = read_migrations()
    assert migrations and all(migration.statements for migration in migrations)


def test_a_file_out_of_form_or_a_number_given_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "0001_a.sql").write_text("SELECT 1")
    (tmp_path / "0001_b.sql").write_text("SELECT 1")
    with pytest.raises(MigrationFault, match=r"0001_b.sql: 0001_a.sql has that number already"):
        read_migrations(tmp_path)
    (tmp_path / "0001_b.sql").rename(tmp_path / "2_b.sql")
    with pytest.raises(MigrationFault, match=r"2_b.sql: expected a name like"):
        read_migrations(tmp_path)


A, B, C = (Migration(f"000{number}_{name}", f"SELECT {number}") for number, name in enumerate("abc", 1))


def test_what_is_not_applied_yet_is_pending_in_its_order() -> None:
    assert pending([A, B, C], {}) == [A, B, C]
    assert pending([A, B, C], {A.name: A.checksum}) == [B, C]
    assert pending([A], {A.name: A.checksum}) == []


def test_edited_unknown_and_late_migrations_are_refused_by_name() -> None:
    with pytest.raises(MigrationFault, match=r"0001_a was applied with checksum .* never edited"):
        pending([Migration(A.name, "SELECT 9")], {A.name: A.checksum})
    with pytest.raises(MigrationFault, match=r"the database has 0002_b, which this release does not know"):
        pending([A], {A.name: A.checksum, B.name: B.checksum})
    with pytest.raises(MigrationFault, match=r"0002_b is not applied though the later 0003_c is"):
        pending([A, B, C], {A.name: A.checksum, C.name: C.checksum})
