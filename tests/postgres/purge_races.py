"""
Two sessions of which one waits for the other: forced, and seen to be so.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from expiry.postgres.session import Session
    from tests.postgres.database import Database


class Race:
    """Stops one side before a statement until the other one waits for its locks."""

    def __init__(self, database: Database, other: Session | int) -> None:
        self._database = database
        self._other = other if isinstance(other, int) else other.process_id
        self._reached = threading.Event()
        self.waited = False

    def before(self, beginning: str) -> Callable[[str], None]:
        """Stop before the first statement that begins so."""

        def stop(sql: str) -> None:
            if sql.startswith(beginning) and not self._reached.is_set():
                self._reached.set()
                until(lambda: waits(self._database, self._other), "the other one waits")
                self.waited = True

        return stop

    def reached(self) -> None:
        """Wait until it has stopped."""
        assert self._reached.wait(30)


def waits(database: Database, process_id: int) -> bool:
    """Tell whether a session waits for a lock of another one."""
    return bool(database.run("select cardinality(pg_blocking_pids(%s)) > 0", process_id)[0][0])
