"""
Look at everything before anything is deleted, and say all that is wrong at once.

Reads the catalog, and counts what the next records would take along. What it accepts is a
``Bound`` plan: only by that is purged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from expiry.errors import (
    ConnectionLostError,
    DatabaseError,
    MismatchError,
    MissingError,
    TransientError,
)
from expiry.postgres.catalog import Catalog
from expiry.postgres.names import Relation
from soft_delete_purge import (
    cascade,
    due,
    objects,
    references,
    release,
    shared,
    structure,
    transaction,
)
from soft_delete_purge.access import grants
from soft_delete_purge.paths import Bound, nodes_of, pairs
from soft_delete_purge.urls import spelt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from expiry.postgres.catalog import ForeignKey, TableFacts
    from expiry.postgres.session import Session
    from soft_delete_purge.cascade import Cascade
    from soft_delete_purge.plan import Plan
    from soft_delete_purge.terms import Terms

OLDEST_VERSION = 130_000
BIG_ROWS = 10_000  # from here on a scan for each record is no way
BIG_BYTES = 8 * 1024 * 1024  # of a table that was never analysed


@dataclass(frozen=True, slots=True)
class Blocked:
    """A reference that nothing in the plan handles, and the rows by which it blocks."""

    foreign_key: ForeignKey
    rows: int


@dataclass(frozen=True, slots=True)
class Preflight:
    """What was found; only ``bound`` is purged by."""

    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    references: tuple[ForeignKey, ...] = ()  # all that point at a table that is deleted from
    blast_radius: Mapping[str, int] = field(default_factory=dict)  # rows by table, of this run
    blocked: tuple[Blocked, ...] = ()  # also those that block by 0 rows today
    found: Bound | None = None

    @property
    def bound(self) -> Bound:
        """
        Return the plan with what the catalog says of its tables: what purges take.

        Raises:
            MismatchError: There are problems; all of them are named.
        """
        if self.problems or self.found is None:
            raise MismatchError(f"preflight, nothing was deleted: {'; '.join(self.problems)}")
        return self.found


def check(
    session: Session, plan: Plan, terms: Terms, *, limit: int = 100, dry_run: bool = False
) -> Preflight:
    """
    Judge *plan* against the catalog, and count what the next *limit* records would take along.

    Args:
        dry_run: It may be a role that only reads, on a replica.

    Raises:
        DatabaseError: The connection was lost, or a lock; it says nothing of the plan.
    """
    catalog = Catalog(session)
    facts: dict[Relation, TableFacts] = {}
    problems = [
        *_of_server(catalog, dry_run=dry_run),
        *_tables(catalog, facts, structure.named(plan)),
    ]
    problems += [] if problems else structure.missing(plan, facts)
    if problems:
        return Preflight(problems=tuple(problems))
    return _Look(session, catalog, plan, facts, terms, limit, dry_run).told()


@dataclass(slots=True)
class _Look:
    """One look at tables that are all there."""

    session: Session
    catalog: Catalog
    plan: Plan
    facts: dict[Relation, TableFacts]
    terms: Terms
    limit: int
    dry_run: bool
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def told(self) -> Preflight:
        """Look, and put together what was found."""
        plan = self.plan
        falls = cascade.follow(
            self.catalog, plan.root.relation, lambda key: references.is_undone(plan, key)
        )
        below = {each.name: cascade.follow(self.catalog, each.relation) for each in plan.shared}
        every = self._judge(falls, below)
        stopping = references.stopping(plan, falls)
        counted = [*falls.tables, *(key.table for key in stopping)]
        self.problems += _tables(self.catalog, self.facts, counted)
        bound = Bound(plan, self.facts, falls, nodes_of(plan))
        if not self.problems:
            self._access(bound)
        blast, blocked = ({}, ()) if self.problems else self._reach(bound, stopping)
        return Preflight(
            problems=tuple(self.problems),
            warnings=tuple(self.warnings),
            references=tuple(every),
            blast_radius=blast,
            blocked=blocked,
            found=None if self.problems else bound,
        )

    def _judge(self, falls: Cascade, below: Mapping[str, Cascade]) -> list[ForeignKey]:
        """Hold the plan against its tables; return every key that points at what goes."""
        self.problems += structure.faults(self.plan, self.facts)
        self.problems += references.faults(self.plan, falls, below)
        self.warnings += references.notes(self.plan, falls)
        for each in self.plan.shared:
            self.warnings += references.falling(each, below[each.name])
        self._unlocked()
        followed = (falls, *below.values())
        every = list(dict.fromkeys(key for each in followed for key in each.references))
        self._indexes(every)
        return every

    def _unlocked(self) -> None:
        for place, allowed in structure.unlocked(self.plan, self.facts):
            text = f"{place} refers without a foreign key, so that no lock holds off a new one"
            if allowed:
                self.warnings.append(text)
            else:
                self.problems.append(f"{text}: add the foreign key, or set allow_unlocked")

    def _indexes(self, keys: Iterable[ForeignKey]) -> None:
        for key in keys:
            if key.indexed:
                continue
            text = (
                f"{references.described(key)} has no usable index, so that each deleted row costs a"
                f" scan: CREATE INDEX ON {key.table} ({', '.join(key.columns)})"
            )
            big = _is_big(self.facts.get(key.table) or self.catalog.table(key.table))
            (self.problems if big else self.warnings).append(text)

    def _access(self, bound: Bound) -> None:
        self.problems += grants(bound, dry_run=self.dry_run)
        if self.problems:
            return
        if bound.plan.files and not self.dry_run:
            self.problems += _of_outbox(self.catalog)
        self._names(bound)
        for name, statement, parameters in self._statements(bound):
            try:
                self.session.run(f"explain {statement}", **parameters)
            except (ConnectionLostError, TransientError):
                raise
            except DatabaseError as error:
                self.problems.append(f"{name}: {error}")

    def _names(self, bound: Bound) -> None:
        """Ask the planner whether an index tells who else names a key, whatever that costs."""
        with self.session.transaction(read_only=True):
            self.session.run("set local enable_seqscan = off")
            for files in bound.plan.files:
                column, expression = spelt(files, "item"), spelt(files, "")
                plan = self.session.run(
                    f"explain select from {files.relation.sql} as item where {column} = 'x'"
                )
                if not any("Index" in line for (line,) in plan):
                    self.warnings.append(
                        f"objects.{files.name}: no index tells who else names a file, so that each"
                        f" costs a scan: CREATE INDEX ON {files.relation} (({expression}))"
                    )

    def _statements(self, bound: Bound) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Have PostgreSQL plan what will run: types and values, and who may do it, are known."""
        none = pairs([])
        due_now = due.parameters(bound, self.terms)
        if self.dry_run:
            yield "root", due.listing(bound), {"most": 1, **due_now}
            return
        yield "root", transaction.deletion(bound), {**none, **due_now}
        for each in bound.plan.release:
            parameters = {**none, **release.parameters(each)}
            yield f"release.{each.name}", release.statement(bound, each), parameters
        for item in bound.plan.shared:
            yield f"shared.{item.name}", shared.statement(bound, item), {**none}

    def _reach(
        self, bound: Bound, stopping: Sequence[ForeignKey]
    ) -> tuple[dict[str, int], tuple[Blocked, ...]]:
        """Count the rows that the next records take along, and those that hold them."""
        keys = due.keys(self.session, bound, self.terms, self.limit)
        counts = transaction.reach(self.session, bound, keys, self.terms, stopping)
        tables = bound.cascade.tables
        blast = {str(table): counts.get(place, 0) for place, table in enumerate(tables)}
        blocked = tuple(
            Blocked(key, counts.get(-place, 0)) for place, key in enumerate(stopping, 1)
        )
        for each in blocked:
            described = references.described(each.foreign_key)
            # One record that is held must not keep all others from being purged.
            self.warnings.append(
                f"{described}: nothing in the plan handles it, and {each.rows} of its rows keep"
                " records from being deleted: those stay, until a release gives the rows back or"
                " the action is another"
                if each.rows
                else f"{described}: nothing handles it; it blocks no row now"
            )
        return blast, blocked


