"""The proofs of upload cleanup once more, with the table in DynamoDB Local."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cloud.dynamodb_local import dynamodb_local, missing
from tests.safety import crash
from tests.safety.race import losses
from tests.safety.scenarios import DISOBEDIENT, LATE_PART, OBEDIENT
from tests.safety.stage import Clients
from tests.safety.world import lost_and_left

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cloud import Cloud
    from tests.safety.race import Scenario

pytestmark = pytest.mark.conformance

CHUNKS = 8
SCENARIOS = (*OBEDIENT, LATE_PART, *DISOBEDIENT)


@pytest.fixture(scope="module")
def clients(cloud: Cloud) -> Iterator[Clients]:
    """Return clients whose sessions are in DynamoDB Local, and whose objects in the cloud."""
    if missing():
        pytest.skip(missing())
    with dynamodb_local() as dynamodb:
        yield Clients.of(cloud.account(), dynamodb)


@pytest.fixture(scope="module")
def undisturbed(clients: Clients) -> crash.Undisturbed:
    """Return how the world ends when nobody disturbs."""
    return crash.undisturbed(clients)


def test_run_undisturbed_leaves_the_living_and_nothing_else(
    undisturbed: crash.Undisturbed,
) -> None:
    """Of every case just that is left which it says survives."""
    assert lost_and_left(undisturbed.state) == []


@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_run_killed_at_any_call_ends_like_one_undisturbed(
    clients: Clients, undisturbed: crash.Undisturbed, chunk: int, *, after: bool
) -> None:
    """Before or after the k-th call took effect, for every k."""
    for call in range(chunk, undisturbed.calls, CHUNKS):
        assert crash.killed(clients, call, after=after) == undisturbed.state, f"call {call}"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_run_against_a_writer_loses_nothing(clients: Clients, scenario: Scenario) -> None:
    """Whatever a writer does in between, its promise holds."""
    assert list(losses(clients, scenario)) == []
