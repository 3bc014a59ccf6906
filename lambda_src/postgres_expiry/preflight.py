"""
Look at everything before anything is deleted, and say all that is wrong at once.

Reads the catalog, and plans the statements without running them. What it accepts is a ``Target``:
only those are deleted from.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from expiry.errors import (
    ConnectionLostError,
    DatabaseError,
    ExpiryError,
    MismatchError,
    TransientError,
)
from expiry.postgres.catalog import Action, Catalog, Kind, TableFacts
from expiry.postgres.names import Relation, quoted
from postgres_expiry import tables
from postgres_expiry.predicates import Doomed, conditions, doomed, unreferenced

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from expiry.postgres.session import Session
    from postgres_expiry.settings import Settings
    from postgres_expiry.tables import TableRule

OLDEST_VERSION = 130_000
BIG_ROWS = 10_000  # from here on a scan for each batch is no way
BIG_BYTES = 8 * 1024 * 1024  # of a table that was never analysed
LEAST_MILLISECONDS = 10**11  # 1973 in milliseconds, 5138 in seconds
DATA_EXCEPTION = "22"  # the class of SQLSTATE
KEEPING = (Action.NO_ACTION, Action.RESTRICT)

INTEGERS = ("smallint", "integer", "bigint")
NUMBERS = (*INTEGERS, "numeric", "real", "double precision")
TYPES: Mapping[tables.Kind, tuple[str, ...]] = {
    tables.Kind.EPOCH_SECONDS: NUMBERS,
    tables.Kind.EPOCH_MILLISECONDS: NUMBERS,
    tables.Kind.TIMESTAMPTZ: ("timestamp with time zone",),
    tables.Kind.TIMESTAMP: ("timestamp without time zone",),
}


@dataclass(frozen=True, slots=True)
class Target:
    """A table that may be deleted from, as its rule says."""

    rule: TableRule
    facts: TableFacts
    doomed: Doomed
    notes: tuple[str, ...]  # what the operator should know; nothing of it stops the run


class Preflight:
    """Judges the rules of a run."""

    def __init__(self, session: Session, settings: Settings, *, dry_run: bool) -> None:
        """Take the session; a *dry_run* may be a role that only reads, on a replica."""
        self._session, self._settings, self._dry_run = session, settings, dry_run
        self._catalog = Catalog(session)

    def check(self, rules: Sequence[TableRule]) -> list[Target]:
        """
        Return a target for each rule.

        Raises:
            MismatchError: Something is wrong with the server or with tables; all of it is named.
        """
        problems = list(self._server())
        targets = []
        for rule in rules:
            try:
                targets.append(self._target(rule))
            except (ConnectionLostError, TransientError):
                raise  # it says nothing of the table; the link tries again
            except DatabaseError as error:
                problems.append(f"{rule.name}: {error}")
            except _RefusedError as refused:
                problems += [f"{rule.name}: {problem}" for problem in refused.problems]
        if problems:
            raise MismatchError(f"preflight, nothing was deleted: {'; '.join(problems)}")
        return targets

    def _server(self) -> Iterator[str]:
        server = self._catalog.server()
        if server.version < OLDEST_VERSION:
            yield f"PostgreSQL 13 or newer is needed, not {server.version // 10_000}"
        if self._dry_run:
            return
        if server.in_recovery:
            yield "the server is a read-only replica; name the primary in PG_DB_HOST"
        elif server.read_only:
            yield "the session is read-only; take default_transaction_read_only off this user"
        if self._settings.max_replica_lag_s:
            self._catalog.replica_lag_s()

    def _target(self, rule: TableRule) -> Target:
        facts = self._catalog.table(Relation(rule.schema, rule.table))
        # Each group rests on the one before: a missing column has no type.
        for found in (_of_relation, _of_columns, self._of_use):
            if problems := list(found(rule, facts)):
                raise _RefusedError(problems)
        kept = [
            unreferenced(
                facts.relation,
                reference.table,
                tuple(zip(reference.columns, reference.to_columns, strict=True)),
                number,
            )
            for number, reference in enumerate(facts.incoming)
            if reference.on_delete in KEEPING
        ]
        types = {name: column.type for name, column in facts.columns.items()}
        victims = doomed(rule, facts.primary_key, types, kept)
        self._planned(victims)
        self._unit(rule, facts)
        return Target(rule, facts, victims, tuple(_notes(facts)))

    def _of_use(self, rule: TableRule, facts: TableFacts) -> Iterator[str]:
        needed = {"SELECT": facts.privileges.select}
        if not self._dry_run:
            # SELECT … FOR UPDATE asks for UPDATE.
            needed |= {"UPDATE": facts.privileges.update, "DELETE": facts.privileges.delete}
        if not facts.privileges.schema_usage:
            yield f"the user may not use the schema: GRANT USAGE ON SCHEMA {rule.schema}"
        if missing := [name for name, granted in needed.items() if not granted]:
            yield f"the user lacks {', '.join(missing)}: GRANT {', '.join(missing)} ON the table"
        if fault := self._index_fault(rule, facts):
            yield fault
        for reference in facts.incoming:
            if not reference.indexed:
                yield (
                    f"foreign key {reference.name} of {reference.table} refers to it without a"
                    f" usable index, so that each deleted row costs a scan: CREATE INDEX ON"
                    f" {reference.table} ({', '.join(reference.columns)})"
                )

    def _index_fault(self, rule: TableRule, facts: TableFacts) -> str | None:
        column = rule.expiry.column
        leading = [index for index in facts.indexes if index.columns[:1] == (column,)]
        if any(index.leads((column,)) for index in leading):
            return None
        partial = [index for index in leading if index.usable and index.method == "btree"]
        if partial and self._index_is_taken(rule, facts, {index.name for index in partial}):
            return None
        if rule.allow_sequential_scan or not _is_big(facts):
            return None
        how = f"CREATE INDEX CONCURRENTLY ON {facts.relation} ({column})"
        if broken := [index.name for index in leading if not index.usable]:
            return f"index {', '.join(broken)} is invalid: drop it, then {how}"
        if partial:
            names = ", ".join(index.name for index in partial)
            return f"index {names} is partial, and its predicate does not hold for the rule: {how}"
        return (
            f"no usable index leads with {column}, and the table is too big to scan for each"
            f" batch: {how}, or set allow_sequential_scan"
        )

    def _index_is_taken(self, rule: TableRule, facts: TableFacts, names: set[str]) -> bool:
        """Ask the planner whether a partial index can answer, whatever it costs."""
        types = {name: column.type for name, column in facts.columns.items()}
        victims = doomed(rule, facts.primary_key, types)
        with self._session.transaction(read_only=True):
            self._session.run("set local enable_seqscan = off")
            plan = self._session.run(
                f"explain (format json) {victims.count()}", cutoff=0, **victims.parameters
            )[0][0]
        return any(f'"{name}"' in _json(plan) for name in names)

    def _planned(self, victims: Doomed) -> None:
        """Have PostgreSQL plan what will run: types and operators, and who may do it, are known."""
        statement = victims.count() if self._dry_run else victims.batch(first=True)
        size = {} if self._dry_run else {"batch_size": 1}
        try:
            self._session.run(f"explain {statement}", cutoff=0, **size, **victims.parameters)
        except DatabaseError as error:
            if not (error.sqlstate or "").startswith(DATA_EXCEPTION):
                raise
            reason = "a value of where is none that its column's type knows"
            raise _RefusedError([f"{reason} (SQLSTATE {error.sqlstate})"]) from error

    def _unit(self, rule: TableRule, facts: TableFacts) -> None:
        """Refuse seconds that are read as milliseconds: all of them look long expired."""
        if rule.expiry.kind is not tables.Kind.EPOCH_MILLISECONDS:
            return
        column = quoted(rule.expiry.column)
        types = {name: column.type for name, column in facts.columns.items()}
        where = " and ".join([f"{column} is not null", *conditions(rule, types)])
        ((latest,),) = self._session.run(
            f"select cast(max({column}) as double precision) from only {facts.relation.sql}"  # noqa: S608 - quoted names and parameters
            f" where {where}",
            **doomed(rule, facts.primary_key, types).parameters,
        )
        if latest is not None and latest < LEAST_MILLISECONDS:
            raise _RefusedError(
                [f"{rule.expiry.column} holds seconds, not milliseconds: correct its kind"]
            )


class _RefusedError(ExpiryError):
    """A rule cannot be carried out; caught here, where all of them are told together."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


