"""
The engine's own sessions on the tests' databases, and what stands between the two.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from expiry.postgres.connection import Limits, Server, connect
from expiry.postgres.tls import Tls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from expiry.postgres.session import Session
    from tests.postgres.database import Database

CHUNK = 65_536


@dataclass
class Passwords:
    """Credentials that say one password after another; the last one again and again."""

    left: list[str]
    asked: int = 0

    def password(self, server: Server) -> str:
        assert server.user
        self.asked += 1
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]


def server_of(database: Database) -> Server:
    """Say where *database* is; verified in full where it has TLS."""
    return Server(
        host=database.host,
        port=database.port,
        database=database.name,
        user=database.user,
        tls=Tls.VERIFY_FULL if database.ca_file else Tls.DISABLE,
        ca_file=str(database.ca_file) if database.ca_file else None,
    )


def open_session(database: Database, limits: Limits | None = None) -> Session:
    """Log in to *database* as a run does."""
    return connect(server_of(database), Passwords([database.password]), limits)


@contextlib.contextmanager
def session_with_rows(database: Database) -> Iterator[Session]:
    """Make a table of two rows, and log in."""
    database.run("CREATE TABLE rows (id int PRIMARY KEY, note text UNIQUE)")
    database.run("INSERT INTO rows VALUES (1, 'one'), (2, 'two')")
    with open_session(database) as session:
        yield session


@dataclass
class Fake:
    """
    Something that listens where a database should be, and keeps what it is told.

    *answer* gets each connection and returns; then whatever else comes is read to its end.
    """

    answer: Callable[[socket.socket], bytes | None]
    path: Path | None = None  # of a Unix socket, instead of a port
    received: bytes = b""
    connections: int = 0
    _listener: socket.socket = field(init=False)
    _thread: threading.Thread = field(init=False)

    def __enter__(self) -> Self:
        """Listen."""
        if self.path:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(self.path))
            self._listener.listen()
        else:
            self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening, and wait until what was said is kept."""
        # An accept that waits is not ended by a close alone.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def _serve(self) -> None:
        while True:
            try:
                connection = self._listener.accept()[0]
            except OSError:
                return
            self.connections += 1
            with connection, contextlib.suppress(OSError):
                self.received += self.answer(connection) or b""


def relay(port: int) -> Callable[[socket.socket], None]:
    """Return what passes a connection on to *port*, both ways, until one side ends it."""

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(CHUNK):
                sink.sendall(chunk)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)

    def answer(connection: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", port)) as behind:
            back = threading.Thread(target=pump, args=(behind, connection), daemon=True)
            back.start()
            pump(connection, behind)
            back.join(5)

    return answer
