"""
What must hold of the expiry, each proof quick, and each with a rewriting of what the run sends.

A proof returns what went wrong, in words: nothing for the expiry as it is, something for one with
a condition less.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from expiry.errors import ExpiryError
from tests.safety.postgres_races import PATIENCE_S
from tests.safety.postgres_wire import Rewrite, Wire, unchanged
from tests.safety.postgres_world import build, dead, living, snapshot

if TYPE_CHECKING:
    from tests.safety.postgres_drive import Stage

MOST_REQUESTS_A_BATCH = 4  # BEGIN, the batch, COMMIT, and one for whatever comes with it


def world_ends_well(stage: Stage, rewrite: Rewrite = unchanged) -> list[str]:
    """Just the dead go, each is counted once, and a second run finds nothing."""
    build(stage.database)
    before = snapshot(stage.database)
    with Wire(stage.database, rewrite=rewrite) as wire:
        try:
            first, second = stage.run(wire), stage.run(wire)
        except ExpiryError as error:
            return [f"{type(error).__name__}: {error}"]
    return (
        difference(before, snapshot(stage.database))
        + counted(first, dead(before))
        + counted(second, 0)
    )


def held_rows_do_not_stop_the_others(stage: Stage, rewrite: Rewrite = unchanged) -> list[str]:
    """
    Rows that somebody holds, more than a batch, are left; all others go, and nobody waits.
    """
    database = stage.database
    build(database)
    before = snapshot(database)
    with (
        Wire(database, rewrite=rewrite) as wire,
        database.connect(autocommit=False) as holder,
        ThreadPoolExecutor(1) as pool,
    ):
        held = holder.execute(
            "select id from tokens where note = 'dead' order by expires_at, id limit 8 for update"
        ).fetchall()
        try:
            result = pool.submit(stage.run, wire, {"tables": ["tokens"]}).result(PATIENCE_S)
        except ExpiryError as error:
            return [f"{type(error).__name__}: {error}"]
        holder.rollback()
    gone = len(before["tokens"]) - len(snapshot(database)["tokens"])
    due = sum(row[-1] == "dead" for row in before["tokens"])
    if gone != due - len(held):
        return [f"{gone} rows went, {due} were due, {len(held)} were held"]
    return counted(result, gone)


def batches_are_bounded(stage: Stage, rewrite: Rewrite = unchanged) -> list[str]:
    """No transaction deletes more rows than a batch may hold."""
    database = stage.database
    build(database)
    database.run(COUNT_TRANSACTIONS)
    try:
        with Wire(database, rewrite=rewrite) as wire:
            stage.run(wire)
        largest = database.run("select n from removed group by tx, n order by n desc limit 1")
    finally:
        database.run("drop table removed cascade; drop function count_removed cascade")
    return [] if largest[0][0] <= 7 else [f"a transaction deleted {largest[0][0]} rows"]


COUNT_TRANSACTIONS = """
create table removed (tx bigint, n bigint);
create function count_removed() returns trigger language plpgsql as $$
begin
    insert into removed select pg_current_xact_id()::text::bigint, count(*) from gone;
    return null;
end $$;
create trigger count_removed after delete on tokens referencing old table as gone
    for each statement execute function count_removed();
create trigger count_removed after delete on drafts referencing old table as gone
    for each statement execute function count_removed()
"""


def difference(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Say what is missing of the living, and what is left of the dead."""
    expected = living(before)
    return [
        f"{word} {table} {row}"
        for table, rows in expected.items()
        for word, wrong in (
            ("lost", [row for row in rows if row not in after[table]]),
            ("left", [row for row in after[table] if row not in rows]),
        )
        for row in wrong
    ]


def counted(result: dict[str, Any], expected: int) -> list[str]:
    """Say where a result does not count what went."""
    deleted = result["body"]["deleted"]
    return [] if deleted == expected else [f"{deleted} counted, {expected} went"]
