"""
Whatever the application does before any statement of a purge ends as if it came before or after.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from expiry.outcomes import Outcome
from tests.safety.purge_stage import DEAD, staged
from tests.safety.purge_steps import PATIENCE_S, Steps
from tests.safety.purge_writers import WRITERS, other_purge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres.database import Database
    from tests.safety.purge_steps import Writer


@pytest.fixture(scope="module")
def steps(embedded18: Database) -> Iterator[Steps]:
    """Return a stage, and sessions on it."""
    for stage in staged(embedded18):
        with Steps(stage) as made:
            yield made


@pytest.mark.parametrize("late", [False, True], ids=["at once", "late"])
@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.name)
def test_purge_raced_before_any_statement_ends_in_one_order(
    steps: Steps, writer: Writer, *, late: bool
) -> None:
    """
    Committed at once, or only when the purge waits for it: rows, objects and the answer to the
    application are those of one of the two orders; the record may be passed by for now.
    """
    assert steps.problems(writer, late=late) == []


def test_two_purges_that_share_an_image_end_in_one_order(steps: Steps) -> None:
    """Wherever the other one comes in, the image goes once, and with whoever is the last."""
    with other_purge(steps) as write:
        assert steps.problems(write) == []


def test_key_that_is_taken_over_at_any_step_keeps_its_new_file(steps: Steps) -> None:
    """Before each statement and each call to S3 of the purge and of its drain."""
    assert steps.takeovers() == []


def test_deadlock_against_the_applications_order_is_lost_by_the_purge(steps: Steps) -> None:
    """
    It holds a part and wants the record, the purge the other way round: the application goes on.
    """
    steps.stage.reset()
    part = "update parts set status = 'used' where id = 1"
    record_too = f"update mocs set title = 'kept' where id = '{DEAD}'"
    steps.application.execute(f"begin; {part}; {record_too}; commit".encode())
    expected = steps.stage.state()
    steps.stage.reset()

    wanted = threading.Event()

    def seen(sql: str) -> None:
        if '"public"."parts" as held' in sql and not wanted.is_set():
            wanted.set()
            steps.until(lambda: steps.waits(steps.application_pid))

    def application() -> int:
        assert wanted.wait(PATIENCE_S)
        return steps.application.execute(record_too.encode()).rowcount

    steps.application.execute(f"begin; {part}".encode())
    with steps.patience("500ms"):  # as a run has it
        writing = steps.pool.submit(application)
        outcome = steps.purge(seen)
    assert writing.result(PATIENCE_S) == 1
    steps.application.execute("commit")

    assert outcome is Outcome.CHANGED
    assert steps.stage.state() == expected
