"""
One clear error for each thing that goes wrong in a session; none shows a value of a row.
"""
# ruff: noqa: PT012 - what comes out of a transaction was raised by one of its statements

from __future__ import annotations

import threading
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from expiry.errors import (
    ConnectionLostError,
    ConstraintError,
    DatabaseError,
    DeadlockError,
    LockedError,
    MissingError,
    PrivilegeError,
    ReadOnlyError,
    ResourceError,
    SerializationError,
    StatementTimeoutError,
)
from expiry.postgres.connection import Limits
from tests.postgres.servers import Embedded18
from tests.postgres.sessions import open_session, session_with_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from expiry.postgres.session import Session
    from tests.postgres.database import Database


SECRET = "s3cr3t-row"  # noqa: S105 - stands for what no message may show
SPOILING = f"UPDATE rows SET note = '{SECRET}'"  # noqa: S608 - a test's own


@pytest.fixture
def session(postgres: Database) -> Iterator[Session]:
    """A session on an empty database, with a table of two rows."""
    with session_with_rows(postgres) as opened:
        yield opened


def failure(session: Session, kind: type[DatabaseError], sql: str, **values: Any) -> DatabaseError:
    """Run *sql*, and return the error, which is of that very *kind* and shows no value."""
    with pytest.raises(kind) as raised:
        session.run(sql, **values)
    assert type(raised.value) is kind
    assert SECRET not in "".join(traceback.format_exception(raised.value))
    assert raised.value.__context__ is None
    return raised.value


@pytest.mark.parametrize(
    ("kind", "sql", "said"),
    [
        (MissingError, "DELETE FROM nothing", 'relation "nothing" does not exist'),
        (MissingError, "SELECT nothing FROM rows", 'column "nothing" does not exist'),
        (MissingError, "SELECT 1 FROM no_schema.rows", "correct the name of the table"),
        (ConstraintError, SPOILING, "rows_note_key"),
        (ResourceError, f"SELECT {', '.join('1' * 1_665)}", "1664 entries"),
        (DatabaseError, f"SELECT '{SECRET}'::int", "see the server's log"),
        (DatabaseError, f"DO $$BEGIN RAISE EXCEPTION '{SECRET}'; END$$", "see the server's log"),
    ],
)  # fmt: skip
def test_run_failure_is_one_error_without_values(
    session: Session, kind: type[DatabaseError], sql: str, said: str
) -> None:
    """Each kind of failure has its error; none shows a row's value, nor what caused it."""
    assert said in str(failure(session, kind, sql))
    assert session.run("SELECT 1") == [(1,)]


def test_run_parameter_is_never_shown(session: Session) -> None:
    """PostgreSQL quotes a value that does not fit its type; the error does not."""
    assert "22P02" in str(failure(session, DatabaseError, "SELECT :x::int", x=SECRET))


def test_run_constraint_is_named(session: Session) -> None:
    """What handles a blocked delete reads the constraint and its table off the error."""
    session.run("CREATE TABLE children (row_id int REFERENCES rows (id))")
    session.run("INSERT INTO children VALUES (1)")
    error = failure(session, ConstraintError, "DELETE FROM rows WHERE id = :id", id=1)

    assert isinstance(error, ConstraintError)
    assert (error.constraint, error.table) == ("children_row_id_fkey", "children")
    assert error.sqlstate == "23503"


def test_run_without_privilege_says_on_what(postgres: Database) -> None:
    """A missing GRANT is named."""
    postgres.run("CREATE TABLE guarded (id int)")
    with open_session(postgres.new_role()) as session:
        message = str(failure(session, PrivilegeError, "DELETE FROM guarded"))

    assert "permission denied for table guarded" in message


def test_run_that_a_policy_would_narrow_fails(postgres: Database) -> None:
    """Rows that row-level security hides would look gone: the query fails instead."""
    postgres.run("CREATE TABLE guarded (id int)")
    postgres.run("ALTER TABLE guarded ENABLE ROW LEVEL SECURITY")
    with open_session(postgres.new_role("SELECT ON guarded")) as session:
        message = str(failure(session, PrivilegeError, "SELECT count(*) FROM guarded"))

    assert "row-level security" in message


def test_run_that_is_too_slow_ends(postgres: Database) -> None:
    """The server ends a statement at its timeout."""
    with open_session(postgres, Limits(statement_timeout_ms=50)) as session:
        failure(session, StatementTimeoutError, "SELECT pg_sleep(60)")


def test_session_for_reading_writes_nothing(session: Session, postgres: Database) -> None:
    """A dry run's session cannot delete, whatever its role may."""
    with open_session(postgres, Limits(read_only=True)) as reader:
        failure(reader, ReadOnlyError, "DELETE FROM rows")

    assert session.run("SELECT count(*) FROM rows") == [(2,)]


