"""Fifty thousand rows: runs that share the work, writers who renew, a snapshot that stays open."""

from __future__ import annotations

import json
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.safety.postgres_mutations import FROM_THE_START
from tests.safety.postgres_races import PATIENCE_S
from tests.safety.postgres_wire import Rewrite, Wire, unchanged

if TYPE_CHECKING:
    from tests.postgres.database import Database
    from tests.safety.postgres_drive import Stage

ROWS, EXPIRED = 50_000, 20_000
WRITERS, RENEWALS = 3, 400  # of each writer
TABLES = {
    "TABLES": json.dumps(
        {"many": {"table": "many", "expiry": {"column": "expires_at", "kind": "epoch_seconds"}}}
    )
}
FILL = f"""
drop table if exists many;
create table many (id bigint primary key, expires_at bigint not null, owner bigint);
insert into many
    select n, extract(epoch from now())::bigint + case when n > {EXPIRED} then 86400 else -86400 end
    from generate_series(1, {ROWS}) as n;
create index many_expiry on many (expires_at, id);
analyze many
"""
RENEW = """
update many set expires_at = extract(epoch from now())::bigint + 3600, owner = %s where id = %s
"""


@pytest.fixture
def many(stage: Stage) -> Stage:
    """Return the stage with fifty thousand rows of which twenty thousand expired."""
    stage.database.run(FILL)
    return stage


def renew(database: Database, owner: int, stop: threading.Event) -> set[int]:
    """Renew rows by chance, expired or not, until told to stop; return those that were there."""
    chance, renewed = random.Random(owner), set[int]()
    with database.connect() as connection:
        for _ in range(RENEWALS):
            row = chance.randrange(1, EXPIRED + 1000)
            if connection.execute(RENEW.encode(), [owner, row]).rowcount:
                renewed.add(row)
            if stop.is_set():
                break
    return renewed


def test_two_runs_and_writers_lose_no_renewed_row(many: Stage) -> None:
    """
    Each row whose renewal was confirmed is there; each other expired row went, and went once.
    """
    stop = threading.Event()
    with ThreadPoolExecutor(2 + WRITERS) as pool:
        writing = [pool.submit(renew, many.database, each, stop) for each in range(WRITERS)]
        running = [pool.submit(many.run, environment=TABLES) for _ in range(2)]
        deleted = [run.result()["body"]["deleted"] for run in running]
        stop.set()
        renewed = set[int]().union(*(each.result() for each in writing))
    rest = many.run(environment=TABLES)["body"]["deleted"]  # what a writer held at the time

    there = {row for (row,) in many.database.run("select id from many")}
    assert any(row <= EXPIRED for row in renewed), "no writer came in time"
    assert renewed <= there
    assert there == renewed | set(range(EXPIRED + 1, ROWS + 1))
    assert sum(deleted) + rest == ROWS - len(there)


def test_two_runs_at_once_share_the_work(many: Stage) -> None:
    """
    Neither waits for the other or goes away: what one holds the other passes by.
    """
    both = threading.Barrier(2)

    def run() -> Any:
        with Wire(many.database, before=lambda request: meet(both, request.writes)) as wire:
            return many.run(wire, environment=TABLES)

    with ThreadPoolExecutor(2) as pool:
        results = [each.result() for each in [pool.submit(run), pool.submit(run)]]

    deleted = [result["body"]["deleted"] for result in results]
    assert all(result["complete"] for result in results)
    assert sum(deleted) == EXPIRED
    assert min(deleted) > 0


def meet(both: threading.Barrier, writes: bool) -> None:  # noqa: FBT001 - a flag of what comes
    """Wait, before a batch, until the other run has come to one too."""
    if writes:
        try:
            both.wait(5)
        except threading.BrokenBarrierError:
            return  # the other one has ended


def index_rows(database: Database) -> int:
    """Return how many rows of the index were read; sessions tell it shortly after they end."""
    read = "select idx_tup_read from pg_stat_user_indexes where indexrelname = 'many_expiry'"
    deadline_s = time.monotonic() + PATIENCE_S
    while (passed := database.run(read)[0][0]) < EXPIRED:
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    return int(passed)


@pytest.mark.parametrize(
    ("rewrite", "within"),
    [(unchanged, True), (FROM_THE_START, False)],
    ids=["cursor", "LIMIT loop"],
)
def test_old_snapshot_makes_no_batch_walk_over_the_dead(
    many: Stage, rewrite: Rewrite, *, within: bool
) -> None:
    """
    Held open elsewhere, it keeps every dead row in the index: each is passed about once, where a
    loop that begins again each time passes it again and again.
    """
    with many.database.connect(autocommit=False) as holder:
        holder.execute("set transaction isolation level repeatable read")
        holder.execute("select count(*) from many where id < 10")
        with Wire(many.database, rewrite=rewrite) as wire:
            result = many.run(wire, environment=TABLES)
        holder.rollback()
    passed = index_rows(many.database)

    assert result["body"]["deleted"] == EXPIRED
    # Once by the batches, once by the count of what is left.
    assert (passed <= 2.5 * EXPIRED) is within, f"{passed} index rows for {EXPIRED}"
