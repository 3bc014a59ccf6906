"""
Which records are due: soft-deleted before the cutoff, on no hold, and meant by the plan.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from expiry.postgres import conditions
from expiry.postgres.names import quoted
from soft_delete_purge import references

if TYPE_CHECKING:
    from expiry.postgres.session import Session
    from soft_delete_purge.paths import Bound
    from soft_delete_purge.terms import Terms

BOOLEAN = "boolean"
WITH_ZONE = "timestamp with time zone"


def predicate(bound: Bound) -> str:
    """Write what is true of a due record, whose alias is ``root``; see ``parameters``."""
    root = bound.plan.root
    columns = bound.facts[root.relation].columns
    deleted_at = f"root.{quoted(root.deleted_at)}"
    kind = columns[root.deleted_at].type
    # A time that is no time, like infinity, says nothing of how long ago it was.
    found = [f"{deleted_at} < cast(:cutoff as {kind})", f"isfinite({deleted_at})"]
    if root.hold is not None:
        free = "is not true" if columns[root.hold].type == BOOLEAN else "is null"
        found.append(f"root.{quoted(root.hold)} {free}")
    types = {name: column.type for name, column in columns.items()}
    found += conditions.where(root.where, types, "root")[0]
    return " and ".join(found)


def held(bound: Bound) -> str:
    """Write what is true of a record, whose alias is ``root``, that others' rows hold."""
    keys = references.on_records(bound.plan, bound.cascade)
    found = [
        f"exists (select from {key.table.sql} as holder where "
        + " and ".join(
            f"holder.{quoted(theirs)} = root.{quoted(ours)}"
            for theirs, ours in zip(key.columns, key.to_columns, strict=True)
        )
        + ")"
        for key in keys
    ]
    return " or ".join(found) or "false"


def count(session: Session, bound: Bound, terms: Terms, also: str, most: int) -> int:
    """Count the due records of which *also*, a predicate on ``root``, holds; up to *most*."""
    ((found,),) = session.run(
        f"select count(*) from (select from {bound.plan.root.relation.sql} as root"  # noqa: S608 - quoted names and parameters
        f" where {predicate(bound)} and ({also}) limit cast(:most as bigint)) as due",
        most=most,
        **parameters(bound, terms),
    )
    return int(found)


def parameters(bound: Bound, terms: Terms) -> dict[str, Any]:
    """Return the parameters of ``predicate``."""
    root = bound.plan.root
    columns = bound.facts[root.relation].columns
    types = {name: column.type for name, column in columns.items()}
    cutoff = terms.cutoff.astimezone(UTC)
    if types[root.deleted_at] != WITH_ZONE:
        cutoff = cutoff.replace(tzinfo=None)  # a time without a zone is read as UTC
    return {"cutoff": cutoff.isoformat(), **conditions.where(root.where, types)[1]}


def keys(
    session: Session, bound: Bound, terms: Terms, limit: int, leaving_out: str = "false"
) -> list[str]:
    """
    List what is due, the longest dead first.

    Args:
        leaving_out: A predicate of SQL on ``root`` for what is not to be tried.
    """
    rows = session.run(listing(bound, leaving_out), most=limit, **parameters(bound, terms))
    return [key for (key,) in rows]


def listing(bound: Bound, leaving_out: str = "false") -> str:
    """Write the query of ``keys``, with ``:most``."""
    root = bound.plan.root
    order = f"root.{quoted(root.deleted_at)}, root.{quoted(root.key)}"
    return (
        f"select cast(root.{quoted(root.key)} as text) from {root.relation.sql} as root"  # noqa: S608 - quoted names and parameters
        f" where {predicate(bound)} and not ({leaving_out})"
        f" order by {order} limit cast(:most as bigint)"
    )
