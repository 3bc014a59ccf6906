"""
Run statements in explicit transactions; turn whatever goes wrong into one clear error.

Values go as parameters (``:name``), never into the text. No message holds one.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from expiry.errors import ConnectionLostError, DatabaseError
from expiry.postgres import faults
from expiry.postgres.wire import Broken, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from types import TracebackType

    from expiry.postgres.wire import Context, Wire

# The application's default may be stricter, and its locks work by what is committed.
BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
IDLE, FAILED = "I", "E"
VERSION = re.compile(r"(\d+)(?:\.(\d+))?")

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a statement returned: its rows, and how many rows it says that it touched."""

    rows: list[Row]
    count: int


class Session:
    """One connection, used by one thread; see ``connect``."""

    def __init__(self, wire: Wire, server: str) -> None:
        """Take a connection that is logged in; *server* is for messages."""
        self._wire: Wire | None = wire
        self._server = server
        self._savepoints = 0
        self._process_id = wire.process_id

    def __enter__(self) -> Self:
        """Use it, and close it at the end."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    @property
    def is_open(self) -> bool:
        """Tell whether it can be used."""
        return self._wire is not None

    @property
    def server_version(self) -> int:
        """Return the server's version as PostgreSQL numbers it: 150018 for 15.18."""
        return version_number(self._open().parameter_statuses["server_version"])

    @property
    def process_id(self) -> int:
        """Return the server's process for this session, as pg_stat_activity lists it."""
        return self._process_id

    @property
    def in_transaction(self) -> bool:
        """Tell whether a transaction is open."""
        return self._wire is not None and self._wire.status != IDLE

    def run(self, sql: str, /, **parameters: Any) -> list[Row]:
        """
        Run one statement in one round trip; return its rows.

        Outside of ``transaction`` it commits by itself. Without parameters *sql* may hold several
        statements, which then are one transaction.

        Raises:
            DatabaseError: See errors.py; after ConnectionLostError the session is closed. Where
                its ``commit_unknown`` is true, a statement outside of a transaction may have
                happened.
        """
        return self.run_counted(sql, **parameters).rows

    def run_counted(self, sql: str, /, **parameters: Any) -> Answer:
        """Run one statement as ``run`` does; return the rows that it touched as a count too."""
        context = self._asked(sql, parameters, commits=not self.in_transaction)
        return Answer([tuple(row) for row in context.rows or ()], max(context.row_count, 0))

    @contextmanager
    def transaction(self, *, read_only: bool = False) -> Iterator[None]:
        """
        Begin; commit at the end, or roll back where something is raised, and let that go on.

        Raises:
            ConnectionLostError: Also where the COMMIT was sent and its answer did not come: then
                ``error.commit_unknown`` is true, and what it held may have happened.
            DatabaseError: A statement inside had failed, and nobody let its error go on: nothing
                of the transaction happened.
        """
        if self.in_transaction:
            raise RuntimeError("a transaction is open already: use savepoint()")
        self._asked(f"{BEGIN}{' READ ONLY' if read_only else ''}", {})
        try:
            yield
        except BaseException:
            self._roll_back("ROLLBACK")
            raise
        if self._open().status == FAILED:
            self._roll_back("ROLLBACK")
            raise DatabaseError("a statement of the transaction failed; all of it was rolled back")
        self._asked("COMMIT", {}, commits=True)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Inside of a transaction: undo only what is inside where something is raised."""
        if not self.in_transaction:
            raise RuntimeError("a savepoint is inside of a transaction")
        self._savepoints += 1
        name = f"expiry_{self._savepoints}"
        self._asked(f"SAVEPOINT {name}", {})
        try:
            yield
        except BaseException:
            self._roll_back(f"ROLLBACK TO SAVEPOINT {name}; RELEASE SAVEPOINT {name}")
            raise
        self._asked(f"RELEASE SAVEPOINT {name}", {})

    def now(self) -> datetime:
        """Return the database's clock, in UTC."""
        now: datetime = self.run("SELECT clock_timestamp()")[0][0]
        return now

    def close(self) -> None:
        """Close, whatever is going on; never raises. An open transaction is rolled back."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()

    def _open(self) -> Wire:
        if self._wire is None:
            raise ConnectionLostError(f"{self._server}: the session is closed")
        return self._wire

    def _asked(self, sql: str, parameters: dict[str, Any], *, commits: bool = False) -> Context:
        wire = self._open()
        try:
            return wire.ask(sql, parameters)
        except Refusal as error:
            failure = faults.of_statement(error.args[0])
        except (Broken, OSError) as error:
            self.close()
            failure = self._lost(wire, error, commits=commits)
        except BaseException:
            # In the middle of an answer: what came next would be taken for that of another.
            self.close()
            raise
        # Outside of the handler, so that no traceback shows the cause: it holds keys of rows.
        raise failure

    def _lost(self, wire: Wire, error: Exception, *, commits: bool) -> DatabaseError:
        if wire.last_words:
            said = faults.of_statement(wire.last_words)
            return ConnectionLostError(str(said), said.sqlstate, commit_unknown=commits)
        reason = error.__cause__ or error
        kind = "no answer in time" if isinstance(reason, TimeoutError) else str(reason)
        text = f"{self._server}: the connection was lost: {kind}; run again"
        return ConnectionLostError(text, commit_unknown=commits)

    def _roll_back(self, sql: str) -> None:
        """Undo, whatever state the connection is in: where it is lost the server has done it."""
        try:
            if self.in_transaction:
                self._asked(sql, {})
        except DatabaseError:
            self.close()


def version_number(text: str) -> int:
    """
    Number what a server calls its version; 0 where it is no version.

    >>> version_number("15.18 (Debian 15.18-0+deb12u1)"), version_number("18beta1")
    (150018, 180000)
    """
    found = VERSION.match(text)
    return int(found[1]) * 10_000 + int(found[2] or 0) if found else 0
