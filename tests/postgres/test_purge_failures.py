"""
Records that fail: alone, counted in their table, tried three times more, then left to an operator.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from expiry.errors import ConnectionLostError
from tests.postgres.expiry_runs import watching
from tests.postgres.purge_runs import POISON, RESTING, RETRY, World, built
from tests.postgres.purge_scene import PLAN, moc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cloud import Cloud
    from tests.postgres.database import Database

NIGHTS = 5


@pytest.fixture(scope="module")
def shared(embedded18: Database, cloud: Cloud) -> Iterator[World]:
    """Return a world for all tests of this file."""
    yield from built(embedded18, cloud)


@pytest.fixture
def world(shared: World) -> World:
    """Return a world in which a record called poisoned cannot be deleted."""
    shared.reset()
    shared.database.run(POISON)
    return shared


def poisoned(world: World) -> str:
    """Make a record that cannot be deleted; return it."""
    key = moc(world.database, files=["mocs/poisoned"])
    world.database.run("update mocs set title = 'poisoned' where id::text = %s", key)
    return key


def cure(world: World) -> None:
    """Take away what keeps the record, without a word in its row."""
    world.database.run("drop trigger refuse on mocs")


def rested(world: World) -> str:
    """Let a record fail until it rests; return it."""
    key = poisoned(world)
    world.purge(queues=True)
    for _ in range(3):
        world.retry()
    assert world.failures() == [(key, 3, True)]
    return key


@pytest.mark.parametrize("transaction", ["record", "batch"])
def test_failure_of_one_record_stops_no_other(world: World, transaction: str) -> None:
    """The others go; the one is rolled back alone, remembered, and sent to be tried again."""
    others = {moc(world.database) for _ in range(4)}
    bad = poisoned(world)
    others |= {moc(world.database) for _ in range(4)}

    answer = world.purge(queues=True, TRANSACTION=transaction)

    assert world.mocs() == {bad}
    assert (answer["processed"], answer["failed"], answer["complete"]) == (9, 1, True)
    assert answer["outcomes"]["deleted"] == len(others)
    assert [(each["type"], each["record"]) for each in answer["errors"]] == [("RecordError", bad)]
    assert world.failures() == [(bad, 0, False)]
    (message,) = world.messages(RETRY)
    assert (message["id"], message["attempt"], message["root"]) == (bad, 1, "public.mocs")
    assert message["correlationId"] == "run"
    assert message["firstFailedAt"].startswith("20")
    assert "SQLSTATE 23000" in message["error"]
    assert world.mail.delays_s == [60]


def test_failure_is_retried_three_times_with_growing_delay_and_rests(world: World) -> None:
    """Attempts are those of the table; the fourth try in all is the last; then it is left."""
    bad = poisoned(world)
    world.purge(queues=True)

    for attempts in (1, 2):
        assert len(world.retry()) == 1  # it comes again
        assert world.failures() == [(bad, attempts, False)]
    assert world.messages(RESTING) == []
    assert world.retry() == []  # done: it is in the other queue

    assert world.mail.delays_s == [60, 300, 900]
    assert world.failures() == [(bad, 3, True)]
    (message,) = world.messages(RESTING)
    assert (message["id"], message["attempt"], message["resting"]) == (bad, 3, True)
    assert world.messages(RETRY) == []


def test_failure_that_rests_is_left_out_by_the_next_nights(world: World) -> None:
    """It is not tried again, and what is due beside it is."""
    bad = rested(world)
    other = moc(world.database)

    answers = [world.purge(queues=True) for _ in range(2)]

    assert [answer["processed"] for answer in answers] == [1, 0]
    assert world.mocs() == {bad} - {other}
    assert (world.failures(), len(world.messages(RESTING))) == ([(bad, 3, True)], 1)


def test_failure_whose_row_changes_is_tried_again(world: World) -> None:
    """Whoever mends the record need not know of queues: the next night takes it."""
    rested(world)
    world.database.run("update mocs set title = 'mended'")

    assert world.purge(queues=True)["outcomes"]["deleted"] == 1
    assert (world.mocs(), world.failures()) == (set(), [])


def test_failure_of_a_changed_row_is_counted_from_the_beginning(world: World) -> None:
    """What failed before says nothing of what the row is now."""
    bad = rested(world)
    world.database.run("update mocs set thumbnail_url = 'x'")

    world.purge(queues=True)

    assert world.failures() == [(bad, 0, False)]


def test_failure_of_a_record_that_somebody_else_removed_is_forgotten(world: World) -> None:
    """Nothing is left of it in the table, whoever took it, and whenever a run was killed."""
    rested(world)
    cure(world)
    world.database.run("delete from mocs")

    world.purge(queues=True)

    assert world.failures() == []


def test_failure_that_is_redriven_is_tried_at_once_and_goes(world: World) -> None:
    """An operator moves the message back: it is tried although nothing in its row has changed."""
    rested(world)
    cure(world)
    world.redrive()

    assert world.retry() == []
    assert (world.mocs(), world.failures(), world.outbox()) == (set(), [], [])


def test_failure_that_is_redriven_in_vain_has_all_its_tries_again(world: World) -> None:
    """Three more, and it rests again, with one message to show for it."""
    bad = rested(world)
    world.redrive()

    assert [len(world.retry()) for _ in range(3)] == [1, 1, 0]
    assert (world.failures(), len(world.messages(RESTING))) == ([(bad, 3, True)], 1)


def test_failure_redriven_by_the_operation_is_taken_by_the_next_run(world: World) -> None:
    """Where the message is lost there is still a way."""
    rested(world)
    cure(world)

    assert world.purge({"operation": "redrive", "dryRun": True})["redriven"] == 0
    assert world.purge({"operation": "redrive"})["redriven"] == 1
    assert world.purge()["outcomes"]["deleted"] == 1


def test_retry_of_what_can_be_purged_now_takes_it_and_its_files(world: World) -> None:
    """The retry is a purge like any other: files and all, and nothing is left of the failure."""
    world.put("mocs/poisoned")
    poisoned(world)
    world.purge(queues=True)
    cure(world)

    assert world.retry() == []
    assert (world.mocs(), world.files()) == (set(), set())
    assert (world.failures(), world.outbox(), world.messages(RETRY)) == ([], [], [])


def test_retry_of_a_record_that_somebody_holds_charges_no_attempt(world: World) -> None:
    """A lost lock is nobody's fault: it comes again after a minute, as often as it takes."""
    bad = poisoned(world)
    world.purge(queues=True)
    with world.database.connect(autocommit=False) as other:
        other.execute("select from mocs for update")
        assert [len(world.retry()) for _ in range(4)] == [1] * 4

    assert world.failures() == [(bad, 0, False)]
    assert world.mail.delays_s == [60] * 5


