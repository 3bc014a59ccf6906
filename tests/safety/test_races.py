"""A writer who keeps the contract survives in every interleaving; one who does not, for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.safety.application import Application
from tests.safety.drive import SETTLE_S, run
from tests.safety.race import NAME, losses, race, start
from tests.safety.scenarios import (
    DISOBEDIENT,
    JUST_PUT,
    LATE_PART,
    OBEDIENT,
    OTHER_CLEANUP,
    SEEN_IN_TIME,
)
from tests.safety.stage import key_of
from tests.safety.wire import Call, Wire

if TYPE_CHECKING:
    from tests.safety.race import Scenario
    from tests.safety.stage import Clients

AFTER_THE_RUN = 1_000  # more calls than it makes


def by_name(scenario: Scenario) -> str:
    """Name a test after its scenario."""
    return scenario.name


@pytest.mark.parametrize("scenario", OBEDIENT, ids=by_name)
def test_run_against_an_obedient_writer_loses_nothing(clients: Clients, scenario: Scenario) -> None:
    """
    What the application was told is done, stays done, wherever it comes in between.
    """
    assert list(losses(clients, scenario)) == []


@pytest.mark.parametrize("scenario", SEEN_IN_TIME, ids=by_name)
def test_run_session_that_comes_before_the_last_reading_is_kept(
    clients: Clients, scenario: Scenario
) -> None:
    """
    Sessions are read again right before the delete; the window that is left is that one call's.
    """
    assert list(losses(clients, scenario)) == []


def test_run_whose_claim_was_taken_over_leaves_the_row(clients: Clients) -> None:
    """
    A row belongs to the run that its claim names.
    """
    assert list(losses(clients, OTHER_CLEANUP)) == []


def test_run_late_part_of_a_dead_upload_is_not_left(clients: Clients) -> None:
    """
    A part that lands at any moment is gone with its upload.
    """
    assert list(losses(clients, LATE_PART)) == []


@pytest.mark.parametrize("scenario", [*DISOBEDIENT, JUST_PUT], ids=by_name)
def test_run_against_unconditional_completion_loses_nothing_in_time(
    clients: Clients, scenario: Scenario
) -> None:
    """
    An application that completes without a condition loses nothing within one run.
    """
    assert list(losses(clients, scenario)) == []


@pytest.mark.parametrize("scenario", DISOBEDIENT, ids=by_name)
def test_run_unconditional_completion_before_settling_survives_a_second_run(
    clients: Clients, scenario: Scenario
) -> None:
    """
    Its gap may last until just before ``settle_seconds``, wherever in the next run it ends.
    """
    wire = Wire()
    run(start(clients, scenario), wire)
    for place in range(len(wire.calls) + 1):
        found = gap(clients, scenario, place, SETTLE_S - 1)

        assert found == "", f"completed before call {place} of the second run"


@pytest.mark.parametrize("scenario", DISOBEDIENT, ids=by_name)
def test_run_unconditional_completion_after_settling_may_lose_the_object(
    clients: Clients, scenario: Scenario
) -> None:
    """
    The promise ends with ``settle_seconds``: that is what the contract's condition is for.
    """
    assert gap(clients, scenario, AFTER_THE_RUN, SETTLE_S + 100) == "object"


def test_run_window_that_remains_is_the_delete_itself(clients: Clients) -> None:
    """
    A session that comes for an old object after the last reading comes too late, and at no other
    moment. An application that puts its object after its row loses nothing even then.
    """
    adoption = next(each for each in SEEN_IN_TIME if "where an orphan lies" in each.name)
    wire = Wire()
    run(start(clients, adoption), wire, environment=adoption.environment)
    delete = next(call.number for call in wire.calls if call.operation == "DeleteObjects")

    ends = {place: race(clients, adoption, (place,)) for place in range(len(wire.calls) + 1)}

    lost = [place for place, end in ends.items() if place <= delete and not end.object_there]
    assert lost == [delete]


def gap(clients: Clients, scenario: Scenario, place: int, seconds: int) -> str:
    """Put before the first run, complete so much later in the second; say what is lost."""
    stage = start(clients, scenario)
    application = Application(stage, obedient=False)
    put, complete = scenario.steps
    assert put(application)
    run(stage, run_id="first")
    stage.advance(seconds)
    completed = []

    def writer(call: Call) -> None:
        if call.number == place:
            completed.append(complete(application))

    run(stage, Wire(before=writer), run_id="second")
    if not completed:
        complete(application)
    stage.advance(3 * SETTLE_S)
    run(stage, run_id="third")
    lost = [] if NAME in stage.rows() else ["session"]
    return " and ".join(lost + ([] if key_of(NAME) in stage.objects() else ["object"]))
