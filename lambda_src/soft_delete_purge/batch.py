"""
Purge many records in one transaction, each statement for all of them; bisect where one fails.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from expiry.errors import (
    ConstraintError,
    DatabaseError,
    StatementTimeoutError,
    TransientError,
)
from expiry.postgres.pacing import BatchSize
from soft_delete_purge import objects, record, transaction
from soft_delete_purge.terms import nothing_seen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from expiry.postgres.session import Session
    from soft_delete_purge.paths import Bound
    from soft_delete_purge.purged import Purged
    from soft_delete_purge.terms import Look, Seen, Terms

TARGET_S = 0.05  # a transaction longer than this is felt by the application
FIRST_SIZE = 100
# Where each round trip is slow a transaction takes that long however small it is: smaller ones
# would only make more of them.
LEAST_SIZE = 40


def sized() -> BatchSize:
    """Make the sizes of a run's batches: by the time that they take."""
    return BatchSize(FIRST_SIZE, TARGET_S, least=LEAST_SIZE)


def purge(  # noqa: PLR0913 - the means of a run
    session: Session,
    bound: Bound,
    keys: Sequence[str],
    terms: Terms,
    look: Look = nothing_seen,
    *,
    size: BatchSize | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Purged]:
    """
    Purge all of *keys* that are still due; return what became of each, in their order.

    *size* learns how long the transaction took: the look at S3 before it holds no lock.

    Never raises a DatabaseError: who fails alone is ``failed`` with its own error, and the others
    go. Where the session is lost, all that is not known to be committed is ``failed``.
    """
    keys = list(dict.fromkeys(keys))
    if not keys:
        return []
    return _Batch(session, bound, terms, look, size or sized(), clock, sleep).purged(keys)


@dataclass(frozen=True, slots=True)
class _Batch:
    """What all halves of a batch share."""

    session: Session
    bound: Bound
    terms: Terms
    look: Look
    size: BatchSize
    clock: Callable[[], float]
    sleep: Callable[[float], None]

    def purged(self, keys: Sequence[str], seen: Seen | None = None) -> list[Purged]:
        """Purge *keys* together; where that fails, each half by itself."""
        if len(keys) == 1:
            return [self._alone(keys[0], seen)]
        try:
            if seen is None:
                seen = objects.surveyed(self.session, self.bound, keys, self.look)
            return self._together(keys, seen)
        except DatabaseError as error:
            if not _may_be_one(error):
                return _all_failed(keys, error)
        middle = len(keys) // 2
        return [*self.purged(keys[:middle], seen), *self.purged(keys[middle:], seen)]

    def _together(self, keys: Sequence[str], seen: Seen) -> list[Purged]:
        began_s = self.clock()
        purged = transaction.purge(self.session, self.bound, keys, self.terms, seen)
        self.size.took(len(keys), self.clock() - began_s)
        return purged

    def _alone(self, key: str, seen: Seen | None) -> Purged:
        look = self.look if seen is None or self.look is nothing_seen else lambda _: seen
        return record.purge(self.session, self.bound, key, self.terms, look, sleep=self.sleep)


def _may_be_one(error: DatabaseError) -> bool:
    """Say whether others may well go though one does not: a constraint, a lock, a trigger."""
    of_a_row = (ConstraintError, TransientError, StatementTimeoutError)
    return isinstance(error, of_a_row) or type(error) is DatabaseError


def _all_failed(keys: Sequence[str], error: DatabaseError) -> list[Purged]:
    return [record.failed(key, error) for key in keys]