def test_run_meets_a_record_that_somebody_holds_and_charges_no_attempt(world: World) -> None:
    """It is changed, not failed: the next night sees it again."""
    key = moc(world.database)
    with world.database.connect(autocommit=False) as other:
        other.execute("select from mocs for update")
        answer = world.purge(queues=True)

    assert (answer["outcomes"]["changed"], answer["failed"]) == (1, 0)
    assert (world.mocs(), world.failures(), world.messages(RETRY)) == ({key}, [], [])


@pytest.mark.parametrize("change", ["deleted_at = null", "held = true"])
def test_retry_of_a_record_that_is_not_due_any_more_is_done(world: World, change: str) -> None:
    """Restored or put on hold: it survives, and nobody tries again."""
    bad = poisoned(world)
    world.purge(queues=True)
    cure(world)
    world.database.run(f"update mocs set {change}")  # noqa: S608 - the test's own

    assert world.retry() == []
    assert (world.mocs(), world.failures()) == ({bad}, [])


def test_retry_message_that_comes_twice_is_tried_no_more_than_it_should(world: World) -> None:
    """A copy that comes when its record rests is done; one for a record that went, too."""
    bad = poisoned(world)
    world.purge(queues=True)
    world.mail.kept[RETRY]["copy"] = next(iter(world.mail.kept[RETRY].values()))
    world.retry()  # both: two tries
    world.retry()  # one more, and the copy finds it at rest

    assert world.failures() == [(bad, 3, True)]
    assert (world.messages(RETRY), len(world.messages(RESTING))) == ([], 1)


def test_retry_of_ten_messages_answers_for_each(world: World) -> None:
    """Partial batch responses: what failed comes again, what went does not."""
    keys = [poisoned(world) for _ in range(4)]
    world.purge(queues=True)
    world.database.run(
        "update mocs set title = 'fine' where id::text = any(%s)", [keys[0], keys[2]]
    )

    assert len(world.retry()) == 2
    assert world.mocs() == {keys[1], keys[3]}
    assert {message["id"] for message in world.messages(RETRY)} == world.mocs()


@pytest.mark.parametrize(
    "body",
    ["", "[]", "{}", '{"root": "public.other", "id": "1", "correlationId": "run"}', '{"id": 1}'],
)
def test_retry_message_that_is_none_of_ours_is_left_to_the_queue(world: World, body: str) -> None:
    """It is not deleted: after ten receipts the queue itself gives it to an operator."""
    world.mail.kept[RETRY]["strange"] = body

    assert world.retry() == ["strange"]
    assert world.mail.delays_s == []


