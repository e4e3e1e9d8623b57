"""Applies schemas/clickhouse/NNNN_*.sql to ClickHouse, in order, each once; a checksum guards against edited history.

ClickHouse has no transactions for this: a migration that was cut short is run again from its beginning, and what is
there already is then passed over.
"""

import asyncio
import hashlib
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from runtime.clickhouse import ClickHouse, ClickHouseAway, ClickHouseRefused

log = logging.getLogger(__name__)

FOLDER = Path(__file__).resolve().parents[1] / "schemas" / "clickhouse"

_FILE = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_TABLE = """
CREATE TABLE IF NOT EXISTS waybill_migrations
(
    name String,
    checksum String,
    state Enum8('begun' = 1, 'applied' = 2),
    at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY (name, at)
"""
_TOKEN = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^'\\]|\\.|'')*'|`[^`]*`|\"(?:[^\"\\]|\\.)*\"|;", re.DOTALL)
_THERE_ALREADY = frozenset({15, 57, 82})
"""DUPLICATE_COLUMN, TABLE_ALREADY_EXISTS, DATABASE_ALREADY_EXISTS."""


class MigrationFault(Exception):
    """The migrations and the database do not fit together; the message says which one and why."""


@dataclass(frozen=True)
class Migration:
    """One file."""

    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def statements(self) -> list[str]:
        return list(split_statements(self.text))


def read_migrations(folder: Path = FOLDER) -> list[Migration]:
    """The files in their order. Raises MigrationFault for a name out of form or a number given twice."""
    migrations = []
    numbers: dict[str, str] = {}
    for file in sorted(folder.glob("*.sql")):
        match = _FILE.fullmatch(file.name)
        if match is None:
            raise MigrationFault(f"{file.name}: expected a name like 0001_tables.sql")
        if match[1] in numbers:
            raise MigrationFault(f"{file.name}: {numbers[match[1]]} has that number already")
        numbers[match[1]] = file.name
        migrations.append(Migration(file.stem, file.read_text(encoding="utf-8")))
    return migrations


def split_statements(text: str) -> Iterator[str]:
    """The statements of a script, without the semicolons that end them; quoted ones and those in comments end nothing."""
    begin, bare = 0, []
    for token in _TOKEN.finditer(text):
        bare.append(text[begin : token.start()])
        if token[0] == ";":
            if statement := "".join(bare).strip():
                yield statement
            bare = []
        elif not token[0].startswith(("--", "/*")):
            bare.append(token[0])
        begin = token.end()
    bare.append(text[begin:])
    if statement := "".join(bare).strip():
        yield statement


def pending(migrations: list[Migration], applied: dict[str, str]) -> list[Migration]:
    """Those that are not applied yet; `applied` has the checksums of those that are. Raises MigrationFault."""
    for migration in migrations:
        known = applied.get(migration.name)
        if known is not None and known != migration.checksum:
            raise MigrationFault(
                f"{migration.name} was applied with checksum {known[:12]} and now has {migration.checksum[:12]}: "
                "applied migrations are never edited, write a new one"
            )
    if unknown := sorted(applied.keys() - {migration.name for migration in migrations}):
        raise MigrationFault(
            f"the database has {', '.join(unknown)}, which this release does not know: it is too old for it"
        )
    found = [migration for migration in migrations if migration.name not in applied]
    last = max(applied, default="")
    if found and found[0].name < last:
        raise MigrationFault(
            f"{found[0].name} is not applied though the later {last} is: give it a new number"
        )
    return found


async def migrate(url: str, migrations: list[Migration], *, wait_s: float = 60) -> list[str]:
    """Applies what is pending to the database of `url`, made if it is not there; the names of what was applied.

    Waits up to `wait_s` seconds for ClickHouse, then raises ClickHouseAway. Raises MigrationFault, and ClickHouseRefused
    where a statement is faulty.
    """
    await _make_database(url, wait_s)
    clickhouse = ClickHouse(url)
    try:
        await clickhouse.command(_TABLE)
        rows = await clickhouse.rows("SELECT name, checksum, state FROM waybill_migrations ORDER BY at")
        applied = {row["name"]: row["checksum"] for row in rows if row["state"] == "applied"}
        begun = {row["name"] for row in rows}
        found = pending(migrations, applied)
        for migration in found:
            await _apply(clickhouse, migration, again=migration.name in begun)
        return [migration.name for migration in found]
    finally:
        await clickhouse.close()


async def _apply(clickhouse: ClickHouse, migration: Migration, *, again: bool) -> None:
    log.info("migration %s%s", migration.name, ", which was cut short before" if again else "")
    await _record(clickhouse, migration, "begun")
    for number, statement in enumerate(migration.statements, 1):
        try:
            await clickhouse.command(statement)
        except ClickHouseRefused as error:
            if not (again and error.code in _THERE_ALREADY):
                raise ClickHouseRefused(
                    error.code, f"{migration.name}, statement {number}: {error}"
                ) from error
    await _record(clickhouse, migration, "applied")


async def _record(clickhouse: ClickHouse, migration: Migration, state: str) -> None:
    await clickhouse.command(
        "INSERT INTO waybill_migrations (name, checksum, state) SELECT {name:String}, {checksum:String}, {state:String}",
        {"name": migration.name, "checksum": migration.checksum, "state": state},
    )


async def _make_database(url: str, wait_s: float) -> None:
    parts = urlsplit(url)
    database = parts.path.strip("/") or "default"
    clickhouse = ClickHouse(urlunsplit(parts._replace(path="")))
    deadline = asyncio.get_running_loop().time() + wait_s
    try:
        while True:
            try:
                await clickhouse.command(
                    "CREATE DATABASE IF NOT EXISTS {name:Identifier}", {"name": database}
                )
                return
            except ClickHouseAway:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(0.2)
    finally:
        await clickhouse.close()
