"""
Purge one record, in one transaction; see ``transaction`` for its order.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from expiry.errors import ConnectionLostError, ConstraintError, DatabaseError, TransientError
from expiry.outcomes import Outcome
from soft_delete_purge import objects, transaction
from soft_delete_purge.purged import DoomedObject, Purged
from soft_delete_purge.references import is_held
from soft_delete_purge.terms import nothing_seen

if TYPE_CHECKING:
    from collections.abc import Callable

    from expiry.postgres.session import Session
    from soft_delete_purge.paths import Bound
    from soft_delete_purge.terms import Look, Terms

__all__ = ["DoomedObject", "Purged", "purge"]

PAUSES_S = (0.1, 0.3)  # after a lost lock, before the next try


def purge(  # noqa: PLR0913 - the means of a run
    session: Session,
    bound: Bound,
    key: str,
    terms: Terms,
    look: Look = nothing_seen,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Purged:
    """
    Purge the record with this *key*, if it is still due; never raises a DatabaseError.

    The files that it names are looked at before the transaction begins: no lock waits for S3. A
    lock that is lost is tried for again; then the record is ``changed``, which is no failure.
    """
    for pause_s in (*PAUSES_S, None):
        try:
            seen = objects.surveyed(session, bound, [key], look)
            (purged,) = transaction.purge(session, bound, [key], terms, seen)
        except TransientError as error:
            if pause_s is None:
                return Purged(key, Outcome.CHANGED, str(error), error)
            sleep(pause_s)
        except DatabaseError as error:
            return ended(bound, key, error)
        else:
            return purged
    raise AssertionError  # the last try returns


def ended(bound: Bound, key: str, error: DatabaseError) -> Purged:
    """Say what *error* made of a record: what rows outside of the plan hold is no failure."""
    if isinstance(error, ConstraintError) and is_held(bound.plan, bound.cascade, error):
        return Purged(key, Outcome.PROTECTED, str(error), error)
    return failed(key, error)


def failed(key: str, error: DatabaseError) -> Purged:
    """Say that a record's transaction was rolled back, or that nobody knows."""
    unknown = isinstance(error, ConnectionLostError) and error.commit_unknown
    reason = f"{error}; it may be gone all the same" if unknown else str(error)
    return Purged(key, Outcome.FAILED, reason, error)
