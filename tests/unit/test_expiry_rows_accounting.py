"""
Rows under random faults: the outcomes add up to the candidates, and none of them lies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from expiry.budget import Budget
from expiry.outcomes import Account, Outcome
from expiry.rows import Condition, Effect, RowCandidate, update
from tests.unit.scripted_rows import TABLE, Fault, ScriptedRows, Sleeper, key_of, row, rows_of

if TYPE_CHECKING:
    from expiry.statements import Identity

STATEMENT_CODES = (
    "ProvisionedThroughputExceeded",
    "RequestLimitExceeded",
    "ThrottlingError",
    "TransactionConflict",
    "InternalServerError",
    "InternalServerError after",
    "AccessDenied",
    "ValidationError",
)
WORLDS = st.lists(st.sampled_from(["dead", "alive", "missing"]), min_size=1, max_size=80)
FAULTS = st.lists(st.none() | st.sampled_from(Fault), max_size=12)
CODES = st.lists(st.none() | st.sampled_from(STATEMENT_CODES), max_size=120)
SECONDS = st.sampled_from([0, 1, 3, 3_600])


def place(key: str) -> Identity:
    """Return where the store keeps a row."""
    return (("S", key),)


def a_store(world: list[str], faults: list[Fault | None], codes: list[str | None]) -> ScriptedRows:
    """Store what of *world* is not missing, each row under its number."""
    store = ScriptedRows(
        [
            row(str(n), ttl=1 if state == "dead" else 500)
            for n, state in enumerate(world)
            if state != "missing"
        ]
    )
    store.faults.extend(faults)
    store.codes.extend(codes)
    return store


def time_for(seconds: int) -> tuple[Budget, Sleeper]:
    """Return a budget that only sleeping uses up."""
    sleeper = Sleeper()
    return Budget(lambda: int(1_000 * (seconds - sleeper.now_s)), reserve_s=0), sleeper


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(WORLDS, FAULTS, CODES, SECONDS, st.sampled_from([1, 4]))
def test_delete_outcomes_add_up_and_are_true(
    world: list[str],
    faults: list[Fault | None],
    codes: list[str | None],
    seconds: int,
    threads: int,
) -> None:
    """Every candidate ends once; deleted is deleted, changed lives, nothing alive ever goes."""
    store = a_store(world, faults, codes)
    budget, sleeper = time_for(seconds)
    rows = rows_of(store, budget=budget, sleeper=sleeper, threads=threads)
    dead = Condition.below("ttl", 100)
    found = [RowCandidate(key_of(str(n)), dead, "expired") for n in range(len(world))]

    results = rows.delete(found)
    account = Account()
    account.add(results)

    assert account.total == len(found)
    assert [each.victim for each in results] == found
    for n, (state, result) in enumerate(zip(world, results, strict=True)):
        there = place(str(n)) in store.rows
        match result.outcome:
            case Outcome.DELETED:
                assert (state, there) == ("dead", False)
            case Outcome.CHANGED:
                assert (state, there) == ("alive", True)
            case Outcome.GONE:
                assert not there
                assert state == "missing" or result.detail
            case Outcome.FAILED:
                assert result.detail
                assert there == (state != "missing") or result.detail.startswith("unsure")
        assert there or state != "alive"


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(WORLDS, FAULTS, CODES, SECONDS)
def test_claim_answers_add_up_and_are_true(
    world: list[str], faults: list[Fault | None], codes: list[str | None], seconds: int
) -> None:
    """A row carries the claim exactly where the answer is done, or unsure; no row is made."""
    store = a_store(world, faults, codes)
    budget, sleeper = time_for(seconds)
    condition = Condition.below("ttl", 100) & Condition.missing("run")
    claims = [
        update(TABLE, key_of(str(n)), condition, put={"run": {"S": "me"}})
        for n in range(len(world))
    ]

    answers = rows_of(store, budget=budget, sleeper=sleeper).execute(claims)

    assert [answer.statement for answer in answers] == claims
    for n, (state, answer) in enumerate(zip(world, answers, strict=True)):
        stored = store.rows.get(place(str(n)))
        claimed = stored is not None and "run" in stored
        assert (stored is None) == (state == "missing")
        assert not claimed or state == "dead"
        match answer.effect:
            case Effect.DONE:
                assert claimed
            case Effect.CHANGED:
                assert state == "alive"
            case Effect.GONE:
                assert state == "missing"
            case Effect.FAILED:
                assert not claimed or answer.unsure
