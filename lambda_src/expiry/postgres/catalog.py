"""
Read from the catalog what must be known of a table before a row of it is deleted.

Reads only pg_catalog; needs no privilege on the table itself.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

from expiry.errors import MissingError, PrivilegeError
from expiry.postgres import catalog_queries as queries
from expiry.postgres.names import Relation, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from expiry.postgres.session import Session


class Kind(StrEnum):
    """What a relation is (pg_class.relkind)."""

    TABLE = "table"
    PARTITIONED = "partitioned table"
    VIEW = "view"
    MATERIALIZED_VIEW = "materialized view"
    FOREIGN = "foreign table"
    OTHER = "other"


class Action(StrEnum):
    """What a foreign key does when a row that it refers to is deleted."""

    NO_ACTION = "NO ACTION"
    RESTRICT = "RESTRICT"
    CASCADE = "CASCADE"
    SET_NULL = "SET NULL"
    SET_DEFAULT = "SET DEFAULT"


KINDS = {
    "r": Kind.TABLE,
    "p": Kind.PARTITIONED,
    "v": Kind.VIEW,
    "m": Kind.MATERIALIZED_VIEW,
    "f": Kind.FOREIGN,
}
ACTIONS = {
    "a": Action.NO_ACTION,
    "r": Action.RESTRICT,
    "c": Action.CASCADE,
    "n": Action.SET_NULL,
    "d": Action.SET_DEFAULT,
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column; *type* as format_type writes it, domains resolved: ``bigint`` or ``jsonb``."""

    name: str
    type: str
    nullable: bool
    generated: bool  # GENERATED ALWAYS: cannot be set


@dataclass(frozen=True, slots=True)
class Index:
    """An index; *columns* are the plain columns that it leads with, up to an expression."""

    name: str
    method: str  # btree, hash, gin…
    columns: tuple[str, ...]
    key_count: int  # columns and expressions of the key, without INCLUDE
    unique: bool
    primary: bool
    usable: bool  # valid, ready and live: an index that failed to build is neither
    predicate: str | None  # of a partial index, as SQL

    def leads(self, columns: Sequence[str]) -> bool:
        """
        Tell whether a search for *columns*, in any order of theirs, can use this.

        It must be usable, a btree, and hold all rows, or all in which one of *columns* is not null:
        that a comparison holds proves it.
        """
        spelt = (form for name in columns for form in (name, quoted(name)))
        held = {None, *(f"({form} IS NOT NULL)" for form in spelt)}
        leading = self.columns[: len(columns)]
        btree = self.usable and self.method == "btree" and self.predicate in held
        return btree and bool(columns) and set(leading) == set(columns)

    def finds(self, columns: Sequence[str]) -> bool:
        """Tell whether the rows whose *columns* equal given values are found by this."""
        if self.method == "hash":
            return self.usable and self.predicate is None and self.columns == tuple(columns)
        return self.leads(columns)


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """*columns* of *table* refer to *to_columns* of *to*."""

    name: str
    table: Relation
    columns: tuple[str, ...]
    to: Relation
    to_columns: tuple[str, ...]
    on_delete: Action
    nullable: bool  # all of its columns are: SET NULL works
    indexed: bool  # a usable index leads with its columns: else each delete scans the table
    validated: bool
    deferred: bool  # checked at COMMIT


@dataclass(frozen=True, slots=True)
class Privileges:
    """What the user of the session may do."""

    schema_usage: bool
    select: bool
    insert: bool
    update: bool  # of any column: SELECT … FOR UPDATE asks for it
    delete: bool


