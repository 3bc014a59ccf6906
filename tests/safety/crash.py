"""
Kill a run of the whole world at a call, start again, and compare with a run left in peace.

Used on the embedded cloud's table, and on DynamoDB Local's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.safety.drive import STEP_S, InFlight, run, runs
from tests.safety.stage import Stage
from tests.safety.wire import KilledError, Wire
from tests.safety.world import WORLD, Snapshot, build, snapshot

if TYPE_CHECKING:
    from tests.safety.stage import Clients

RUNS = 2  # what a claim, and what settles, needs


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """How the world ends when nobody disturbs."""

    calls: int  # of the first run
    state: Snapshot


def whole_world(clients: Clients) -> tuple[Stage, InFlight]:
    """Build the world; the part in flight outlives any process."""
    stage = Stage(clients)
    build(stage)
    late = [case.name for case in WORLD if case.late]
    return stage, InFlight(stage, *late)


def undisturbed(clients: Clients) -> Undisturbed:
    """Run to the end, and once more: that run must find nothing to do."""
    stage, in_flight = whole_world(clients)
    *wires, last = runs(stage, RUNS + 1, disturb=in_flight)

    assert last.writes() == []
    return Undisturbed(len(wires[0].calls), snapshot(stage))


def killed(clients: Clients, call: int, *, after: bool) -> Snapshot:
    """Let the first run die at *call*, run to the end, and return how it ended."""
    stage, in_flight = whole_world(clients)
    wire = Wire(die_at=call, die_after=after, disturb=in_flight)
    with pytest.raises(KilledError):
        run(stage, wire, run_id="run-0")  # as the undisturbed one: so it makes the same calls
    stage.advance(STEP_S)
    runs(stage, RUNS, disturb=in_flight, name="again")
    return snapshot(stage)
