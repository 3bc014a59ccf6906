"""
Quick proofs of what holds for claims; each returns what is wrong, [] where nothing is.

Somebody else is let in right before a call: that is what a condition in the write itself is for.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from expiry.errors import ClaimError, StoreError
from job_claims.endings import Ending
from job_claims.fields import Holder
from job_claims.settings import RateLimit
from tests.safety import claims_owner_proofs as owners
from tests.safety.claims_asserts import ended, once, unless
from tests.safety.claims_people import Crowd
from tests.safety.claims_stage import LEASE_S, RETENTION_S, SKEW_S, ClaimsStage, Party

if TYPE_CHECKING:
    from tests.safety.stage import Clients


def held_key_is_not_taken(clients: Clients) -> list[str]:
    """While a lease lasts, and as long as clocks may differ after it, nobody else gets the key."""
    stage = ClaimsStage(clients)
    owner, other = Party(stage).won(), Party(stage, thread="thread-2")
    faults = ended(other.claim(), Ending.HELD)
    stage.advance(LEASE_S + SKEW_S)
    faults += ended(other.claim(), Ending.HELD)
    stage.advance(1)
    taken = other.claim()
    faults += ended(taken, Ending.CLAIMED)
    return faults + unless(taken.claim.fence > owner.fence, "fence did not grow")


def ended_lease_gets_a_new_fence(clients: Clients) -> list[str]:
    """The same thread, too, after its lease has ended: others may have thought the key free."""
    stage = ClaimsStage(clients)
    party = Party(stage)
    first = party.won()
    stage.advance(LEASE_S + 1)
    faults = ended(party.claim(), Ending.HELD)  # by another clock the lease may last still
    stage.advance(SKEW_S)
    second = party.won()
    return (
        faults
        + unless(second.fence > first.fence, "the old fence again")
        + unless(second.container_id != first.container_id, "the old container again")
    )


def fence_outlives_release_and_clock(clients: Clients) -> list[str]:
    """The next fence is greater, though the next claimer's clock is behind."""
    stage = ClaimsStage(clients)
    ahead, behind = Party(stage, SKEW_S), Party(stage, -SKEW_S, thread="thread-2")
    fences = []
    for party in (ahead, behind, ahead, behind):
        holder = party.won()
        fences.append(holder.fence)
        party.release(holder)
    return unless(fences == sorted(set(fences)), f"fences {fences}")


def fence_outlives_its_row(clients: Clients) -> list[str]:
    """TTL takes the row after its retention; now in milliseconds is greater by then."""
    stage = ClaimsStage(clients)
    ahead, behind = Party(stage, SKEW_S), Party(stage, -SKEW_S)
    faults = []
    for kept_s in (RETENTION_S, LEASE_S + RETENTION_S):
        for _ in range(5):
            last = ahead.won()
            ahead.release(last)
        if kept_s > RETENTION_S:
            last = ahead.won()  # and nobody releases it
        stage.advance(kept_s + SKEW_S - 1)
        faults += unless(not stage.expire(), "the row went before its time")
        stage.advance(2)
        faults += unless(stage.expire(), "the row did not go in time")
        taken = behind.won()
        faults += unless(taken.fence > last.fence, "fence went back")
        behind.release(taken)
    return faults


def preempt_takes_exactly_the_claim_it_names(clients: Clients) -> list[str]:
    """Another container, or another fence, and the claim stays; the right one is taken over."""
    stage = ClaimsStage(clients)
    owner, other = Party(stage).won(container="own"), Party(stage, thread="thread-2")
    faults = []
    for wrong in (Holder("own", owner.fence - 1), Holder("other", owner.fence)):
        faults += ended(other.claim(preempt=wrong), Ending.HELD)
    taken = other.claim(preempt=owner)
    faults += ended(taken, Ending.CLAIMED)
    return faults + unless(taken.claim.fence > owner.fence, "fence did not grow")


