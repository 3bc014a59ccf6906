"""
Let a writer in before one call of a run, at every place: what it was told is done, stays done.

An action answers with the rows that it has written for good; none where it was refused. Those must
all be there in the end, as they were written, after the run and after another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.safety.index_drive import STEP_S, run
from tests.safety.index_tokens import ACTINGWEB, living
from tests.safety.index_world import Case, place_cases
from tests.safety.wire import Call, Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.safety.index_stage import IndexStage
    from tests.safety.index_world import World
    from tests.safety.stage import Clients, Item

NAME = "racer"
BYSTANDER = Case("bystander", living())


@dataclass(frozen=True, slots=True)
class Scenario:
    """A case, and what a writer does to it."""

    name: str
    world: World
    case: Case
    act: Callable[[IndexStage], list[Item]]
    refused_sometimes: bool = True  # a writer that comes after the delete is told so


@dataclass
class Writer:
    """The writer's one action, before the call of that number, or after the run."""

    scenario: Scenario
    stage: IndexStage
    place: int
    written: list[Item] | None = None

    def before(self, call: Call) -> None:
        """Act when it is time."""
        if call.number >= self.place:
            self.act()

    def act(self) -> None:
        """Act once."""
        if self.written is None:
            self.written = self.scenario.act(self.stage)


@dataclass(frozen=True, slots=True)
class End:
    """How one interleaving ended."""

    operation: str  # the call before which the writer came, "" after the run
    accepted: bool
    fault: str


def start(clients: Clients, scenario: Scenario) -> IndexStage:
    """Build the stage of one race."""
    stage = scenario.world.stage(clients)
    bystanders = (BYSTANDER,) if scenario.world is ACTINGWEB else ()
    place_cases(stage, (*bystanders, scenario.case))
    return stage


def race(clients: Clients, scenario: Scenario, place: int) -> End:
    """Run one interleaving to the end."""
    stage, environment = start(clients, scenario), scenario.world.environment
    writer = Writer(scenario, stage, place)
    wire = Wire(before=writer.before)
    run(stage, wire, environment=environment)
    writer.act()
    stage.advance(STEP_S)
    run(stage, environment=environment, run_id="again")
    there = stage.rows()
    lost = [
        str(stage.place(item))
        for item in writer.written or ()
        if there.get(stage.place(item)) != item
    ]
    stage.tear_down()
    operation = wire.calls[place].operation if place < len(wire.calls) else ""
    return End(operation, bool(writer.written), f"lost: {', '.join(lost)}" if lost else "")


def ends(clients: Clients, scenario: Scenario) -> Iterator[End]:
    """Yield how each placing of the writer ends."""
    wire = Wire()
    stage = start(clients, scenario)
    run(stage, wire, environment=scenario.world.environment)
    stage.tear_down()
    for place in range(len(wire.calls) + 1):
        yield race(clients, scenario, place)
