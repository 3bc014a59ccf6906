"""
Purge records in one transaction. The order of its steps is what keeps the living alive.

1.  lock the records, passing by those that somebody holds
2.  lock, from the top down, each row on a path of the plan (``locking``)
3.  check again that each record is due, and collect what it names and what goes with it
4.  give back what was only borrowed (``release``)
5.  lock what was shared, in the order of keys (``shared``)
6.  delete the records; the database's own cascades take the rest
7.  delete what was shared with nobody else
8.  write the files to the outbox (``objects``); commit

Each is one statement for all records, so that a batch costs little more than one record.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from expiry.errors import DatabaseError
from expiry.outcomes import Outcome
from expiry.postgres.names import quoted
from soft_delete_purge import due, locking, objects, release, shared
from soft_delete_purge.paths import pairs
from soft_delete_purge.purged import Purged

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from expiry.postgres.catalog import ForeignKey
    from expiry.postgres.session import Session
    from soft_delete_purge.locking import Held
    from soft_delete_purge.objects import Doomed, Named
    from soft_delete_purge.paths import Bound
    from soft_delete_purge.terms import Seen, Terms

GONE = "there is no such record any more"
HELD = "another transaction holds it"
NOT_DUE = "it is not due any more"


@dataclass(frozen=True, slots=True)
class _Means:
    """What all steps need."""

    session: Session
    bound: Bound
    terms: Terms
    seen: Seen


@dataclass(slots=True)
class Collected:
    """What was found of the records that are due, under their locks."""

    children: dict[str, dict[str, int]] = field(default_factory=dict)  # by record, by table
    named: list[Named] = field(default_factory=list)


def purge(
    session: Session, bound: Bound, keys: Sequence[str], terms: Terms, seen: Seen
) -> list[Purged]:
    """
    Purge those of *keys* that are due; return what became of each, in their order.

    Raises:
        DatabaseError: Nothing happened; unless ``commit_unknown``, all of it may have.
    """
    keys = list(dict.fromkeys(keys))
    means = _Means(session, bound, terms, seen)
    with session.transaction():
        locked = locking.records(session, bound, keys)
        left = _left(session, bound, set(keys) - set(locked))
        held = locking.children(session, bound, locked)
        found = collect(session, bound, locked, terms)
        found.named += _named(bound, held, found.children)
        deleted = _delete(means, held, found)
    ends = {key: Purged(key, Outcome.CHANGED, NOT_DUE) for key in locked} | left | deleted
    return [ends[key] for key in keys]


def _delete(means: _Means, held: Held, found: Collected) -> dict[str, Purged]:
    session, bound, terms = means.session, means.bound, means.terms
    roots = list(found.children)
    if not roots:
        return {}
    released = release.give_back(session, bound, held, roots)
    candidates = shared.lock(session, bound, roots)
    _records(session, bound, roots, terms)
    ended = shared.delete(session, bound, candidates)
    files = objects.doomed(bound, terms, means.seen, [*found.named, *ended.named])
    objects.enqueue(session, terms, [each for root in roots for each in files.objects[root]])
    counts = (released, ended.gone, ended.kept)
    return {
        root: told(Outcome.DELETED, root, found.children[root], files, counts) for root in roots
    }


def told(
    outcome: Outcome,
    root: str,
    children: Mapping[str, int],
    files: Doomed,
    counts: tuple[Mapping[str, Counter[str]], ...],
) -> Purged:
    """Put together what became of a record; *counts* are of released, gone and kept rows."""
    released, gone, kept = (
        {name: counter[root] for name, counter in each.items()} for each in counts
    )
    return Purged(
        key=root,
        outcome=outcome,
        children=children,
        released=released,
        shared_deleted=gone,
        shared_kept=kept,
        objects=tuple(files.objects[root]),
        kept=dict(files.kept[root]),
    )


def collect(session: Session, bound: Bound, keys: Collection[str], terms: Terms) -> Collected:
    """Ask which of *keys* are due now, what each names itself, and how many rows go with it."""
    found = Collected()
    if not keys:
        return found
    files = [each for each in bound.plan.files if each.branch is None and each.shared is None]
    rows = session.run(
        f"with recursive {doomed(bound, [each.column for each in files])}"  # noqa: S608 - quoted names and parameters
        " select due.said, 0, 1, due.named from due"
        " union all select said, number, count(*), null from doomed where number > 0"
        " group by said, number",
        **pairs((key, key) for key in keys),
        **due.parameters(bound, terms),
    )
    for said, number, _, values in sorted(rows, key=lambda row: row[1]):
        if number == 0:
            found.children[said] = {}
            found.named += [
                (each.name, (said, value))
                for each, value in zip(files, values, strict=True)
                if value is not None
            ]
    for said, number, count, _ in rows:
        if number > 0:
            found.children[said][str(bound.cascade.tables[number])] = count
    return found


def doomed(bound: Bound, columns: Sequence[str] = ()) -> str:
    """Write the clauses of WITH that find what goes with the records of pairs that are due."""
    root = bound.plan.root
    named = ", ".join(f"cast(root.{quoted(column)} as text)" for column in columns)
    return bound.cascade.doomed(
        f"select pair.said, root.tableoid as part, cast(root.ctid as text) as tid,"  # noqa: S608 - quoted names and parameters
        f" cast(array[{named}] as text[]) as named from {bound.from_keys}"
        f" join {root.relation.sql} as root on root.{quoted(root.key)} = pair.value"
        f" where {due.predicate(bound)}"
    )


def _left(session: Session, bound: Bound, keys: Collection[str]) -> dict[str, Purged]:
    """Say why these could not be locked."""
    if not keys:
        return {}
    there = locking.present(session, bound, keys)
    return {
        key: Purged(key, Outcome.CHANGED, HELD) if key in there else Purged(key, Outcome.GONE, GONE)
        for key in keys
    }


def _named(bound: Bound, held: Held, roots: Collection[str]) -> Iterator[Named]:
    for files in bound.plan.files:
        if files.branch is not None:
            for said, value in held.values[bound.node(files.branch), files.column]:
                if said in roots:
                    yield files.name, (said, value)


def _records(session: Session, bound: Bound, roots: Sequence[str], terms: Terms) -> None:
    rows = session.run(
        deletion(bound), **pairs((key, key) for key in roots), **due.parameters(bound, terms)
    )
    if len(rows) != len(roots):
        raise DatabaseError("a trigger of the table keeps records from being deleted")


def deletion(bound: Bound) -> str:
    """Write what deletes the records of pairs, each only if it is due."""
    root = bound.plan.root
    return (
        f"delete from {root.relation.sql} as root using {bound.from_keys}"  # noqa: S608 - quoted names and parameters
        f" where root.{quoted(root.key)} = pair.value and {due.predicate(bound)}"
        " returning pair.said"
    )


def reach(
    session: Session,
    bound: Bound,
    keys: Sequence[str],
    terms: Terms,
    stopping: Sequence[ForeignKey],
) -> dict[int, int]:
    """
    Count what all of *keys* would take along.

    Returns:
        Rows by the number of their table; by -1, -2… those of *stopping* that are in the way.
    """
    queries = ["select number, count(distinct (part, tid)) from doomed group by number"]
    queries += [
        f"select -{place}, {bound.cascade.blocking(key)}" for place, key in enumerate(stopping, 1)
    ]
    rows = session.run(
        f"with recursive {doomed(bound)} {' union all '.join(queries)}",
        **pairs((key, key) for key in keys),
        **due.parameters(bound, terms),
    )
    return dict(rows)