def test_retry_key_of_a_message_is_never_sql(world: World) -> None:
    """Who can write to the queue can name a record that has failed, and nothing else."""
    kept = moc(world.database)
    bodies = [kept, "' or true --", "not a uuid", ""]
    for body in bodies:
        world.mail.kept[RETRY][body] = (
            f'{{"root": "public.mocs", "id": "{body}", "correlationId": "run", "resting": true}}'
        )

    assert world.retry() == []
    assert world.mocs() == {kept}


def test_retry_in_a_dry_run_tries_nothing_and_keeps_its_messages(world: World) -> None:
    """Whoever switches the dry run on finds all that waited when it is switched off."""
    bad = poisoned(world)
    world.purge(queues=True)

    assert len(world.retry(DRY_RUN="true")) == 1
    assert world.failures() == [(bad, 0, False)]
    assert world.mail.delays_s == [60, 3_600]


def test_retry_without_time_tries_nothing_more(world: World) -> None:
    """What it did not come to comes again at once."""
    bad = poisoned(world)
    world.purge(queues=True)

    assert len(world.retry(left_s=lambda: 1.0)) == 1
    assert world.failures() == [(bad, 0, False)]


def test_failure_without_a_queue_is_taken_up_by_the_next_night(world: World) -> None:
    """A queue that takes nothing ends no run: the table remembers, and the next run sends."""
    bad = poisoned(world)
    world.mail.down = True

    answer = world.purge(queues=True)

    assert (answer["failed"], answer["complete"]) == (1, True)
    assert [warning[:23] for warning in answer["warnings"]] == ["not sent to a queue, so"]
    world.mail.down = False
    world.purge(queues=True)
    assert world.failures() == [(bad, 1, False)]
    assert [message["attempt"] for message in world.messages(RETRY)] == [2]


def test_failure_of_two_nights_has_one_message(world: World) -> None:
    """While the queue has it, another night counts a try, and sends no second one."""
    bad = poisoned(world)

    for _ in range(2):
        world.purge(queues=True)

    assert world.failures() == [(bad, 1, False)]
    assert len(world.messages(RETRY)) == 1


def test_failure_that_could_not_be_buried_is_buried_by_the_next_run(world: World) -> None:
    """What rests is always somewhere that an operator looks at."""
    bad = poisoned(world)
    world.purge(queues=True)
    world.retry()
    world.retry()
    world.mail.down = True
    assert world.retry() == []
    assert (world.failures(), world.messages(RESTING)) == ([(bad, 3, True)], [])

    world.mail.down = False
    for _ in range(2):
        world.purge(queues=True)
    assert [message["id"] for message in world.messages(RESTING)] == [bad]


def test_failure_before_the_connection_is_lost_for_good_is_sent_on(world: World) -> None:
    """What is known of a record is not lost with the run that found it out."""
    bad = poisoned(world)
    moc(world.database, days=35)  # its turn comes after
    seen: list[str] = []

    def cut(sql: str) -> None:
        if sql.startswith("delete from"):
            seen.append(sql)
            if len(seen) > 1:
                raise ConnectionLostError("gone")

    world.wraps = watching(cut)
    with pytest.raises(ConnectionLostError):
        world.purge(queues=True)

    assert world.failures() == [(bad, 0, False)]
    assert [message["id"] for message in world.messages(RETRY)] == [bad]


def test_failure_without_queues_at_all_ends_after_as_many_nights(world: World) -> None:
    """A record that nobody retries in between does not fail every night for ever."""
    bad = poisoned(world)

    tried = [world.purge()["processed"] for _ in range(NIGHTS)]

    assert tried == [1, 1, 1, 1, 0]
    assert world.failures() == [(bad, 3, True)]


def test_failure_in_a_table_of_any_name_is_known_again(world: World) -> None:
    """The name of a table is never read as SQL, also where it is compared."""
    bad = rested(world)
    name = 'it\'s \\ "a" :table'
    quoted = name.replace('"', '""')
    world.database.run(f'alter table mocs rename to "{quoted}"')
    world.database.run("update expiry.purge_failures set root = %s", f"public.{name}")
    plan = json.dumps(PLAN | {"root": PLAN["root"] | {"table": name}})

    rested_runs = world.purge(PLAN=plan)
    world.database.run("update expiry.purge_failures set resting = false")
    woken = world.purge(PLAN=plan)
    world.database.run(f'alter table "{quoted}" rename to mocs')

    assert (rested_runs["processed"], woken["processed"]) == (0, 1)
    assert world.failures() == [(bad, 4, True)]
