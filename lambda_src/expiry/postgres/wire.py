"""
Speak PostgreSQL's protocol: pg8000, with four changes.

A statement with parameters takes one round trip instead of three; what a server says before it ends
a connection is kept; a timestamp that Python does not have is never taken for another; and the text
``null`` in an array is a text. Raises pg8000's errors: see ``faults``.
"""

from __future__ import annotations

import contextlib
import sys
from datetime import datetime
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from expiry.errors import LoginError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Mapping


class _Later(ModuleType):
    """
    Stands in for scramp while pg8000 loads, which names it once: where a server asks for SCRAM.

    It reads 22,000 lines of ASN.1, half of a cold start's imports. A login by IAM token is another
    one and never needs it.
    """

    def __getattr__(self, name: str) -> Any:
        """Load it: somebody logs in by SCRAM."""
        import scramp  # type: ignore[import-untyped] # noqa: PLC0415 - see above

        return getattr(scramp, name)


@contextlib.contextmanager
def _standing_in() -> Iterator[None]:
    if "scramp" in sys.modules:
        yield
        return
    sys.modules["scramp"] = _Later("scramp")
    try:
        yield
    finally:
        del sys.modules["scramp"]


with _standing_in():
    from pg8000 import converters, core, native  # type: ignore[import-untyped]

Refusal = native.DatabaseError  # what the server said, as Fields; it may hold values of rows
Broken = native.InterfaceError  # the connection, or the protocol
Context = core.Context  # a statement's rows and count

UNNAMED = b"\0"
STATEMENTS = 64  # kept parsed: a run has a handful, and pg8000 reads them letter by letter
FATAL = frozenset({"FATAL", "PANIC"})

Fields = dict[str, str]
"""What PostgreSQL says of an error: C its SQLSTATE, M the message, t the table…"""


class Wire(native.Connection):  # type: ignore[misc] # pg8000 has no types
    """One connection; not for two threads at once."""

    password: Any
    auth: Any
    _usock: Any
    _sock: Any
    _backend_key_data: Any
    _transaction_status: Any

    def __init__(
        self, *, sock: socket.socket, user: str, password: str, database: str, application: str
    ) -> None:
        """Log in over *sock*, which is encrypted already where it has to be."""
        self.last_words: Fields = {}  # of a server that ends the connection
        super().__init__(
            user,
            password=password,
            database=database,
            application_name=application,
            sock=sock,
            ssl_context=False,  # pg8000 negotiates none: see tls.py
            startup_params={"client_encoding": "UTF8"},
        )
        self.password, self.auth = None, None
        for kind in (native.TIMESTAMP, native.TIMESTAMPTZ):
            self.register_in_adapter(kind, moment)
        self.register_out_adapter(list, array)

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
        """Log in as pg8000 does; say it as we do where the server does not prove who it is."""
        try:
            super().handle_AUTHENTICATION_REQUEST(data, context)
        except core.scramp.ScramException as error:
            raise LoginError(f"login by SCRAM: {error}") from None

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


def moment(text: str) -> datetime | str:
    """Read a timestamp; one that Python does not have (infinity, 44 BC) stays as it is written."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return text


def array(values: list[Any]) -> str:
    """
    Write an array, each text in quotes: pg8000 leaves them away, and then a null is no text.

    >>> array(["null", "a", None, 1, ["b"]])
    '{"null","a",NULL,1,{"b"}}'
    """
    return f"{{{','.join(element(value) for value in values)}}}"


def element(value: Any) -> str:
    """Write one element of an array, which may be an array of its own."""
    if isinstance(value, list):
        return array(value)
    if not isinstance(value, str):
        return str(converters.array_out(value))
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@lru_cache(maxsize=STATEMENTS)
def parsed(sql: str) -> tuple[str, Callable[[Mapping[str, Any]], tuple[Any, ...]]]:
    """Number the ``:name`` parameters of *sql*; return it, and what puts values in their order."""
    statement, ordered = native.to_statement(sql)
    return statement, ordered
