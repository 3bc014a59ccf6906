"""How many calls each function makes, and what becomes of one whose answer is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from job_claims.endings import Ending, Owner
from tests.safety.claims_stage import ClaimsStage, Party
from tests.safety.faults import done_twice
from tests.safety.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from job_claims.fields import Holder
    from tests.safety.stage import Clients

ACTS: dict[str, tuple[Callable[[Party, Holder], Any], dict[str, int]]] = {
    "check": (lambda party, _: party.claims.find(party.stage.key), {"GetItem": 1}),
    "claim of a free key": (
        lambda party, owner: (Party(party.stage).release(owner), party.claim()),
        {"UpdateItem": 1},
    ),
    "claim of another's key": (
        lambda party, _: party.claim(thread="thread-2"),
        {"UpdateItem": 1},
    ),
    "take over": (
        lambda party, owner: party.claim(thread="thread-2", preempt=owner),
        {"UpdateItem": 1},
    ),
    "claim of the same thread": (lambda party, _: party.claim("message-2"), {"UpdateItem": 2}),
    "refresh": (lambda party, owner: party.refresh(owner), {"UpdateItem": 1}),
    "release": (lambda party, owner: party.release(owner), {"UpdateItem": 1}),
    "release of the last message": (
        lambda party, owner: party.release(owner, "message-1"),
        {"UpdateItem": 1},
    ),
    "record": (lambda party, _: party.record(), {"PutItem": 1}),
}


@pytest.mark.parametrize("act", ACTS)
def test_each_function_makes_as_few_calls_as_it_can(clients: Clients, act: str) -> None:
    """
    The loser learns who holds the key from the write that failed: nobody reads a second time.
    """
    stage = ClaimsStage(clients)
    owner = Party(stage).won()
    party = Party(stage)
    do, expected = ACTS[act]

    do(party, owner)

    assert party.wire.count() == expected


@pytest.mark.parametrize("container", [None, "own"])
def test_claim_whose_answer_was_lost_is_the_claimer_s(
    clients: Clients, container: str | None
) -> None:
    """
    The SDK sends it again, and is refused by its own first try: the key is held all the same.
    """
    stage = ClaimsStage(clients)

    result = Party(stage, wire=Wire(disturb=done_twice)).claim(container=container)

    row = stage.row() or {}
    assert result.ending in {Ending.CLAIMED, Ending.REFRESHED}
    assert row["containerId"] == {"S": result.claim.container_id}
    assert row["fence"] == {"N": str(result.claim.fence)}


def test_take_over_whose_answer_was_lost_is_the_claimer_s(clients: Clients) -> None:
    """
    What it was to take over from is gone by the second try, and the key its own.
    """
    stage = ClaimsStage(clients)
    owner = Party(stage).won()
    late = Party(stage, wire=Wire(disturb=done_twice), thread="thread-2")

    result = late.claim(preempt=owner)

    assert result.ending is Ending.CLAIMED
    assert result.claim.fence == owner.fence + 1


def test_refresh_and_release_whose_answers_were_lost_are_done(clients: Clients) -> None:
    """
    Twice is once: by whoever still holds the key, and by whoever had held it last.
    """
    stage = ClaimsStage(clients)
    owner = Party(stage).won("message-1")
    party = Party(stage, wire=Wire(disturb=done_twice))

    assert party.refresh(owner).owner is Owner.DONE
    assert party.claim("message-2").ending is Ending.REFRESHED
    assert party.release(owner, "message-2").owner is Owner.SHARED
    assert party.release(owner, "message-1").owner is Owner.DONE
    assert "containerId" not in (stage.row() or {})


def test_record_whose_answer_was_lost_is_there_once(clients: Clients) -> None:
    """
    The second try is refused by the first, and brings its record.
    """
    stage = ClaimsStage(clients)

    record, _ = Party(stage, wire=Wire(disturb=done_twice)).record()

    assert record["newThreadId"] == "thread-2"
    assert len(stage.records()) == 1
