"""
Refuse a run in which implausibly much is due: a wrong clock, or records soft-deleted by accident.

Reads only. How many records there are comes from PostgreSQL's statistics: nothing counts a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from expiry.errors import CapExceededError
from soft_delete_purge import due

if TYPE_CHECKING:
    from expiry.postgres.session import Session
    from soft_delete_purge.paths import Bound
    from soft_delete_purge.terms import Terms

LEAST_DUE = 100  # up to here a large share says nothing
MOST_UNKNOWN = 10_000  # due records that are held against a table without statistics
WHOLE = 100.0  # percent


@dataclass(frozen=True, slots=True)
class Due:
    """How much is due; counted no further than one over the cap."""

    records: int
    cap: int | None  # None: whatever is due may go
    percent: float

    @property
    def refusal(self) -> CapExceededError | None:
        """Return why nothing of it may be purged."""
        if self.cap is None or self.records <= self.cap:
            return None
        reason = (
            f"more is due than {self.percent:g} % of all records; look at the clock and at who"
            " soft-deleted them, then raise max_purge_percent (after many inserts: ANALYZE)"
        )
        return CapExceededError(self.records, self.cap, reason)


def judge(session: Session, bound: Bound, terms: Terms, max_percent: float) -> Due:
    """Count what is due, and hold it against the share of all records that may go."""
    if max_percent >= WHOLE:
        return Due(_due(session, bound, terms, LEAST_DUE + 1), None, max_percent)
    cap = LEAST_DUE
    records = _due(session, bound, terms, cap + 1)
    if records > cap:
        cap = max(LEAST_DUE, int(_all(session, bound, terms, max_percent) * max_percent / WHOLE))
        records = _due(session, bound, terms, cap + 1)
    return Due(records, cap, max_percent)


def _due(session: Session, bound: Bound, terms: Terms, most: int) -> int:
    return due.count(session, bound, terms, "true", most)


def _all(session: Session, bound: Bound, terms: Terms, max_percent: float) -> int:
    """Return how many records there are; where no statistics say it, as many as it takes."""
    root = bound.plan.root.relation
    estimate = bound.facts[root].row_estimate
    if estimate is not None:
        return estimate
    if not max_percent:
        return 0
    # Never analysed: a table of few rows, or a new one. So many would let all that is due pass.
    planned = _due(session, bound, terms, MOST_UNKNOWN)
    enough = int(planned * WHOLE / max_percent) + 1
    ((count,),) = session.run(
        f"select count(*) from (select 1 from {root.sql} limit cast(:most as bigint)) as rows",  # noqa: S608 - a quoted name
        most=enough,
    )
    return int(count)