def _tables(
    catalog: Catalog, facts: dict[Relation, TableFacts], relations: Iterable[Relation]
) -> list[str]:
    problems = []
    for relation in relations:
        if relation in facts:
            continue
        try:
            facts[relation] = catalog.table(relation)
        except MissingError as error:
            problems.append(str(error))
    return problems


def _of_server(catalog: Catalog, *, dry_run: bool) -> Iterator[str]:
    server = catalog.server()
    if server.version < OLDEST_VERSION:
        yield f"PostgreSQL 13 or newer is needed, not {server.version // 10_000}"
    if dry_run:
        return
    if server.in_recovery:
        yield "the server is a read-only replica; name the primary in PG_DB_HOST"
    elif server.read_only:
        yield "the session is read-only; take default_transaction_read_only off this user"


def _of_outbox(catalog: Catalog) -> Iterator[str]:
    schema, table = objects.OUTBOX.split(".")
    try:
        facts = catalog.table(Relation(schema, table))
    except MissingError:
        how = 'invoke the function with {"operation": "setup"}'
        yield f"there is no table {objects.OUTBOX}: {how}"
        return
    if not (facts.privileges.schema_usage and facts.privileges.insert):
        yield f"the user may not write to {objects.OUTBOX}: run the GRANTs that setup prints"


def _is_big(facts: TableFacts) -> bool:
    if facts.row_estimate is None:
        return facts.total_bytes > BIG_BYTES
    return facts.row_estimate > BIG_ROWS
