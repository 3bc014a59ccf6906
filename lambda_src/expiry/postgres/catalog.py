"""
Read from the catalog what must be known of a table before a row of it is deleted.

Reads only pg_catalog; needs no privilege on the table itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from expiry.postgres.names import Relation
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
        """Tell whether a search for *columns*, in any order, can use this: whole, usable, btree."""
        raise NotImplementedError


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
        raise NotImplementedError

    def server(self) -> ServerFacts:
        """Ask what the server is."""
        raise NotImplementedError

    def table(self, relation: Relation) -> TableFacts:
        """
        Read all facts of *relation*.

        Raises:
            MissingError: There is no such table; the message names what is spelt alike.
        """
        raise NotImplementedError

    def referring_to(self, relations: Sequence[Relation]) -> list[ForeignKey]:
        """List the foreign keys that point at *relations*, for a walk down the cascades."""
        raise NotImplementedError

    def replica_lag_s(self) -> float | None:
        """
        Return how far the slowest connected replica is behind; None where none is connected.

        Needs pg_monitor: without it PostgreSQL hides the replicas' columns (rds: rds_superuser).
        """
        raise NotImplementedError
