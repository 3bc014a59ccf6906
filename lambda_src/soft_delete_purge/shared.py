"""
Delete a shared row with the last that refers to it.

First all candidates are locked, in the order of keys and as a statement of its own; the judgement
is the next statement, and so sees what whoever held a lock before has committed. In one statement
it would be blind to that: each of two purges would see the other's link, and neither delete.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from expiry.postgres.names import quoted
from soft_delete_purge.paths import Pair, pairs, texts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from expiry.postgres.names import Relation
    from expiry.postgres.session import Session
    from soft_delete_purge.paths import Bound
    from soft_delete_purge.plan import Shared


@dataclass(slots=True)
class Candidates:
    """Locked shared rows of one kind: whose they are, and what they name."""

    owner: dict[str, str] = field(default_factory=dict)  # by key: the first record that links it
    values: defaultdict[str, list[tuple[str, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )  # by key: the name in the plan's objects, and what the row holds


@dataclass(slots=True)
class Ended:
    """What became of shared rows: by the plan's names, then by the record that counts them."""

    gone: dict[str, Counter[str]] = field(default_factory=dict)
    kept: dict[str, Counter[str]] = field(default_factory=dict)
    deleted: dict[str, set[str]] = field(default_factory=dict)  # their keys
    named: list[tuple[str, Pair]] = field(default_factory=list)  # by those that went

    def add(self, shared: Shared, found: Candidates, deleted: set[str]) -> None:
        """Account for one kind: of the candidates *found*, those *deleted* went."""
        owner = found.owner
        self.gone[shared.name] = Counter(owner[key] for key in owner if key in deleted)
        self.kept[shared.name] = Counter(owner[key] for key in owner if key not in deleted)
        self.deleted[shared.name] = deleted
        self.named += [
            (name, (owner[key], value))
            for key in owner
            if key in deleted
            for name, value in found.values[key]
        ]


def lock(session: Session, bound: Bound, roots: Collection[str]) -> dict[str, Candidates]:
    """Lock the shared rows that *roots* link, by the plan's names."""
    return {shared.name: _candidates(session, bound, shared, roots) for shared in in_order(bound)}


def delete(session: Session, bound: Bound, candidates: dict[str, Candidates]) -> Ended:
    """Delete those that nothing refers to any more, once their records are gone."""
    ended = Ended()
    for shared in in_order(bound):
        found = candidates[shared.name]
        if found.owner:
            rows = session.run(statement(bound, shared), **pairs((key, key) for key in found.owner))
            ended.add(shared, found, {key for (key,) in rows})
    return ended


def in_order(bound: Bound) -> Iterator[Shared]:
    """Return the plan's shared tables in one order for all runs, whatever the plan's is."""
    yield from sorted(bound.plan.shared, key=lambda shared: (shared.relation, shared.name))


def statement(bound: Bound, shared: Shared) -> str:
    """Write what deletes the rows of pairs that nothing refers to."""
    return (
        f"delete from {shared.relation.sql} as item"  # noqa: S608 - quoted names and parameters
        f" using {bound.from_pairs(shared.relation, shared.key)}"
        f" where item.{quoted(shared.key)} = pair.value"
        f" and {' and '.join(unreferenced(shared))} returning pair.said"
    )


def unreferenced(
    shared: Shared, counts: Callable[[Relation], str] = lambda _: "true"
) -> Iterator[str]:
    """
    Write what is true of ``item`` where nothing refers to it.

    Args:
        counts: What is true of a row of that table, as ``reference``, that counts.
    """
    link = shared.link
    places = [(link.relation, link.shared_column)]
    places += [(other.relation, other.column) for other in shared.references]
    for relation, column in places:
        yield (
            f"not exists (select from {relation.sql} as reference"
            f" where reference.{quoted(column)} = item.{quoted(shared.key)}"
            f" and {counts(relation)})"
        )
    for column in shared.own_columns:
        yield f"item.{quoted(column)} is null"


def _candidates(
    session: Session, bound: Bound, shared: Shared, roots: Collection[str]
) -> Candidates:
    files = [each for each in bound.plan.files if each.shared == shared.name]
    rows = session.run(
        f"select pair.said, cast(item.{quoted(shared.key)} as text)"  # noqa: S608 - quoted names and parameters
        f"{texts('item', (each.column for each in files))}"
        f" from {linked(bound, shared)}"
        f" order by item.{quoted(shared.key)}, pair.said for update of item",
        **pairs((root, root) for root in roots),
    )
    return candidates_of(rows, [each.name for each in files])


def candidates_of(rows: Sequence[tuple[Any, ...]], names: Sequence[str]) -> Candidates:
    """Group rows of (whose, key, values of *names*): a link may be there twice."""
    found = Candidates()
    for said, key, *values in rows:
        if key in found.owner:
            continue
        found.owner[key] = said
        for name, value in zip(names, values, strict=True):
            if value is not None:
                found.values[key].append((name, value))
    return found


def linked(bound: Bound, shared: Shared) -> str:
    """Write the shared rows, as ``item``, that the records of pairs link."""
    link = shared.link
    return (
        f"{bound.from_keys}"
        f" join {link.relation.sql} as link on link.{quoted(link.root_column)} = pair.value"
        f" join {shared.relation.sql} as item"
        f" on item.{quoted(shared.key)} = link.{quoted(link.shared_column)}"
    )