def same_thread_keeps_container_and_fence(clients: Clients) -> list[str]:
    """Only the lease is longer."""
    stage = ClaimsStage(clients)
    party = Party(stage)
    first = party.claim()
    stage.advance(LEASE_S - 1)
    again = party.claim("message-2")
    faults = ended(again, Ending.REFRESHED)
    faults += unless(again.claim.holder == first.claim.holder, "another holder")
    return faults + unless(again.claim.expires_at_s == stage.now_s + LEASE_S, "not longer")


def refresh_of_a_thread_meets_a_new_owner(clients: Clients) -> list[str]:
    """Between the refused claim and the longer lease another has taken the key over."""
    stage = ClaimsStage(clients)
    other = Party(stage, thread="thread-2")
    owner = Party(stage).won()
    late = Party(stage, wire=once(1, lambda: other.won(preempt=owner)))
    return ended(late.claim("message-2"), Ending.HELD)


def refresh_of_a_thread_meets_another_name(clients: Clients) -> list[str]:
    """Whatever wrote another container beside the same fence: that one's lease is not ours."""
    stage = ClaimsStage(clients)
    Party(stage).won()
    stranger = {"containerId": {"S": "stranger"}, "threadId": {"S": "thread-2"}}
    wire = once(1, lambda: stage.put(**{**(stage.row() or {}), **stranger}))
    return ended(Party(stage, wire=wire).claim("message-2"), Ending.HELD)


def refresh_of_a_thread_meets_its_own_next_claim(clients: Clients) -> list[str]:
    """The key was freed, and a container of the same name has it for another thread."""
    stage = ClaimsStage(clients)
    first = Party(stage)
    owner = first.won(container="own")

    def anew() -> None:
        first.release(owner)
        first.won("message-3", container="own", thread="thread-2")

    return ended(Party(stage, wire=once(1, anew)).claim("message-2"), Ending.HELD)


def refresh_of_a_thread_meets_the_lease_s_end(clients: Clients) -> list[str]:
    """The lease that was read had ended when it was to be made longer: it is not brought back."""
    stage = ClaimsStage(clients)
    owner = Party(stage)
    owner.won()

    def ends() -> None:
        row = stage.row() or {}
        stage.put(**{**row, "expiresAt": {"N": str(int(stage.now_s))}})

    result = Party(stage, wire=once(1, ends)).claim("message-2")
    return ended(result, Ending.HELD)


def leases_never_get_shorter(clients: Clients) -> list[str]:
    """A clock that is behind leaves the end as it is, by refresh and by message."""
    stage = ClaimsStage(clients)
    ahead, behind = Party(stage, SKEW_S), Party(stage, -SKEW_S)
    first = ahead.claim()
    told = [behind.refresh(first.claim.holder).claim, behind.claim("message-2").claim]
    wire = once(1, lambda: told.append(ahead.refresh(first.claim.holder).claim))
    between = Party(stage, wire=wire)
    stage.advance(2 * SKEW_S)
    told.append(between.claim("message-3").claim)
    ends = [claim.expires_at_s for claim in told if claim]
    row = stage.row() or {}
    faults = unless(ends == sorted(ends) and ends[0] >= first.claim.expires_at_s, f"ends {ends}")
    return faults + unless(row["expiresAt"]["N"] == str(ends[-1]), "told another end")


def claims_over_the_rate_are_refused(clients: Clients) -> list[str]:
    """Each counts that gets a new fence; the next window begins anew."""
    stage = _at_a_window_s_start(clients, 32)
    party = Party(stage)
    faults = []
    for expected in (Ending.CLAIMED, Ending.CLAIMED, Ending.LIMITED):
        result = party.claim()
        faults += ended(result, expected)
        party.release(result.claim.holder)
    stage.advance(60)
    return faults + ended(party.claim(), Ending.CLAIMED)


