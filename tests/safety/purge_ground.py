"""
A database and a bucket on which a purge is tried again and again, and compared with the model.

A purge is run by its own parts, as a run puts them together, on one session: the due records, then
each transaction, then the drain of the outbox against a bucket in memory.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from aws_lambda_powertools.logging import Logger

from expiry.bucket import Bucket
from expiry.budget import Budget, Pace
from expiry.objects import Objects
from expiry.outcomes import Outcome
from expiry.postgres.link import Link
from soft_delete_purge import batch, drain, dry, due, looking, preflight, record, setup
from soft_delete_purge.plan import Plan
from soft_delete_purge.terms import Terms
from tests.postgres.sessions import open_session
from tests.safety.memory import OWNER, Clients, Memory, silent_clients
from tests.safety.purge_graphs import BUCKET, RETENTION_DAYS, Variant
from tests.safety.purge_model import BLOCKED
from tests.safety.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from expiry.postgres.session import Session
    from soft_delete_purge.paths import Bound
    from soft_delete_purge.purged import Purged
    from soft_delete_purge.terms import Seen
    from tests.postgres.database import Database
    from tests.safety.purge_model import Tables

PROTECTED = Outcome.PROTECTED
LONG_AGO_S = 1_000_000_000.0
QUIET = Logger(service="purge_proofs", level="CRITICAL")
UNPACED = Pace(0, time.monotonic, lambda _: None)
ENDLESS = Budget(lambda: 3_600_000, reserve_s=0)


@dataclass(slots=True)
class Found:
    """What a purge said, and what it left."""

    tables: Tables
    due: list[int]
    purged: dict[int, Purged]
    objects: set[str]  # that are left
    pending: int  # entries of the outbox

    def outcomes(self) -> dict[int, str]:
        """Return what became of each record."""
        return {
            key: BLOCKED if each.outcome is PROTECTED else str(each.outcome)
            for key, each in self.purged.items()
        }


@dataclass
class Ground:
    """Sessions that last from one try to the next. Use ``with``."""

    database: Database
    clients: Clients = field(default_factory=silent_clients)
    _bounds: dict[int, Bound] = field(default_factory=dict)

    def __enter__(self) -> Self:
        """Log in, and make what the purge remembers in."""
        self.connection = self.database.connect()
        self.session: Session = open_session(self.database)
        setup.make(self.session)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Log out."""
        self.session.close()
        self.connection.close()

    def bound(self, variant: Variant) -> Bound:
        """Return the plan of *variant* as its preflight accepts it, on tables that are empty."""
        if variant.number not in self._bounds:
            variant.make(self.database)
            plan = Plan.parse(variant.plan)
            self._bounds[variant.number] = preflight.check(self.session, plan, self.terms()).bound
        return self._bounds[variant.number]

    def terms(self) -> Terms:
        """Return what holds for a run that begins now."""
        cutoff = datetime.now(UTC) - timedelta(days=RETENTION_DAYS)
        return Terms(cutoff, BUCKET, "model")

    def tables(self, variant: Variant) -> Tables:
        """Return what is there."""
        return variant.read(self.connection)

    def plan(self, variant: Variant, tables: Tables, objects: Collection[str]) -> dict[int, Purged]:
        """Fill tables and bucket, and tell what would go."""
        bound, terms = self.bound(variant), self.terms()
        variant.fill(self.connection, tables)
        look = Look(self.bucket(self.memory(objects)))
        keys = due.keys(self.session, bound, terms, 100)
        return by_number(variant, dry.purge(self.session, bound, keys, terms, look))

    def purge(
        self, variant: Variant, tables: Tables, objects: Collection[str], *, together: bool
    ) -> Found:
        """Fill tables and bucket, purge, drain, and tell what is left."""
        bound, terms = self.bound(variant), self.terms()
        variant.fill(self.connection, tables)
        memory = self.memory(objects)
        bucket = self.bucket(memory)
        keys = due.keys(self.session, bound, terms, 100)
        look = Look(bucket)
        if together:
            purged = batch.purge(self.session, bound, keys, terms, look)
        else:
            purged = [record.purge(self.session, bound, key, terms, look) for key in keys]
        drain.Drain(
            link=Link(lambda _: self.session, ENDLESS, lambda _: None, read_only=False),
            bound=bound,
            objects_in=lambda _: bucket,
            budget=ENDLESS,
            logger=QUIET,
            claim=1,
        ).run()
        return Found(
            tables=self.tables(variant),
            due=[variant.number_of(key) for key in keys],
            purged=by_number(variant, purged),
            objects=set(memory.objects),
            pending=self._pending(),
        )

    def memory(self, objects: Collection[str]) -> Memory:
        """Return a store that holds *objects*."""
        return Memory(objects=dict.fromkeys(objects, LONG_AGO_S), clients=self.clients)

    def bucket(self, memory: Memory) -> Objects:
        """Return a bucket whose objects are those of *memory*."""
        s3 = Wire(disturb=memory).wrap(self.clients.s3)
        return Objects(Bucket(s3, BUCKET, OWNER, UNPACED), ENDLESS)

    def _pending(self) -> int:
        ((count,),) = self.connection.execute("select count(*) from expiry.purge_outbox")
        return int(count)


@dataclass(frozen=True, slots=True)
class Look:
    """Looks what lies at keys."""

    bucket: Objects

    def __call__(self, keys: Collection[str]) -> Seen:
        """Return it."""
        return looking.looked_up(self.bucket, keys)


def by_number(variant: Variant, purged: Sequence[Purged]) -> dict[int, Purged]:
    """Return what became of each record."""
    return {variant.number_of(each.key): each for each in purged}


def counts(purged: Mapping[int, Purged]) -> tuple[Counter[str], int]:
    """Return how many rows were given back, by name, and how many shared rows went."""
    released = sum((Counter(each.released) for each in purged.values()), Counter[str]())
    return +released, sum(sum(each.shared_deleted.values()) for each in purged.values())


def children(purged: Mapping[int, Purged]) -> dict[int, Counter[str]]:
    """Return what goes along with each record that goes, by table."""
    return {
        key: +Counter({name.rpartition(".")[2]: rows for name, rows in each.children.items()})
        for key, each in purged.items()
        if each.outcome in {Outcome.DELETED, Outcome.WOULD_DELETE}
    }


def comparable(tables: Tables) -> Tables:
    """Leave out what the purge never changes."""
    return {
        name: {
            key: {column: row[column] for column in row if column not in {"due", "deleted_at"}}
            for key, row in rows.items()
        }
        for name, rows in tables.items()
    }


def in_order(tables: Tables) -> list[int]:
    """Return which records are due, the longest dead first."""
    due_rows = {
        key: row for key, row in tables["records"].items() if row["due"] and not row["held"]
    }
    return sorted(due_rows, key=lambda key: (due_rows[key]["deleted_at"], key))
