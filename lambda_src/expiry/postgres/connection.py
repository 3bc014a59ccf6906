"""
Open a session: find the server, verify it, log in, set the limits.

Each step that fails is one error that says what to change. No byte of a password is sent before
the server's certificate is verified.
"""

from __future__ import annotations

import ipaddress
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from expiry.errors import ConnectError, LoginError, TlsError
from expiry.postgres import faults
from expiry.postgres.session import Session
from expiry.postgres.tls import Tls, encrypted, verifying_context
from expiry.postgres.wire import Broken, Refusal, Wire

if TYPE_CHECKING:
    import ssl

    from expiry.postgres.credentials import Credentials

ANSWER_MARGIN_S = 10.0  # a statement ends by its own timeout; after this the connection is dead
NOTICES_LOST_CLIENT = 150_000  # the version from which every platform has the check

SETTINGS = """
SET lock_timeout = {lock_timeout_ms};
SET statement_timeout = {statement_timeout_ms};
SET idle_in_transaction_session_timeout = {idle_in_transaction_timeout_ms};
SET default_transaction_isolation = 'read committed';
{read_only}
SET row_security = off; -- a query that a policy would narrow fails: what it hides looks gone
SET TimeZone = 'UTC';
SET DateStyle = 'ISO'
"""


@dataclass(frozen=True, slots=True)
class Server:
    """Where the database is, and as whom to log in; a host with a slash is a socket's folder."""

    host: str
    port: int
    database: str
    user: str
    tls: Tls = Tls.VERIFY_FULL
    ca_file: str | None = None  # None: the system's CAs, and the packed ones of RDS

    def __str__(self) -> str:
        """Write it for people."""
        return f"{self.user}@{self.host}:{self.port}/{self.database}"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the server holds a session to."""

    lock_timeout_ms: int = 500  # below deadlock_timeout (1 s): else the application is the victim
    statement_timeout_ms: int = 30_000
    idle_in_transaction_timeout_ms: int = 60_000
    application_name: str = "expiry"
    read_only: bool = False
    connect_timeout_s: float = 10.0


def connect(server: Server, credentials: Credentials, limits: Limits | None = None) -> Session:
    """
    Log in to *server*, and set *limits* (those of Limits() by default).

    Raises:
        ConnectError: The server is not there, not who it says, or refuses; see its subclasses.
    """
    limits = limits or Limits()
    if refusal := server.tls.refusal(server.host):
        raise TlsError(refusal)
    context = verifying_context(server.ca_file) if server.tls is Tls.VERIFY_FULL else None
    password = credentials.password(server)
    try:
        wire = _logged_in(server, password, context, limits)
    except LoginError:
        # A rotation may have come between the question and its use.
        if (newer := credentials.password(server)) == password:
            raise
        wire = _logged_in(server, newer, context, limits)
    session = Session(wire, str(server))
    try:
        _set_limits(session, limits)
    except BaseException:
        session.close()
        raise
    wire.wait_at_most(limits.statement_timeout_ms / 1000 + ANSWER_MARGIN_S)
    return session


def _set_limits(session: Session, limits: Limits) -> None:
    session.run(
        SETTINGS.format(
            lock_timeout_ms=int(limits.lock_timeout_ms),
            statement_timeout_ms=int(limits.statement_timeout_ms),
            idle_in_transaction_timeout_ms=int(limits.idle_in_transaction_timeout_ms),
            # Who made the role or the database read-only meant us too: that is not taken back.
            read_only="SET default_transaction_read_only = on;" if limits.read_only else "",
        )
    )
    if session.server_version >= NOTICES_LOST_CLIENT:
        # A run that is killed leaves no statement running behind it.
        session.run("SET client_connection_check_interval = '5s'")


def _logged_in(
    server: Server, password: str, context: ssl.SSLContext | None, limits: Limits
) -> Wire:
    try:
        with ExitStack() as undo:
            sock = undo.enter_context(_dialled(server, limits.connect_timeout_s))
            if context:
                sock = undo.enter_context(encrypted(sock, server.host, context))
            else:
                _refuse_distant(sock, server)
            wire = Wire(
                sock=sock,
                user=server.user,
                password=password,
                database=server.database,
                application=limits.application_name,
            )
            undo.pop_all()
            return wire
    except Refusal as error:
        failure = faults.of_login(error.args[0], str(server))
    except LoginError as error:
        failure = LoginError(f"{server}: {error}")
    except (Broken, OSError) as error:
        failure = ConnectError(f"{server}: went away during the login: {error.__cause__ or error}")
    raise failure


def _dialled(server: Server, timeout_s: float) -> socket.socket:
    try:
        if server.host.startswith("/"):
            return _unix_socket(f"{server.host}/.s.PGSQL.{server.port}", timeout_s)
        dialled = socket.create_connection((server.host, server.port), timeout_s)
    except socket.gaierror as error:
        text = f"{server}: the name is not known: {error.strerror}; correct PG_DB_HOST"
        raise ConnectError(text) from None
    except TimeoutError:
        text = f"no answer in {timeout_s:g} s; look at security groups, subnets and routes"
        raise ConnectError(f"{server}: {text}") from None
    except OSError as error:
        text = f"{server}: not reached: {error.strerror or error}; correct PG_DB_HOST or PG_DB_PORT"
        raise ConnectError(text) from None
    dialled.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    dialled.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return dialled


def _unix_socket(path: str, timeout_s: float) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout_s)
        sock.connect(path)
    except BaseException:
        sock.close()
        raise
    return sock


def _refuse_distant(plain: socket.socket, server: Server) -> None:
    """Hold a connection in plain text to this machine, whatever its name server says."""
    if plain.family != socket.AF_UNIX:
        address = str(plain.getpeername()[0])
        if not ipaddress.ip_address(address).is_loopback:
            raise TlsError(
                f"{server}: is at {address}, and PG_TLS is disable: no password was sent"
            )
