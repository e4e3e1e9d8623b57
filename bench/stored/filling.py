"""A store full of messages, for questions to be asked of: made inside ClickHouse from a recipe, kept under .cache/bench.

The recipe is the SQL beside this file with the lists of words; the same recipe gives the same rows, but for the time at
which the data ends. A store is made anew when its recipe has changed, or when it has become old.
"""

import asyncio
import hashlib
import json
import shutil
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from bench.corpus import CACHE
from deploy.local.clickhouse import EmbeddedClickHouse
from deploy.migrations import migrate, read_migrations, split_statements
from deploy.retention import apply_retention
from runtime.clickhouse import ClickHouse
from runtime.tenants_file import read_tenants

FOLDER: Final = Path(__file__).parent
DATABASE: Final = "waybill"
DAYS: Final = 400
KEEP_DAYS: Final = 7
"""After so many days a store is made anew: its newest rows are no longer what the newest days are read for."""

SMALL_TENANTS: Final = 50
LARGE: Final = "atlas"
MIDDLING: Final = ("birch", "cedar")
_TIMEOUT_S: Final = 1800.0
_FILL_SETTINGS: Final = {
    # A block is a part: few large ones, as a store has them that was left to merge.
    "min_insert_block_size_rows": 1_000_000,
    "min_insert_block_size_bytes": 0,
    "max_insert_threads": 1,
    "max_execution_time": 0,
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides what a store has in it."""

    rows: int
    small_tenants: int = SMALL_TENANTS

    @property
    def tenants(self) -> list[str]:
        """All tenants, the largest first."""
        return [LARGE, *MIDDLING, *(f"studio-{number:02}" for number in range(1, self.small_tenants + 1))]

    @property
    def digest(self) -> str:
        """What tells this recipe from others."""
        made = hashlib.sha256(json.dumps(asdict(self)).encode())
        for file in sorted((*FOLDER.glob("*.sql"), FOLDER / "words.toml")):
            made.update(file.name.encode() + b"\0" + file.read_bytes())
        return made.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Stored:
    """A store that is there: where, and the time at which its data ends, ms since the epoch."""

    home: Path
    now_ms: int


def months(now: datetime, days: int) -> Iterator[tuple[datetime, datetime]]:
    """The calendar months of the last `days` days, oldest first, as half-open ranges; the last one ends just after `now`."""
    begin = (now - timedelta(days=days + 1)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while begin <= now:
        end = (begin + timedelta(days=32)).replace(day=1)
        yield begin, end
        begin = end


def words() -> dict[str, Any]:
    """The lists of words, as they are bound."""
    return dict(tomllib.loads((FOLDER / "words.toml").read_text(encoding="utf-8")))


def parameters(recipe: Recipe, now: datetime) -> dict[str, Any]:
    """What the SQL beside this file has places for, but `from` and `to`."""
    return {**words(), "rows": recipe.rows, "small": recipe.small_tenants, "now": clickhouse_time(now)}


def clickhouse_time(at: datetime) -> str:
    """A time as a DateTime64 is bound."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def stored(recipe: Recipe, say: Callable[[str], None]) -> Stored:
    """The store of this recipe, made if it is not there. About half an hour for 10 million rows on two busy cores,
    and 6 GB on the disk."""
    home = CACHE / f"stored-{recipe.rows}"
    told = home / "made.json"
    if told.exists():
        made = json.loads(told.read_text())
        if made["recipe"] == recipe.digest and time.time() - made["now_ms"] / 1000 < KEEP_DAYS * 86400:
            return Stored(home, made["now_ms"])
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    now = datetime.now(UTC)
    now_ms = int(now.timestamp() * 1000)
    with EmbeddedClickHouse(home / "clickhouse") as engine:
        asyncio.run(fill(engine.url, home, recipe, now, say))
    told.write_text(json.dumps({"recipe": recipe.digest, "now_ms": now_ms}))
    return Stored(home, now_ms)


async def fill(url: str, home: Path, recipe: Recipe, now: datetime, say: Callable[[str], None]) -> None:
    """Makes the tables of DATABASE on the server at `url` and fills them; the file of tenants goes to `home`."""
    await migrate(f"{url}/{DATABASE}", read_migrations())
    write_tenants(home, recipe)
    await apply_retention(f"{url}/{DATABASE}", read_tenants(home / "tenants.toml"))
    store = ClickHouse(f"{url}/{DATABASE}", timeout_s=_TIMEOUT_S)
    try:
        await store.command("CREATE DATABASE IF NOT EXISTS drafts")
        given = parameters(recipe, now)
        for name in ("functions", "tenants", "mailings"):
            await _run(store, name, given)
        for name in ("messages", "events"):
            for begin, end in months(now, DAYS):
                began = time.monotonic()
                await _run(store, name, given | {"from": clickhouse_time(begin), "to": clickhouse_time(end)})
                say(f"{name} of {begin:%Y-%m}: {time.monotonic() - began:.0f} s")
        await _run(store, "addresses", given)
        await store.command("DROP DATABASE drafts")
    finally:
        await store.close()


async def _run(store: ClickHouse, name: str, given: dict[str, Any]) -> None:
    settings = ", ".join(f"{setting} = {value}" for setting, value in _FILL_SETTINGS.items())
    for statement in split_statements((FOLDER / f"{name}.sql").read_text(encoding="utf-8")):
        inserts = statement.startswith("INSERT")
        bound = {name: value for name, value in given.items() if f"{{{name}:" in statement}
        await store.command(f"{statement} SETTINGS {settings}" if inserts else statement, bound)


def key_of(whose: str) -> str:
    """The reading key of a tenant, or of the operator."""
    return f"wb_bench_of_{whose}"


def write_tenants(home: Path, recipe: Recipe) -> Path:
    """The tenants file: every tenant with a reading key, and the operator's. Rows are kept longer than the data is old."""

    def key(whose: str) -> str:
        digest = hashlib.sha256(key_of(whose).encode()).hexdigest()
        return f'keys = [{{ name = "bench", sha256 = "{digest}", scopes = ["read"] }}]\n'

    parts = [
        f'[tenants.{name}]\nname = "{name}"\nretention_days = {2 * DAYS}\n{key(name)}'
        for name in recipe.tenants
    ]
    file = home / "tenants.toml"
    file.write_text("".join(parts) + f"[operator]\n{key('operator')}")
    return file


_UNDER_WAY: Final = (
    "SELECT (SELECT count() FROM system.merges) "
    "+ (SELECT count() FROM system.mutations WHERE NOT is_done) AS under_way"
)
FRESH_BATCHES: Final = 6
"""Inserts of the last seconds, which nothing has merged yet."""


async def add_fresh_parts(url: str, recipe: Recipe, made: Stored) -> None:
    """Brings a store into the state of running operation: the migrations applied, no merge under way, some small new parts."""
    await migrate(f"{url}/{DATABASE}", read_migrations())
    store = ClickHouse(f"{url}/{DATABASE}", timeout_s=_TIMEOUT_S)
    now = datetime.fromtimestamp(made.now_ms / 1000, UTC)
    try:
        while (await store.rows(_UNDER_WAY))[0]["under_way"]:  # noqa: ASYNC110
            await asyncio.sleep(1)
        for batch in range(FRESH_BATCHES):
            await _run(store, "fresh", parameters(recipe, now) | {"batch": batch})
    finally:
        await store.close()
