"""
Let a writer in between the calls of a run, at every place where that could matter.

A scenario's steps happen in their order; the first at any place, each later one at the same place,
before the write that follows, or after the run. What each interleaving lost is told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.safety.application import Application
from tests.safety.drive import STEP_S, run, runs
from tests.safety.stage import Stage, key_of
from tests.safety.wire import Call, Wire
from tests.safety.world import KEPT, Case, build

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.safety.stage import Clients

NAME = "racer"  # the session that the writer is about
BYSTANDER = KEPT[0]  # so that the run sees that its table is the right one
RUNS_AFTER = 1  # what settles is gone then, and nothing else may be
OTHER_RUN = "another-run"

Step = "Callable[[Application], bool]"
Places = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A case, what a writer does to it, and what must then be there."""

    name: str
    case: Case
    steps: tuple[Callable[[Application], bool], ...]
    judge: Callable[[Race], str]  # "" where nothing is lost
    obedient: bool = True
    environment: dict[str, str] = field(default_factory=dict)


@dataclass
class Race:
    """One interleaving, while it happens and afterwards."""

    scenario: Scenario
    places: Places  # the call before which each step happens
    stage: Stage
    done: list[bool] = field(default_factory=list)  # whether the application was told that it did
    rows: dict[str, Any] = field(default_factory=dict)  # in the end
    objects: dict[str, str] = field(default_factory=dict)
    uploads: set[str] = field(default_factory=set)
    objects_after_run: dict[str, str] = field(default_factory=dict)
    rows_after_run: dict[str, Any] = field(default_factory=dict)
    row_when_last_step: bool = False  # whether the row was still there then
    calls: list[Call] = field(default_factory=list)
    in_time: int = 0  # steps that happened during the run

    @property
    def acknowledged(self) -> bool:
        """Say whether the application believes that all of it was done."""
        return all(self.done)

    @property
    def object_there(self) -> bool:
        """Say whether the object is there in the end."""
        return key_of(NAME) in self.objects

    def seen_before(self, write: str) -> bool:
        """Say whether the last step came before the last reading ahead of the last *write*."""
        writes = [call.number for call in self.calls if call.operation == write]
        until = max(writes, default=len(self.calls))
        reads = [call.number for call in self.calls[:until] if not call.writes]
        return self.places[-1] <= max(reads, default=-1)

    @property
    def row_there(self) -> bool:
        """Say whether the row is there in the end."""
        return NAME in self.rows

    def before(self, call: Call) -> None:
        """Take the steps that are due before *call*."""
        while len(self.done) < len(self.places) and self.places[len(self.done)] <= call.number:
            self._step()

    def rest(self) -> None:
        """Take the steps that the run has left over."""
        while len(self.done) < len(self.places):
            self._step()

    def _step(self) -> None:
        step = self.scenario.steps[len(self.done)]
        if len(self.done) == len(self.places) - 1:
            self.row_when_last_step = NAME in self.stage.rows()
        self.done.append(step(Application(self.stage, obedient=self.scenario.obedient)))


def start(clients: Clients, scenario: Scenario) -> Stage:
    """Build the stage of one race."""
    stage = Stage(clients)
    build(stage, (BYSTANDER, scenario.case))
    return stage


def race(clients: Clients, scenario: Scenario, places: Places) -> Race:
    """Run one interleaving to the end."""
    stage = start(clients, scenario)
    found = Race(scenario, places, stage)
    wire = Wire(before=found.before)
    run(stage, wire, environment=scenario.environment)
    found.objects_after_run, found.rows_after_run = stage.objects(), stage.rows()
    found.calls, found.in_time = wire.calls, len(found.done)
    found.rest()
    stage.advance(STEP_S)
    runs(stage, RUNS_AFTER, environment=scenario.environment)
    found.rows, found.objects, found.uploads = stage.rows(), stage.objects(), stage.open_uploads()
    return found


