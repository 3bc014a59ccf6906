"""Rows that are renewed between being found and being deleted: none is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.postgres.fixtures import require
from tests.postgres.servers import Debian15
from tests.safety import postgres_proofs, postgres_races
from tests.safety.postgres_drive import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgres.database import Database

PLAIN = "plain15"


@pytest.fixture(scope="module")
def plain15() -> Iterator[Database]:
    """Serve PostgreSQL 15 without TLS, which a wire cannot look into."""
    require(Debian15)
    with Debian15(tls=False, cron=False) as database:
        yield database


@pytest.fixture(params=[PLAIN, "embedded16", "embedded18"])
def any_stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    """Return a stage on each version, with the plans that a large table has."""
    database: Database = request.getfixturevalue(request.param).new_database()
    database.run(f"alter database {database.name} set enable_seqscan = off")
    yield Stage(database, tmp_path)
    database.drop()


def test_world_loses_the_dead_and_nothing_else(any_stage: Stage) -> None:
    """
    Each kind of living row stays, each dead one goes and is counted; then nothing is left to do.
    """
    assert postgres_proofs.world_ends_well(any_stage) == []


def test_row_renewed_while_its_batch_runs_stays(any_stage: Stage) -> None:
    """
    The writer commits after the batch has read its page, and wins, whatever the writer does.
    """
    assert postgres_races.lost_by_any(any_stage) == []


def test_row_renewed_once_it_is_locked_is_told_to_be_gone(any_stage: Stage) -> None:
    """
    The writer waits for the batch, and then learns that it renewed nothing: no write is lost.
    """
    assert postgres_races.renewal_after_lock(any_stage) == 0


def test_rows_that_somebody_holds_stop_nobody(stage: Stage) -> None:
    """
    More held rows than a batch takes are passed by, without waiting and without going in circles.
    """
    assert postgres_proofs.held_rows_do_not_stop_the_others(stage) == []


def test_limit_of_a_run_is_kept(stage: Stage) -> None:
    """
    No more rows go than the run may delete; it says that there is more to do.
    """
    assert postgres_proofs.limit_is_kept(stage) == []


def test_dry_run_by_a_role_that_may_only_read_plans_what_is_done(stage: Stage) -> None:
    """
    The role could not delete, the run sends no write, and the real one deletes what it said.
    """
    assert postgres_proofs.dry_run_plans_the_same(stage) == []
