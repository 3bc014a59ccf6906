"""
What must hold of the expiry, each proof quick, and each with a rewriting of what the run sends.

A proof returns what went wrong, in words: nothing for the expiry as it is, something for one with
a condition less.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from expiry.errors import (
    ConnectError,
    ConnectionLostError,
    ConstraintError,
    LockedError,
    ReadOnlyError,
)
from tests.safety.postgres_races import PATIENCE_S
from tests.safety.postgres_wire import Rewrite, Wire, unchanged
from tests.safety.postgres_world import build, dead, living, snapshot

if TYPE_CHECKING:
    from tests.safety.postgres_drive import Stage

LIMIT = 5
ENDED = (ConnectError, ConnectionLostError)  # by the wire, for going round in circles
MOST_REQUESTS = 100  # a run that goes round in circles is ended


def world_ends_well(stage: Stage, rewrite: Rewrite = unchanged) -> list[str]:
    """Just the dead are candidates and go, each counted once; a second run finds nothing."""
    build(stage.database)
    before = snapshot(stage.database)
    with Wire(stage.database, MOST_REQUESTS, rewrite=rewrite) as wire:
        try:
            first, second = stage.run(wire), stage.run(wire)
        except (*ENDED, ConstraintError) as error:
            return [f"{type(error).__name__}: {error}"]
    return (
        difference(before, snapshot(stage.database))
        + counted(first, dead(before))
        + counted(second, 0)
        + in_vain(first)
    )


def held_rows_do_not_stop_the_others(stage: Stage, rewrite: Rewrite = unchanged) -> list[str]:
    """
    Rows that somebody holds, more than a batch, are left; all others go, and nobody waits.
    """
    database = stage.database
    build(database)
    before = snapshot(database)
    with (
        Wire(database, MOST_REQUESTS, rewrite=rewrite) as wire,
        database.connect(autocommit=False) as holder,
        ThreadPoolExecutor(1) as pool,
    ):
        held = holder.execute(
            "select id from tokens where note = 'dead' order by expires_at, id limit 8 for update"
        ).fetchall()
        try:
            result = pool.submit(stage.run, wire, {"tables": ["tokens"]}).result(PATIENCE_S)
        except (*ENDED, LockedError) as error:
            return [f"{type(error).__name__}: {error}"]
        holder.rollback()
    gone = len(before["tokens"]) - len(snapshot(database)["tokens"])
    due = sum(row[-1] == "dead" for row in before["tokens"])
    if gone != due - len(held):
        return [f"{gone} rows went, {due} were due, {len(held)} were held"]
    rule = result["rules"]["tokens"]
    if (rule["listed"], rule["changed"]) != (due, len(held)):
        return [f"{rule['listed']} listed of {due}, {rule['changed']} passed by of {len(held)}"]
    return counted(result, gone)


def limit_is_kept(stage: Stage, rewrite: Rewrite = unchanged) -> list[str]:
    """A run deletes no more than it may, and says that it stopped."""
    build(stage.database)
    before = snapshot(stage.database)
    with Wire(stage.database, rewrite=rewrite) as wire:
        result = stage.run(wire, {"limit": LIMIT, "tables": ["tokens"]})
    gone = len(before["tokens"]) - len(snapshot(stage.database)["tokens"])
    problems = [] if gone == LIMIT else [f"{gone} rows went, {LIMIT} might"]
    return problems + ([] if not result["complete"] else ["it says that it is complete"])


def dry_run_plans_the_same(stage: Stage, rewrite: Rewrite = unchanged) -> list[str]:
    """As a role that may only read, a dry run counts what a real one then deletes."""
    build(stage.database)
    before = snapshot(stage.database)
    reader = stage.as_role(stage.database.new_role(*(f"select on {name}" for name in before)))
    with Wire(stage.database, rewrite=rewrite) as wire:
        try:
            dry = reader.run(wire, {"dryRun": True})
        except ReadOnlyError as error:
            return [f"{type(error).__name__}: {error}"]
        problems = [f"wrote {each.text}" for each in wire.requests if each.writes]
        if snapshot(stage.database) != before:
            return [*problems, "it changed rows"]
        real = stage.run(wire)
    tables = [each["body"]["tables"] for each in (dry, real)]
    return problems + ([] if tables[0] == tables[1] else [f"planned {tables[0]}, did {tables[1]}"])


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


def in_vain(result: dict[str, Any]) -> list[str]:
    """Say which candidates of a run that nobody disturbed did not go."""
    others = {name: n for name, n in result["outcomes"].items() if n and name != "deleted"}
    return [f"in vain: {others}"] if others else []


def counted(result: dict[str, Any], expected: int) -> list[str]:
    """Say where a result does not count what went."""
    deleted = result["body"]["deleted"]
    return [] if deleted == expected else [f"{deleted} counted, {expected} went"]
