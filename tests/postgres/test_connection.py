"""
Logging in to real servers: what a session is held to, and one clear error for each refusal.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from expiry.errors import (
    ConnectError,
    LoginError,
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

    from expiry.postgres.session import Session
    from tests.postgres.database import Database


SOMEWHERE = Server("127.0.0.1", 5432, "d", "cleaner", Tls.DISABLE)


def shown(session: Session, name: str) -> Any:
    """Ask the server for a setting."""
    return session.run(f"SHOW {name}")[0][0]


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

    with Fake(wait) as fake:
        server = replace(SOMEWHERE, port=fake.port)
        with pytest.raises(ConnectError):
            connect(server, Passwords(["x"]), Limits(connect_timeout_s=0.1))
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
    for password in ("pässwort ½", "a:b,c=d", "\u0627\u0628", "soft\u00adhyphen"):
        role = embedded18.new_role()
        with embedded18.connect() as admin:
            admin.execute(f"ALTER ROLE {role.user} PASSWORD '{password}'".encode())

        with open_session(replace(role, password=password)) as session:
            assert session.run("SELECT current_user::text") == [(role.user,)]


def test_connect_password_that_mixes_directions_is_refused_clearly(embedded18: Database) -> None:
    """RFC 4013 forbids it; PostgreSQL would take it as it is, the library that logs in does not."""
    role = embedded18.new_role()
    with embedded18.connect() as admin:
        admin.execute(f"ALTER ROLE {role.user} PASSWORD '\u0627a'".encode())

    with pytest.raises(LoginError, match="login by SCRAM: "):
        open_session(replace(role, password="\u0627a"))  # noqa: S106 - a test's own


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