def _of_relation(rule: TableRule, facts: TableFacts) -> Iterator[str]:
    if facts.kind is Kind.PARTITIONED:
        if facts.partition_key and rule.expiry.column in facts.partition_key:
            yield (
                f"{facts.relation} is partitioned by {rule.expiry.column}: dropping whole"
                " partitions is the better way, at once and without dead rows (ALTER TABLE …"
                " DETACH PARTITION … CONCURRENTLY, then DROP TABLE)"
            )
        else:
            yield f"{facts.relation} is partitioned: name its partitions, each as a table"
    elif facts.kind is not Kind.TABLE:
        yield f"{facts.relation} is a {facts.kind}, not a table: name the table itself"


def _of_columns(rule: TableRule, facts: TableFacts) -> Iterator[str]:
    named = [rule.expiry.column, *(condition.column for condition in rule.where)]
    for column in dict.fromkeys(named):
        if column not in facts.columns:
            known = ", ".join(facts.columns)
            yield f"{facts.relation} has no column {column} (it has {known})"
    if not facts.primary_key:
        yield f"{facts.relation} has no primary key, by which batches could go on: add one"
    elif rule.key and set(rule.key) != set(facts.primary_key):
        yield (
            f"key is {', '.join(rule.key)}, but the primary key of {facts.relation} is"
            f" {', '.join(facts.primary_key)}"
        )
    if rule.expiry.column in facts.columns:
        kind = facts.columns[rule.expiry.column].type
        if _bare(kind) not in TYPES[rule.expiry.kind]:
            yield (
                f"{rule.expiry.column} is {kind}, and {rule.expiry.kind} needs"
                f" {' or '.join(TYPES[rule.expiry.kind])}"
            )


def _notes(facts: TableFacts) -> Iterator[str]:
    for reference in facts.incoming:
        effect = (
            "rows that it refers to stay"
            if reference.on_delete in KEEPING
            else f"ON DELETE {reference.on_delete}"
        )
        yield f"foreign key {reference.name} of {reference.table}: {effect}"
    if facts.row_security:
        yield "row security is on: rows that the user does not see are not deleted"
    if facts.delete_triggers:
        yield f"triggers run for each deleted row: {', '.join(facts.delete_triggers)}"


def _is_big(facts: TableFacts) -> bool:
    if facts.row_estimate is None:
        return facts.total_bytes > BIG_BYTES
    return facts.row_estimate > BIG_ROWS


def _bare(kind: str) -> str:
    """Return a type without its modifier: ``timestamp(3) with time zone``, ``numeric(10,0)``."""
    name, bracket, rest = kind.partition("(")
    return f"{name}{rest.partition(')')[2]}" if bracket else kind


def _json(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
