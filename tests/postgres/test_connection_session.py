"""
Statements and transactions on real servers: values come back as they went, failures undo.
"""
# ruff: noqa: PT012 - what comes out of a transaction was raised by one of its statements

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, BinaryIO

import pytest

from expiry.errors import (
    ConstraintError,
    DatabaseError,
    MissingError,
    ReadOnlyError,
)
from tests.postgres.fixtures import every_version
from tests.postgres.sessions import open_session, session_with_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from expiry.postgres.session import Session
    from tests.postgres.database import Database


@pytest.fixture
def session(postgres: Database) -> Iterator[Session]:
    """A session on an empty database, with a table of two rows."""
    with session_with_rows(postgres) as opened:
        yield opened


def test_session_clock_is_the_databases_in_utc(session: Session) -> None:
    """A cutoff comes from the server's clock, and goes on within a transaction."""
    with session.transaction():
        first, second = session.now(), session.now()

    assert first.utcoffset() == timedelta(0)
    assert first < second


@every_version
def test_run_value_comes_back_as_it_went(postgres: Database) -> None:
    """Whatever a parameter holds, it is a value and never SQL."""
    values: list[tuple[str, Any]] = [
        ("bigint", 2**62),
        ("text", "quotes ' \" \\ and :names ü"),
        ("text", None),
        ("text", ""),
        ("boolean", True),
        ("jsonb", {"a": [1, None, "x"]}),
        ("text[]", ["a,b", '"', "{}", "\\", "NULL", "null", "Null", "", None]),
        ("bytea", b"\x00\xff"),
    ]
    with open_session(postgres) as session:
        for kind, value in values:
            assert session.run(f"SELECT CAST(:value AS {kind})", value=value) == [(value,)]


def test_run_moment_comes_back_to_the_microsecond(session: Session) -> None:
    """A cursor over timestamps loses nothing on its way."""
    now = session.now()

    assert session.run("SELECT :m::timestamptz, :m::timestamptz = :m", m=now) == [(now, True)]


@pytest.mark.parametrize("kind", ["timestamp", "timestamptz"])
def test_run_moment_that_python_does_not_have_is_no_other(session: Session, kind: str) -> None:
    """Before our era or after the year 9999: a cursor goes on where it was."""
    for text in ("infinity", "-infinity", "0044-03-15 BC", "12000-01-01", "0001-01-01"):
        ((read,),) = session.run(f"SELECT CAST(:moment AS {kind})", moment=text)

        again = f"SELECT CAST(:moment AS {kind}) = CAST(:read AS {kind})"
        assert session.run(again, moment=text, read=read) == [(True,)]


def test_run_statement_takes_one_round_trip(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parse, bind and execute go together: at a millisecond a trip that is what a run costs."""
    flushes: list[object] = []

    def counted(sock: BinaryIO) -> None:
        flushes.append(sock)
        sock.flush()

    monkeypatch.setattr("pg8000.core._flush", counted)

    session.run("SELECT note FROM rows WHERE id = :id", id=1)

    assert len(flushes) == 1


@pytest.mark.parametrize(
    ("sql", "values", "rows", "count"),
    [
        ("DELETE FROM rows WHERE id <= :id RETURNING id", {"id": 1}, [(1,)], 1),
        ("DELETE FROM rows", {}, [], 2),
        ("UPDATE rows SET note = 'x' WHERE id = :id", {"id": 9}, [], 0),
        ("SELECT id FROM rows ORDER BY id", {}, [(1,), (2,)], 2),
        ("CREATE TABLE more (id int)", {}, [], 0),
    ],
)
def test_run_counted_tells_what_the_server_says(
    session: Session, sql: str, values: dict[str, Any], rows: list[Any], count: int
) -> None:
    """Counts come from the server's answer."""
    answer = session.run_counted(sql, **values)

    assert (answer.rows, answer.count) == (rows, count)


def test_transaction_that_raises_leaves_nothing(session: Session, postgres: Database) -> None:
    """Whatever is raised inside undoes all of it, and goes on."""
    with pytest.raises(KeyError), session.transaction():
        session.run("DELETE FROM rows")
        raise KeyError

    assert postgres.run("SELECT count(*) FROM rows") == [(2,)]
    assert not session.in_transaction


def test_transaction_with_a_hidden_failure_is_an_error(
    session: Session, postgres: Database
) -> None:
    """A COMMIT after a failed statement would quietly undo everything: it is never sent."""
    with pytest.raises(DatabaseError, match="all of it was rolled back"), session.transaction():
        session.run("DELETE FROM rows")
        with pytest.raises(MissingError):
            session.run("DELETE FROM nothing")

    assert postgres.run("SELECT count(*) FROM rows") == [(2,)]
    assert session.run("SELECT 1") == [(1,)]


def test_savepoint_that_raises_undoes_only_what_is_inside(
    session: Session, postgres: Database
) -> None:
    """One bad record fails alone; those before and after it are kept."""
    with session.transaction():
        session.run("DELETE FROM rows WHERE id = 1")
        with pytest.raises(ConstraintError), session.savepoint():
            session.run("DELETE FROM rows")
            session.run("INSERT INTO rows VALUES (3, 'x'), (3, 'y')")
        with session.savepoint():
            session.run("INSERT INTO rows VALUES (4, 'four')")

    assert postgres.run("SELECT id FROM rows ORDER BY id") == [(2,), (4,)]


def test_transaction_for_reading_writes_nothing(session: Session) -> None:
    """The server refuses a write; so does a session that is for reading as a whole."""
    with pytest.raises(ReadOnlyError, match="writer"), session.transaction(read_only=True):
        session.run("DELETE FROM rows")
