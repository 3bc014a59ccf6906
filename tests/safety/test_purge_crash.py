"""Killed at any statement or call and started again, a purge ends as if nothing had happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.postgres.purge_runs import POISON, RETRY
from tests.safety.purge_kills import S3, SQL, SQS, killed, points
from tests.safety.purge_stage import ALIVE, BAD, Stage, State, difference, staged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.postgres.database import Database
    from tests.safety.purge_kills import Kill

FIRST_LOCK = "for update of root skip locked"


@pytest.fixture(scope="module")
def stage(embedded18: Database) -> Iterator[Stage]:
    """Return a stage on which one record cannot be deleted."""
    for made in staged(embedded18):
        made.database.run(POISON)
        yield made


def ended(stage: Stage) -> State:
    """Return how a purge that nobody disturbs ends."""
    stage.reset(poisoned=True)
    stage.purge(queues=True)
    state = stage.state()
    assert not [row for kind, row in state if kind == "outbox"]
    assert {moc for moc in (ALIVE, BAD) if moc in str(state)} == {ALIVE, BAD}
    return state


def lost(end: State, found: State) -> list[str]:
    """Say what is not there though it is there in the *end*, but for parts not given back yet."""
    return [
        str(each)
        for each in sorted(end - found)
        if not (each[0] == "parts" and '"available"' in each[1])
    ]


@pytest.mark.parametrize("transaction", ["record", "batch"])
def test_purge_killed_anywhere_is_made_good_by_the_next(stage: Stage, transaction: str) -> None:
    """
    Before and after each statement and each call to S3 and SQS: nothing alive is lost then, each
    record is whole or gone, and the next run leaves nothing over: rows, files, outbox.
    """
    end = ended(stage)

    def act() -> None:
        stage.purge(queues=True, TRANSACTION=transaction)

    stage.reset(poisoned=True)
    kills = points(stage, act, since=FIRST_LOCK)
    assert {kill.place for kill in kills} == {SQL, S3, SQS}
    assert len(kills) > 30

    problems = [f"{kill}: {each}" for kill in kills for each in wrong_after(stage, kill, act, end)]
    assert problems == []


def test_purge_killed_before_its_first_lock_has_changed_nothing(stage: Stage) -> None:
    """Whatever it asked until then, it only asked."""

    def act() -> None:
        stage.purge(queues=True)

    stage.reset(poisoned=True)
    kills = points(stage, act)
    first = next(place for place, kill in enumerate(kills) if FIRST_LOCK in kill.text)
    stage.reset(poisoned=True)
    before = stage.state()
    for kill in kills[: first + 1]:
        killed(stage, kill, act)

    assert difference(before, stage.state()) == []
    assert (stage.failures(), stage.messages(RETRY)) == ([], [])


def wrong_after(stage: Stage, kill: Kill, act: Callable[[], object], end: State) -> list[str]:
    """Kill the first run, make the second; say what is wrong after either."""
    stage.reset(poisoned=True)
    killed(stage, kill, act)
    found = lost(end, stage.state())
    act()
    found += difference(end, stage.state())
    failures = stage.failures()
    if [(key, attempts <= 1, resting) for key, attempts, resting in failures] != [
        (BAD, True, False)
    ]:
        found.append(f"failures {failures}")
    if {message["id"] for message in stage.messages(RETRY)} != {BAD}:
        found.append("the retry queue has not got it")
    return found
