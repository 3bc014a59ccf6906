"""Kill a run of a whole world at a call, start again, and compare with a run left in peace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.safety.index_drive import STEP_S, run
from tests.safety.wire import KilledError, Wire

if TYPE_CHECKING:
    from tests.safety.index_stage import IndexStage
    from tests.safety.index_world import World
    from tests.safety.stage import Clients

State = dict[tuple[str, str], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """How a world ends when nobody disturbs."""

    operations: tuple[str, ...]  # the calls, in their order
    places: frozenset[tuple[str, str]]
    faults: list[str]
    again: list[str]  # what a second run writes

    @property
    def calls(self) -> int:
        """Return how many calls a run makes."""
        return len(self.operations)


def places(stage: IndexStage) -> frozenset[tuple[str, str]]:
    """Return the keys of what is there."""
    return frozenset(stage.rows())


def undisturbed(clients: Clients, world: World) -> Undisturbed:
    """Run to the end, and once more."""
    stage, fate = world.build(clients)
    first, second = Wire(), Wire()
    run(stage, first, environment=world.environment)
    stage.advance(STEP_S)
    run(stage, second, environment=world.environment)
    faults = fate.faults(stage)
    again = [call.operation for call in second.writes()]
    operations = tuple(call.operation for call in first.calls)
    found = Undisturbed(operations, places(stage), faults, again)
    stage.tear_down()
    return found


def killed(
    clients: Clients, world: World, call: int, *, after: bool
) -> tuple[list[str], frozenset[tuple[str, str]]]:
    """Let the first run die at *call*, run again; return what is wrong then, and what is there."""
    stage, fate = world.build(clients)
    with pytest.raises(KilledError):
        run(stage, Wire(die_at=call, die_after=after), environment=world.environment)
    lost = [fault for fault in fate.faults(stage) if not fault.startswith("left")]
    stage.advance(STEP_S)
    run(stage, environment=world.environment, run_id="again")
    found = [*lost, *fate.faults(stage)], places(stage)
    stage.tear_down()
    return found
