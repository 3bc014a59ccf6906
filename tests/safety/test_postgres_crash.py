"""Killed at any statement and started again, a run ends as if nothing had happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from expiry.errors import DatabaseError
from tests.safety.postgres_proofs import counted, difference
from tests.safety.postgres_wire import Wire
from tests.safety.postgres_world import build, dead, living, snapshot

if TYPE_CHECKING:
    from tests.safety.postgres_drive import Stage
    from tests.safety.postgres_wire import Request


@pytest.fixture(scope="module")
def requests(stage: Stage) -> list[Request]:
    """Return what a run sends when nobody disturbs it."""
    build(stage.database)
    with Wire(stage.database) as wire:
        stage.run(wire)
    return wire.requests


def test_run_has_batches_to_die_at(requests: list[Request]) -> None:
    """The world is large enough that both tables need several batches."""
    assert sum(request.writes for request in requests) >= 4


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_run_killed_at_any_statement_is_made_good_by_the_next(
    stage: Stage, requests: list[Request], *, after: bool
) -> None:
    """
    Before or after the k-th statement took effect, for every k: nothing that lives is gone then,
    each batch happened whole or not at all, and the next run does just what is left.
    """
    for request in requests:
        if after and not request.writes:
            continue  # what only reads has no effect to come before
        build(stage.database)
        before = snapshot(stage.database)
        with Wire(stage.database, request.number, die_after=after) as wire:
            with pytest.raises(DatabaseError):
                stage.run(wire)
            assert wire.dead, f"request {request.number}"
        left = dead(snapshot(stage.database))

        result = stage.run()

        problems = difference(before, snapshot(stage.database)) + counted(result, left)
        assert problems == [], f"request {request.number}: {request.text[:100]}"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_run_that_loses_its_connection_in_a_batch_goes_on(
    stage: Stage, requests: list[Request], *, after: bool
) -> None:
    """
    It connects again and ends the work; what no answer confirmed it does not claim.
    """
    for request in [each for each in requests if each.writes]:
        build(stage.database)
        before = snapshot(stage.database)
        with Wire(stage.database, request.number, die_after=after, comes_back=True) as wire:
            result = stage.run(wire)

        assert difference(before, snapshot(stage.database)) == []
        assert (result["complete"], result["reconnects"]) == (True, 1)
        unconfirmed = dead(before) - result["body"]["deleted"]
        assert unconfirmed > 0 if after else unconfirmed == 0


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_run_that_loses_an_answer_still_keeps_to_its_limit(
    stage: Stage, requests: list[Request], *, after: bool
) -> None:
    """
    What may have gone counts against the limit: rather too few rows than one too many.
    """
    limit = {"limit": 5}
    first = next(each.number for each in requests if each.writes)
    build(stage.database)
    before = snapshot(stage.database)
    with Wire(stage.database, first, die_after=after, comes_back=True) as wire:
        result = stage.run(wire, limit)
    there = snapshot(stage.database)

    assert dead(before) - dead(there) == (5 if after else 0)
    assert (result["complete"], result["stopped"]) == (False, "limit")
    assert living(there) == living(before)
