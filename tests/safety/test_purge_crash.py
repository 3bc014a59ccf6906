"""Killed at any statement or call and started again, a purge ends as if nothing had happened."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from soft_delete_purge import objects, outbox, preflight, transaction
from soft_delete_purge.drain import Drain
from tests.postgres.purge_runs import POISON, RESTING, RETRY
from tests.postgres.purge_scene import checked
from tests.postgres.sessions import open_session
from tests.safety.postgres_wire import Wire
from tests.safety.purge_kills import S3, SQL, SQS, killed, points
from tests.safety.purge_stage import ALIVE, BAD, Stage, State, difference, staged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.postgres.database import Database
    from tests.safety.purge_kills import Kill

FIND = "FROM expiry.purge_failures WHERE root = $1 AND record_key = $2"
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


@pytest.fixture
def known(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge the plan once, as it takes most of a run's statements, and changes nothing."""
    with open_session(stage.database) as session:
        found = checked(session)
    monkeypatch.setattr(preflight, "check", lambda *_, **__: found)


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("mode", ["record", "batch"])
def test_purge_killed_anywhere_is_made_good_by_the_next(stage: Stage, mode: str) -> None:
    """
    Before and after each statement and each call to S3 and SQS: nothing alive is lost then, each
    record is whole or gone, and the next run leaves nothing over: rows, files, outbox.
    """
    end = ended(stage)

    def act() -> None:
        stage.purge(queues=True, TRANSACTION=mode)

    stage.reset(poisoned=True)
    kills = points(stage, act, since=FIRST_LOCK)
    assert {kill.place for kill in kills} == {SQL, S3, SQS}
    assert len(kills) > 30

    problems = [f"{kill}: {each}" for kill in kills for each in wrong_after(stage, kill, act, end)]
    assert problems == []


@pytest.mark.usefixtures("known")
def test_outbox_written_after_the_commit_is_found_out(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in between, a purge would leave files that nobody knows of."""
    end, purge, enqueue = ended(stage), transaction.purge, objects.enqueue
    late: list[Any] = []

    def purges(*arguments: Any) -> Any:
        purged = purge(*arguments)
        while late:
            enqueue(*late.pop())
        return purged

    monkeypatch.setattr(objects, "enqueue", lambda *arguments: late.append(arguments))
    monkeypatch.setattr(transaction, "purge", purges)

    assert "too much ('S3:d1/a', 'old')" in wrong_somewhere(stage, end, SQL, "insert into expiry")


@pytest.mark.usefixtures("known")
def test_outbox_emptied_before_the_delete_is_found_out(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in between, a drain would leave files that nobody knows of any more."""
    end, delete = ended(stage), Drain._delete  # noqa: SLF001 - the step to swap

    def deletes(drain: Drain, page: Any) -> None:
        ids = list(page.waiting)
        drain.link.attempt(lambda session: outbox.settle(session, ids))
        delete(drain, page)

    monkeypatch.setattr(Drain, "_delete", deletes)

    assert "too much ('S3:d1/a', 'old')" in wrong_somewhere(stage, end, S3, "DeleteObjects")


def wrong_somewhere(stage: Stage, end: State, place: str, text: str) -> list[str]:
    """Kill a purge before whatever holds *text*; say what is wrong after the next one."""

    def act() -> None:
        stage.purge(queues=True)

    stage.reset(poisoned=True)
    kills = [
        kill
        for kill in points(stage, act, since=FIRST_LOCK)
        if kill.place == place and text in kill.text and not kill.after
    ]
    return [each for kill in kills for each in wrong_after(stage, kill, act, end)]


def test_purge_before_its_first_lock_only_reads(stage: Stage) -> None:
    """So it matters to nobody where it dies until then."""
    stage.reset(poisoned=True)
    with Wire(stage.database) as wire:
        stage.user = replace(stage.database, port=wire.port)
        stage.purge(queues=True)
    first = next(each.number for each in wire.requests if FIRST_LOCK in each.text)

    assert first > 10
    assert [each.text for each in wire.requests[:first] if each.writes] == []


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("cured", [False, True], ids=["poisoned", "cured"])
def test_retry_killed_anywhere_is_made_good_by_the_next(stage: Stage, *, cured: bool) -> None:
    """
    The message comes again: a record that can go is gone then, with its files; one that cannot
    rests in the end, and the queue of the resting has it.
    """

    def act() -> None:
        stage.retry()

    failed_once(stage, cured=cured)
    kills = points(stage, act, since=FIND)
    problems = []
    for kill in kills:
        failed_once(stage, cured=cured)
        before = stage.state()
        killed(stage, kill, act)
        while stage.messages(RETRY):
            act()
        stage.purge(queues=True)
        problems += [f"{kill}: {each}" for each in wrong_in_the_end(stage, before, cured=cured)]
    stage.database.run("alter table mocs enable trigger refuse")

    assert len(kills) > 10
    assert problems == []


def failed_once(stage: Stage, *, cured: bool) -> None:
    """Let a record fail one time less than it may, and take its poison away where it is *cured*."""
    stage.database.run("alter table mocs enable trigger refuse")
    stage.reset(poisoned=True)
    stage.purge(queues=True)
    stage.database.run("update expiry.purge_failures set attempts = 2")
    if cured:
        stage.database.run("alter table mocs disable trigger refuse")


def wrong_in_the_end(stage: Stage, before: State, *, cured: bool) -> list[str]:
    """Say what is left over of a retry, or lost."""
    found = difference(before, stage.state())
    if cured:
        left = [str(each) for each in stage.state() if BAD in each[1] or each[0] == "S3:b/a"]
        others = [each for each in found if BAD not in each and "S3:b/a" not in each]
        return left + others + [str(row) for row in stage.failures()]
    letters = {message["id"] for message in stage.messages(RESTING)}
    rests = [(key, resting) for key, _, resting in stage.failures()] == [(BAD, True)]
    return found + ([] if rests and letters == {BAD} else [f"{stage.failures()}, {letters}"])


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
