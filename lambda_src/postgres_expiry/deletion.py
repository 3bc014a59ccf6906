"""
Delete what is due, batch by batch, each its own transaction.

A keyset cursor over (expiry, key) goes on where the last batch ended: rows that are deleted, and
still to be seen by an old snapshot that somebody holds open, are never walked over again. Two runs
at once share the work by ``SKIP LOCKED``; an advisory lock would only make one of them idle, and
says nothing of the application's own locks, which must be passed by as well.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from expiry.errors import StatementTimeoutError
from expiry.postgres.catalog import Catalog
from postgres_expiry.pacing import BatchSize, RowPace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from expiry.budget import Budget
    from expiry.postgres.session import Session
    from postgres_expiry.link import Link
    from postgres_expiry.predicates import Doomed
    from postgres_expiry.settings import Settings

LAG_EVERY_S = 1.0


class Stop(StrEnum):
    """Why a run ends before everything is done."""

    TIME = "time"
    LIMIT = "limit"
    REPLICA_LAG = "replica_lag"


@dataclass(slots=True)
class Tally:
    """What became of the rows of one rule."""

    listed: int = 0  # candidates; each is in exactly one of the outcomes below
    deleted: int = 0
    rows: int = 0  # deleted with the candidates: an index row takes its dead target along
    would_delete: int = 0
    changed: int = 0  # held by somebody, or no longer what they were
    protected: int = 0  # due, but something refers to them; not listed
    unknown: int = 0  # their expiry cannot be read; not listed
    batches: int = 0
    longest_s: float = 0.0
    stopped: Stop | None = None
    error: Exception | None = None
    counted: dict[str, int] = field(default_factory=dict)  # by the preset's words


@dataclass(slots=True)
class Means:
    """What the deletions of one run share."""

    link: Link
    settings: Settings
    cutoff: int  # seconds since 1970, from the database's clock, fixed for the run
    left: int  # deletions that are still allowed
    budget: Budget
    pace: RowPace
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    lag_asked_s: float | None = None

    def stop(self) -> Stop | None:
        """Say why there may be no further batch; wait for the pace first."""
        if self.left < 1:
            return Stop.LIMIT
        wait_s = self.pace.wait_s()
        if not self.budget.allows(wait_s + self.settings.latency_target_ms / 1000):
            return Stop.TIME
        if wait_s:
            self.sleep(wait_s)
        return Stop.REPLICA_LAG if self._lags() else None

    def _lags(self) -> bool:
        most_s = self.settings.max_replica_lag_s
        now_s = self.clock()
        if not most_s or (self.lag_asked_s is not None and now_s < self.lag_asked_s + LAG_EVERY_S):
            return False
        self.lag_asked_s = now_s
        lag_s = self.link.attempt(lambda session: Catalog(session).replica_lag_s())
        return lag_s is not None and lag_s > most_s

    def batch_size(self, rows: int) -> int:
        """Return how many of *rows* a batch may take."""
        return self.pace.cap(min(rows, self.left))

    def took(self, tally: Tally, size: BatchSize, rows: int, duration_s: float) -> None:
        """Learn from a batch."""
        tally.batches += 1
        tally.longest_s = max(tally.longest_s, duration_s)
        size.took(rows, duration_s)

    def sized(self, rows: int) -> BatchSize:
        """Make the batch sizes of one rule."""
        return BatchSize(rows, self.settings.latency_target_ms / 1000)


def delete(means: Means, victims: Doomed, batch_size: int, tally: Tally) -> None:
    """
    Delete until nothing that is due is left, or ``means`` stop it; *tally* counts as it goes.

    Raises:
        DatabaseError: A batch failed for good; what was committed before is in the tally.
    """
    size = means.sized(batch_size)
    cursor: dict[str, str] = {}
    while True:
        tally.stopped = means.stop()
        if tally.stopped:
            return
        rows = means.batch_size(size.rows)
        statement = victims.batch(first=not cursor)
        parameters = {**victims.parameters, "cutoff": means.cutoff, "batch_size": rows, **cursor}
        began_s = means.clock()
        try:
            listed, deleted, *last = means.link.attempt(one_row(statement, parameters))
        except StatementTimeoutError:
            if not size.failed():
                raise
            continue
        tally.listed += listed
        tally.deleted += deleted
        tally.rows += deleted
        tally.changed += listed - deleted
        means.left -= deleted
        means.pace.took(deleted)
        means.took(tally, size, rows, means.clock() - began_s)
        if listed < rows:
            return
        cursor = victims.order.cursor(last)


def one_row(statement: str, parameters: Mapping[str, Any]) -> Callable[[Session], tuple[Any, ...]]:
    """Return work for a link: a statement that answers with one row."""

    def work(session: Session) -> tuple[Any, ...]:
        (row,) = session.run(statement, **parameters)
        return tuple(row)

    return work
