"""A writer wins wherever it comes in between, or is told that it came too late."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.safety.index_race import ends
from tests.safety.index_scenarios import SCENARIOS

if TYPE_CHECKING:
    from tests.safety.index_race import Scenario
    from tests.safety.stage import Clients


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_run_against_a_writer_loses_nothing(clients: Clients, scenario: Scenario) -> None:
    """
    Before each call of a run, and after it: what the writer was told is done is there in the end,
    as it was written. Before the first call it is never refused.
    """
    found = list(ends(clients, scenario))

    assert [f"before {end.operation}: {end.fault}" for end in found if end.fault] == []
    assert found[0].accepted
    assert found[-1].accepted is not scenario.refused_sometimes
