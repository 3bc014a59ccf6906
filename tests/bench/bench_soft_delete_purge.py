"""
Soft-deleted records: the purge in both of its modes beside the story's own flow, a query a step.

10,000 MOCs with four children each and images that two share, on the example's own tables; the
bucket is in memory, and answers at once. Each way purges a copy of the same database twice: alone,
to count statements, calls and WAL, and beside an application at work on another table.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from unittest import mock

from expiry.postgres.wire import Wire as Connection
from tests.bench.bench_postgres_expiry import SETTINGS, application
from tests.postgres.servers import Embedded18
from tests.postgres.sessions import open_session
from tests.safety import purge_mocs as mocs
from tests.safety.memory import Memory, silent_clients
from tests.safety.purge_naive import Naive
from tests.safety.wire import Wire

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator

    from tests.postgres.database import Database

RECORDS, ALIVE = 10_000, 5_000
BUSY_ROWS = 100_000
LEAST_RATIO = 20
BUSY = f"""
create table tokens (id bigint primary key, expires_at bigint not null, payload text not null);
insert into tokens select n, 0, repeat('x', 200) from generate_series(1, {BUSY_ROWS}) as n
"""
OF = "of naive"
HEADER = " " * 10 + "{:>12}{:>10}{:>10}{:>10}{:>9}{:>10}{:>14}{:>9}"
WRITTEN = "select pg_current_wal_insert_lsn() - '0/0'"


@dataclass(slots=True)
class Measured:
    """What a way took."""

    statements: int = 0
    calls: Counter[str] | None = None
    took_s: float = 0.0
    wal_bytes: int = 0
    p99_ms: float = 0.0

    @property
    def total(self) -> int:
        """Statements and calls together."""
        return self.statements + (self.calls.total() if self.calls else 0)


def naive(database: Database, s3: Any) -> None:
    """Purge as the story says, with the query for orphans that is right."""
    with open_session(database) as session:
        Naive(session, s3).purge()


def in_mode(mode: str) -> Callable[[Database, Any], None]:
    """Return what purges in one of the two modes, with all that a run does besides."""

    def purge(database: Database, s3: Any) -> None:
        result = mocs.purge(
            database, s3, clock=time.monotonic, TRANSACTION=mode, BATCH_SIZE=str(RECORDS)
        )
        if not result["complete"] or result["failed"] or result["outboxPending"]:
            raise RuntimeError(f"the run did not end: {result}")

    return purge


WAYS = {"naive": naive, "record": in_mode("record"), "batch": in_mode("batch")}


@contextmanager
def counted() -> Iterator[mock.Mock]:
    """Count round trips to the database: one for each statement, BEGIN and COMMIT alike."""
    asked = Connection.ask
    with mock.patch.object(Connection, "ask", autospec=True, side_effect=asked) as seen:
        yield seen


@contextmanager
def copy_of(filled: Database) -> Iterator[Database]:
    """Copy a database, for as long as it takes."""
    copy = replace(filled, name=f"{filled.name}_copy")
    filled.server.database.run(f"create database {copy.name} template {filled.name}")
    try:
        copy.run("checkpoint")
        yield copy
    finally:
        copy.drop()


def measure(filled: Database, objects: dict[str, float], way: str, clients: Any) -> Measured:
    """Purge a copy alone, and another one beside an application."""
    found = Measured()
    with copy_of(filled) as copy, counted() as asked:
        wire = Wire(disturb=Memory(objects=dict(objects), clients=clients), keep_requests=False)
        ((before,),) = copy.run(WRITTEN)
        began_s = time.perf_counter()
        WAYS[way](copy, wire.wrap(clients.s3))
        found.took_s = time.perf_counter() - began_s
        found.statements, found.calls = asked.call_count, wire.count()
        ((after,),) = copy.run(WRITTEN)
        found.wal_bytes = int(after - before)
        ((left,),) = copy.run("select count(*) from moc_instructions")
        if left != ALIVE:
            raise RuntimeError(f"{way} left {left} records")
    with copy_of(filled) as copy, application(copy, BUSY_ROWS) as felt:
        wire = Wire(disturb=Memory(objects=dict(objects), clients=clients), keep_requests=False)
        WAYS[way](copy, wire.wrap(clients.s3))
    found.p99_ms = sorted(felt)[int(len(felt) * 0.99)]
    return found


def main() -> None:
    """Measure and print; nothing is asserted about seconds."""
    clients = silent_clients()
    with Embedded18(SETTINGS) as server:
        filled = server.new_database()
        mocs.make(filled, RECORDS, ALIVE)
        filled.run(BUSY)
        filled.run("vacuum (analyze, freeze)")
        objects = mocs.named(filled)
        found = {way: measure(filled, objects, way, clients) for way in WAYS}
    sys.stdout.write(report(found) + "\n\n")


def report(found: dict[str, Measured]) -> str:
    """Put the numbers side by side."""
    peer, ours = found["naive"], found["batch"]
    what = f"{RECORDS:,} records with four children, two to an image, and {ALIVE:,} that live"
    lines = [
        f"soft-delete-purge: {what}",
        HEADER.format(
            "statements", "S3 calls", "both", OF, "seconds", OF, "WAL a record", "p99 ms"
        ),
    ]
    for way, run in found.items():
        lines.append(
            f"{way:10}{run.statements:>12,}{run.total - run.statements:>10,}{run.total:>10,}"
            f"{run.total / peer.total:>10.3f}{run.took_s:>9.1f}{run.took_s / peer.took_s:>10.2f}"
            f"{run.wal_bytes / RECORDS:>14,.0f}{run.p99_ms:>9.1f}"
        )
    lines.append(
        f"statements and calls, naive to batch: {peer.total / ours.total:.0f}"
        f" (at least {LEAST_RATIO})"
    )
    lines += [f"calls of {way}: {dict(run.calls or {})}" for way, run in found.items()]
    return "\n".join(lines)
