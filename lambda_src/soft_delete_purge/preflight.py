"""
Look at everything before anything is deleted, and say all that is wrong at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from expiry.errors import MismatchError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from expiry.postgres.catalog import ForeignKey
    from expiry.postgres.session import Session
    from soft_delete_purge.paths import Bound
    from soft_delete_purge.plan import Plan
    from soft_delete_purge.terms import Terms


@dataclass(frozen=True, slots=True)
class Blocked:
    """A reference that nothing in the plan handles, and the rows by which it blocks."""

    foreign_key: ForeignKey
    rows: int


@dataclass(frozen=True, slots=True)
class Preflight:
    """What was found; only ``bound`` is purged by."""

    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    references: tuple[ForeignKey, ...] = ()  # all that point at a table that is deleted from
    blast_radius: Mapping[str, int] = field(default_factory=dict)  # rows by table, of this run
    blocked: tuple[Blocked, ...] = ()
    found: Bound | None = None

    @property
    def bound(self) -> Bound:
        """
        Return the plan with what the catalog says of its tables: what purges take.

        Raises:
            MismatchError: There are problems; all of them are named.
        """
        if self.problems or self.found is None:
            raise MismatchError(f"preflight, nothing was deleted: {'; '.join(self.problems)}")
        return self.found


def check(
    session: Session, plan: Plan, terms: Terms, *, limit: int = 100, dry_run: bool = False
) -> Preflight:
    """
    Judge *plan* against the catalog, and count what the next *limit* records would take along.

    Raises:
        DatabaseError: The catalog could not be read.
    """
    raise NotImplementedError
