"""ActingWeb's rules on PostgreSQL, killed at every statement and raced in the middle of a batch."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from expiry.errors import DatabaseError
from tests.postgres.test_deletion_actingweb import SYSTEM, filled
from tests.safety.postgres_mutations import all_of, without
from tests.safety.postgres_races import PATIENCE_S, PAUSE, paused, pausing, wait_for_pause
from tests.safety.postgres_wire import Wire

if TYPE_CHECKING:
    from tests.postgres.database import Database
    from tests.safety.postgres_drive import Stage
    from tests.safety.postgres_wire import Request, Rewrite

PRESET = {"PRESET": "actingweb"}
AGAIN = "truncate attributes; insert into attributes select * from filled"
PUT = """
insert into attributes values (%s, %s || ':' || %s, %s, %s, %s, now(), %s)
on conflict (id, bucket_name) do update
    set data = excluded.data, ttl_timestamp = excluded.ttl_timestamp
"""
FUTURE_S = 4_102_444_800
TOKENS = "mcp_tokens"
TARGETS = "array(select target_place from paired where stale or dead)"
PAUSING_TARGETS = (
    "array(select target_place from (select *, count(*) over () as whole from paired) as counted"
    " where (stale or dead) and pause(whole))"
)


def pausing_targets(text: str) -> str:
    """Let a batch of index rows wait once it has looked up their targets."""
    return text.replace(TARGETS, PAUSING_TARGETS)


def put(database: Database, actor: str, bucket: str, name: str, data: object) -> None:
    """Write a row as ActingWeb does: new or anew."""
    written = (actor, bucket, name, bucket, name, json.dumps(data), FUTURE_S)
    database.run(PUT, *written)


def rows(database: Database) -> set[str]:
    """Return every row's name."""
    return {name for (name,) in database.run("select bucket_name from attributes")}


@pytest.fixture(scope="module")
def kept(stage: Stage) -> set[str]:
    """Fill the table, and return what a run leaves that nobody disturbs."""
    filled(stage.database)
    stage.database.run("create table filled as select * from attributes")
    stage.database.run(PAUSE)
    stage.run(environment=PRESET | {"TABLES": ""})
    return rows(stage.database)


@pytest.fixture(scope="module")
def requests(stage: Stage, kept: set[str]) -> list[Request]:
    """Return what a run sends when nobody disturbs it."""
    assert kept
    stage.database.run(AGAIN)
    with Wire(stage.database) as wire:
        stage.run(wire, environment=PRESET | {"TABLES": ""})
    return wire.requests


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_preset_killed_at_any_statement_is_made_good_by_the_next(
    stage: Stage, kept: set[str], requests: list[Request], *, after: bool
) -> None:
    """
    A token goes with all that is its, or not at all; the next run ends the work.
    """
    entry, token, link = (
        f"{bucket}:{name}"
        for bucket, name in (
            ("_access_token_index", "dead"),
            ("mcp_tokens", "dead"),
            ("mcp_google_tokens", "g1"),
        )
    )
    assert sum(request.writes for request in requests) >= len(kept) / 4
    for request in [each for each in requests if each.writes or not after]:
        stage.database.run(AGAIN)
        with Wire(stage.database, request.number, die_after=after) as wire:
            with pytest.raises(DatabaseError):
                stage.run(wire, environment=PRESET | {"TABLES": ""})
            assert wire.dead, f"request {request.number}"
        left = rows(stage.database)

        assert kept <= left
        assert len(left & {entry, token, link}) in (0, 3), f"request {request.number}"
        stage.run(environment=PRESET | {"TABLES": ""})
        assert rows(stage.database) == kept, f"request {request.number}"


@pytest.mark.parametrize(
    ("written", "rewrite"),
    [
        (
            {
                ("a1", "mcp_tokens", "dead"): {"expires_at": FUTURE_S, "google_token_key": "g1"},
                ("a1", "mcp_google_tokens", "g1"): {"token": "y"},
            },
            pausing_targets,
        ),
        ({("a1", "mcp_tokens", "stale"): {"expires_at": FUTURE_S}}, pausing_targets),
        (
            {
                ("a1", "mcp_tokens", "orphan"): {"expires_at": FUTURE_S},
                (SYSTEM, "_access_token_index", "orphan"): "a1",
            },
            pausing_targets,
        ),
        (
            {
                (SYSTEM, "_oauth_sessions", "old"): {"created_at": FUTURE_S},
                (SYSTEM, "spa_access_tokens", "old"): {"expires_at": FUTURE_S},
            },
            pausing("page"),
        ),
    ],
    ids=["dead token", "stale token", "orphan", "session"],
)
def test_preset_row_that_is_written_anew_while_its_batch_runs_stays(
    stage: Stage,
    kept: set[str],
    written: dict[tuple[str, str, str], object],
    rewrite: Rewrite,
) -> None:
    """
    The writer commits after the batch has looked: the row lives, and so do its index row and link.
    """
    database = stage.database
    database.run(AGAIN)
    its = {f"{bucket}:{name}" for _, bucket, name in written}
    its |= {f"_access_token_index:{name}" for _, bucket, name in written if bucket == TOKENS}
    with Wire(database, rewrite=rewrite) as wire, ThreadPoolExecutor(1) as pool:
        with paused(database):
            running = pool.submit(stage.run, wire, environment=PRESET | {"TABLES": ""})
            wait_for_pause(database, running)
            for (actor, bucket, name), data in written.items():
                put(database, actor, bucket, name, data)
        running.result(PATIENCE_S)

    assert rows(database) >= kept | its
    stage.run(environment=PRESET | {"TABLES": ""})
    assert rows(database) >= kept | its, "the next run sees them alive"


def test_preset_without_its_guards_loses_what_is_written_anew(stage: Stage, kept: set[str]) -> None:
    """
    The races are forced: asked nothing again and locked nothing, a renewed token is deleted.
    """
    unguarded = all_of(
        without(r"and \(coalesce\(target\.ttl_timestamp.*?(?=\n\s+(?:for update|returning))"),
        without("for update skip locked"),
        pausing_targets,
    )
    database = stage.database
    database.run(AGAIN)
    with Wire(database, rewrite=unguarded) as wire, ThreadPoolExecutor(1) as pool:
        with paused(database):
            running = pool.submit(stage.run, wire, environment=PRESET | {"TABLES": ""})
            wait_for_pause(database, running)
            put(database, "a1", TOKENS, "dead", {"expires_at": FUTURE_S})
        running.result(PATIENCE_S)

    assert kept
    assert f"{TOKENS}:dead" not in rows(database)
