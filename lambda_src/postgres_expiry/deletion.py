"""
Delete what is due, batch by batch, each its own transaction.

A keyset cursor over (expiry, key) goes on where the last batch ended: rows that are deleted, and
still to be seen by an old snapshot that somebody holds open, are never walked over again. Two runs
at once share the work by ``SKIP LOCKED``; an advisory lock would only make one of them idle, and
says nothing of the application's own locks, which must be passed by as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from expiry.errors import ConnectionLostError, ConstraintError, DatabaseError, StatementTimeoutError
from expiry.masking import masked
from expiry.postgres.catalog import Catalog
from expiry.postgres.pacing import BatchSize, RowPace

if TYPE_CHECKING:
    from expiry.budget import Budget
    from expiry.postgres.link import Link
    from expiry.postgres.session import Session
    from postgres_expiry.predicates import Doomed
    from postgres_expiry.settings import Settings

LAG_EVERY_S = 1.0
GROWTH = 16  # of a batch while it is quick: a statement and a commit for 8,000 rows, not for 2,000
MOST_FAILED = 100  # rows; from here on it is not the rows
MOST_REASONS = 10


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
    failed: int = 0  # the database does not let them go
    reasons: list[str] = field(default_factory=list)  # of the first of those
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

    def stop(self, least: int = 1) -> Stop | None:
        """Say why there may be no further batch, of *least* rows; wait for the pace first."""
        if self.left < least:
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

    def took(
        self, tally: Tally, size: BatchSize, batch: Batch, rows: int, duration_s: float
    ) -> None:
        """Learn from a batch that was asked for *rows*."""
        tally.batches += 1
        tally.longest_s = max(tally.longest_s, duration_s)
        self.left -= batch.rows
        self.pace.took(batch.rows)
        size.took(rows, duration_s)

    def sized(self, rows: int) -> BatchSize:
        """Make the batch sizes of one rule."""
        return BatchSize(rows, self.settings.latency_target_ms / 1000, GROWTH)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one statement answered."""

    full: bool  # there may be more
    rows: int  # written: they count against the limit and the pace
    cursor: dict[str, str]  # where the next one goes on


Asked = Callable[[int, Mapping[str, str]], Batch]  # by how many rows at most, and a cursor
Passed = Callable[[Mapping[str, str], DatabaseError], dict[str, str]]


@dataclass(frozen=True, slots=True)
class Work:
    """How one rule goes through its rows."""

    ask: Asked
    passed: Passed | None = None  # None: a row that fails cannot be passed by
    least: int = 1  # rows that go together, so that the limit must allow as many


def walk(means: Means, batch_size: int, tally: Tally, work: Work) -> None:
    """
    Go from batch to batch until one is not full, or ``means`` stop it.

    A batch that fails is halved; what fails alone is passed by, where that is possible.

    Raises:
        DatabaseError: A batch failed for good; what was committed before is in the tally.
    """
    size, cursor = means.sized(batch_size), dict[str, str]()
    while not (stopped := means.stop(work.least)):
        rows, began_s = means.batch_size(size.rows), means.clock()
        try:
            batch = work.ask(rows, cursor)
        except ConnectionLostError:
            if not means.link.session.is_open:
                raise
            means.left -= rows  # its answer was lost: as many may be gone, and nobody knows
            continue
        except DatabaseError as error:
            if not _may_be_a_row(error) or (rows == 1 and work.passed is None):
                raise
            if rows == 1 and work.passed is not None:
                cursor = work.passed(cursor, error)
            size.failed(rows)
            continue
        means.took(tally, size, batch, rows, means.clock() - began_s)
        if not batch.full:
            return
        cursor = batch.cursor
    tally.stopped = stopped


def delete(means: Means, victims: Doomed, batch_size: int, tally: Tally) -> None:
    """
    Delete until nothing that is due is left, or ``means`` stop it; *tally* counts as it goes.

    Raises:
        DatabaseError: A batch failed for good; what was committed before is in the tally.
    """

    def ask(rows: int, cursor: Mapping[str, str]) -> Batch:
        statement = victims.batch(first=not cursor)
        parameters = {"cutoff": means.cutoff, "batch_size": rows, **victims.parameters, **cursor}
        work = one_row(statement, parameters)
        listed, deleted, *last = means.link.attempt(work, writes=True)
        tally.listed += listed
        tally.deleted += deleted
        tally.rows += deleted
        tally.changed += listed - deleted
        return Batch(listed == rows, deleted, victims.order.cursor(last))

    def passed(cursor: Mapping[str, str], error: DatabaseError) -> dict[str, str]:
        return _passed_by(means, victims, cursor, tally, error)

    walk(means, batch_size, tally, Work(ask, passed))


def _may_be_a_row(error: DatabaseError) -> bool:
    """Say whether other rows may well go though these do not: a constraint, a trigger, the time."""
    return (
        isinstance(error, ConstraintError | StatementTimeoutError) or type(error) is DatabaseError
    )


def _passed_by(
    means: Means, victims: Doomed, cursor: Mapping[str, str], tally: Tally, error: DatabaseError
) -> dict[str, str]:
    """
    Note the one row that does not go, and return the cursor behind it.

    Raises:
        DatabaseError: There are too many of them.
    """
    statement, parameters = victims.end(first=not cursor), {**victims.parameters, **cursor}
    found = means.link.attempt(
        lambda session: session.run(statement, cutoff=means.cutoff, batch_size=1, **parameters)
    )
    if not found:  # somebody else has dealt with it
        return dict(cursor)
    (last,) = found
    tally.listed += 1
    tally.failed += 1
    if tally.failed >= MOST_FAILED:
        raise error
    if len(tally.reasons) < MOST_REASONS:
        # A key may be a secret, so the beginning of its hash stands for it.
        tally.reasons.append(f"row {masked(chr(31).join(last[1:]))}: {error}")
    return victims.order.cursor(last)


def one_row(statement: str, parameters: Mapping[str, Any]) -> Callable[[Session], tuple[Any, ...]]:
    """Return work for a link: a statement that answers with one row."""

    def work(session: Session) -> tuple[Any, ...]:
        (row,) = session.run(statement, **parameters)
        return tuple(row)

    return work
