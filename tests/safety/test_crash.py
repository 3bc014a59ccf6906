"""Killed at any call and started again, a run ends as if nothing had happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.safety import crash
from tests.safety.drive import run, runs
from tests.safety.world import WORLD, lost_and_left, snapshot

if TYPE_CHECKING:
    from tests.safety.crash import Undisturbed
    from tests.safety.stage import Clients

CHUNKS = 8  # so that processes can share the work


@pytest.fixture(scope="module")
def undisturbed(clients: Clients) -> Undisturbed:
    """Return how the world ends when nobody disturbs."""
    return crash.undisturbed(clients)


def test_run_undisturbed_leaves_the_living_and_nothing_else(undisturbed: Undisturbed) -> None:
    """
    Of every case just that is left which it says survives.
    """
    assert lost_and_left(undisturbed.state) == []


def test_world_has_living_and_dead_of_every_kind() -> None:
    """
    The world would show rows, objects and uploads that are lost, and such as are left over.
    """
    for part, there in (("row", "row"), ("object", "object_h"), ("upload", "parts")):
        having = [case for case in WORLD if getattr(case, there) is not None]

        assert any(part in case.survives for case in having)
        assert any(part not in case.survives | case.either for case in having)


@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_run_killed_at_any_call_ends_like_one_undisturbed(
    clients: Clients, undisturbed: Undisturbed, chunk: int, *, after: bool
) -> None:
    """
    Before or after the k-th call took effect, for every k: the same rows, objects and uploads.
    """
    for call in range(chunk, undisturbed.calls, CHUNKS):
        state = crash.killed(clients, call, after=after)

        assert lost_and_left(state) == [], f"call {call}"
        assert state == undisturbed.state, f"call {call}"


def test_run_with_many_threads_ends_like_one_with_a_single(
    clients: Clients, undisturbed: Undisturbed
) -> None:
    """
    Threads change the order, not the end.
    """
    stage, in_flight = crash.whole_world(clients)
    many = {"THREADS": "8", "SCAN_SEGMENTS": "4"}

    runs(stage, crash.RUNS, disturb=in_flight, environment=many)

    assert snapshot(stage) == undisturbed.state


def test_runs_one_inside_the_other_do_no_harm(clients: Clients, undisturbed: Undisturbed) -> None:
    """
    A second run that begins and ends between two calls of the first takes nothing from the living.
    """
    from tests.safety.wire import Call, Wire  # noqa: PLC0415

    stage, in_flight = crash.whole_world(clients)

    def second(call: Call) -> None:
        if call.number == undisturbed.calls // 3:
            run(stage, Wire(disturb=in_flight), run_id="second")

    run(stage, Wire(before=second, disturb=in_flight), run_id="first")
    stage.advance(1_000)
    runs(stage, crash.RUNS, disturb=in_flight)

    assert snapshot(stage) == undisturbed.state
