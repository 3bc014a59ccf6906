"""
A whole run: the gate, the limits, what it says, and what it does when something goes wrong.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from aws_lambda_powertools import Logger

from expiry.errors import CapExceededError, ConnectionLostError, MismatchError
from soft_delete_purge.run import METRICS
from tests.postgres.expiry_runs import Watched, watching
from tests.postgres.purge_runs import POISON, World, built
from tests.postgres.purge_scene import CDN, PLAN, image, moc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from expiry.postgres.session import Session
    from tests.cloud import Cloud
    from tests.postgres.database import Database


@pytest.fixture(scope="module")
def shared(embedded18: Database, cloud: Cloud) -> Iterator[World]:
    """Return a world for all tests of this file."""
    yield from built(embedded18, cloud)


@pytest.fixture
def world(shared: World) -> World:
    """Return a world without records."""
    shared.reset()
    return shared


def fill(world: World, due: int, alive: int) -> None:
    """Put so many records of each sort into the table."""
    world.database.run(
        "insert into mocs (deleted_at) select case when n <= %s then now() - interval '40 days' end"
        " from generate_series(1, %s::int) n",
        due,
        due + alive,
    )


def written(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return what was written, a JSON object a line."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_run_answers_in_the_words_of_its_story(world: World) -> None:
    """Processed, failed, files, images, bricks, duration; and what became of each step."""
    shared = image(world.database, f"{CDN}img/1"), image(world.database, f"{CDN}img/2")
    moc(world.database, files=["mocs/a", "mocs/b"], images=shared, parts=3)
    moc(world.database, days=None, images=shared[:1])
    world.put("mocs/a", "mocs/b", "img/1", "img/2")

    answer = world.purge()

    told = ("processed", "failed", "s3Deleted", "orphanedImages", "bricksReturned")
    assert [answer[word] for word in told] == [1, 0, 3, 1, 3]
    assert answer["duration"] >= 0
    assert answer["outcomes"] | {"deleted": 0} == dict.fromkeys(answer["outcomes"], 0)
    steps = answer["steps"]
    assert steps["released"] == {"bricks": 3}
    assert (steps["sharedDeleted"], steps["sharedKept"]) == ({"images": 1}, {"images": 1})
    assert steps["children"] == {"public.files": 2, "public.lists": 1, "public.links": 2}
    assert (answer["complete"], answer["dryRun"], answer["correlationId"]) == (True, False, "run")
    json.dumps(answer)  # as Lambda does


def test_run_dry_tells_what_would_go_and_changes_nothing(world: World) -> None:
    """Per record: children, released, shared, keys and bytes; the real run then does just that."""
    shared = image(world.database, f"{CDN}img/1")
    key = moc(world.database, files=["mocs/a"], images=[shared], parts=2)
    world.put("mocs/a", "img/1", body="12345")

    told = world.purge({"dryRun": True})

    (record,) = told["records"]
    assert (record["record"], record["released"]) == (key, {"bricks": 2})
    assert {each["key"]: each["bytes"] for each in record["objects"]} == {"mocs/a": 5, "img/1": 5}
    assert told["dryRun"]
    assert (world.mocs(), world.files(), world.outbox()) == ({key}, {"mocs/a", "img/1"}, [])
    real = world.purge()
    words = ("processed", "s3Deleted", "orphanedImages", "bricksReturned", "due")
    assert [told[word] for word in words] == [real[word] for word in words]
    assert told["steps"]["children"] == real["steps"]["children"]


def test_run_record_that_others_rows_hold_is_protected_and_keeps_nobody_from_going(
    world: World,
) -> None:
    """No failure, no attempt, no letter: it is told, left alone, and goes once it is free."""
    held, free = moc(world.database, days=90), moc(world.database)
    world.database.run("insert into uploads (moc_id) values (%s)", held)

    answer = world.purge({"limit": 1})  # the one that is held is the older

    assert world.mocs() == {held}
    outcomes = answer["outcomes"]
    assert (outcomes["deleted"], outcomes["protected"], outcomes["failed"]) == (1, 1, 0)
    assert (answer["processed"], answer["failed"], answer["complete"]) == (1, 0, True)
    assert world.database.run("select count(*) from expiry.purge_failures") == [(0,)]
    assert free not in world.mocs()
    world.database.run("delete from uploads")
    world.purge()
    assert world.mocs() == set()


def test_run_record_whose_children_are_held_is_protected_too(world: World) -> None:
    """What is found out in its own transaction only rolls back alone."""
    held, free = moc(world.database, files=["mocs/a"], parts=1), moc(world.database)
    world.database.run(
        "create table stamps (file_id int references files); create index on stamps (file_id);"
        " insert into stamps select id from files"
    )
    try:
        answer = world.purge()
    finally:
        world.database.run("drop table stamps")

    assert (answer["outcomes"]["deleted"], answer["outcomes"]["protected"]) == (1, 1)
    assert (answer["failed"], world.mocs()) == (0, {held})
    assert free not in world.mocs()


def test_run_logs_one_event_a_record_with_counts_and_no_contents(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whose, what became of it, how many of what, the correlation id; never a title or a URL."""
    world.logger = Logger(service="events", level="INFO")
    keys = {moc(world.database, files=["mocs/secret"], parts=1) for _ in range(2)}
    world.database.run("update mocs set title = 'secret', thumbnail_url = 'https://secret/'")
    capsys.readouterr()

    world.purge()

    events = [line for line in written(capsys) if line.get("event") == "moc.cleanup"]
    assert {event["record"] for event in events} == keys
    assert len(events) == 2
    for event in events:
        assert (event["message"], event["correlationId"]) == ("moc.cleanup", "run")
        assert (event["outcome"], event["released"]) == ("deleted", {"bricks": 1})
        assert event["children"]["public.files"] == 1
        assert event["kept"] == {"foreign": 1, **event["kept"]}
        assert "secret" not in json.dumps(event)


