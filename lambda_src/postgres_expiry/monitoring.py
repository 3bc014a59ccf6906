"""
Measure what a run leaves behind: the backlog, its age, the size of the table.

Reads only. A measurement that takes too long is left out, and never ends a run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from expiry.errors import StatementTimeoutError
from postgres_expiry.predicates import rendered

if TYPE_CHECKING:
    from expiry.postgres.session import Session
    from postgres_expiry.preflight import Target

HOUR_S = 3_600


@dataclass(frozen=True, slots=True)
class Health:
    """One table after a run; None: not known in this run."""

    expired_rows: int | None = None
    oldest_expired_age_hours: float | None = None
    protected_rows: int | None = None  # of the expired: something refers to them
    table_bytes: int | None = None


def measure(session: Session, target: Target, cutoff: int) -> Health:
    """Measure one table at the run's *cutoff*."""
    try:
        table_bytes = _size(session, target)
        victims = target.doomed
        parameters = {"cutoff": cutoff, **victims.parameters}
        ((due, oldest_s),) = session.run(victims.count(victims.due_ever), **parameters)
        protected = None
        if victims.due_ever is not None:
            ((free, _),) = session.run(victims.count(), **parameters)
            protected = due - free
    except StatementTimeoutError:
        return Health()
    return Health(due, _age_hours(cutoff, oldest_s), protected, table_bytes)


def _age_hours(cutoff: int, oldest_s: float | None) -> float | None:
    if oldest_s is None:
        return 0.0
    if not math.isfinite(oldest_s):  # a row may say that it expired at -infinity
        return None
    return round(max(0.0, (cutoff - oldest_s) / HOUR_S), 3)


def _size(session: Session, target: Target) -> int:
    ((table_bytes,),) = session.run(
        rendered("table_size", relation="cast(:relation as text)"),
        relation=target.facts.relation.sql,
    )
    return int(table_bytes)
