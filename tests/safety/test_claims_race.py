"""Many claim one key at once: one gets it. By get and put all think so."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.safety.claims_naive import NaiveClaims
from tests.safety.claims_race import deliveries_at_once_share_one_claim, rounds_have_one_winner
from tests.safety.claims_stage import ClaimsStage
from tests.safety.wire import Wire

if TYPE_CHECKING:
    from tests.safety.stage import Clients
    from tests.safety.wire import Call

ROUNDS = 4  # one of each kind
CLAIMERS = 16  # each with a connection of its own; 64 in the conformance tests


def test_claimers_at_once_have_one_winner_each_round(clients: Clients) -> None:
    """
    The key is new, released, left behind, or to be taken over: one wins, all are told who.
    """
    assert rounds_have_one_winner(clients, ROUNDS, CLAIMERS) == []


def test_messages_of_one_thread_at_once_share_one_claim(clients: Clients) -> None:
    """
    By clocks that differ, too; whoever is done last frees the key.
    """
    assert deliveries_at_once_share_one_claim(clients, CLAIMERS) == []


def test_naive_claimers_at_once_have_many_owners(clients: Clients) -> None:
    """
    Who looks first and puts then needs two calls, and does not see who looked at the same time.
    """
    stage = ClaimsStage(clients)
    looked = threading.Barrier(CLAIMERS)

    def wait(call: Call) -> None:
        if call.operation == "PutItem":
            looked.wait(timeout=60)

    wires = [Wire(before=wait) for _ in range(CLAIMERS)]
    naive = [NaiveClaims(wire.wrap(clients.dynamodb), stage.name) for wire in wires]

    def claim(number: int) -> bool:
        return naive[number].claim(str(stage.key), f"container-{number}")

    with ThreadPoolExecutor(CLAIMERS) as pool:
        owners = list(pool.map(claim, range(CLAIMERS)))

    assert owners.count(True) == CLAIMERS
    assert {len(wire.calls) for wire in wires} == {2}
