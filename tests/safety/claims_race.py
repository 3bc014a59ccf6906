"""Rounds of many claimers who really run at once, each round with a key that is to be had."""

from __future__ import annotations

import threading
from collections import Counter
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


def deliveries_at_once_share_one_claim(clients: Clients, claimers: int) -> list[str]:
    """
    Return what was wrong: messages of one thread, come at once, get one container and one fence.

    All of them are in the claim, and the last one that is done frees the key.
    """
    stage = ClaimsStage(clients)
    skews = [number % (2 * SKEW_S) - SKEW_S for number in range(claimers)]
    parties = [Party(stage, skew_s) for skew_s in skews]
    messages = [f"message-{number}" for number in range(claimers)]
    with ThreadPoolExecutor(claimers) as pool:
        results = list(pool.map(Party.claim, parties, messages))
        endings = Counter(result.ending for result in results)
        holders = {result.claim.holder for result in results}
        kept = set((stage.row() or {}).get("messages", {}).get("SS", ()))
        faults = []
        if endings != {Ending.CLAIMED: 1, Ending.REFRESHED: claimers - 1} or len(holders) != 1:
            faults.append(f"{endings}, {len(holders)} holders")
        if kept != set(messages):
            faults.append(f"in the claim: {kept}")
        holder = results[0].claim.holder
        owned = list(pool.map(lambda p, m: p.release(holder, m), parties, messages))
    if "containerId" in (stage.row() or {}):
        faults.append(f"not freed: {Counter(each.owner for each in owned)}")
    return faults
