"""
Sessions on real servers: what they are held to, and one clear error for each thing that goes wrong.
"""
# ruff: noqa: PT012 - what comes out of a transaction was raised by one of its statements

from __future__ import annotations

import threading
import traceback
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, BinaryIO

import pytest

from expiry.errors import (
    ConnectError,
    ConnectionLostError,
    ConstraintError,
    DatabaseError,
    DeadlockError,
    LockedError,
    LoginError,
    MissingError,
    PrivilegeError,
    ReadOnlyError,
    ResourceError,
    SerializationError,
    StatementTimeoutError,
    TooManyConnectionsError,
)
from expiry.postgres import wire
from expiry.postgres.connection import Limits, Server, connect
from expiry.postgres.tls import Tls
from tests.postgres.fixtures import every_version
from tests.postgres.servers import Embedded18
from tests.postgres.sessions import Fake, Passwords, open_session, server_of

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from expiry.postgres.session import Session
    from tests.postgres.database import Database

SECRET = "s3cr3t-row"  # noqa: S105 - stands for what no message may show

SPOILING = f"UPDATE rows SET note = '{SECRET}'"  # noqa: S608 - a test's own
SOMEWHERE = Server("127.0.0.1", 5432, "d", "cleaner", Tls.DISABLE)


@pytest.fixture
def session(postgres: Database) -> Iterator[Session]:
    """A session on an empty database, with a table of two rows."""
    postgres.run("CREATE TABLE rows (id int PRIMARY KEY, note text UNIQUE)")
    postgres.run("INSERT INTO rows VALUES (1, 'one'), (2, 'two')")
    with open_session(postgres) as opened:
        yield opened


def shown(session: Session, name: str) -> Any:
    """Ask the server for a setting."""
    return session.run(f"SHOW {name}")[0][0]


def failure(session: Session, kind: type[DatabaseError], sql: str, **values: Any) -> DatabaseError:
    """Run *sql*, and return the error, which is of that very *kind* and shows no value."""
    with pytest.raises(kind) as raised:
        session.run(sql, **values)
    assert type(raised.value) is kind
    assert SECRET not in "".join(traceback.format_exception(raised.value))
    assert raised.value.__context__ is None
    return raised.value


@every_version
def test_connect_session_is_held_to_its_limits(postgres: Database) -> None:
    """The server itself ends what takes too long, and is told who asks."""
    limits = Limits(lock_timeout_ms=250, statement_timeout_ms=1_500, application_name="sweep")
    with open_session(postgres, limits) as session:
        settings = {name: shown(session, name) for name in (
            "lock_timeout",
            "statement_timeout",
            "idle_in_transaction_session_timeout",
            "application_name",
            "default_transaction_isolation",
            "default_transaction_read_only",
            "row_security",
            "timezone",
        )}  # fmt: skip
        version = session.server_version

    assert settings == {
        "lock_timeout": "250ms",
        "statement_timeout": "1500ms",
        "idle_in_transaction_session_timeout": "1min",
        "application_name": "sweep",
        "default_transaction_isolation": "read committed",
        "default_transaction_read_only": "off",
        "row_security": "off",
        "timezone": "UTC",
    }
    assert version // 10_000 == int(postgres.server.version)


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
        ("text[]", ["a,b", '"', "{}", "\\", "NULL"]),
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


def test_session_for_reading_writes_nothing(session: Session, postgres: Database) -> None:
    """A dry run's session cannot delete, whatever its role may."""
    with open_session(postgres, Limits(read_only=True)) as reader:
        failure(reader, ReadOnlyError, "DELETE FROM rows")

    assert session.run("SELECT count(*) FROM rows") == [(2,)]


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


def test_connect_wrong_database_or_user_is_refused(postgres: Database) -> None:
    """Each is one error that names the variable to correct."""
    server = server_of(postgres)
    passwords = Passwords([postgres.password])

    with pytest.raises(ConnectError, match="correct PG_DB_NAME"):
        connect(replace(server, database="nothing"), passwords)
    with pytest.raises(LoginError, match="correct the user or its password"):
        connect(replace(server, user="nobody"), passwords)


def test_connect_without_the_right_to_connect_is_refused(postgres: Database) -> None:
    """The GRANT that is missing is named."""
    postgres.run(f'REVOKE CONNECT ON DATABASE "{postgres.name}" FROM public')

    with pytest.raises(LoginError, match="GRANT CONNECT"):
        open_session(postgres.new_role())


