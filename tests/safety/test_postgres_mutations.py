"""Take away one safety condition after another: each time a proof fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from postgres_expiry import deletion, run
from tests.safety import postgres_proofs, postgres_races
from tests.safety.postgres_mutations import ENOUGH, MUTATIONS
from tests.safety.postgres_wire import Wire
from tests.safety.postgres_world import build

if TYPE_CHECKING:
    from tests.safety.postgres_drive import Stage
    from tests.safety.postgres_mutations import Mutation


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_condition_taken_away_is_found_out(stage: Stage, mutation: Mutation) -> None:
    """
    The proof that holds for the expiry as it is fails without the condition.
    """
    assert mutation.proof(stage, mutation.rewrite) != []


def test_mutations_find_what_they_take_away(stage: Stage) -> None:
    """
    Each rewriting changes what a run sends: none of them proves nothing.
    """
    build(stage.database)
    with Wire(stage.database) as wire:
        stage.run(wire)
    unfounded = [
        mutation.name
        for mutation in MUTATIONS
        if all(mutation.rewrite(text) == text for text in wire.texts())
    ]

    assert unfounded == []


@pytest.mark.parametrize("which", ENOUGH)
def test_one_guard_alone_keeps_a_renewed_row(stage: Stage, which: str) -> None:
    """
    The guards overlap, so that none of them is the last one: any of these is enough.
    """
    assert postgres_races.lost_by_any(stage, ENOUGH[which]) == []


def test_dry_run_that_would_delete_is_refused_by_the_server(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    With the real actor in a dry run's place, the session may still only read.
    """
    monkeypatch.setattr(run, "dry", deletion)

    assert postgres_proofs.dry_run_plans_the_same(stage) != []
