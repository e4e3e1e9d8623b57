"""The engine's connections: which of them serve the next statement, and that nothing of one statement meets another."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.engine import MOST_IDLE, Engine, EngineError, ExternalTable, Request, Session
from deploy.local.statements import Insert


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = Engine(Path(tmp_path_factory.mktemp("engine")), 1 << 30)
    yield engine
    engine.close()


def ask(session: Session, statement: str) -> bytes:
    """The whole answer as TabSeparated; the session is closed."""
    try:
        parts = [session.open(statement, "TabSeparated")]
        while parts[-1]:
            parts.append(session.next())
        return b"".join(parts)
    finally:
        session.close()


def used_next(engine: Engine, request: Request) -> str:
    """The identity of the connection that the next statement like this gets."""
    session = engine.session(request)
    ask(session, "SELECT 1")
    return session.id


def test_a_connection_that_read_or_inserted_serves_the_next_statement_of_its_kind(engine: Engine) -> None:
    request = Request(settings={"max_threads": "3"})
    ask(engine.session(request), "CREATE TABLE kept (a UInt8) ENGINE = Memory")
    first = used_next(engine, request)
    inserting = engine.session(request)
    assert inserting.insert(Insert("INSERT INTO kept", "TabSeparated", 0), [b"1\n"]) == 1
    inserting.close()
    assert inserting.id == first == used_next(engine, request)


def test_other_settings_or_another_database_get_another_connection(engine: Engine) -> None:
    request = Request(settings={"max_threads": "3"})
    first = used_next(engine, request)
    assert used_next(engine, Request(settings={"max_threads": "2"})) != first
    assert used_next(engine, Request("system", {"max_threads": "3"})) != first


@pytest.mark.parametrize(
    "statement", ["SET max_threads = 7", "USE system", "CREATE TEMPORARY TABLE left_over (a UInt8)"]
)
def test_a_connection_that_may_have_been_changed_serves_nobody_else(engine: Engine, statement: str) -> None:
    request = Request(settings={"max_threads": "5"})
    session = engine.session(request)
    ask(session, statement)
    assert used_next(engine, request) != session.id
    assert (
        ask(engine.session(request), "SELECT getSetting('max_threads'), currentDatabase()") == b"5\tdefault\n"
    )


def test_a_connection_with_an_external_table_serves_nobody_else(engine: Engine) -> None:
    with_table = Request(external=(ExternalTable("t", "a UInt8", "TabSeparated", b"7\n"),))
    session = engine.session(with_table)
    assert ask(session, "SELECT a FROM t") == b"7\n"
    assert used_next(engine, Request()) != session.id
    with pytest.raises(EngineError, match="UNKNOWN_TABLE"):
        ask(engine.session(Request()), "SELECT a FROM t")


@pytest.mark.parametrize("spoil", ["refused", "left in the middle", "killed"])
def test_a_connection_that_did_not_end_well_serves_nobody_else(engine: Engine, spoil: str) -> None:
    request = Request(settings={"max_threads": "6"})
    session = engine.session(request)
    if spoil == "refused":
        with pytest.raises(EngineError):
            ask(session, "SELECT no_such_column")
    elif spoil == "killed":
        session.killed = True
        ask(session, "SELECT 1")
    else:
        assert session.open("SELECT * FROM numbers(10000000)", "TabSeparated")
        session.close()
    assert used_next(engine, request) != session.id


def test_a_bound_value_is_not_left_for_the_next_statement(engine: Engine) -> None:
    assert ask(engine.session(Request(parameters={"a": "mine"})), "SELECT {a:String}") == b"mine\n"
    with pytest.raises(EngineError, match="UNKNOWN_QUERY_PARAMETER"):
        ask(engine.session(Request()), "SELECT {a:String}")


def test_idle_connections_are_few_however_many_kinds_there_are(engine: Engine) -> None:
    first = used_next(engine, Request(settings={"max_threads": "100"}))
    for number in range(MOST_IDLE):
        used_next(engine, Request(settings={"max_threads": str(101 + number)}))
    assert used_next(engine, Request(settings={"max_threads": "100"})) != first
