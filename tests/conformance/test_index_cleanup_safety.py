"""The proofs of index cleanup and of its backfill once more, with the table in DynamoDB Local."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cloud.dynamodb_local import dynamodb_local, missing
from tests.safety import index_crash
from tests.safety.index_race import ends
from tests.safety.index_scenarios import SCENARIOS
from tests.safety.index_worlds import WORLDS
from tests.safety.stage import Clients
from tests.safety.test_index_backfill import (
    test_backfill_answer_that_was_lost_is_counted_once,
    test_backfill_dry_run_counts_the_same_and_writes_nothing,
    test_backfill_gives_each_row_the_date_that_it_should_have,
    test_backfill_is_bounded_and_goes_on_from_its_cursor,
    test_backfill_killed_at_any_call_and_run_again_ends_the_same,
    test_backfill_raced_before_each_write_leaves_the_writers_rows,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cloud import Cloud
    from tests.safety.index_crash import Undisturbed
    from tests.safety.index_race import Scenario
    from tests.safety.index_world import World

__all__ = [
    "test_backfill_answer_that_was_lost_is_counted_once",
    "test_backfill_dry_run_counts_the_same_and_writes_nothing",
    "test_backfill_gives_each_row_the_date_that_it_should_have",
    "test_backfill_is_bounded_and_goes_on_from_its_cursor",
    "test_backfill_killed_at_any_call_and_run_again_ends_the_same",
    "test_backfill_raced_before_each_write_leaves_the_writers_rows",
]

pytestmark = pytest.mark.conformance


@pytest.fixture(scope="module")
def clients(cloud: Cloud) -> Iterator[Clients]:
    """Return clients whose tables are in DynamoDB Local."""
    if missing():
        pytest.skip(missing())
    with dynamodb_local() as dynamodb:
        yield Clients.of(cloud.account(), dynamodb)


@pytest.fixture(scope="module", params=WORLDS, ids=lambda world: world.name)
def world(request: pytest.FixtureRequest) -> World:
    """Return a layout with its cases."""
    found: World = request.param
    return found


@pytest.fixture(scope="module")
def undisturbed(clients: Clients, world: World) -> Undisturbed:
    """Return how the world ends when nobody disturbs."""
    return index_crash.undisturbed(clients, world)


def test_run_undisturbed_leaves_the_living_as_they_were_and_none_of_the_dead(
    undisturbed: Undisturbed,
) -> None:
    """Of every case just those rows are left that are alive; a second run writes nothing."""
    assert (undisturbed.faults, undisturbed.again) == ([], [])


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_run_killed_at_any_call_ends_like_one_undisturbed(
    clients: Clients, world: World, undisturbed: Undisturbed, *, after: bool
) -> None:
    """Before or after the k-th call took effect, for every k."""
    for call in range(undisturbed.calls):
        faults, places = index_crash.killed(clients, world, call, after=after)

        assert (faults, places) == ([], undisturbed.places), f"call {call}"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_run_against_a_writer_loses_nothing(clients: Clients, scenario: Scenario) -> None:
    """What the writer was told is done is there in the end, as it was written."""
    assert [end for end in ends(clients, scenario) if end.fault] == []
