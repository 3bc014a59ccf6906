"""
Give back what a record only borrowed, before anything is deleted.

The rows are locked, and so is what they hang on: what is given back here is all that there is.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from expiry.postgres.conditions import written
from expiry.postgres.names import quoted
from soft_delete_purge.paths import pairs, steps

if TYPE_CHECKING:
    from collections.abc import Collection

    from expiry.postgres.session import Session
    from soft_delete_purge.locking import Held
    from soft_delete_purge.paths import Bound
    from soft_delete_purge.plan import Release


def give_back(
    session: Session, bound: Bound, held: Held, roots: Collection[str]
) -> dict[str, Counter[str]]:
    """Set what the plan says, on the rows of *roots*; return by its names how many of whom."""
    released = {}
    for release in bound.plan.release:
        above = held.above(bound.node(release.branch), roots)
        if above:
            rows = session.run(statement(bound, release), **pairs(above), **parameters(release))
            released[release.name] = Counter(said for (said,) in rows)
    return released


def statement(bound: Bound, release: Release) -> str:
    """Write what gives back the rows of pairs."""
    hop = release.branch.hops[0]
    assignments = ", ".join(
        f"{quoted(column)} = cast(:set_{place} as {bound.type_of(release.branch.relation, column)})"
        for place, column in enumerate(release.values)
    )
    return (
        f"update {release.branch.relation.sql} as held set {assignments}"  # noqa: S608 - quoted names and parameters
        f" from {bound.from_pairs(hop.to, hop.to_column)}"
        f" where held.{quoted(hop.column)} = pair.value returning pair.said"
    )


def count(bound: Bound, release: Release) -> str:
    """Write what counts the rows that the records of pairs would give back, by record."""
    rows = f"{bound.from_keys}{steps(release.branch)}"
    return f"select pair.said, count(*) from {rows} group by pair.said"  # noqa: S608 - quoted names and parameters


def parameters(release: Release) -> dict[str, str | None]:
    """Return the values that are set."""
    return {
        f"set_{place}": None if value is None else written(value)
        for place, value in enumerate(release.values.values())
    }
