"""
Lock a record, then from the top down what hangs on it, so that nobody changes it meanwhile.

FOR UPDATE also holds off who would refer to a row: a new reference by a foreign key takes FOR KEY
SHARE on it. So a part cannot be attached to a list between release and delete. Each table is a
statement of its own, because a statement sees only what was committed when it began, and in the
order of keys, so that two purges never wait for each other in a circle.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from expiry.postgres.names import quoted
from soft_delete_purge.paths import Pair, pairs, texts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from expiry.postgres.session import Session
    from soft_delete_purge.paths import Bound, Node


@dataclass(slots=True)
class Held:
    """The rows that are locked: by node and column, whose each value is."""

    values: defaultdict[tuple[Node, str], list[Pair]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def above(self, node: Node, roots: Collection[str]) -> list[Pair]:
        """Return what rows of *node* refer to, where that belongs to *roots*."""
        if node.above is None:
            return [(root, root) for root in roots]
        chosen = set(roots)
        found = self.values[node.above, node.hop.to_column]
        return [(said, value) for said, value in found if said in chosen]


def records(session: Session, bound: Bound, keys: Sequence[str]) -> list[str]:
    """Lock the records that nobody else holds, and return their keys as they are in *keys*."""
    root = bound.plan.root
    rows = session.run(
        f"select pair.said from {bound.from_keys}"  # noqa: S608 - quoted names and parameters
        f" join {root.relation.sql} as root on root.{quoted(root.key)} = pair.value"
        f" order by root.{quoted(root.key)} for update of root skip locked",
        **pairs((key, key) for key in keys),
    )
    return [key for (key,) in rows]


def present(session: Session, bound: Bound, keys: Collection[str]) -> set[str]:
    """Return those of *keys* that there is a record of."""
    root = bound.plan.root
    rows = session.run(
        f"select pair.said from {bound.from_keys}"  # noqa: S608 - quoted names and parameters
        f" join {root.relation.sql} as root on root.{quoted(root.key)} = pair.value",
        **pairs((key, key) for key in keys),
    )
    return {key for (key,) in rows}


def children(session: Session, bound: Bound, roots: Collection[str]) -> Held:
    """Lock every row that lies on a path of the plan, below the records *roots*."""
    held = Held()
    for node in bound.nodes:
        if above := held.above(node, roots):
            _lock(session, bound, node, above, held)
    return held


def _lock(session: Session, bound: Bound, node: Node, above: list[Pair], held: Held) -> None:
    columns = bound.wanted(node)
    rows = session.run(
        f"select pair.said{texts('held', columns)}"  # noqa: S608 - quoted names and parameters
        f" from {bound.from_pairs(node.hop.to, node.hop.to_column)}"
        f" join {node.relation.sql} as held on held.{quoted(node.hop.column)} = pair.value"
        f" order by {_order(bound, node)} for update of held",
        **pairs(above),
    )
    for said, *values in rows:
        for column, value in _known(columns, values):
            held.values[node, column].append((said, value))


def _known(columns: Sequence[str], values: Sequence[str | None]) -> Iterator[tuple[str, str]]:
    for column, value in zip(columns, values, strict=True):
        if value is not None:
            yield column, value


def _order(bound: Bound, node: Node) -> str:
    return ", ".join(f"held.{quoted(column)}" for column in bound.facts[node.relation].primary_key)
