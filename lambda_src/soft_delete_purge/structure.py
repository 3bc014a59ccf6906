"""
Judge whether the plan fits its tables: that they and their columns are there, and are what it says.

Makes no call.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from expiry.postgres.catalog import Kind
from soft_delete_purge.paths import chain, nodes_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from expiry.postgres.catalog import TableFacts
    from expiry.postgres.names import Relation
    from soft_delete_purge.plan import Plan, Release

    Facts = Mapping[Relation, TableFacts]

TIMES = ("timestamp with time zone", "timestamp without time zone")
TEXTS = ("text", "character varying", "character", "citext")


def named(plan: Plan) -> dict[Relation, list[str]]:
    """Return every table that *plan* names, and the columns of each."""
    found: defaultdict[Relation, dict[str, None]] = defaultdict(dict)

    def note(relation: Relation, *columns: str) -> None:
        found[relation] |= dict.fromkeys(columns)

    root = plan.root
    note(root.relation, root.key, root.deleted_at, *([root.hold] if root.hold else []))
    note(root.relation, *(condition.column for condition in root.where))
    for node in nodes_of(plan):
        note(node.relation, node.hop.column)
        note(node.hop.to, node.hop.to_column)
    for release in plan.release:
        note(release.branch.relation, *release.values)
    for shared in plan.shared:
        note(shared.relation, shared.key, *shared.own_columns)
        note(shared.link.relation, shared.link.root_column, shared.link.shared_column)
        for reference in shared.references:
            note(reference.relation, reference.column)
    for files in plan.files:
        note(files.relation, files.column)
    return {relation: list(columns) for relation, columns in found.items()}


def missing(plan: Plan, facts: Facts) -> Iterator[str]:
    """Say which columns are not there, and which tables are none."""
    for relation, columns in named(plan).items():
        found = facts[relation]
        if found.kind not in (Kind.TABLE, Kind.PARTITIONED):
            yield f"{relation} is a {found.kind}, not a table: name the table itself"
        for column in columns:
            if column not in found.columns:
                yield f"{relation} has no column {column} (it has {', '.join(found.columns)})"


def faults(plan: Plan, facts: Facts) -> Iterator[str]:
    """Say what cannot work, where all columns are there."""
    yield from _of_root(plan, facts)
    for shared in plan.shared:
        yield from _of_key(facts[shared.relation], shared.key)
        for column in shared.own_columns:
            if not facts[shared.relation].columns[column].nullable:
                yield (
                    f"shared.{shared.name}: {column} of {shared.relation} is NOT NULL, so that"
                    " each row would always be in use: leave it out of also_referenced_by"
                )
    for release in plan.release:
        yield from _of_release(release, facts[release.branch.relation])
    for relation in dict.fromkeys(node.relation for node in nodes_of(plan)):
        if not facts[relation].primary_key:
            yield f"{relation} has no primary key, in whose order its rows are locked: add one"
    for files in plan.files:
        kind = facts[files.relation].columns[files.column].type
        if kind not in TEXTS:
            yield f"objects.{files.name}: {files.column} of {files.relation} is {kind}, not text"


def _of_root(plan: Plan, facts: Facts) -> Iterator[str]:
    root, found = plan.root, facts[plan.root.relation]
    yield from _of_key(found, root.key)
    kind = found.columns[root.deleted_at].type
    if kind not in TIMES:
        yield f"{root.deleted_at} of {root.relation} is {kind}, and must be a timestamp"
    elif not found.columns[root.deleted_at].nullable:
        yield f"{root.deleted_at} of {root.relation} is NOT NULL: every record would be deleted"
    if not any(index.leads((root.deleted_at,)) for index in found.indexes):
        broken = [
            index.name
            for index in found.indexes
            if index.columns[:1] == (root.deleted_at,) and not index.usable
        ]
        say = f"index {', '.join(broken)} is invalid: drop it, then" if broken else "no index leads"
        yield (
            f"{say} with {root.deleted_at}: CREATE INDEX CONCURRENTLY ON {root.relation}"
            f" ({root.deleted_at}) WHERE {root.deleted_at} IS NOT NULL"
            if not broken
            else f"{say} CREATE INDEX CONCURRENTLY ON {root.relation} ({root.deleted_at})"
        )


def _of_key(facts: TableFacts, key: str) -> Iterator[str]:
    unique = any(
        index.unique
        and index.usable
        and index.predicate is None
        and index.key_count == 1
        and index.columns == (key,)
        for index in facts.indexes
    )
    if len(facts.primary_key) > 1:
        composite = f" (its primary key is composite: {', '.join(facts.primary_key)})"
    else:
        composite = ""
    if not unique:
        yield (
            f"{key} of {facts.relation} is not unique by itself{composite}:"
            " name a single column that has a unique index"
        )
    elif facts.columns[key].nullable:
        yield f"{key} of {facts.relation} may be null: a key must be NOT NULL"


def _of_release(release: Release, facts: TableFacts) -> Iterator[str]:
    for column, value in release.values.items():
        found = facts.columns[column]
        if value is None and not found.nullable:
            yield (
                f"release.{release.name}: {column} of {facts.relation} is NOT NULL, so that it"
                f" cannot be given back: ALTER TABLE {facts.relation} ALTER COLUMN {column}"
                " DROP NOT NULL"
            )
        if found.generated:
            yield f"release.{release.name}: {column} of {facts.relation} is generated"


def unlocked(plan: Plan, facts: Facts) -> Iterator[tuple[str, bool]]:
    """
    Name each reference without a foreign key, and whether the plan allows for it.

    Nothing keeps such a reference from being made while its target is judged: no lock holds it off.
    """
    branches = [(f"release.{each.name}", each.branch, each.allow_unlocked) for each in plan.release]
    branches += [
        (f"objects.{each.name}", each.branch, each.allow_unlocked)
        for each in plan.files
        if each.branch is not None
    ]
    for name, branch, allowed in branches:
        for node in chain(branch):
            target = (node.hop.to, node.hop.to_column)
            if not _refers(facts[node.relation], node.hop.column, *target):
                yield f"{name}: {node.relation}.{node.hop.column}", allowed
    for shared in plan.shared:
        link, target = shared.link, (shared.relation, shared.key)
        places = [(link.relation, link.shared_column, target)]
        places.append((link.relation, link.root_column, (plan.root.relation, plan.root.key)))
        places += [(each.relation, each.column, target) for each in shared.references]
        for relation, column, to in places:
            if not _refers(facts[relation], column, *to):
                yield f"shared.{shared.name}: {relation}.{column}", shared.allow_unlocked


def _refers(facts: TableFacts, column: str, to: Relation, to_column: str) -> bool:
    return any(
        key.columns == (column,) and key.to == to and key.to_columns == (to_column,)
        for key in facts.outgoing
    )
