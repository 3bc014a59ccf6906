"""
What goes when a record goes: the foreign keys that cascade, followed to their ends.

The rows are found by one recursive statement over (table, row), whatever shape the graph has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from expiry.postgres.catalog import Action
from expiry.postgres.names import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from expiry.postgres.catalog import Catalog, ForeignKey
    from expiry.postgres.names import Relation

# A row is known by where it lies: true within one statement.
AT = "cast({alias}.ctid as text)"
NONE = "select 0, cast(0 as oid), '' where false"


@dataclass(frozen=True, slots=True)
class Cascade:
    """The tables that rows are deleted from, the root's first, and every key that refers to one."""

    tables: tuple[Relation, ...]
    edges: tuple[ForeignKey, ...]  # ON DELETE CASCADE, and undone by no release
    references: tuple[ForeignKey, ...]  # all, whatever their action

    def number(self, relation: Relation) -> int:
        """Return a table's place, which stands for it in SQL."""
        return self.tables.index(relation)

    def doomed(self, due: str) -> str:
        """
        Write the clauses of WITH: ``doomed (said, number, part, tid)``, for records and all below.

        Args:
            due: A query of said, tableoid and ctid of records.
        """
        steps = " union all ".join(self._step(edge) for edge in self.edges) or NONE
        return (
            f"due as ({due}), doomed (said, number, part, tid) as ("  # noqa: S608 - quoted names and parameters
            f" select due.said, 0, due.part, due.tid from due"
            f" union select doomed.said, below.number, below.part, below.tid from doomed"
            f" cross join lateral ({steps}) as below (number, part, tid))"
        )

    def _step(self, edge: ForeignKey) -> str:
        return (
            f"select {self.number(edge.table)}, child.tableoid, {AT.format(alias='child')}"  # noqa: S608 - quoted names and parameters
            f" from {edge.to.sql} as parent join {edge.table.sql} as child on {joined(edge)}"
            f" where doomed.number = {self.number(edge.to)} and {self.is_at('parent')}"
        )

    @staticmethod
    def is_at(alias: str) -> str:
        """Write that *alias* is the row that ``doomed`` speaks of."""
        return f"{alias}.tableoid = doomed.part and {alias}.ctid = cast(doomed.tid as tid)"

    def spares(self, alias: str, relation: Relation) -> str:
        """Write that a row of *relation* is not doomed itself."""
        if relation not in self.tables:
            return "true"
        return (
            f"not exists (select from doomed as other where other.number = {self.number(relation)}"
            f" and other.part = {alias}.tableoid and other.tid = {AT.format(alias=alias)})"
        )

    def blocking(self, key: ForeignKey) -> str:
        """Write the rest of a query that counts the rows which refer by *key* to what is doomed."""
        # NO ACTION looks once everything has fallen; RESTRICT does not wait for that.
        falls = key.on_delete is Action.NO_ACTION
        counts = self.spares("child", key.table) if falls else "true"
        return (
            f"count(distinct (child.tableoid, {AT.format(alias='child')})) from doomed"
            f" join {key.to.sql} as parent"
            f" on doomed.number = {self.number(key.to)} and {self.is_at('parent')}"
            f" join {key.table.sql} as child on {joined(key)} where {counts}"
        )


def joined(key: ForeignKey) -> str:
    """Write that the row ``child`` refers to the row ``parent``."""
    return " and ".join(
        f"child.{quoted(theirs)} = parent.{quoted(ours)}"
        for theirs, ours in zip(key.columns, key.to_columns, strict=True)
    )


def follow(
    catalog: Catalog, top: Relation, undone: Callable[[ForeignKey], bool] = lambda _: False
) -> Cascade:
    """Follow the keys that cascade from *top*, but for those that are *undone* before."""
    tables, edges, references = [top], [], []
    frontier: Sequence[Relation] = [top]
    while frontier:
        found = catalog.referring_to(frontier)
        references += found
        falling = [key for key in found if key.on_delete is Action.CASCADE and not undone(key)]
        edges += falling
        frontier = list(dict.fromkeys(key.table for key in falling if key.table not in tables))
        tables += frontier
    return Cascade(tuple(tables), tuple(edges), tuple(references))


def back(cascade: Cascade) -> Iterator[ForeignKey]:
    """Return the keys by which the graph comes back to a table that it has been at."""
    for edge in cascade.edges:
        if edge.table in _above(cascade, edge.to):
            yield edge


def _above(cascade: Cascade, relation: Relation) -> set[Relation]:
    found = {relation}
    while more := {edge.to for edge in cascade.edges if edge.table in found} - found:
        found |= more
    return found
