"""
The plan bound to its tables: types, and how each row that matters hangs on a record.

Makes no call. Writes the parts of SQL that the steps share. Values travel as text and are cast to
their column's type by the database, so that a key may be of any type.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from expiry.postgres.names import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from expiry.postgres.catalog import TableFacts
    from expiry.postgres.names import Relation
    from soft_delete_purge.cascade import Cascade
    from soft_delete_purge.plan import Branch, Files, Hop, Plan

Pair = tuple[str, str]  # the record that something belongs to, and a value of it; both as text

# As parameters ``said`` and ``value``: see ``pairs``.
PAIRS = "unnest(cast(:said as text[]), cast(:value as {kind}[])) as pair (said, value)"
SPELT = {"character": "bpchar", "bit": "varbit"}  # to which a cast does not cut what it takes


@dataclass(frozen=True, slots=True)
class Node:
    """A table as it hangs on a record by one chain of steps; *above* is None for the root."""

    relation: Relation
    hop: Hop
    above: Node | None

    @property
    def depth(self) -> int:
        """Return how many steps it is from the root."""
        return 1 if self.above is None else 1 + self.above.depth


@dataclass(frozen=True, slots=True)
class Bound:
    """A plan that fits its tables, and what the catalog says of them."""

    plan: Plan
    facts: Mapping[Relation, TableFacts]
    cascade: Cascade
    nodes: tuple[Node, ...]  # in the order in which they are locked: from the top down

    @property
    def key_type(self) -> str:
        """Return the type of a record's key."""
        return self.type_of(self.plan.root.relation, self.plan.root.key)

    def type_of(self, relation: Relation, column: str) -> str:
        """Return a column's type, as a cast takes it."""
        kind = self.facts[relation].columns[column].type
        return SPELT.get(kind, kind)

    def from_pairs(self, relation: Relation, column: str) -> str:
        """Write a set of pairs whose values are those of *column*."""
        return PAIRS.format(kind=self.type_of(relation, column))

    @property
    def from_keys(self) -> str:
        """Write a set of pairs whose values are keys of records."""
        return self.from_pairs(self.plan.root.relation, self.plan.root.key)

    def node(self, branch: Branch) -> Node:
        """Return where *branch* ends."""
        return chain(branch)[-1]

    def wanted(self, node: Node) -> tuple[str, ...]:
        """Return the columns of *node* that later steps need."""
        below = (each.hop.to_column for each in self.nodes if each.above == node)
        named = (files.column for files in self.files_of(node))
        return tuple(dict.fromkeys([*below, *named]))

    def files_of(self, node: Node) -> Iterator[Files]:
        """Return the files that rows of *node* name."""
        for files in self.plan.files:
            if files.branch is not None and self.node(files.branch) == node:
                yield files


def chain(branch: Branch) -> list[Node]:
    """Return the nodes of *branch*, from the one below the root to its own table."""
    nodes: list[Node] = []
    tables = [branch.relation, *(hop.to for hop in branch.hops[:-1])]
    for relation, hop in zip(reversed(tables), reversed(branch.hops), strict=True):
        nodes.append(Node(relation, hop, nodes[-1] if nodes else None))
    return nodes


def nodes_of(plan: Plan) -> tuple[Node, ...]:
    """Return every node of *plan* once, from the top down, and in one order for all runs."""
    branches = [release.branch for release in plan.release]
    branches += [files.branch for files in plan.files if files.branch is not None]
    found = {node for branch in branches for node in chain(branch)}
    return tuple(
        sorted(found, key=lambda node: (node.depth, node.relation, node.hop.column, repr(node)))
    )


def pairs(found: Iterable[Pair]) -> dict[str, Sequence[str]]:
    """Return *found* as parameters for ``PAIRS``."""
    listed = list(dict.fromkeys(found))
    return {"said": [said for said, _ in listed], "value": [value for _, value in listed]}


def texts(alias: str, columns: Iterable[str]) -> str:
    """Write *columns* for a select list, as text."""
    return "".join(f", cast({alias}.{quoted(column)} as text)" for column in columns)


def steps(branch: Branch) -> str:
    """Write the joins from pairs down *branch*; its own table is ``step_<hops>``."""
    text, above = "", "pair.value"
    for place, node in enumerate(nodes := chain(branch), 1):
        alias = f"step_{place}"
        on = f"{alias}.{quoted(node.hop.column)} = {above}"
        text += f" join {node.relation.sql} as {alias} on {on}"
        if place < len(nodes):
            above = f"{alias}.{quoted(nodes[place].hop.to_column)}"
    return text
