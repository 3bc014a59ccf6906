"""Take away one condition of the claims after another: each time a proof fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.safety.claims_mutations import MUTATIONS

if TYPE_CHECKING:
    from tests.safety.mutations import Mutation
    from tests.safety.stage import Clients


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_condition_of_claims_taken_away_is_found_out(
    clients: Clients, mutation: Mutation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The proof that holds for the claims as they are fails without the condition.
    """
    mutation.apply(monkeypatch)

    assert mutation.proof(clients) != []
    assert getattr(mutation.apply, "hits", 1), "no request had that condition"
