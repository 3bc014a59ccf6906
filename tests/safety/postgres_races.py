"""
Let a writer in while a batch is being deleted: after its page was read, after its rows were locked.

The wire puts a call of ``pause()`` into the statement, which waits for as long as ``paused`` has
a row; so each race is forced, and lost or won the same way each time.
"""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.safety.postgres_wire import Rewrite, Wire, unchanged
from tests.safety.postgres_world import ALIVE, DEAD, build, living, snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future
    from typing import Any

    from tests.postgres.database import Database
    from tests.safety.postgres_drive import Stage

PATIENCE_S = 20.0
PAUSE = """
create table if not exists paused (n int);
create or replace function pause(n bigint) returns boolean language plpgsql volatile as $$
begin
    while n >= 0 and exists (select from paused) loop
        perform pg_sleep(0.002);
    end loop;
    return true;
end $$
"""
PAGE_READ, ROWS_LOCKED = "page", "locked"
RENEWED = "renewed"


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a writer does to the first token or draft that is due; its row then has RENEWED."""

    name: str
    table: str
    write: str


def token(change: str) -> str:
    """Write an update of the dead token that a batch meets first."""
    return f"update tokens set note = '{RENEWED}', {change} where id = {FIRST_TOKEN}"


FIRST_TOKEN = f"(select id from tokens where note = '{DEAD}' order by expires_at, id limit 1)"
FIRST_DRAFT = (
    f"(select name from drafts where note = '{DEAD}' order by touched_at, tenant, name limit 1)"
)
NOW = "extract(epoch from now())::bigint"

SCENARIOS = (
    Scenario("renews a token", "tokens", token(f"expires_at = {NOW} + 600")),
    Scenario("renews a token for a moment", "tokens", token(f"expires_at = {NOW} - 3600")),
    Scenario("makes a token last", "tokens", token("expires_at = null")),
    Scenario("keeps a token", "tokens", token("kind = 'kept'")),
    Scenario(
        "replaces a token",
        "tokens",
        f"with old as (delete from tokens where id = {FIRST_TOKEN} returning id)"
        f" insert into tokens select id + 1000, {NOW} + 600, 'session', '{RENEWED}' from old",
    ),
    Scenario("refers to a token", "tokens", f"insert into uses select {FIRST_TOKEN}"),
    Scenario(
        "touches a draft",
        "drafts",
        f"update drafts set note = '{RENEWED}', touched_at = now() where name = {FIRST_DRAFT}",
    ),
)


def pausing(at: str, rewrite: Rewrite = unchanged) -> Rewrite:
    """
    Return a rewriting that lets a batch wait once *at* (``page`` or ``locked``) is there whole.

    A statement that has no such place goes as it is; :func:`race` fails where none waits.
    """
    place = re.compile(rf"array\s*\(\s*select (\w+) from {at}\s*\)")

    def change(text: str) -> str:
        counted = rf"(select \1, count(*) over () as whole from {at}) as counted"
        return place.sub(rf"array(select \1 from {counted} where pause(whole))", rewrite(text))

    return change


@contextmanager
def paused(database: Database) -> Iterator[None]:
    """Let batches wait within this block, and go on when it ends."""
    database.run("insert into paused values (1)")
    try:
        yield
    finally:
        database.run("delete from paused")


def wait_for_pause(database: Database, runs: Future[Any]) -> None:
    """Wait until a batch has come to its pause."""
    deadline_s = time.monotonic() + PATIENCE_S
    waiting = "select 1 from pg_stat_activity where datname = %s and wait_event = 'PgSleep'"
    while not database.run(waiting, database.name):
        if runs.done():
            raise AssertionError(f"the run ended without a pause: {runs.result()}")
        assert time.monotonic() < deadline_s, "no batch came to its pause"
        time.sleep(0.005)


def lost_by_any(stage: Stage, rewrite: Rewrite = unchanged) -> list[str]:
    """Run every race; say what was lost or left over in any."""
    return [f"{each.name}: {it}" for each in SCENARIOS for it in race(stage, each, rewrite)]


def race(stage: Stage, scenario: Scenario, rewrite: Rewrite = unchanged) -> list[str]:
    """
    Let the writer commit after a batch has read its page; say what was lost or left over.

    Returns:
        Nothing, where all is well.
    """
    database = stage.database
    build(database)
    database.run(PAUSE)
    with Wire(database, rewrite=pausing(PAGE_READ, rewrite)) as wire, ThreadPoolExecutor(1) as pool:
        with paused(database):
            running = pool.submit(stage.run, wire, {"tables": [scenario.table]})
            wait_for_pause(database, running)
            database.run(scenario.write)
            expected = living(snapshot(database))[scenario.table]
        result = running.result(PATIENCE_S)
    there = snapshot(database)[scenario.table]
    problems = [f"lost {row}" for row in expected if row not in there]
    # What was due and is not renewed may only be left where the result says so.
    return problems + [f"left over {row} after {result}" for row in there if row not in expected]


def renewal_after_lock(stage: Stage) -> int:
    """Let a writer come once the rows are locked; return how many rows it was told it renewed."""
    database = stage.database
    build(database)
    database.run(PAUSE)
    renewal = f"update tokens set note = '{ALIVE}', expires_at = {NOW} + 600 where id = %s"
    first = database.run(f"select {FIRST_TOKEN}")[0][0]
    with (
        Wire(database, rewrite=pausing(ROWS_LOCKED)) as wire,
        ThreadPoolExecutor(2) as pool,
        database.connect() as writer,
    ):
        with paused(database):
            running = pool.submit(stage.run, wire, {"tables": ["tokens"]})
            wait_for_pause(database, running)
            renewing = pool.submit(writer.execute, renewal.encode(), [first])
            wait_for_lock(database)
        renewed = renewing.result(PATIENCE_S).rowcount
        running.result(PATIENCE_S)
    assert database.run("select count(*) from tokens where id = %s", first) == [(renewed,)]
    return renewed


def wait_for_lock(database: Database) -> None:
    """Wait until somebody waits for a lock."""
    deadline_s = time.monotonic() + PATIENCE_S
    waiting = "select 1 from pg_stat_activity where datname = %s and wait_event_type = 'Lock'"
    while not database.run(waiting, database.name):
        assert time.monotonic() < deadline_s, "nobody waits for a lock"
        time.sleep(0.005)