def test_connect_beyond_the_limit_is_refused(postgres: Database) -> None:
    """All connections taken is an error of its own: it passes."""
    role = postgres.new_role(options="login connection limit 1")

    with open_session(role), pytest.raises(TooManyConnectionsError, match="end idle connections"):
        open_session(role)


def test_connect_where_nothing_listens_is_refused() -> None:
    """Neither a port without a server nor a name without an address is waited for."""
    with Fake(lambda _: None) as fake:
        port = fake.port
    nowhere = replace(SOMEWHERE, port=port)

    with pytest.raises(ConnectError, match="correct PG_DB_HOST or PG_DB_PORT"):
        connect(nowhere, Passwords(["x"]))
    with pytest.raises(ConnectError, match="the name is not known"):
        connect(replace(nowhere, host="db.invalid", tls=Tls.VERIFY_FULL), Passwords(["x"]))


def test_connect_to_silence_ends() -> None:
    """What takes the connection and says nothing is given up."""
    silent = threading.Event()

    def wait(_: socket.socket) -> None:
        silent.wait(10)

    with Fake(wait) as fake, pytest.raises(ConnectError):
        try:
            connect(
                replace(SOMEWHERE, port=fake.port), Passwords(["x"]), Limits(connect_timeout_s=0.1)
            )
        finally:
            silent.set()


def test_connect_password_that_was_rotated_meanwhile_is_asked_again(postgres: Database) -> None:
    """A rotation between the question and its use is no failure."""
    passwords = Passwords(["the old one", postgres.password])

    with connect(server_of(postgres), passwords) as session:
        assert session.run("SELECT 1") == [(1,)]
    assert passwords.asked == 2


def test_connect_password_that_stays_wrong_is_tried_once(
    postgres: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked again it is the same: no second try, which could lock an account."""
    tries: list[str] = []

    class Counted(wire.Wire):
        def __init__(self, **arguments: Any) -> None:
            tries.append(arguments["password"])
            super().__init__(**arguments)

    monkeypatch.setattr("expiry.postgres.connection.Wire", Counted)

    with pytest.raises(LoginError) as raised:
        connect(server_of(postgres), Passwords(["wrong"]))

    assert "wrong" not in str(raised.value)
    assert tries == ["wrong"]


def test_connect_after_a_rotation_takes_the_new_password(postgres: Database) -> None:
    """A run whose session outlives a rotation goes on, and its next session logs in anew."""
    role = postgres.new_role()
    passwords = Passwords([role.password])
    with connect(server_of(role), passwords) as first:
        postgres.run(f"ALTER ROLE {role.user} PASSWORD 'rotated'")
        assert first.run("SELECT 1") == [(1,)]
        passwords.left = ["rotated"]

        with connect(server_of(role), passwords) as second:
            assert second.run("SELECT 1") == [(1,)]


def test_connect_password_beyond_ascii_logs_in(embedded18: Database) -> None:
    """What PostgreSQL makes of a password when it is set, we make of it when we log in."""
    for password in ("pässwort ½", "a:b,c=d", "\u00a0\u0627\u0628", "soft\u00adhyphen", "\u0627a"):
        role = embedded18.new_role()
        with embedded18.connect() as admin:
            admin.execute(f"ALTER ROLE {role.user} PASSWORD '{password}'".encode())

        with open_session(replace(role, password=password)) as session:
            assert session.run("SELECT current_user::text") == [(role.user,)]


def test_connect_other_ways_to_log_in_are_pg8000s() -> None:
    """A server that asks for an MD5 hash, or for the password itself, gets it."""
    server = Embedded18({"password_encryption": "md5"})
    with server as database:
        roles = {method: database.new_role() for method in ("md5", "password")}
        lines = [f"host all {role.user} 127.0.0.1/32 {way}\n" for way, role in roles.items()]
        (server.data / "pg_hba.conf").write_text("".join(lines) + "host all all 127.0.0.1/32 md5\n")
        server.restart()
        for role in roles.values():
            with open_session(role) as session:
                assert session.run("SELECT current_user::text") == [(role.user,)]


def test_session_of_a_server_that_restarts_is_lost_and_found() -> None:
    """A restart in the middle is one error; the next session is as good as the first."""
    server = Embedded18()
    with server as database, open_session(database) as session:
        with pytest.raises(ConnectionLostError), session.transaction():
            server.restart()
            session.run("SELECT 1")
        with open_session(database) as again:
            assert again.run("SELECT 1") == [(1,)]
