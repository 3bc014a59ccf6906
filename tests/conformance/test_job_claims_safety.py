"""The proofs of the claims once more, with their tables in DynamoDB Local."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from expiry.errors import StoreError
from tests.cloud.dynamodb_local import dynamodb_local, missing
from tests.safety.claims_mutations import MUTATIONS
from tests.safety.claims_people import Crowd
from tests.safety.claims_proofs import RULES
from tests.safety.claims_race import deliveries_at_once_share_one_claim, rounds_have_one_winner
from tests.safety.claims_stage import ClaimsStage, Party
from tests.safety.stage import Clients
from tests.safety.test_claims_mutations import test_condition_of_claims_taken_away_is_found_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cloud import Cloud

__all__ = ["MUTATIONS", "test_condition_of_claims_taken_away_is_found_out"]

pytestmark = pytest.mark.conformance

ROUNDS = 40
MANY = 64
FEW = 6


@pytest.fixture(scope="module")
def clients(cloud: Cloud) -> Iterator[Clients]:
    """Return clients whose tables are in DynamoDB Local."""
    if missing():
        pytest.skip(missing())
    with dynamodb_local() as dynamodb:
        yield Clients.of(cloud.account(), dynamodb)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_of_claims_holds(clients: Clients, rule: Callable[[Clients], list[str]]) -> None:
    """What the rule forbids does not happen."""
    assert rule(clients) == []


def test_claimers_at_once_have_one_winner_each_round(clients: Clients) -> None:
    """Rounds of 64 who really run at once."""
    assert rounds_have_one_winner(clients, ROUNDS, MANY) == []


def test_messages_of_one_thread_at_once_share_one_claim(clients: Clients) -> None:
    """By clocks that differ, too; whoever is done last frees the key."""
    assert deliveries_at_once_share_one_claim(clients, MANY) == []


@pytest.mark.parametrize("parties", [MANY, FEW])
@pytest.mark.parametrize("seed", range(6))
def test_claimers_in_any_order_have_one_owner_a_fence(
    clients: Clients, parties: int, seed: int
) -> None:
    """Calls take turns, clocks differ, parties die, and TTL removes rows."""
    assert Crowd(clients, parties, seed).play() == []


def test_row_whose_fence_is_no_number_is_never_taken(clients: Clients) -> None:
    """The store refuses to count on: there is no fence that would be greater."""
    stage = ClaimsStage(clients)
    row = stage.put(containerId={"S": "own"}, expiresAt={"N": "1000"}, fence={"S": "5"})

    with pytest.raises(StoreError, match="ValidationException"):
        Party(stage).claim()
    assert stage.row() == row