def rate_is_counted_by_window(clients: Clients) -> list[str]:
    """After any pause, and by clocks that differ, a window has its claims and no more."""
    faults = []
    for pause, before in ((1, 3), (31, 3), (32, 3), (32, 1), (33, 3), (64, 1)):
        stage = _at_a_window_s_start(clients, 32 * 4)
        party = Party(stage)
        _wins(party, before)
        stage.advance(60 * pause)
        won = _wins(party, 3)
        faults += unless(won == 2, f"{won} after {before} and {pause} windows")
    stage = _at_a_window_s_start(clients, 32 * 4)
    ahead, behind = Party(stage), Party(stage, -SKEW_S)
    won = sum(_wins(party, 1) for party in (ahead, behind, ahead, behind))
    return faults + unless(won == 2, f"{won} by two clocks")


def _at_a_window_s_start(clients: Clients, number: int) -> ClaimsStage:
    stage = ClaimsStage(clients, RateLimit(2, 60))
    stage.now_s += 60 * number - stage.now_s % (60 * number)
    return stage


def _wins(party: Party, times: int) -> int:
    won = 0
    for _ in range(times):
        with suppress(ClaimError):
            result = party.claim()
            if result.ending is Ending.CLAIMED:
                won += 1
                party.release(result.claim.holder)
    return won


def message_is_recorded_once(clients: Clients) -> list[str]:
    """A second call brings the first one's record, whatever it says."""
    stage = ClaimsStage(clients)
    party = Party(stage)
    first, made = party.record(thread="thread-2")
    stage.advance(5)
    second, again = party.record(thread="thread-3")
    faults = unless(made and not again, "made twice")
    return faults + unless(first == second and len(stage.records()) == 1, f"{first} {second}")


def row_that_cannot_be_read_is_nobody_s(clients: Clients) -> list[str]:
    """However old it may be: it is left as it is, and the error says what to correct."""
    stage = ClaimsStage(clients)
    good = {
        "containerId": {"S": "own"},
        "threadId": {"S": "thread-1"},
        "expiresAt": {"N": "1000"},
        "fence": {"N": "5"},
    }
    odd: dict[str, list[dict[str, Any] | None]] = {
        "containerId": [{"N": "1"}, {"NULL": True}],  # both with a lease that lasts
        "expiresAt": [{"S": "1000"}, {"NULL": True}, None],
        "fence": [{"N": "1.5"}],
    }
    faults = []
    for name, values in odd.items():
        for value in values:
            lasts = {} if name == "expiresAt" else {"expiresAt": {"N": "99999999999"}}
            changed = {**good, **lasts, name: value}
            row = stage.put(**{key: each for key, each in changed.items() if each is not None})
            with suppress(ClaimError):
                faults.append(f"{name} = {value}: found {Party(stage).claims.find(stage.key)}")
            for party in (Party(stage), Party(stage, thread="thread-2")):
                with suppress(ClaimError, StoreError):
                    faults.append(f"{name} = {value}: {party.claim()}")
            faults += unless(stage.row() == row, f"{name} = {value}: changed to {stage.row()}")
    return faults


def crowd_is_orderly(clients: Clients) -> list[str]:
    """Some claimers at random, by seeds that have found faults out."""
    return [fault for seed in range(4) for fault in Crowd(clients, 6, seed).play()]


RULES = (
    held_key_is_not_taken,
    ended_lease_gets_a_new_fence,
    fence_outlives_release_and_clock,
    fence_outlives_its_row,
    preempt_takes_exactly_the_claim_it_names,
    same_thread_keeps_container_and_fence,
    refresh_of_a_thread_meets_a_new_owner,
    refresh_of_a_thread_meets_another_name,
    refresh_of_a_thread_meets_its_own_next_claim,
    refresh_of_a_thread_meets_the_lease_s_end,
    leases_never_get_shorter,
    claims_over_the_rate_are_refused,
    rate_is_counted_by_window,
    owners.only_the_owner_refreshes,
    owners.only_the_owner_releases,
    owners.last_message_frees_the_key,
    owners.message_that_comes_during_a_release_keeps_the_key,
    owners.leaving_meets_a_new_owner,
    owners.releases_at_once_free_the_key,
    message_is_recorded_once,
    row_that_cannot_be_read_is_nobody_s,
)
