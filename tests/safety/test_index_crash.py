"""Killed at any call and started again, an index cleanup ends as if nothing had happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.safety import index_crash
from tests.safety.index_drive import run
from tests.safety.index_worlds import WORLDS
from tests.safety.wire import Call, Wire

if TYPE_CHECKING:
    from tests.safety.index_crash import Undisturbed
    from tests.safety.index_world import World
    from tests.safety.stage import Clients


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
    """
    Of every case just those rows are left that are alive, unchanged; a second run writes nothing.
    """
    assert undisturbed.faults == []
    assert undisturbed.again == []


def test_world_before_any_run_has_all_of_the_dead(clients: Clients, world: World) -> None:
    """
    The oracle sees each dead row that is left, so it would see one that a run leaves.
    """
    stage, fate = world.build(clients)

    assert len(fate.faults(stage)) == len(fate.dead)
    assert not fate.dead.keys() & fate.alive.keys()
    assert len(fate.alive) > len(world.cases) / 3


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_run_killed_at_any_call_ends_like_one_undisturbed(
    clients: Clients, world: World, undisturbed: Undisturbed, *, after: bool
) -> None:
    """
    Before or after the k-th call took effect, for every k: nothing living is lost on the way, and
    the same rows are there in the end.
    """
    for call in range(undisturbed.calls):
        faults, places = index_crash.killed(clients, world, call, after=after)

        assert faults == [], f"call {call}"
        assert places == undisturbed.places, f"call {call}"


def test_runs_one_inside_the_other_do_no_harm(
    clients: Clients, world: World, undisturbed: Undisturbed
) -> None:
    """
    A second run that begins and ends between two calls of the first, wherever: the same end.
    """
    for place in range(0, undisturbed.calls, 3):
        stage, fate = world.build(clients)

        def second(call: Call, place: int = place) -> None:
            if call.number == place:
                run(stage, environment=world.environment, run_id="second")  # noqa: B023 - at once

        run(stage, Wire(before=second), environment=world.environment, run_id="first")

        assert fate.faults(stage) == [], f"before call {place}"
        stage.tear_down()


def test_run_with_many_threads_ends_like_one_with_a_single(
    clients: Clients, world: World, undisturbed: Undisturbed
) -> None:
    """
    Threads change the order, not the end.
    """
    stage, _ = world.build(clients)

    run(stage, environment={**world.environment, "THREADS": "8"})

    assert index_crash.places(stage) == undisturbed.places


def test_run_that_stops_at_its_limit_and_goes_on_ends_like_one_in_peace(
    clients: Clients, world: World, undisturbed: Undisturbed
) -> None:
    """
    A few deletions at a time, each run with the cursor of the one before: the same end.
    """
    stage, fate = world.build(clients)
    event = {"limit": 5}
    for number in range(40):
        result = run(stage, environment=world.environment, event=event, run_id=f"run-{number}")
        assert not [fault for fault in fate.faults(stage) if not fault.startswith("left")]
        if result["complete"]:
            break
        event = {"limit": 5, "cursor": result["cursor"]} if result["cursor"] else {"limit": 5}

    assert index_crash.places(stage) == undisturbed.places


@pytest.mark.parametrize("seconds", [8, 14, 25])
def test_run_that_time_runs_out_for_and_goes_on_ends_like_one_in_peace(
    clients: Clients, world: World, undisturbed: Undisturbed, seconds: int
) -> None:
    """
    Each call takes a second, and time is short: each run stops by itself and leaves a cursor, the
    next one goes on there, and nothing living is lost on the way.
    """
    stage, fate = world.build(clients)
    event: dict[str, Any] = {}
    incomplete = 0
    for number in range(60):
        wire = Wire()
        result = run(
            stage,
            wire,
            environment=world.environment,
            event=event,
            run_id=f"run-{number}",
            remaining_ms=lambda wire=wire: 1_000 * (seconds - len(wire.calls)),  # type: ignore[misc]
        )
        assert not [fault for fault in fate.faults(stage) if not fault.startswith("left")]
        assert len(wire.calls) < seconds
        if result["complete"]:
            break
        incomplete += 1
        event = {"cursor": result["cursor"]}

    assert incomplete >= (undisturbed.calls > seconds)
    assert index_crash.places(stage) == undisturbed.places