def interleavings(clients: Clients, scenario: Scenario) -> Iterator[Places]:
    """Yield every placing of the steps that could end differently from another."""
    wire = Wire()
    run(start(clients, scenario), wire, environment=scenario.environment)
    end = len(wire.calls) + 2  # a writer may make the run longer
    writes = [call.number for call in wire.writes()]

    def grow(places: Places) -> Iterator[Places]:
        if len(places) == len(scenario.steps):
            yield places
            return
        last = places[-1]
        following = next((write for write in writes if write > last), end)
        for place in sorted({last, following, end}):
            yield from grow((*places, place))

    for first in range(end + 1):
        yield from grow((first,))


def losses(clients: Clients, scenario: Scenario) -> Iterator[str]:
    """Yield what any interleaving lost, as soon as it is found."""
    for places in interleavings(clients, scenario):
        found = race(clients, scenario, places)
        if fault := scenario.judge(found):
            operations = [found.calls[p].operation for p in places if p < len(found.calls)]
            yield f"{scenario.name}, steps before calls {places} ({operations}): {fault}"


# What must be there


def session_and_object(found: Race) -> str:
    """Ask for both, where the application was told that all is well."""
    if not found.acknowledged:
        return ""
    missing = [] if found.row_there else ["session"]
    missing += [] if found.object_there else ["object"]
    return " and ".join(missing)


def done_for_good(found: Race) -> str:
    """Ask for both, and that the session is still as the application left it."""
    lost = session_and_object(found)
    if lost or not found.acknowledged:
        return lost
    status = found.rows[NAME]["status"]["S"]
    return "" if status == "uploaded" else f"status: {status}"


def always_done_for_good(found: Race) -> str:
    """Ask for the same, and that the application was refused nothing."""
    return ("" if found.acknowledged else "a step was refused") or done_for_good(found)


def kept_when_seen(found: Race) -> str:
    """Ask for the row, and for the object where the row could be seen before it was deleted."""
    if not found.row_there:
        return "session"
    seen = found.seen_before("DeleteObjects")
    return "object" if seen and not found.object_there else ""


def upload_kept_when_session_seen(found: Race) -> str:
    """Ask for the upload where its session could be seen before the abort."""
    seen = found.seen_before("AbortMultipartUpload")
    return "upload" if seen and NAME not in found.uploads else ""


def upload_kept_when_part_seen(found: Race) -> str:
    """Ask for the upload where its part could be seen before the abort."""
    aborts = (call.number for call in found.calls if call.operation == "AbortMultipartUpload")
    until = next(aborts, len(found.calls))
    looks = [call.number for call in found.calls[:until] if call.operation == "ListParts"]
    landed = found.places[-1] <= max(looks, default=-1) and found.acknowledged
    return "upload" if landed and NAME not in found.uploads else ""


def session_and_upload(found: Race) -> str:
    """Ask for both, where the application was told that all is well."""
    if not found.acknowledged or (found.row_there and NAME in found.uploads):
        return ""
    return "upload" if found.row_there else "session"


def claim_is_the_others(found: Race) -> str:
    """Ask for the row at the end of the run, if another run has taken its claim over."""
    if not found.in_time or not found.acknowledged:
        return ""
    row = found.rows_after_run.get(NAME)
    return "" if row and row.get("expiryRun") == {"S": OTHER_RUN} else "the other run's claim"


def always_session_and_object(found: Race) -> str:
    """Ask for both, and that the application was refused nothing."""
    refused = "" if found.acknowledged else "a step was refused"
    return refused or session_and_object(found)


def put_survives_the_run(found: Race) -> str:
    """Ask for an object that came during a run at its end; and for good, if its row was gone."""
    if found.in_time and key_of(NAME) not in found.objects_after_run:
        return "an object younger than the run"
    if not found.row_when_last_step and not found.object_there:
        return "an object put after its row was gone"
    return ""


def object_survives(found: Race) -> str:
    """Ask for the object."""
    return "" if found.object_there else "object"


def nothing_is_left(found: Race) -> str:
    """Ask that no part of a dead session stays."""
    return "an upload was left" if NAME in found.uploads else ""
