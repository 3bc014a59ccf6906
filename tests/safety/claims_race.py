"""Rounds of many claimers who really run at once, each round with a key that is to be had."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from job_claims.endings import Ending
from tests.safety.claims_stage import LEASE_S, SKEW_S, ClaimsStage, Party

if TYPE_CHECKING:
    from job_claims.endings import Claimed
    from tests.safety.stage import Clients


def rounds_have_one_winner(clients: Clients, rounds: int, claimers: int) -> list[str]:
    """
    Return what was wrong: in each round one of the claimers wins, and all others are told who.

    The key is in turn new, released, left behind with its lease ended, and held by one whom all may
    take over from.
    """
    stage, faults = ClaimsStage(clients), []
    parties = [Party(stage, thread=f"thread-{number}") for number in range(claimers)]
    fences: list[int] = []
    preempt = None
    with ThreadPoolExecutor(claimers) as pool:
        for number in range(rounds):
            start = threading.Barrier(claimers)

            def claim(
                party: Party, start: threading.Barrier = start, named: object = preempt
            ) -> Claimed:
                start.wait()
                return party.claim(preempt=named)  # type: ignore[arg-type]  # a Holder, or None

            results = list(pool.map(claim, parties))
            won = [result.claim for result in results if result.ending is Ending.CLAIMED]
            told = {result.claim.holder for result in results}
            if len(won) != 1 or told != {won[0].holder}:
                faults.append(f"round {number}: {len(won)} won, told of {len(told)}")
                break
            fences.append(won[0].fence)
            preempt = None
            if number % 3 == 0:
                parties[0].release(won[0].holder)
            elif number % 3 == 1:
                stage.advance(LEASE_S + SKEW_S + 1)
            else:
                preempt = won[0].holder
    if fences != sorted(set(fences)):
        faults.append(f"fences {fences}")
    return faults
