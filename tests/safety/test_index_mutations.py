"""Take away one safety condition of index cleanup after another: each time a proof fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.safety.index_mutations import MUTATIONS
from tests.safety.index_proofs import RULES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.safety.mutations import Mutation
    from tests.safety.stage import Clients


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_holds(clients: Clients, rule: Callable[[Clients], list[str]]) -> None:
    """
    What the rule forbids does not happen.
    """
    assert rule(clients) == []


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_condition_taken_away_is_found_out(
    clients: Clients, mutation: Mutation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The proof that holds for the cleanup as it is fails without the condition.
    """
    mutation.apply(monkeypatch)

    assert mutation.proof(clients) != []
