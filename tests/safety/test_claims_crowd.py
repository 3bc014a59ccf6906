"""
At most one owner a fence, whoever claims when, by whatever clock, and wherever they die.

Calls take turns in an order that a seed decides; every write is judged by the row before and after.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.safety.claims_mutations import MUTATIONS
from tests.safety.claims_people import Crowd

if TYPE_CHECKING:
    from tests.safety.mutations import Mutation
    from tests.safety.stage import Clients

MANY = 64
FEW = 6
GROSS = {
    "claim: the lease has ended",
    "claim: by all clocks",
    "claim: one more than the last fence",
    "claim: now, where no row is left",
    "release: keeps the fence",
    "refresh: the lease lasts",
}
seeds = st.integers(0, 2**32)


def crowd_is_orderly(clients: Clients, parties: int, seed: int) -> Crowd:
    """Let a crowd act, and hold it to the rules."""
    crowd = Crowd(clients, parties, seed)

    assert crowd.play() == []
    return crowd


@pytest.mark.parametrize("seed", range(3))
def test_sixty_four_claimers_have_one_owner_a_fence(clients: Clients, seed: int) -> None:
    """
    Fences only grow, also when TTL took the row; who shows an old one commits nothing.
    """
    crowd = crowd_is_orderly(clients, MANY, seed)

    assert len(crowd.history.grants) > MANY // 8
    assert crowd.history.commits > 3
    assert crowd.history.removed


@settings(max_examples=15)
@given(seed=seeds)
def test_few_claimers_in_any_order_have_one_owner_a_fence(clients: Clients, seed: int) -> None:
    """
    Small crowds, so that many orders are tried.
    """
    crowd_is_orderly(clients, FEW, seed)


@pytest.mark.parametrize(
    "mutation", [m for m in MUTATIONS if m.name in GROSS], ids=lambda mutation: mutation.name
)
def test_few_claimers_find_out_a_gross_fault(
    clients: Clients, mutation: Mutation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The history is judged by what it knows itself, so a crowd that breaks the rules is seen to.
    """
    mutation.apply(monkeypatch)

    assert any(Crowd(clients, FEW, seed).play() for seed in range(20))
