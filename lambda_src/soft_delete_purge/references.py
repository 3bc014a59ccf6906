"""
Judge the foreign keys that point at what is deleted: what falls with it, and what stops it.

Makes no call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expiry.postgres.catalog import Action
from soft_delete_purge.cascade import back

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from expiry.errors import ConstraintError
    from expiry.postgres.catalog import ForeignKey
    from soft_delete_purge.cascade import Cascade
    from soft_delete_purge.plan import Plan, Release, Shared

STOPPING = (Action.NO_ACTION, Action.RESTRICT)


def is_undone(plan: Plan, key: ForeignKey) -> bool:
    """Say whether the plan gives back what *key* refers by, before anything is deleted."""
    return any(
        release.branch.relation == key.table
        and key.columns == (release.branch.hops[0].column,)
        and key.to == release.branch.hops[0].to
        and release.branch.hops[0].column in release.values
        for release in plan.release
    )


def stopping(plan: Plan, cascade: Cascade) -> list[ForeignKey]:
    """Return the keys that keep a record from being deleted as long as a row refers by them."""
    return [key for key in cascade.references if _stops(key) and not is_undone(plan, key)]


def on_records(plan: Plan, cascade: Cascade) -> list[ForeignKey]:
    """Return those of ``stopping`` by which other rows, that stay themselves, hold a record."""
    root = plan.root.relation
    return [
        key for key in stopping(plan, cascade) if key.to == root and key.table not in cascade.tables
    ]


def is_held(plan: Plan, cascade: Cascade, error: ConstraintError) -> bool:
    """Say whether *error* is what PostgreSQL says of a row that refers by a ``stopping`` key."""
    return any(
        error.table == key.table.name
        and error.constraint == (None if key.on_delete is Action.SET_NULL else key.name)
        for key in stopping(plan, cascade)
    )


def _stops(key: ForeignKey) -> bool:
    return key.on_delete in STOPPING or (key.on_delete is Action.SET_NULL and not key.nullable)


def described(key: ForeignKey) -> str:
    """Write a foreign key for people."""
    return (
        f"{key.name} ({key.table} ({', '.join(key.columns)}) → {key.to}, ON DELETE {key.on_delete})"
    )


def faults(plan: Plan, cascade: Cascade, below: Mapping[str, Cascade]) -> Iterator[str]:
    """
    Say what would delete the living, or lose what was to be given back.

    Args:
        below: What falls with a shared row, by the plan's names.
    """
    root = plan.root.relation
    for edge in cascade.edges:
        if edge.table == root:
            yield f"{described(edge)}: deleting a record would delete other records with it"
    for release in plan.release:
        yield from _of_release(release, plan, cascade)
    for shared in plan.shared:
        yield from _of_shared(shared, plan, below[shared.name])


def notes(plan: Plan, cascade: Cascade) -> Iterator[str]:
    """Say what the operator should know; nothing of it stops the run."""
    for edge in back(cascade):
        if edge.table != plan.root.relation:
            yield f"{described(edge)} closes a circle: what falls is followed round it"
    for key in cascade.references:
        if key.on_delete is Action.SET_DEFAULT:
            yield f"{described(key)}: its default must itself refer to a row"
        elif key.on_delete is Action.SET_NULL and key.nullable:
            yield f"{described(key)}: the rows stay, and forget it"
    for files in plan.files:
        if files.branch is None:
            continue
        hop = files.branch.hops[0]
        for edge in cascade.edges:
            if edge.table == files.relation and (edge.columns, edge.to) != ((hop.column,), hop.to):
                yield (
                    f"objects.{files.name}: rows go by {described(edge)} too, and such files stay"
                )


def _of_release(release: Release, plan: Plan, cascade: Cascade) -> Iterator[str]:
    table = release.branch.relation
    hops = release.branch.hops
    for edge in cascade.edges:
        if edge.table == table:
            yield f"release.{release.name}: rows given back go all the same, by {described(edge)}"
    for place, hop in enumerate(hops[:-1], 1):
        covered = {
            (other.branch.hops[place].column, other.branch.hops[place].to)
            for other in plan.release
            if other.branch.relation == table and other.branch.hops[:place] == hops[:place]
        }
        for edge in cascade.edges:
            if edge.table == hop.to and (*edge.columns[:1], edge.to) not in covered:
                yield (
                    f"release.{release.name}: rows of {hop.to} go by {described(edge)} too, and"
                    " nothing gives back what hangs on those: add a release by that path"
                )


def _of_shared(shared: Shared, plan: Plan, below: Cascade) -> Iterator[str]:
    name = f"shared.{shared.name}"
    if plan.root.relation in below.tables:
        yield f"{name}: a row of {shared.relation} would take records of {plan.root.relation} along"
    known = {(shared.link.relation, (shared.link.shared_column,))}
    known |= {(each.relation, (each.column,)) for each in shared.references}
    for key in below.references:
        if key.to != shared.relation or (key.table, key.columns) in known:
            continue
        if key.on_delete is not Action.CASCADE:
            yield f"{name}: {described(key)} refers to it: name it in also_referenced_by"


def falling(shared: Shared, below: Cascade) -> Iterator[str]:
    """Name what goes with a shared row, though it does not keep it."""
    known = {shared.link.relation, *(each.relation for each in shared.references)}
    for edge in below.edges:
        if edge.table not in known:
            yield f"shared.{shared.name}: rows of {edge.table} go with it, by {described(edge)}"
    for key in below.references:
        if key.to != shared.relation and _stops(key):
            yield f"shared.{shared.name}: {described(key)} may keep one from being deleted"
