"""
Keep a run's session: repeat what another transaction undid, open it again where it is lost.

Whatever is repeated here deletes by predicate and begins at a cursor, so that doing it twice does
no harm; what an answer did not confirm is not counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar

from expiry.errors import (
    ConnectError,
    ConnectionLostError,
    ConstraintError,
    LoginError,
    TlsError,
    TransientError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from expiry.budget import Budget
    from expiry.postgres.session import Session

Answered = TypeVar("Answered")

RECONNECTS = 3  # in one run
ATTEMPTS = 4  # of one statement
FIRST_PAUSE_S = 0.2
CONNECT_PAUSES_S = (0.5, 1.0, 2.0, 4.0)  # a server that restarts is back within seconds


class Link:
    """One session at a time; ``close`` it, or use it as a context."""

    def __init__(
        self,
        connect: Callable[[bool], Session],
        budget: Budget,
        sleep: Callable[[float], None],
        *,
        read_only: bool,
    ) -> None:
        """Log in."""
        self._connect, self._budget, self._sleep = connect, budget, sleep
        self._read_only = read_only
        self.reconnects = 0
        self.session = connect(read_only)

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

    def close(self) -> None:
        """Close the session."""
        self.session.close()

    def attempt(self, work: Callable[[Session], Answered], *, writes: bool = False) -> Answered:
        """
        Do *work*, which is one transaction; again after a deadlock, a lost lock or connection.

        Once after a constraint: a reference that came in between is seen by the next look.

        Args:
            writes: Do it not again where it may have happened: the caller's limit counts it.

        Raises:
            ConnectionLostError: ``commit_unknown`` of one that *writes*; a new session is open.
            DatabaseError: It failed for good.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return work(self.session)
            except ConnectionLostError as error:
                if attempt == ATTEMPTS or self.reconnects == RECONNECTS:
                    raise
                self._reopen()
                if writes and error.commit_unknown:
                    raise
            except ConstraintError:
                if attempt > 1:
                    raise
            except TransientError:
                pause_s = FIRST_PAUSE_S * 2 ** (attempt - 1)
                if attempt == ATTEMPTS or not self._budget.allows(pause_s):
                    raise
                self._sleep(pause_s)
        raise AssertionError  # the last attempt returns or raises

    def _reopen(self) -> None:
        self.session.close()
        self.reconnects += 1
        for pause_s in CONNECT_PAUSES_S:
            try:
                self.session = self._connect(self._read_only)
            except (LoginError, TlsError):
                raise  # waiting changes neither
            except ConnectError:
                if not self._budget.allows(pause_s):
                    raise
                self._sleep(pause_s)
            else:
                return
        self.session = self._connect(self._read_only)