@dataclass(frozen=True, slots=True)
class TableFacts:
    """All that the catalog says of one table."""

    relation: Relation
    kind: Kind
    columns: Mapping[str, Column]
    primary_key: tuple[str, ...]  # () where there is none
    indexes: tuple[Index, ...]
    incoming: tuple[ForeignKey, ...]  # that refer to it, of any schema
    outgoing: tuple[ForeignKey, ...]
    privileges: Privileges
    partition_key: tuple[str, ...] | None  # None: not partitioned; expressions are left out
    partition_of: Relation | None
    row_security: bool  # and it holds for this user: rows may be hidden
    delete_triggers: tuple[str, ...]  # enabled triggers of users that fire on DELETE
    row_estimate: int | None  # reltuples, over all partitions; None: never analysed
    total_bytes: int  # with indexes and TOAST, over all partitions


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What must be known of the server."""

    version: int  # 150018 for 15.18
    now: datetime
    in_recovery: bool  # a replica: it cannot delete
    read_only: bool  # default_transaction_read_only


class Catalog:
    """The catalog as one session sees it."""

    def __init__(self, session: Session) -> None:
        """Take the session; nothing is asked yet."""
        self._session = session

    def server(self) -> ServerFacts:
        """Ask what the server is."""
        return ServerFacts(*self._session.run(queries.SERVER)[0])

    def table(self, relation: Relation) -> TableFacts:
        """
        Read all facts of *relation*.

        Raises:
            MissingError: There is no such table; the message names what is spelt alike.
        """
        found = self._session.run(queries.RELATION, schema=relation.schema, name=relation.name)
        if not found:
            raise MissingError(f"there is no table {relation}{self._alike(relation)}")
        row = _Relation(*found[0])
        indexes = self._indexes([row.oid])[row.oid]
        return TableFacts(
            relation=relation,
            kind=KINDS.get(row.kind, Kind.OTHER),
            columns={
                column.name: column
                for column in (
                    Column(*told) for told in self._session.run(queries.COLUMNS, oid=row.oid)
                )
            },
            primary_key=next((index.columns for index in indexes if index.primary), ()),
            indexes=indexes,
            incoming=tuple(self._foreign_keys(row.tree, incoming=True)),
            outgoing=tuple(self._foreign_keys([row.oid], incoming=False)),
            privileges=Privileges(
                schema_usage=row.schema_usage,
                select=row.may_select,
                insert=row.may_insert,
                update=row.may_update,
                delete=row.may_delete,
            ),
            partition_key=None if row.partition_key is None else tuple(row.partition_key),
            partition_of=Relation(row.parent_schema, row.parent_name)
            if row.parent_schema and row.parent_name
            else None,
            row_security=row.row_security,
            delete_triggers=tuple(row.delete_triggers),
            row_estimate=row.row_estimate,
            total_bytes=row.total_bytes,
        )

    def referring_to(self, relations: Sequence[Relation]) -> list[ForeignKey]:
        """List the foreign keys that point at *relations*, for a walk down the cascades."""
        schemas = [relation.schema for relation in relations]
        names = [relation.name for relation in relations]
        trees = self._session.run(queries.TREES, schemas=schemas, names=names)
        return self._foreign_keys([oid for (oid,) in trees], incoming=True)

    def replica_lag_s(self) -> float | None:
        """
        Return how far the slowest connected replica is behind; None where none is connected.

        Aurora's replicas share its storage, and are not listed: None.

        Raises:
            PrivilegeError: The user may not see it: unknown is not zero.
        """
        replicas, told, lag_s = self._session.run(queries.REPLICA_LAG)[0]
        if told < replicas:
            raise PrivilegeError("the lag of the replicas is hidden: GRANT pg_monitor to the user")
        return float(lag_s) if replicas else None

    def _alike(self, relation: Relation) -> str:
        found = self._session.run(queries.ALIKE, schema=relation.schema, name=relation.name)
        names = [str(Relation(*row)) for row in found]
        return f"; there is {', '.join(names)}" if names else ""

    def _indexes(self, tables: Sequence[int]) -> defaultdict[int, tuple[Index, ...]]:
        found: defaultdict[int, tuple[Index, ...]] = defaultdict(tuple)
        for oid, name, method, columns, *rest in self._session.run(
            queries.INDEXES, tables=list(tables)
        ):
            leading = tuple(takewhile(lambda column: column is not None, columns))
            found[oid] += (Index(name, method, leading, *rest),)
        return found

    def _foreign_keys(self, tables: Sequence[int], *, incoming: bool) -> list[ForeignKey]:
        rows = self._session.run(queries.FOREIGN_KEYS, tables=list(tables), incoming=incoming)
        indexes = self._indexes([row[1] for row in rows]) if rows else None
        keys = []
        for name, oid, schema, table, columns, to_schema, to, to_columns, action, *rest in rows:
            nullable, validated, deferred = rest
            keys.append(
                ForeignKey(
                    name=name,
                    table=Relation(schema, table),
                    columns=tuple(columns),
                    to=Relation(to_schema, to),
                    to_columns=tuple(to_columns),
                    on_delete=ACTIONS[action],
                    nullable=bool(nullable),
                    indexed=any(index.finds(columns) for index in indexes[oid])
                    if indexes
                    else False,
                    validated=validated,
                    deferred=deferred,
                )
            )
        return keys


class _Relation(NamedTuple):
    """A row of queries.RELATION."""

    oid: int
    kind: str
    tree: list[int]
    parent_schema: str | None
    parent_name: str | None
    partition_key: list[str] | None
    row_security: bool
    delete_triggers: list[str]
    row_estimate: int | None
    total_bytes: int
    schema_usage: bool
    may_select: bool
    may_insert: bool
    may_update: bool
    may_delete: bool