def test_run_emits_each_metric_of_its_table_and_completed_last(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Under exactly the dimension that the alarms read; what is renamed, under its other name."""
    moc(world.database, parts=2)
    capsys.readouterr()

    world.purge(METRIC_NAMES='{"BricksReturned": "PartsReturned"}')

    first, last = [line for line in written(capsys) if "_aws" in line]
    named = {metric["Name"] for metric in first["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert named == (METRICS.units.keys() - {"RunsCompleted", "BricksReturned"}) | {"PartsReturned"}
    assert first["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["FunctionName"]]
    assert (first["PartsReturned"], first["Deleted"], first["RunIncomplete"]) == ([2], [1], [0])
    assert last["RunsCompleted"] == [1]


def test_retry_counts_what_it_did_and_completes_no_run(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Silence is judged by the nightly run alone: retries would make a dead schedule look alive."""
    world.database.run(POISON)
    moc(world.database, parts=2)
    world.database.run("update mocs set title = 'poisoned'")
    world.purge(queues=True)
    world.database.run("drop trigger refuse on mocs")
    capsys.readouterr()

    assert world.retry() == []

    (told,) = [line for line in written(capsys) if "_aws" in line]
    assert (told["ItemsProcessed"], told["Deleted"], told["BricksReturned"]) == ([1], [1], [2])
    assert not told.keys() & {"RunsCompleted", "RunIncomplete", "GateRefused"}


def test_gate_more_is_due_than_its_share_purges_no_record(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mass soft-delete by accident is refused as a whole; files that were doomed before go."""
    fill(world, due=130, alive=470)
    world.database.run("analyze mocs")
    world.put("mocs/a")
    world.enqueue("mocs/a")
    capsys.readouterr()

    with pytest.raises(CapExceededError) as refused:
        world.purge()

    assert (refused.value.planned, refused.value.cap) == (121, 120)
    assert len(world.mocs()) == 600
    assert (world.files(), world.outbox()) == (set(), [])
    (metrics,) = [line for line in written(capsys) if "_aws" in line]
    assert (metrics["GateRefused"], metrics["S3FilesDeleted"]) == ([1], [1])


def test_gate_in_a_dry_run_tells_what_it_would_refuse(world: World) -> None:
    """Who is told to look at a dry run must get to see one."""
    fill(world, due=130, alive=470)
    world.database.run("analyze mocs")

    answer = world.purge({"dryRun": True, "limit": 3})

    assert (answer["gate"]["refused"], answer["gate"]["cap"], answer["due"]) == (True, 120, 121)
    assert len(answer["records"]) == 3
    assert not answer["complete"]


@pytest.mark.parametrize(("due", "alive"), [(100, 0), (120, 480)])
def test_gate_lets_a_plausible_share_pass(world: World, due: int, alive: int) -> None:
    """Up to a hundred whatever the share, and above it up to the share; nobody counts a table."""
    fill(world, due, alive)
    world.database.run("analyze mocs")
    seen: list[str] = []
    world.wraps = watching(seen.append)

    answer = world.purge({"limit": 1})

    assert (answer["outcomes"]["deleted"], answer["due"]) == (1, due)
    assert not [sql for sql in seen if 'select 1 from "public"."mocs" limit' in sql]


def test_gate_table_without_statistics_is_counted_as_far_as_it_takes(world: World) -> None:
    """A table that was never analysed passes and is refused like any other."""
    world.database.run("alter table mocs set (autovacuum_enabled = false)")
    fill(world, due=120, alive=479)
    with pytest.raises(CapExceededError):
        world.purge({"limit": 1})

    fill(world, due=0, alive=10)
    assert world.purge({"limit": 1})["outcomes"]["deleted"] == 1


def test_gate_at_a_hundred_percent_refuses_nothing_and_at_none_more_than_a_hundred(
    world: World,
) -> None:
    """The two ends of the switch, whatever the statistics say."""
    fill(world, due=0, alive=1)
    world.database.run("analyze mocs")
    fill(world, due=101, alive=0)

    with pytest.raises(CapExceededError):
        world.purge({"limit": 1}, MAX_PURGE_PERCENT="0")
    assert world.purge({"limit": 1}, MAX_PURGE_PERCENT="100")["outcomes"]["deleted"] == 1


def test_run_takes_the_longest_dead_up_to_its_limit_and_says_that_more_is_due(
    world: World,
) -> None:
    """A run is bounded, by its settings and by its request, which cannot widen it."""
    keys = [moc(world.database, days=days) for days in (31, 50, 40)]

    first = world.purge({"limit": 7}, BATCH_SIZE="2")

    assert (first["processed"], first["complete"], first["stopped"]) == (2, False, "limit")
    assert world.mocs() == {keys[0]}
    second = world.purge()
    assert (second["processed"], second["complete"], second["stopped"]) == (1, True, None)


def test_run_keeps_what_is_not_due(world: World) -> None:
    """Alive, deleted too lately, on hold, or deleted in the future."""
    kept = {
        moc(world.database, days=None),
        moc(world.database, days=29.99),
        moc(world.database, held=True),
        moc(world.database, days=-400),
    }
    moc(world.database, days=30.01)

    assert world.purge()["processed"] == 1
    assert world.mocs() == kept


def test_run_without_time_begins_nothing(world: World) -> None:
    """It says that it stopped, and why; the next run has all of it."""
    key = moc(world.database)

    answer = world.purge(left_s=lambda: 2.0)

    assert (answer["processed"], answer["stopped"], answer["complete"]) == (0, "time", False)
    assert world.mocs() == {key}


def test_run_in_batches_purges_the_same(world: World) -> None:
    """Many records a transaction: the same end, with the statements of one record."""
    statements: dict[str, int] = {}
    for transaction in ("record", "batch"):
        for _ in range(40):
            moc(world.database, parts=1)
        seen: list[str] = []
        world.wraps = watching(seen.append)
        answer = world.purge(TRANSACTION=transaction)
        statements[transaction] = len(seen)
        assert (answer["outcomes"]["deleted"], answer["bricksReturned"]) == (40, 40)
        assert world.mocs() == set()

    # Both begin and end alike; of what lies between, the batch needs as much as one record.
    assert statements["record"] - statements["batch"] >= 39 * 9


def test_run_that_loses_its_connection_goes_on_with_another(world: World) -> None:
    """What was not committed is done again; nothing is lost, nothing fails."""
    for _ in range(3):
        moc(world.database, parts=1)
    ended: list[str] = []

    def around(connect: Callable[[bool], Session]) -> Callable[[bool], Session]:
        def open_session(read_only: bool) -> Session:  # noqa: FBT001 - the one argument of a callable
            session = connect(read_only)

            def end(sql: str) -> None:
                if sql.startswith("delete from") and len(ended) < 2:
                    ended.append(sql)
                    world.database.run("select pg_terminate_backend(%s)", session.process_id)

            watched: Any = Watched(session, end)
            return watched  # type: ignore[no-any-return]

        return open_session

    world.wraps = around
    answer = world.purge()

    assert (answer["outcomes"]["deleted"], answer["failed"], answer["reconnects"]) == (3, 0, 2)
    assert (world.mocs(), world.failures()) == (set(), [])


def test_run_whose_connection_is_lost_for_good_raises(world: World) -> None:
    """Lambda's own Errors metric sees it; what was not tried is still due, and has not failed."""
    moc(world.database)

    def cut(sql: str) -> None:
        if sql.startswith("delete from"):
            raise ConnectionLostError("gone")

    world.wraps = watching(cut)
    with pytest.raises(ConnectionLostError):
        world.purge()

    assert (len(world.mocs()), world.failures()) == (1, [])


def test_run_whose_plan_does_not_fit_touches_nothing(world: World) -> None:
    """Not even the outbox: whether a row names a key cannot be asked either."""
    key = moc(world.database)
    world.put("mocs/a")
    world.enqueue("mocs/a")
    plan = PLAN | {"root": PLAN["root"] | {"deleted_at": "removed_at"}}

    with pytest.raises(MismatchError, match="removed_at"):
        world.purge(PLAN=json.dumps(plan))
    assert (world.mocs(), world.files()) == ({key}, {"mocs/a"})


def test_run_paced_waits_between_records(world: World) -> None:
    """Two records a second: the third waits a second, by the run's own clock."""
    for _ in range(3):
        moc(world.database)
    slept: list[float] = []

    with world.run(MAX_RECORDS_PER_SECOND="2") as run:
        answer = replace(run, clock=lambda: 0.0, sleep=slept.append).execute()

    assert answer["outcomes"]["deleted"] == 3
    assert [round(each, 1) for each in slept] == [0.5, 1.0]


def test_two_runs_at_once_share_the_records(world: World) -> None:
    """The other one purges while this one looks: each record goes once, and none fails."""
    for _ in range(4):
        moc(world.database, parts=1)
    answers: list[dict[str, Any]] = []

    def come_between(sql: str) -> None:
        if not answers and "for update of root skip locked" in sql:
            world.wraps = lambda made: made
            answers.append({})
            answers.append(world.purge())

    world.wraps = watching(come_between)
    answers.append(world.purge())

    outcomes = [answer["outcomes"] for answer in answers if answer]
    assert [each["deleted"] for each in outcomes] == [4, 0]
    assert outcomes[1]["gone"] == 4
    assert world.database.run("select count(*) from parts where status = 'available'") == [(4,)]
