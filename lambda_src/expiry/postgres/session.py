"""
Run statements in explicit transactions; turn whatever goes wrong into one clear error.

Values go as parameters (``:name``), never into the text. No message holds one.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from types import TracebackType

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a statement returned: its rows, and how many rows it says that it touched."""

    rows: list[Row]
    count: int


class Session:
    """One connection, used by one thread; see ``connect``."""

    is_open: bool
    server_version: int  # 150018 for 15.18

    def __enter__(self) -> Self:
        """Use it, and close it at the end."""
        raise NotImplementedError

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        raise NotImplementedError

    def run(self, sql: str, /, **parameters: Any) -> list[Row]:
        """
        Run one statement in one round trip; return its rows.

        Outside of ``transaction`` it commits by itself. Without parameters *sql* may hold several
        statements, which then are one transaction.

        Raises:
            DatabaseError: See errors.py; after ConnectionLostError the session is closed.
        """
        raise NotImplementedError

    def run_counted(self, sql: str, /, **parameters: Any) -> Answer:
        """Run one statement as ``run`` does; return the rows that it touched as a count too."""
        raise NotImplementedError

    @contextmanager
    def transaction(self, *, read_only: bool = False) -> Iterator[None]:
        """
        Begin; commit at the end, or roll back where something is raised, and let that go on.

        Raises:
            ConnectionLostError: Also where the COMMIT was sent and its answer did not come: then
                ``error.commit_unknown`` is true, and what it held may have happened.
        """
        raise NotImplementedError(read_only)
        yield

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Inside of a transaction: undo only what is inside where something is raised."""
        raise NotImplementedError
        yield

    def now(self) -> datetime:
        """Return the database's clock, in UTC."""
        raise NotImplementedError

    def close(self) -> None:
        """Close, whatever is going on; never raises. An open transaction is rolled back."""
        raise NotImplementedError