def test_run_that_is_locked_out_gives_way(session: Session, postgres: Database) -> None:
    """A lock that the application holds is waited for no longer than the limit."""
    with postgres.connect(autocommit=False) as other:
        other.execute("SELECT * FROM rows FOR UPDATE")
        with open_session(postgres, Limits(lock_timeout_ms=20)) as waiting:
            failure(waiting, LockedError, "DELETE FROM rows")

    assert session.run("SELECT count(*) FROM rows") == [(2,)]


def test_run_in_a_deadlock_is_told_so(session: Session, postgres: Database) -> None:
    """The victim of a deadlock may try again."""
    with open_session(postgres, Limits(lock_timeout_ms=20_000)) as victim:
        victim.run("SET deadlock_timeout = '10ms'")
        with postgres.connect(autocommit=False) as other:
            other.execute("SET deadlock_timeout = '1min'")
            other.execute("SELECT * FROM rows WHERE id = 1 FOR UPDATE")
            with pytest.raises(DeadlockError), victim.transaction():
                victim.run("SELECT * FROM rows WHERE id = 2 FOR UPDATE")
                statement = "SELECT * FROM rows WHERE id = 2 FOR UPDATE"
                thread = threading.Thread(target=other.execute, args=(statement,))
                thread.start()
                try:
                    while not session.run("SELECT FROM pg_locks WHERE NOT granted"):
                        pass
                    victim.run("SELECT * FROM rows WHERE id = 1 FOR UPDATE")
                finally:
                    victim.close()
                    thread.join(10)


def test_run_after_a_concurrent_change_may_be_tried_again(
    session: Session, postgres: Database
) -> None:
    """Under a stricter isolation the loser is told so."""
    with pytest.raises(SerializationError), session.transaction():
        session.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        session.run("SELECT * FROM rows")
        postgres.run("UPDATE rows SET note = note || '!'")
        session.run("DELETE FROM rows")


def test_session_that_the_server_ends_is_lost(session: Session, postgres: Database) -> None:
    """What the server said last is told; what was open is rolled back; the session is closed."""
    with pytest.raises(ConnectionLostError) as raised, session.transaction():
        session.run("DELETE FROM rows")
        postgres.run("SELECT pg_terminate_backend(%s, 5000)", session.process_id)
        session.run("SELECT 1")

    assert "terminating connection due to administrator command" in str(raised.value)
    assert raised.value.commit_unknown is False
    assert not session.is_open
    assert postgres.run("SELECT count(*) FROM rows") == [(2,)]
    with pytest.raises(ConnectionLostError, match="closed"):
        session.run("SELECT 1")


def test_session_lost_in_its_commit_does_not_know(session: Session) -> None:
    """Where the answer to a COMMIT does not come, the error says that it may have happened."""
    session.run("""
        CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
          'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER late AFTER DELETE ON rows
          DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()
    """)
    with pytest.raises(ConnectionLostError) as raised, session.transaction():
        session.run("DELETE FROM rows")

    assert raised.value.commit_unknown is True


def test_session_lost_in_a_statement_of_its_own_does_not_know(session: Session) -> None:
    """Outside of a transaction a statement is its own commit."""
    with pytest.raises(ConnectionLostError) as raised:
        session.run("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(5)")

    assert raised.value.commit_unknown is True


def test_session_whose_answer_does_not_come_is_lost(
    postgres: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that died without a word is noticed, not waited for until Lambda's own end."""
    monkeypatch.setattr("expiry.postgres.connection.ANSWER_MARGIN_S", -29.8)

    with open_session(postgres) as session:
        with pytest.raises(ConnectionLostError, match="no answer in time"):
            session.run("SELECT pg_sleep(20)")
        assert not session.is_open


def test_session_that_is_interrupted_is_closed(
    session: Session, postgres: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer half read would be taken for that of the next statement."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), session.transaction():
        session.run("DELETE FROM rows")
        monkeypatch.setattr("pg8000.core._read", interrupted)
        session.run("SELECT 1")

    assert not session.is_open
    monkeypatch.undo()
    while postgres.run("SELECT FROM pg_stat_activity WHERE pid = %s", session.process_id):
        pass
    assert postgres.run("SELECT count(*) FROM rows") == [(2,)]


def test_session_close_twice_is_no_error(session: Session) -> None:
    """Closing never raises, in whatever state."""
    session.close()
    session.close()

    assert not session.is_open


def test_session_of_a_server_that_restarts_is_lost_and_found() -> None:
    """A restart in the middle is one error; the next session is as good as the first."""
    server = Embedded18()
    with server as database, open_session(database) as session:
        with pytest.raises(ConnectionLostError), session.transaction():
            server.restart()
            session.run("SELECT 1")
        with open_session(database) as again:
            assert again.run("SELECT 1") == [(1,)]
