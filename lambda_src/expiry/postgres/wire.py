"""
Speak PostgreSQL's protocol: pg8000, with four changes.

A statement with parameters takes one round trip instead of three; login by SCRAM is ours; what a
server says before it ends a connection is kept; and a timestamp that Python does not have is never
taken for another. Raises pg8000's errors: see ``faults``.
"""

from __future__ import annotations

import contextlib
import sys
from datetime import datetime
from functools import lru_cache
from ssl import SSLSocket
from types import ModuleType
from typing import TYPE_CHECKING, Any

from expiry.postgres.scram import Scram

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Mapping


@contextlib.contextmanager
def _standing_in() -> Iterator[None]:
    """Keep what is imported inside from loading scramp."""
    if "scramp" in sys.modules:
        yield
        return
    sys.modules["scramp"] = _Later("scramp")
    try:
        yield
    finally:
        del sys.modules["scramp"]


class _Later(ModuleType):
    """Stands in for a module that pg8000 imports for a login which is ours here; see scram.py."""

    def __getattr__(self, name: str) -> Any:
        """Load it for others who use pg8000 in this process."""
        import scramp  # type: ignore[import-untyped] # noqa: PLC0415 - 50 ms that we do not need

        return getattr(scramp, name)


with _standing_in():
    from pg8000 import core, native  # type: ignore[import-untyped]

Refusal = native.DatabaseError  # what the server said, as Fields; it may hold values of rows
Broken = native.InterfaceError  # the connection, or the protocol
Context = core.Context  # a statement's rows and count

UNNAMED = b"\0"
STATEMENTS = 64  # kept parsed: a run has a handful, and pg8000 reads them letter by letter
SASL, SASL_CONTINUE, SASL_FINAL = 10, 11, 12
FATAL = frozenset({"FATAL", "PANIC"})

Fields = dict[str, str]
"""What PostgreSQL says of an error: C its SQLSTATE, M the message, t the table…"""


class Wire(native.Connection):  # type: ignore[misc] # pg8000 has no types
    """One connection; not for two threads at once."""

    password: Any
    _usock: Any
    _sock: Any
    _backend_key_data: Any
    _transaction_status: Any

    def __init__(
        self, *, sock: socket.socket, user: str, password: str, database: str, application: str
    ) -> None:
        """Log in over *sock*, which is encrypted already where it has to be."""
        self.last_words: Fields = {}  # of a server that ends the connection
        self._scram: Scram | None = None
        super().__init__(
            user,
            password=password,
            database=database,
            application_name=application,
            sock=sock,
            ssl_context=False,  # pg8000 negotiates none: see tls.py
            startup_params={"client_encoding": "UTF8"},
        )
        self.password, self._scram = None, None
        for kind in (native.TIMESTAMP, native.TIMESTAMPTZ):
            self.register_in_adapter(kind, moment)

    @property
    def status(self) -> str:
        """Say ``I`` outside of a transaction, ``T`` inside, ``E`` inside of one that has failed."""
        return bytes(self._transaction_status or b"I").decode()

    @property
    def process_id(self) -> int:
        """Return the server's process for this connection."""
        return int.from_bytes(self._backend_key_data[:4], "big")

    def ask(self, sql: str, parameters: Mapping[str, Any]) -> core.Context:
        """Run *sql*; without *parameters* it may be several statements."""
        if not parameters:
            return self.execute_simple(sql)
        statement, ordered = parsed(sql)
        return self.execute_unnamed(statement, ordered(parameters))

    def execute_unnamed(
        self, statement: str, vals: Any = (), oids: Any = (), stream: Any = None
    ) -> core.Context:
        """Send everything that a statement takes at once, then read everything."""
        context = core.Context(statement, stream=stream)
        values = core.make_params(self.py_types, vals)
        self.send_PARSE(UNNAMED, statement, oids)
        self.send_DESCRIBE_STATEMENT(UNNAMED)
        self.send_BIND(UNNAMED, values)
        self.send_EXECUTE()
        core._write(self._sock, core.SYNC_MSG)  # noqa: SLF001 - as pg8000 does here itself
        core._flush(self._sock)  # noqa: SLF001 - likewise
        self.handle_messages(context)
        return context

    def handle_AUTHENTICATION_REQUEST(self, data: bytes, context: core.Context) -> None:  # noqa: N802 - pg8000's name
        """Log in by SCRAM; leave every other way to pg8000."""
        kind, rest = int.from_bytes(data[:4], "big"), data[4:]
        if kind == SASL:
            offered = [name.decode() for name in rest.split(b"\0") if name]
            sock = self._usock
            certificate = (
                sock.getpeercert(binary_form=True) if isinstance(sock, SSLSocket) else None
            )
            self._scram = Scram(offered, self.password.decode(), certificate)
            first = self._scram.first()
            name = self._scram.mechanism.encode() + b"\0"
            self._answer(name + len(first).to_bytes(4, "big") + first)
        elif kind == SASL_CONTINUE and self._scram:
            self._answer(self._scram.final(rest))
        elif kind == SASL_FINAL and self._scram:
            self._scram.verify(rest)
        else:
            super().handle_AUTHENTICATION_REQUEST(data, context)

    def handle_ERROR_RESPONSE(self, data: bytes, context: core.Context) -> None:  # noqa: N802 - pg8000's name
        """Keep what the server says if it is the last that it says."""
        super().handle_ERROR_RESPONSE(data, context)
        fields = context.error.args[0]
        if fields.get("V", fields.get("S")) in FATAL:
            self.last_words = fields

    def wait_at_most(self, seconds: float) -> None:
        """Hold every answer to *seconds*: a connection that is dead says nothing, for ever."""
        self._usock.settimeout(seconds)

    def close(self) -> None:
        """Say good-bye where that is possible, and close; never raises."""
        plain, buffered = self._usock, self._sock
        self._usock = self._sock = None
        if plain is None:
            return
        with contextlib.suppress(Exception):
            plain.settimeout(1)
            buffered.write(core.TERMINATE_MSG)
            buffered.flush()
        for part in (buffered, plain):
            with contextlib.suppress(Exception):
                part.close()

    def _answer(self, data: bytes) -> None:
        self._send_message(core.PASSWORD, data)
        core._flush(self._sock)  # noqa: SLF001 - as pg8000 does here itself


def moment(text: str) -> datetime | str:
    """Read a timestamp; one that Python does not have (infinity, 44 BC) stays as it is written."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return text


@lru_cache(maxsize=STATEMENTS)
def parsed(sql: str) -> tuple[str, Callable[[Mapping[str, Any]], tuple[Any, ...]]]:
    """Number the ``:name`` parameters of *sql*; return it, and what puts values in their order."""
    statement, ordered = native.to_statement(sql)
    return statement, ordered
