"""How many statements and calls a purge makes: so many a batch, whatever the batch holds."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from soft_delete_purge import batch
from tests.postgres.sessions import open_session
from tests.safety import purge_mocs as mocs
from tests.safety import purge_naive
from tests.safety.memory import Memory
from tests.safety.postgres_wire import Wire as DatabaseWire
from tests.safety.wire import Wire

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    import pytest

    from tests.postgres.database import Database

# One purge transaction of the example's plan, and the question before it which files to look at.
STEPS = {
    "look which files the records name": 1,
    "begin, commit": 2,
    "lock the records": 1,
    "lock files, lists, uploads, parts": 4,
    "check again, and collect": 1,
    "give back parts and uploads": 2,
    "lock images": 1,
    "delete records, then images": 2,
    "write the outbox": 1,
}
A_TRANSACTION = sum(STEPS.values())
FROZEN: Callable[[], float] = lambda: 0.0  # noqa: E731 - batches never seem long


@dataclass(frozen=True, slots=True)
class Counted:
    """What one way of purging so many records cost."""

    statements: int
    calls: Counter[str]

    def __sub__(self, other: Counted) -> tuple[int, int]:
        """Return how many more statements and objects' deletes this took."""
        deletes = (each.calls["DeleteObjects"] for each in (self, other))
        return self.statements - other.statements, next(deletes) - next(deletes)


def counted(database: Database, due: int, purge: Callable[[Database, int, Any], Any]) -> Counted:
    """Purge *due* records in a database of their own, and count what goes over the wires."""
    fresh = database.new_database()
    mocs.make(fresh, due, alive=1)
    memory = Memory(objects=mocs.named(fresh))
    to_s3 = Wire(disturb=memory)
    with DatabaseWire(fresh) as wire:
        purge(fresh, wire.port, to_s3.wrap(memory.clients.s3))
    left = fresh.run("select count(*) from moc_instructions")
    fresh.drop()
    assert left == [(1,)]
    return Counted(len(wire.requests), to_s3.count())


def in_mode(mode: str) -> Callable[[Database, int, Any], Any]:
    """Return what purges in one of the two modes."""
    return lambda database, port, s3: mocs.purge(database, s3, port, TRANSACTION=mode, clock=FROZEN)


def naively(database: Database, port: int, s3: Any) -> None:
    """Purge as the story says."""
    with open_session(replace(database, port=port)) as session:
        purge_naive.Naive(session, s3).purge()


def test_purge_in_batches_makes_as_many_statements_for_one_record_as_for_many(
    embedded18: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A batch costs what its steps cost; a second batch costs the same once more.
    """
    monkeypatch.setattr(batch, "FIRST_SIZE", 6)
    one, six, eight = (counted(embedded18, due, in_mode("batch")) for due in (1, 6, 8))

    assert six - one == (0, 0)
    assert eight - six == (A_TRANSACTION, 0)


def test_purge_record_by_record_makes_the_steps_once_for_each(embedded18: Database) -> None:
    """
    The default mode costs one transaction a record, and no call to delete for each.
    """
    two, five = (counted(embedded18, due, in_mode("record")) for due in (2, 5))

    assert five - two == (3 * A_TRANSACTION, 0)
    assert five.calls["DeleteObjects"] == 1


def test_naive_purge_makes_a_query_a_step_and_a_call_a_record(embedded18: Database) -> None:
    """
    The peer that the benchmark measures against is what it says.
    """
    two, five = (counted(embedded18, due, naively) for due in (2, 5))

    assert five - two == (3 * purge_naive.STATEMENTS, 3)


def test_batches_stay_large_where_s3_is_slow(
    postgres: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Their size follows how long transactions hold locks, not how long S3 takes to say what is there.
    """
    monkeypatch.setattr(batch, "FIRST_SIZE", 4)
    monkeypatch.setattr(batch, "LEAST_SIZE", 1)
    ticks = itertools.count()
    slow_s = 0.0

    def slowly(call: Any, forward: Any, request: dict[str, Any]) -> Any:
        nonlocal slow_s
        slow_s += 10 * batch.TARGET_S
        return memory(call, forward, request)

    mocs.make(postgres, due=16)
    memory = Memory(objects=mocs.named(postgres))
    s3 = Wire(disturb=slowly).wrap(memory.clients.s3)
    with DatabaseWire(postgres) as wire:
        mocs.purge(
            postgres,
            s3,
            wire.port,
            TRANSACTION="batch",
            clock=lambda: slow_s + next(ticks) * 1e-6,
        )

    transactions = [each for each in wire.texts() if each.startswith("delete from")]
    assert slow_s > 0
    assert len(transactions) == 2 * 3  # 4, then 6, then 6: each deletes records, and images


def test_batches_shrink_no_further_where_every_round_trip_is_slow(
    postgres: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A transaction that is slow however small it is does not end as one for each record.
    """
    monkeypatch.setattr(batch, "FIRST_SIZE", 8)
    monkeypatch.setattr(batch, "LEAST_SIZE", 4)
    hours = itertools.count()
    mocs.make(postgres, due=20)
    memory = Memory(objects=mocs.named(postgres))
    s3 = Wire(disturb=memory).wrap(memory.clients.s3)

    with DatabaseWire(postgres) as wire:
        more = {"TRANSACTION": "batch"}
        mocs.purge(postgres, s3, wire.port, clock=lambda: 3600.0 * next(hours), **more)

    deletes = [each for each in wire.texts() if each.startswith("delete from")]
    assert len(deletes) == 2 * 4  # 8, then 4 three times: each deletes records, and images


def test_files_of_many_records_are_looked_at_together(postgres: Database) -> None:
    """
    Keys that lie on one page of a listing cost one call, in whatever transactions they go.
    """
    mocs.make(postgres, due=30)
    memory = Memory(objects=mocs.named(postgres))
    wire = Wire(disturb=memory)

    result = mocs.purge(postgres, wire.wrap(memory.clients.s3), TRANSACTION="record")

    assert result["s3Deleted"] == 30 * mocs.OBJECTS
    assert wire.count() == {"ListObjectsV2": 2, "DeleteObjects": 1}  # one page for each prefix
